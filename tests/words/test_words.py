"""Words in language: titles that hold, definitions that are exact, sentences that are true, and names that last."""

import math
from dataclasses import replace

import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import TokenTable
from spinlock.features.sdf import SDF
from spinlock.training.estimator import Tokenizer
from spinlock.vqvae.vocabulary import condition
from spinlock.words.sentence import sentences
from spinlock.words.traits import LEAST_HOLDS
from spinlock.words.word import NOTHING_TYPICAL, Word, phrase, said_together

NAMES = ["settling_time", "autocorrelation_time", "synchrony", "granger_channels", "transport_speed", "spreading_speed"]
CATEGORIES = ["temporal"] * 3 + ["causality"] * 3


def runs(*, draws: int = 120, seed: int = 0) -> FeatureTable:
    """Two runs of each draw, alike but for some noise; a third of the draws has one channel."""
    chance = torch_stream(seed, "draws")
    own = torch.rand((draws, 1, len(NAMES)), generator=chance)
    values = own + 0.03 * torch.randn((draws, 2, len(NAMES)), generator=chance)
    values[: draws // 3, :, 3] = torch.nan
    groups = [f"draw {draw}" for draw in range(draws) for _ in range(2)]
    return FeatureTable.from_array(values.flatten(0, 1), names=NAMES, categories=CATEGORIES, groups=groups)


@pytest.fixture(scope="module")
def fitted():
    return Tokenizer([(4, 8)], metric="columns", coarse="words", backend="classical").fit(runs())


@pytest.fixture(scope="module")
def codebook():
    return Tokenizer([(4, 6)], metric="columns", coarse="codebook", backend="classical").fit(runs())


def holds(conditions, table, row):
    return all(one.holds(float(table.values[row, table.names.index(one.column)])) for one in conditions)


def test_titles_are_true_of_most_runs_and_definitions_of_all_and_no_others(fitted):
    table = runs(seed=1)
    codes = fitted.encode(table).codes[:, :, 0]
    for word in fitted.words(table):
        own = codes[:, ["temporal", "causality"].index(word.category)] == word.token
        exact = torch.tensor([holds(word.conditions, table, row) for row in range(len(table))])
        assert torch.equal(exact, own)
        typical = torch.tensor([holds(word.traits, table, row) for row in range(len(table))])
        figures = word.figures
        assert figures.num_rows == int(own.sum())
        assert figures.definition_f1 == 1.0
        assert figures.title_holds == pytest.approx(float(typical[own].double().mean()))
        f1 = 2 * int((typical & own).sum()) / int(typical.sum() + own.sum())
        assert figures.title_f1 == pytest.approx(f1)


def test_training_chooses_traits_that_hold_of_two_thirds(fitted):
    for word in fitted.definitions():
        assert 1 <= len(word.traits) <= 2
        assert word.figures.title_holds >= 2 * LEAST_HOLDS - 1
    for category in ("temporal", "causality"):
        titles = [word.title for word in fitted.definitions() if word.category == category]
        assert len(set(titles)) == len(titles)


def test_agreement_is_the_share_of_the_other_runs_of_a_draw_that_have_the_word(fitted):
    table = runs(seed=2)
    codes = fitted.encode(table).codes[:, 0, 0].view(-1, 2)
    for word in fitted.words(table):
        if word.category == "temporal":
            has = codes == word.token
            expected = 2 * int(has.all(1).sum()) / int(has.sum())
            assert word.figures.agreement == pytest.approx(expected)
            assert word.figures.num_pairs == int(has.sum())


def test_a_sentence_of_a_row_says_only_what_is_true_of_it(fitted):
    table = runs(seed=3)
    words = fitted.words()
    said = fitted.describe(table)
    for row, codes in enumerate(fitted.encode(table).codes[:, :, 0].tolist()):
        assert said[row].startswith("Rhythm: ")
        assert ". Influence: " in said[row]
        word = next(one for one in words if (one.category, one.token) == ("temporal", codes[0]))
        true = [one for one in word.traits if holds([one], table, row)]
        if any(said_together([one]).split()[0] not in ("middling", "low", "high") for one in true):
            assert f"Rhythm: {said_together(true)}." in said[row]
    assert len(set(said)) > 10


def test_where_a_word_is_middling_its_sentence_says_what_the_row_has_at_an_end():
    low, high = (condition(SDF["synchrony"], [0.1, 0.3, 0.7, 0.9], levels=levels) for levels in ((0, 1), (3, 4)))
    middling = condition(SDF["settling_time"], [0.1, 0.3, 0.7, 0.9], levels=(2, 2))
    words = [
        Word(category="temporal", token=0, traits=(middling,)),
        Word(category="temporal", token=1, traits=(low,)),
        Word(category="temporal", token=2, traits=(high,)),
    ]
    table = FeatureTable.from_array([[0.5, 0.95], [0.5, 0.2], [0.5, 0.5]], names=["settling_time", "synchrony"])
    tokens = TokenTable(
        codes=torch.zeros((3, 1, 1), dtype=torch.long),
        category_names=("temporal",),
        codebook_sizes=torch.tensor([[3]]),
    )
    assert sentences(words, tokens, table) == (
        "Rhythm: places move much together.",
        "Rhythm: places move independently.",
        "Rhythm: middling settling time.",
    )


def test_a_direction_is_told_only_where_the_realizations_agree_on_it():
    names = ["mass_drift__mean", "mass_drift__std", "transport_speed__mean", "transport_speed__std"]
    falls, fast = (
        condition(replace(SDF[name], name=f"{name}__mean"), edges, levels=levels)
        for name, edges, levels in (
            ("mass_drift", [-0.2, -0.1, 0.1, 0.2], (0, 1)),
            ("transport_speed", [0.1, 0.2, 0.3, 0.4], (3, 4)),
        )
    )
    words = [Word(category="mine", token=0, traits=(falls, fast)), Word(category="mine", token=1, traits=(falls,))]
    rows = [[-0.15, 0.1, 0.5, 0.0], [-0.15, 0.25, 0.5, 0.9], [-0.15, 0.25, 0.25, 0.0], [-0.15, math.nan, 0.25, 0.0]]
    tokens = TokenTable(
        codes=torch.tensor([0, 0, 1, 1]).view(4, 1, 1),
        category_names=("mine",),
        codebook_sizes=torch.tensor([[2]]),
    )
    assert sentences(words, tokens, FeatureTable.from_array(rows, names=names)) == (
        "Mine: mean falls much, moves or flickers fast.",
        "Mine: moves or flickers fast.",
        f"Mine: {NOTHING_TYPICAL}.",
        "Mine: mean falls much.",
    )


def test_a_sentence_of_tokens_is_made_of_titles(fitted):
    tokens = fitted.encode(runs(seed=3))
    words = {(word.category, word.token): word for word in fitted.words()}
    for said, codes in zip(fitted.describe(tokens), tokens.codes[:, :, 0].tolist(), strict=True):
        rhythm, influence = (
            words[name, code].title for name, code in zip(("temporal", "causality"), codes, strict=True)
        )
        assert said == f"Rhythm: {rhythm}. Influence: {influence}."


def test_a_codebook_has_titles_by_rows_and_no_definitions(codebook):
    assert codebook.definitions() == ()
    with pytest.raises(InputError, match="come from a codebook"):
        codebook.describe(runs())
    words = codebook.words(runs())
    assert all(word.meaning == "" and word.definition is None for word in words)
    assert any(word.title != NOTHING_TYPICAL for word in words)
    assert codebook.describe(runs(seed=1), words)[0].startswith("Rhythm: ")
    assert NOTHING_TYPICAL in {word.title for word in codebook.words()}


def test_a_folder_keeps_words_and_names(fitted, tmp_path):
    try:
        fitted.name_word("temporal", 1, "restless waves")
        fitted.save_pretrained(tmp_path / "words")
        again = Tokenizer.from_pretrained(tmp_path / "words")
        assert again.words() == fitted.words()
        assert next(word for word in again.words() if word.name).token == 1
        assert any("restless waves (" in said for said in again.describe(runs()))
        again.name_word("temporal", 1, "")
        assert not any(word.name for word in again.words())
    finally:
        fitted.name_word("temporal", 1, "")


def test_names_of_another_tokenizer_are_not_used(fitted, tmp_path, caplog):
    fitted.name_word("temporal", 0, "calm")
    fitted.save_pretrained(tmp_path / "words")
    fitted.name_word("temporal", 0, "")
    Tokenizer([(4, 8)], metric="columns", coarse="words", backend="classical").fit(runs(seed=9)).save_pretrained(
        tmp_path / "words"
    )
    assert not any(word.name for word in Tokenizer.from_pretrained(tmp_path / "words").words())
    assert "names the words of the tokenizer that was here before" in caplog.text


def test_names_are_refused_with_a_reason(fitted):
    fitted.name_word("temporal", 0, "calm")
    for word, name, reason in (
        (("temporal", 1), "Calm", "is the name of temporal 0 already"),
        (("temporal", 99), "loud", "temporal has the words 0 to"),
        (("tempora", 1), "loud", "Did you mean 'temporal'?"),
        (("temporal", 1), "x" * 61, "at most 60 letters"),
        (("temporal", 1), "two\nlines", "on one line"),
    ):
        with pytest.raises(InputError, match=reason.replace("?", r"\?")):
            fitted.name_word(*word, name)
    fitted.name_word("temporal", 0, "")


def test_words_say_causes_and_leave_out_what_they_repeat():
    one, two = SDF["granger_channels"], SDF["l2_drift"]
    assert phrase(condition(one, [0.1] * 4, levels=None)) == "one channel"
    said = phrase(condition(one, [0.1] * 4, levels=(0, 2), may_be_undefined=True))
    assert said == "influence between channels not high, or one channel"
    assert phrase(condition(two, [-2.0, -1.0, 1.0, 2.0], levels=(0, 1))) == "energy falls much"
    falling = [condition(SDF[name], [-2.0, -1.0, 1.0, 2.0], levels=(0, 1)) for name in ("l2_drift", "l2_drift_rate")]
    assert said_together(falling) == "energy falls much and fast"
    both = [condition(SDF[name], [1.0] * 4, levels=(3, 4)) for name in ("settling_time", "synchrony")]
    assert said_together(both) == "amplitude settles after many units of time or never, places move much together"
    assert said_together([]) == NOTHING_TYPICAL
    assert condition(one, [0.1] * 4, levels=None).holds(math.nan)
