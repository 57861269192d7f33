import math

import numpy as np
import pytest
import torch

from spinlock.core.tokens import TokenTable
from spinlock.metrics.usage import (
    code_counts,
    collisions,
    corrected_utilization,
    entropy_bits,
    expected_codes_used,
    level_gains,
    perplexity,
    quantizer_usage,
    row_digests,
)

SKEWED = torch.tensor([50, 30, 10, 5, 3, 1, 1, 0])


def drawn(counts, *, rows, seed):
    p = counts.double().numpy() / int(counts.sum())
    return torch.as_tensor(np.random.default_rng(seed).multinomial(rows, p))


def tokens(codes, sizes):
    codes = torch.as_tensor(codes)
    return TokenTable(
        codes=codes,
        category_names=tuple(f"c{i}" for i in range(codes.shape[1])),
        codebook_sizes=torch.as_tensor(sizes),
    )


@pytest.mark.parametrize("num_codes", [2, 7, 512])
def test_perplexity_of_uniform_use_is_the_number_of_codes(num_codes):
    assert perplexity(torch.full((num_codes,), 3)) == pytest.approx(num_codes)


def test_perplexity_of_a_single_code_is_one():
    assert perplexity(torch.tensor([0, 9, 0])) == 1.0


def test_entropy_of_halves_and_quarters_is_one_and_a_half_bits():
    assert entropy_bits(torch.tensor([2, 1, 1, 0])) == pytest.approx(1.5)


def test_absent_tokens_are_not_counted():
    assert code_counts(torch.tensor([0, -1, 2, 2, -1]), 4).tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize("rows", [1, 10, 200])
def test_expected_codes_used_is_what_sampling_gives(rows):
    used = [int((drawn(SKEWED, rows=rows, seed=seed) > 0).sum()) for seed in range(2000)]
    assert expected_codes_used(SKEWED, rows) == pytest.approx(
        np.mean(used), abs=4 * np.std(used) / math.sqrt(2000) + 1e-9
    )


def test_200_rows_are_expected_to_use_a_third_of_512_equal_codes():
    expected = 512 * (1 - (1 - 1 / 512) ** 200)
    assert expected_codes_used(torch.ones(512, dtype=torch.long), 200) == pytest.approx(expected)
    assert expected / 512 < 0.39


def test_corrected_utilization_of_the_same_distribution_is_one():
    values = [corrected_utilization(SKEWED, drawn(SKEWED, rows=40, seed=seed)) for seed in range(500)]
    assert np.mean(values) == pytest.approx(1.0, abs=0.02)


def test_corrected_utilization_of_memorised_codes_is_low():
    train = torch.ones(256, dtype=torch.long)  # every code is one training row
    held_out = torch.zeros(256, dtype=torch.long)
    held_out[:20] = 10  # 200 rows come back to the same twenty
    assert corrected_utilization(train, held_out) < 0.15


def test_code_that_is_certain_is_expected_once():
    assert expected_codes_used(torch.tensor([7, 0]), 5) == 1.0


def test_figures_without_rows_are_undefined():
    nothing = torch.zeros(4, dtype=torch.long)
    assert math.isnan(perplexity(nothing))
    assert math.isnan(corrected_utilization(nothing, torch.tensor([1, 0, 0, 0])))
    assert math.isnan(corrected_utilization(SKEWED, torch.zeros(8, dtype=torch.long)))
    assert math.isnan(collisions(torch.zeros((0, 2, 2), dtype=torch.long), torch.zeros((0, 1))))


def test_usage_counts_rows_dead_codes_and_fractions_of_each_codebook():
    train = tokens([[[0, 0]], [[1, 1]], [[1, 2]], [[-1, -1]]], [[4, 3]])
    coarse, fine = quantizer_usage(train, tokens([[[1, 0]], [[1, 0]]], [[4, 3]]))
    assert (coarse.category, coarse.level, coarse.num_codes) == ("c0", 0, 4)
    assert (coarse.dead_codes, coarse.used_train, coarse.rows_per_code) == (2, 0.5, 0.75)
    assert coarse.used_held_out == 0.25
    assert coarse.perplexity_share == pytest.approx(coarse.perplexity / 4)
    assert fine.perplexity_share == pytest.approx(1.0)
    assert fine.corrected == pytest.approx(1 / (3 * (1 - (2 / 3) ** 2)))


def test_collisions_are_distinct_rows_that_share_all_their_tokens():
    codes = torch.tensor([[[0, 1]], [[0, 1]], [[0, 2]], [[3, 1]], [[0, 1]]])
    assert collisions(codes, torch.arange(5.0)[:, None]) == 3 / 5
    copies = torch.tensor([[0.0], [0.0], [1.0], [2.0], [0.0]])
    assert collisions(codes, copies) == 0.0
    assert collisions(codes, torch.tensor([[0.0], [0.0], [1.0], [2.0], [5.0]])) == 2 / 4


def test_digests_tell_rows_apart_as_their_columns_do():
    draw = torch.from_numpy(np.random.default_rng(0).integers(0, 2, size=(200, 5, 1)))
    x = torch.from_numpy(np.random.default_rng(1).integers(0, 3, size=(200, 3))).float()
    x[0], x[1] = 0.0, -0.0
    assert torch.equal(row_digests(x)[0], row_digests(x)[1])
    assert len(torch.unique(row_digests(x), dim=0)) == len(torch.unique(x, dim=0)) < 200
    assert collisions(draw, row_digests(x)) == collisions(draw, x)


def test_gain_of_a_level_is_its_share_of_the_error_that_was_left():
    assert level_gains(torch.tensor([1.0, 0.5, 0.4, 0.44])).tolist() == pytest.approx([0.5, 0.2, -0.1])
