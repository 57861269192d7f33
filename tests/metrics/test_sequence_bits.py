"""Bits a token of simple models of sequences: what closed forms say."""

import math
from dataclasses import replace

import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.metrics.sequence_bits import sequence_bits


def chain(num_runs, num_windows, *, stay, size=4, seed=0):
    """Runs that keep their token with a probability, else take another one, all alike."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.empty(num_runs, num_windows, dtype=torch.long)
    codes[:, 0] = torch.randint(size, (num_runs,), generator=generator)
    for window in range(1, num_windows):
        other = (codes[:, window - 1] + torch.randint(1, size, (num_runs,), generator=generator)) % size
        keeps = torch.rand(num_runs, generator=generator) < stay
        codes[:, window] = torch.where(keeps, codes[:, window - 1], other)
    return TokenTable(
        codes=codes.flatten()[:, None, None],
        category_names=("course",),
        codebook_sizes=torch.full((1, 1), size),
        ids=tuple(f"{run}@{window}" for run in range(num_runs) for window in range(num_windows)),
    )


@pytest.mark.parametrize("stay", [0.25, 0.6, 0.95])
def test_a_sticky_chain_costs_its_entropy_rate(stay):
    train, test = (chain(400, 50, stay=stay, seed=seed) for seed in (0, 1))
    found = sequence_bits(train, test)
    rate = -stay * math.log2(stay) - (1 - stay) * math.log2((1 - stay) / 3)
    expected = (2 + 49 * rate) / 50  # the first of 50 by its frequency
    assert found.marginal == pytest.approx(2, abs=0.01)
    assert found.sticky == pytest.approx(expected, abs=0.03)
    assert found.bigram == pytest.approx(expected, abs=0.03)
    assert found.same_as_before == pytest.approx(stay, abs=0.02)
    assert found.num_tokens == 20_000


def test_a_cycle_is_told_by_the_bigram_alone():
    codes = torch.arange(30).repeat(20) % 3
    cycle = replace(chain(20, 30, stay=1, size=3), codes=codes[:, None, None])
    found = sequence_bits(cycle, cycle)
    assert found.bigram < 0.15
    assert found.same_as_before == 0
    assert found.sticky > 0.9  # which of the two others it is


def test_absent_tokens_are_not_counted_and_nothing_follows_them():
    table = chain(20, 30, stay=0.9)
    codes = table.codes.clone()
    codes[::2] = -1
    found = sequence_bits(table, replace(table, codes=codes))
    assert found.num_tokens == 300
    assert found.sticky == pytest.approx(found.marginal)


def test_tables_that_do_not_go_together_are_refused():
    table = chain(2, 3, stay=0.5)
    with pytest.raises(InputError, match="must be of one tokenizer"):
        sequence_bits(table, chain(2, 3, stay=0.5, size=5))
    with pytest.raises(InputError, match="`test` has no token"):
        sequence_bits(table, replace(table, codes=torch.full_like(table.codes, -1)))
