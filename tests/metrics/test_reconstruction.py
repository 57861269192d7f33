import numpy as np
import pytest
import torch
from sklearn.metrics import mean_squared_error, r2_score

from spinlock.core.category_map import CategoryMap
from spinlock.metrics.reconstruction import (
    category_mse,
    category_r2,
    column_mse,
    column_r2,
    masked_mse,
    pooled_r2,
    prefix_mse,
)

GENERATOR = np.random.default_rng(0)
TRUTH = torch.as_tensor(GENERATOR.standard_normal((60, 5)) * [1, 2, 3, 0.1, 5])
PREDICTION = TRUTH + 0.5 * torch.as_tensor(GENERATOR.standard_normal((60, 5)))
ALL = torch.ones(60, 5, dtype=torch.bool)
GAPS = torch.as_tensor(GENERATOR.random((60, 5)) < 0.8)


def test_figures_without_gaps_are_sklearns():
    assert masked_mse(TRUTH, PREDICTION, ALL) == pytest.approx(mean_squared_error(TRUTH, PREDICTION))
    assert column_r2(TRUTH, PREDICTION, ALL).tolist() == pytest.approx(
        r2_score(TRUTH, PREDICTION, multioutput="raw_values")
    )
    assert pooled_r2(TRUTH, PREDICTION, ALL) == pytest.approx(
        r2_score(TRUTH, PREDICTION, multioutput="variance_weighted")
    )


def test_figures_with_gaps_are_sklearns_on_the_present_rows():
    r2, mse = column_r2(TRUTH, PREDICTION, GAPS), column_mse(TRUTH, PREDICTION, GAPS)
    for column in range(5):
        rows = GAPS[:, column]
        pair = TRUTH[rows, column], PREDICTION[rows, column]
        assert float(r2[column]) == pytest.approx(r2_score(*pair))
        assert float(mse[column]) == pytest.approx(mean_squared_error(*pair))


@pytest.mark.parametrize("filler", [np.nan, np.inf, 1e30])
def test_what_stands_in_a_gap_does_not_matter(filler):
    filled = torch.where(GAPS, TRUTH, filler)
    assert masked_mse(filled, PREDICTION, GAPS) == masked_mse(TRUTH, PREDICTION, GAPS)
    assert pooled_r2(filled, PREDICTION, GAPS) == pooled_r2(TRUTH, PREDICTION, GAPS)


def test_r2_does_not_depend_on_a_columns_scale_and_offset():
    scale, offset = torch.tensor([2.0, -3, 1e3, 0.1, 7]), torch.tensor([0.0, 5, -1, 2, 1e3])
    moved = column_r2(TRUTH * scale + offset, PREDICTION * scale + offset, GAPS)
    torch.testing.assert_close(moved, column_r2(TRUTH, PREDICTION, GAPS))


def test_r2_of_a_constant_or_absent_column_is_undefined():
    truth = torch.stack([torch.full((9,), 0.1), torch.arange(9.0)], dim=1)
    mask = torch.ones(9, 2, dtype=torch.bool)
    assert column_r2(truth, truth + 1, mask).isnan().tolist() == [True, False]
    mask[:, 1] = False
    assert column_r2(truth, truth + 1, mask).isnan().all()
    assert np.isnan(pooled_r2(truth, truth, mask))


def test_category_errors_weigh_to_the_whole():
    groups = CategoryMap(group_indices={"a": (0, 3), "b": (1, 2, 4)}, feature_names=tuple("vwxyz"))
    errors = category_mse(TRUTH, PREDICTION, GAPS, groups)
    counts = {name: int(GAPS[:, list(columns)].sum()) for name, columns in groups.group_indices.items()}
    total = sum(errors[name] * counts[name] for name in errors) / sum(counts.values())
    assert total == pytest.approx(masked_mse(TRUTH, PREDICTION, GAPS))
    assert category_r2(TRUTH, PREDICTION, ALL, groups)["a"] == pytest.approx(
        r2_score(TRUTH[:, [0, 3]], PREDICTION[:, [0, 3]], multioutput="variance_weighted")
    )


def test_without_levels_the_error_is_the_mean_square():
    errors = prefix_mse(TRUTH, [PREDICTION, TRUTH], ALL)
    assert errors.tolist() == pytest.approx([float(TRUTH.square().mean()), masked_mse(TRUTH, PREDICTION, ALL), 0.0])
