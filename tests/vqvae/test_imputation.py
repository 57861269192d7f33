import pytest
import torch

from spinlock.core.category_map import CategoryMap
from spinlock.vqvae.imputation import RIDGE, CategoryImputer
from spinlock.vqvae.packing import Packing

PACKING = Packing.of(CategoryMap(group_indices={"a": (0, 1, 2), "b": (3, 4)}, feature_names=tuple("vwxyz")))


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 5, generator=generator)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]  # correlation .8 with column 0
    return x


@pytest.fixture
def imputer(rows):
    return CategoryImputer.fit(rows, torch.ones_like(rows, dtype=torch.bool), packing=PACKING)


def test_a_missing_column_is_the_regression_on_the_present_ones(rows, imputer):
    x = torch.zeros(1, 5)
    x[0, 0] = 2.0
    mask = torch.tensor([[True, False, False, True, True]])
    filled = imputer(x, mask)
    variance = float(rows[:, 0].square().mean())
    slope = float((rows[:, 0] * rows[:, 1]).mean()) / (variance + RIDGE)
    assert float(filled[0, 1]) == pytest.approx(2.0 * slope, rel=1e-4)
    assert torch.equal(filled[mask], x[mask])


def test_an_absent_category_gets_the_mean(rows, imputer):
    mask = torch.tensor([[True, True, True, False, False]])
    assert imputer(rows[:1], mask)[0, 3:].tolist() == [0.0, 0.0]


def test_other_categories_play_no_part(rows, imputer):
    mask = torch.tensor([[True, False, True, True, True]])
    other = rows[:1].clone()
    other[0, 3:] = 5.0
    assert imputer(rows[:1], mask)[0, 1] == imputer(other, mask)[0, 1]


def test_a_row_is_filled_the_same_alone_and_among_others(rows, imputer):
    mask = torch.rand(600, 5, generator=torch.Generator().manual_seed(1)) > 0.3
    together = imputer(rows[:600], mask)
    alone = torch.cat([imputer(rows[i : i + 1], mask[i : i + 1]) for i in range(0, 600, 50)])
    assert torch.equal(together[::50], alone)


def test_filling_in_beats_the_mean_where_columns_go_together(rows, imputer):
    mask = torch.ones(1000, 5, dtype=torch.bool)
    mask[:, 1] = False
    error = (imputer(rows[:1000], mask)[:, 1] - rows[:1000, 1]).square().mean()
    assert error < 0.5 * rows[:1000, 1].square().mean()


def test_few_rows_with_gaps_give_a_covariance_that_is_not_negative():
    generator = torch.Generator().manual_seed(2)
    x, mask = torch.randn(6, 5, generator=generator), torch.rand(6, 5, generator=generator) > 0.4
    imputer = CategoryImputer.fit(torch.where(mask, x, 0.0), mask, packing=PACKING)
    assert torch.linalg.eigvalsh(imputer.covariance).min() > -1e-9
