import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.training.split import split_by_group


def groups(rows=200, size=4):
    return [f"draw {row // size}" for row in range(rows)]


def test_every_row_is_in_exactly_one_part():
    split = split_by_group(groups())
    assert torch.cat(split).sort().values.tolist() == list(range(200))
    assert all(part.tolist() == sorted(part.tolist()) for part in split)


def test_a_group_never_straddles():
    split = split_by_group(groups())
    sides = [{groups()[row] for row in part.tolist()} for part in split]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


@pytest.mark.parametrize("fractions", [(0.7, 0.15, 0.15), (0.5, 0.5, 0.0), (0.9, 0.05, 0.05)])
def test_the_parts_have_the_sizes_that_were_asked_for(fractions):
    split = split_by_group(groups(), fractions=fractions)
    for part, fraction in zip(split, fractions, strict=True):
        assert abs(len(part) - 200 * fraction) <= 4


def test_groups_of_very_different_sizes_are_dealt_out_evenly():
    uneven = ["big"] * 50 + [str(row) for row in range(150)]
    split = split_by_group(uneven, fractions=(0.6, 0.2, 0.2))
    assert [len(part) for part in split] == pytest.approx([120, 40, 40], abs=12)


def test_the_split_depends_on_the_seed_and_on_nothing_else():
    assert all(torch.equal(*pair) for pair in zip(split_by_group(groups()), split_by_group(groups()), strict=True))
    assert not torch.equal(split_by_group(groups(), seed=1).test, split_by_group(groups(), seed=0).test)


def test_the_order_of_the_rows_does_not_move_a_group():
    rows = groups()
    forward = {rows[row] for row in split_by_group(rows).test.tolist()}
    backward = {rows[::-1][row] for row in split_by_group(rows[::-1]).test.tolist()}
    assert forward == backward


def test_three_groups_make_three_parts():
    split = split_by_group(["a"] * 8 + ["b", "c"])
    assert sorted(len(part) for part in split) == [1, 1, 8]


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5)])
def test_fractions_that_are_none_are_refused(fractions):
    with pytest.raises(InputError, match="add up to 1"):
        split_by_group(groups(), fractions=fractions)


def test_too_few_groups_are_refused():
    with pytest.raises(InputError, match="need 3 different groups"):
        split_by_group(["a", "a", "b"])
