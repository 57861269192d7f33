"""Phrases: one for every feature that names words, each grammatical at every level and degree, none like another."""

import re
from itertools import combinations_with_replacement

from spinlock.core.windows import window_registry
from spinlock.features.phrases import PHRASES, phrase_of
from spinlock.features.sdf import PER_TRAJECTORY_NAMES, SDF
from spinlock.features.window_phrases import SAID

RANGES = list(combinations_with_replacement(range(5), 2))


def rendered(name: str) -> dict[tuple[int, int], str]:
    return {(first, last): phrase_of(name).of_levels(first, last, lowest=0.0, highest=0.0) for first, last in RANGES}


def test_every_feature_of_a_trajectory_has_a_phrase_and_nothing_else_has():
    assert tuple(PHRASES) == PER_TRAJECTORY_NAMES
    assert len(PHRASES) == 120


def test_phrases_keep_the_rules_of_grammar():
    texts = [text for name, one in PHRASES.items() for text in (*rendered(name).values(), one.noun, one.missing or "-")]
    for text in texts:
        words = text.split()
        assert words
        assert not any(one == two for one, two in zip(words, words[1:], strict=False)), text
        assert not re.search(r"\b(a|an|the) (a|an|the)\b", text), text
        assert not re.search(r"\ba [aeiou]", text), text
        assert not re.search(r"\bvery (much )?(nearly all|mostly|little or)\b", text), text
        assert not re.search(r"[{},;:.]|  ", text), text
        assert text == text.strip()
        assert words[0] not in ("the", "an")
        assert text[0] == text[0].lower()
        assert len(text) <= 72, text


def test_degrees_are_said_by_very_and_by_nothing_else():
    for name in PHRASES:
        said = rendered(name)
        for plain, strong in (((0, 1), (0, 0)), ((3, 4), (4, 4))):
            assert said[strong].replace("very ", "", 1) == said[plain]
            assert said[strong].count("very ") == 1


def test_no_two_levels_of_any_features_are_called_the_same():
    texts = [text for name in PHRASES for text in rendered(name).values()]
    assert len(set(texts)) == len(texts) == 120 * 15


def test_a_direction_is_only_said_of_values_of_its_sign():
    for phrase in (one for one in PHRASES.values() if one.signed):
        assert phrase.of_levels(0, 1, highest=-1.0) == phrase.low.format("")
        assert phrase.of_levels(0, 1, highest=1.0) == f"{phrase.noun} low"
        assert phrase.of_levels(4, 4, lowest=1.0) == phrase.high.format("very ")
        assert phrase.of_levels(4, 4, lowest=-1.0) == f"very high {phrase.noun}"
        assert phrase.of_levels(4, 4) == f"very high {phrase.noun}"


def test_times_and_lengths_are_told_in_units_since_runs_differ_in_them():
    for unit in ("time", "length"):
        told = [phrase for name, phrase in PHRASES.items() if SDF[name].unit == unit]
        assert told
        for phrase in told:
            assert f"units of {unit}" in phrase.low, phrase
            assert f"units of {unit}" in phrase.high, phrase


def test_a_missing_value_is_told_by_what_the_feature_needs():
    for name, phrase in PHRASES.items():
        needs = SDF[name].needs
        assert (phrase.missing == "one channel") == (needs.channels > 1)
        assert (phrase.missing == "no step operator") == needs.operator
        assert (phrase.missing == "") == (not SDF[name].undefined and not needs.operator)


def test_a_column_of_others_is_called_by_its_name():
    phrase = phrase_of("pressure_drop")
    assert phrase.of_levels(4, 4) == "very high pressure drop"
    assert phrase.of_levels(2, 4) == "pressure drop not low"
    assert phrase.missing == "pressure drop undefined"


WINDOW_COLUMNS = window_registry(SDF.with_scope("per_timestep"), 16).names


def test_every_column_of_windows_has_a_phrase_that_keeps_the_same_rules():
    assert tuple(SAID) == SDF.with_scope("per_timestep").names
    texts = [text for name in WINDOW_COLUMNS for text in rendered(name).values()]
    assert len(set(texts)) == len(texts) == 54 * 4 * 15
    for text in texts:
        words = text.split()
        assert not any(one == two for one, two in zip(words, words[1:], strict=False)), text
        assert not re.search(r"[{},;:.]|  |\ba [aeiou]", text), text
        assert len(text) <= 72, text
    for name in WINDOW_COLUMNS:
        said = rendered(name)
        assert said[0, 0].replace("very ", "", 1) == said[0, 1]
        assert said[4, 4].replace("very ", "", 1) == said[3, 4]


def test_why_a_window_has_no_value_is_told_by_what_its_feature_needs():
    for name, one in SAID.items():
        assert (one.missing == "one channel") == (SDF[name].needs.channels > 1)
        assert (one.missing == "") == (not SDF[name].undefined)


def test_a_feature_of_others_is_called_by_its_name_in_windows_too():
    assert phrase_of("pressure_drop__trend").of_levels(4, 4, lowest=0.0) == "pressure drop grows very fast"
