import math

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.corpus_distance import CorpusBoundary, category_errors, corpus_distance, usual_errors

USUAL = torch.ones(1, 2)


def everywhere(errors):
    return torch.ones(errors.shape, dtype=torch.bool)


def test_a_categorys_error_is_the_mean_square_of_its_columns():
    errors = torch.tensor([[[1.0, -2.0, 2.0], [0.0, 0.0, 1.0]]])
    assert category_errors(errors, everywhere(errors)).tolist() == [pytest.approx([3.0, 1 / 3])]


def test_a_single_wild_column_counts_as_three_standard_deviations():
    errors = torch.zeros(1, 1, 100)
    errors[0, 0, 7] = 1e30
    assert float(category_errors(errors, everywhere(errors))) == pytest.approx(0.09)


def test_missing_columns_and_categories_neither_raise_nor_lower_the_distance():
    errors = torch.tensor([[[1.0, 5.0], [2.0, 0.0]], [[torch.nan, 1.0], [1.0, 1.0]]])
    mask = torch.tensor([[[True, False], [False, False]], [[False, True], [True, True]]])
    found = category_errors(errors, mask)
    assert found[:, 0].tolist() == [1.0, 1.0]
    assert torch.isnan(found[0, 1])
    coarse = torch.tensor([[0, -1], [0, 0]])
    assert corpus_distance(found, coarse, torch.full((2, 1), 4.0)).tolist() == [0.5, 0.5]


def test_an_error_counts_by_what_is_usual_for_its_coarse_code():
    errors = torch.tensor([[4.0], [4.0]], dtype=torch.float64)
    distances = corpus_distance(errors, torch.tensor([[0], [1]]), torch.tensor([[4.0, 0.25]], dtype=torch.float64))
    assert distances.tolist() == [1.0, 4.0]


def test_what_is_usual_is_the_mean_of_a_codes_rows_drawn_to_the_categorys_mean():
    errors = torch.tensor([[1.0], [3.0], [8.0], [torch.nan]], dtype=torch.float64)
    usual = usual_errors(errors, torch.tensor([[0], [0], [1], [-1]]), num_tokens=3)
    assert usual[0].tolist() == pytest.approx([(4 + 5 * 4) / 7, (8 + 5 * 4) / 6, 4.0])


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_rows_of_the_same_corpus_are_flagged_no_more_often_than_promised(quantile):
    flagged = []
    for seed in range(400):
        values = torch.from_numpy(np.random.default_rng(seed).standard_exponential(60))
        boundary = CorpusBoundary.fit(USUAL, values[:40], quantile=quantile)
        flagged.append(float(boundary.is_outside(values[40:]).double().mean()))
    rank = math.ceil(41 * quantile)
    assert np.mean(flagged) == pytest.approx(1 - rank / 41, abs=0.012)  # exact for exchangeable rows
    assert 1 - rank / 41 <= 1 - quantile


def test_too_few_rows_give_the_largest_distance():
    boundary = CorpusBoundary.fit(USUAL, torch.tensor([3.0, 1.0, torch.nan]), quantile=0.99)
    assert (boundary.threshold, boundary.num_rows) == (3.0, 2)


def test_a_row_without_a_distance_is_not_flagged():
    boundary = CorpusBoundary.fit(USUAL, torch.tensor([1.0]), quantile=1.0)
    assert boundary.is_outside(torch.tensor([torch.nan, 2.0])).tolist() == [False, True]
    again = CorpusBoundary.restored(boundary.state_dict(), boundary.settings())
    assert (again.threshold, again.quantile, again.num_rows) == (1.0, 1.0, 1)
    assert torch.equal(again.usual, USUAL)


@pytest.mark.parametrize("quantile", [0.0, 1.5])
def test_a_quantile_out_of_range_is_refused(quantile):
    with pytest.raises(InputError, match=f"above 0 and at most 1; got {quantile}"):
        CorpusBoundary.fit(USUAL, torch.ones(3), quantile=quantile)


def test_no_known_distance_is_refused():
    with pytest.raises(InputError, match="at least one validation row"):
        CorpusBoundary.fit(USUAL, torch.full((2,), torch.nan), quantile=0.9)


def test_what_winsorising_cuts_off_is_counted_in_spreads_and_constants_in_their_own_size():
    values = torch.linspace(-1, 1, 401)[:, None].repeat(1, 3)
    values[:, 1] = 5.0
    values[:, 2] = torch.nan
    transform = ColumnTransform.fit(values)
    rows = torch.tensor([[0.5, 5.0, 1.0], [100.0, 6.0, torch.nan]])
    found = transform.excess(rows, torch.ones(2, 3, dtype=torch.bool))
    assert found[0].tolist() == [0.0, 0.0, 0.0]
    expected = (100.0 - float(transform.high[0])) / float(transform.scale[0])
    assert found[1].tolist() == pytest.approx([expected, 0.2, 0.0])
