"""Runs along time: where one word gives way to the next, told by changes or by how long words hold."""

import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.vqvae.vocabulary import Condition, Definition
from spinlock.words.along import stretches, told_along
from spinlock.words.word import Word

WINDOW, STRIDE = 8, 2


def windows(codes, *, run="a", dt=0.5, categories=("trend",)):
    """Tokens of one run's windows: codes is a list a category."""
    first = [place * STRIDE for place in range(len(codes[0]))]
    return TokenTable(
        codes=torch.tensor(codes).mT[..., None],
        category_names=categories,
        codebook_sizes=torch.full((len(categories), 1), 4),
        ids=tuple(f"{run}@{state}" for state in first),
        facts={
            "first_state": tuple(first),
            "last_state": tuple(state + WINDOW - 1 for state in first),
            "first_time": tuple(state * dt for state in first),
            "last_time": tuple((state + WINDOW - 1) * dt for state in first),
        },
    )


def word(category, token, column, levels):
    condition = Condition(column=column, unit="1", above=1.0, at_most=None, levels=levels, may_be_undefined=False)
    return Word(
        category=category,
        token=token,
        definition=Definition(category=category, token=token, conditions=(condition,)),
        traits=(condition,),
    )


HIGH = ("high", "very high")
WORDS = (
    *(word("trend", token, f"{name}__trend", HIGH) for token, name in enumerate(("spatial_std", "spatial_mean"))),
    word("spatial", 0, "spatial_std__level", HIGH),
)


def test_a_word_that_gives_way_to_another_ends_in_the_middle_of_what_two_windows_share():
    (found,) = stretches(windows([[0] * 6 + [1] * 6]))["a"].values()
    # The last window of the first word ends at state 17, the first of the second begins at 12.
    assert [(one.token, one.first_state, one.last_state) for one in found] == [(0, 0, 14), (1, 15, 29)]
    assert [one.until for one in found] == [7.0, 14.5]
    assert [one.share for one in found] == [1.0, 1.0]


def test_what_holds_for_less_than_half_a_window_belongs_to_what_was_before():
    (found,) = stretches(windows([[0] * 5 + [1] * 2 + [0] * 5]))["a"].values()
    assert [(one.token, one.first_state, one.last_state) for one in found] == [(0, 0, 29)]
    assert found[0].share == pytest.approx(10 / 12)


def test_a_run_in_which_nothing_holds_has_its_most_frequent_word_mostly():
    tokens = windows([[0, 1, 0, 1, 0]])
    assert told_along(WORDS, tokens) == {"a": "Course: mostly contrast grows fast."}


def test_stretches_cover_a_run_without_gap_or_overlap():
    codes = torch.randint(0, 4, (200,), generator=torch.Generator().manual_seed(0)).repeat_interleave(3)
    (found,) = stretches(windows([codes.tolist()]))["a"].values()
    assert found[0].first_state == 0
    assert found[-1].last_state == 2 * 599 + 7
    for one, other in zip(found, found[1:], strict=False):
        assert other.first_state == one.last_state + 1
        assert other.token != one.token


def test_a_change_splits_a_run_where_it_is_and_windows_over_it_tell_nothing():
    # The change is at state 16: windows 0 to 4 lie before it, from 8 on behind it; the words in between are of neither side.
    codes = [[0] * 5 + [1] * 3 + [1] * 4]
    (found,) = stretches(windows(codes), {"a": 16})["a"].values()
    assert [(one.token, one.first_state, one.last_state, one.share) for one in found] == [(0, 0, 15, 1), (1, 16, 29, 1)]
    assert told_along(WORDS, windows(codes), {"a": 16}) == {
        "a": "Course: contrast grows fast until t = 7.5, then mean level grows fast."
    }


def test_a_run_that_is_not_named_among_the_changes_has_one_side():
    codes = [[0] * 6 + [1] * 5]
    assert told_along(WORDS, windows(codes), {}) == {"a": "Course: mostly contrast grows fast."}


def test_every_category_has_its_clause_and_what_does_not_change_is_said_once():
    tokens = windows([[0] * 6 + [1] * 6, [0] * 12], categories=("trend", "spatial"))
    said = "Course: contrast grows fast until t = 7, then mean level grows fast. Shape: strong contrast throughout."
    assert told_along(WORDS, tokens) == {"a": said}


def test_a_change_that_no_word_tells_is_said():
    assert told_along(WORDS, windows([[0] * 12]), {"a": 16}) == {
        "a": "Course: contrast grows fast throughout. It changes at t = 7.5 in what these words do not tell."
    }


def test_an_absent_category_tells_nothing_and_unknown_times_are_states():
    tokens = windows([[0] * 6 + [1] * 6, [-1] * 12], dt=float("nan"), categories=("trend", "spatial"))
    assert told_along(WORDS, tokens) == {"a": "Course: contrast grows fast until state 14, then mean level grows fast."}


def test_tokens_of_whole_runs_are_refused():
    tokens = TokenTable(
        codes=torch.zeros(2, 1, 1).long(), category_names=("trend",), codebook_sizes=torch.ones(1, 1).long()
    )
    with pytest.raises(InputError, match="not those of windows: nothing says where each begins and ends"):
        stretches(tokens)
