import numpy as np
import pytest
import torch

from spinlock.core.tokens import TokenTable
from spinlock.metrics.rate import code_length_bits, empirical_entropy_bits, nominal_bits

SIZES = torch.tensor([[8, 4], [16, 2]])


def table(codes, sizes=SIZES):
    names = tuple(f"c{i}" for i in range(codes.shape[1]))
    return TokenTable(codes=codes, category_names=names, codebook_sizes=sizes)


def uniform(rows, seed):
    generator = np.random.default_rng(seed)
    return table(torch.as_tensor(np.stack([generator.integers(0, SIZES.numpy()) for _ in range(rows)])))


def test_nominal_bits_are_the_logarithms_of_the_sizes():
    assert nominal_bits(SIZES) == pytest.approx(3 + 2 + 4 + 1)


def test_entropy_of_uniform_tokens_is_the_nominal_rate_less_the_plug_in_bias():
    rows = 4000
    bias = float((SIZES - 1).sum()) / (2 * rows * np.log(2))  # Miller 1955
    assert empirical_entropy_bits(uniform(rows, 0)) == pytest.approx(10 - bias, abs=0.003)


def test_code_length_exceeds_the_entropy_and_approaches_it_for_the_same_distribution():
    train, held_out = uniform(8000, 1), uniform(2000, 2)
    length = code_length_bits(train, held_out)
    assert length >= empirical_entropy_bits(held_out)
    assert length == pytest.approx(10, abs=0.01)


def test_code_that_training_never_used_has_a_finite_length():
    sizes = torch.tensor([[2]])
    train, held_out = (
        table(torch.zeros(9, 1, 1, dtype=torch.long), sizes),
        table(torch.ones(1, 1, 1, dtype=torch.long), sizes),
    )
    assert code_length_bits(train, held_out) == pytest.approx(np.log2(10 / 0.5))


def test_absent_category_costs_nothing():
    assert empirical_entropy_bits(table(torch.full((5, 2, 2), -1))) == 0.0
