"""Words: what defines them is found where it is known, holds exactly, and is read off the tree as data."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spinlock.core.seeds import torch_stream
from spinlock.vqvae.packing import Batch
from spinlock.vqvae.word_tree import MOST_COLUMNS, UNDEFINED, WordTree

ROWS, WIDTH = 600, 5


def replicated(*, noise=0.05, gaps=0.0, seed=0):
    """Two runs of each draw, rows beside each other, in two categories of which the second is one column less wide."""
    chance = torch_stream(seed, "words")
    own = torch.randn((ROWS // 2, 2, WIDTH), generator=chance).repeat_interleave(2, dim=0)
    values = own + noise * torch.randn((ROWS, 2, WIDTH), generator=chance)
    mask = (torch.rand((ROWS // 2, 2, WIDTH), generator=chance) >= gaps).repeat_interleave(2, dim=0)
    mask[:, 1, -1] = False
    return Batch(torch.where(mask, values, 0.0), mask)


def partners():
    return torch.arange(ROWS).view(-1, 2).flip(1).flatten()


def usable():
    return torch.tensor([[True] * WIDTH, [True] * (WIDTH - 1) + [False]])


def grown(batch, targets=None, **settings):
    targets = batch.values if targets is None else targets
    return WordTree.fit(batch, targets, partners(), usable=usable(), **settings)


def level_by_hand(value, is_there, edges):
    return sum(value > edge for edge in edges) if is_there else UNDEFINED


def holds(tree, category, word, values, mask):
    """A rule evaluated in plain Python, from its data alone."""
    for place, first, last, may_be_undefined in tree.rule(category, word):
        level = level_by_hand(values[place].item(), mask[place].item(), tree.thresholds[category, place].tolist())
        if not (may_be_undefined if level == UNDEFINED else first <= level <= last):
            return False
    return True


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_every_row_has_the_one_word_whose_rule_it_keeps(gaps):
    tree = grown(replicated(gaps=gaps))
    new = replicated(gaps=gaps, seed=1)
    words = tree(*new)
    for row in range(0, ROWS, 13):
        for category in range(2):
            agree = [
                word
                for word in range(int(tree.num_words[category]))
                if holds(tree, category, word, new.values[row, category], new.mask[row, category])
            ]
            assert agree == [int(words[row, category])]


def test_a_word_speaks_of_at_most_three_columns_and_there_are_at_most_as_many_as_asked_for():
    batch = replicated(gaps=0.1)
    for most in (2, 7, 16):
        tree = grown(batch, most_words=most)
        assert tree.num_words.tolist() == [most, most]
        for category in range(2):
            for word in range(most):
                assert 1 <= len(list(tree.rule(category, word))) <= MOST_COLUMNS


def test_the_column_that_tells_a_run_from_others_is_found_with_its_level():
    batch = replicated(noise=0.0)
    column = batch.values[:, :, 3]
    edge = column.quantile(0.7, dim=0)
    tree = grown(batch, (column > edge).float()[..., None], most_words=2)
    for category in range(2):
        (said,) = tree.rule(category, 0)
        assert (said.place, said.first, said.last) == (3, 0, 2)
        assert torch.equal(tree(*batch)[:, category] == 1, column[:, category] > edge[category])


def test_having_no_value_is_found_too():
    batch = replicated(gaps=0.3)
    tree = grown(batch, (~batch.mask[:, :, 1]).float()[..., None], most_words=2)
    words = tree(*batch)
    assert tree.undefined.any(dim=1)[:, 1].all()
    for category in range(2):
        (says_so,) = tree.undefined[category, :, 1].nonzero().flatten().tolist()
        assert torch.equal(words[:, category] == says_so, ~batch.mask[:, category, 1])


def test_what_replicates_do_not_repeat_makes_no_words():
    batch = replicated()
    values = batch.values.clone()
    values[:, :, 0] = torch.randn((ROWS, 2), generator=torch_stream(5, "noise"))
    targets = values[partners()][:, :, :2].clone()
    targets[..., 0] *= 100.0  # would decide every split if it were believed
    tree = grown(Batch(values, batch.mask), targets)
    spoken = {said.place for category in range(2) for word in range(16) for said in tree.rule(category, word)}
    assert 0 not in spoken
    assert 1 in spoken


def test_a_column_of_one_value_and_a_category_without_rows_make_one_word():
    batch = Batch(torch.zeros(ROWS, 2, WIDTH), torch.ones(ROWS, 2, WIDTH, dtype=torch.bool))
    batch.mask[:, 1] = False
    tree = grown(batch)
    assert tree.num_words.tolist() == [1, 1]
    assert (tree(*batch) == 0).all()


@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.3]))
def test_what_is_brought_within_a_words_bounds_has_the_word(seed, gaps):
    batch = replicated(gaps=gaps)
    tree = grown(batch)
    low, high = batch.values.amin(0), batch.values.amax(0)
    lower, upper = tree.bounds(low, high)
    words = tree(*batch)
    category = torch.arange(2)
    wild = 10 * torch.randn(batch.values.shape, generator=torch_stream(seed, "wild"))
    within = wild.clamp(lower[category, words], upper[category, words])
    assert (within >= low).all()
    assert (within <= high).all()
    there = ~tree.undefined[category, words] & usable()
    assert torch.equal(tree(within, there), words)


def test_a_row_has_the_same_word_alone():
    tree, new = grown(replicated(gaps=0.2)), replicated(gaps=0.2, seed=3)
    words = tree(*new)
    for row in range(0, ROWS, 50):
        assert torch.equal(tree(new.values[row : row + 1], new.mask[row : row + 1])[0], words[row])
