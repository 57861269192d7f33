from functools import reduce
from operator import add

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_squared_error, r2_score

from spinlock.core.masked import masked_mse
from spinlock.metrics.reconstruction import ErrorSums, prefix_mse

GENERATOR = np.random.default_rng(0)
TRUTH = torch.as_tensor(GENERATOR.standard_normal((60, 5)) * [1, 2, 3, 0.1, 5])
PREDICTION = TRUTH + 0.5 * torch.as_tensor(GENERATOR.standard_normal((60, 5)))
ALL = torch.ones(60, 5, dtype=torch.bool)
GAPS = torch.as_tensor(GENERATOR.random((60, 5)) < 0.8)


def sums(truth, prediction, mask):
    return ErrorSums.of(truth, [prediction], mask)


def test_figures_without_gaps_are_sklearns():
    found = sums(TRUTH, PREDICTION, ALL)
    assert found.mse() == pytest.approx([mean_squared_error(TRUTH, PREDICTION)])
    assert masked_mse(TRUTH, PREDICTION, ALL) == pytest.approx(mean_squared_error(TRUTH, PREDICTION))
    assert found.column_r2().tolist() == pytest.approx(r2_score(TRUTH, PREDICTION, multioutput="raw_values"))
    assert found.r2() == pytest.approx(r2_score(TRUTH, PREDICTION, multioutput="variance_weighted"))


def test_figures_with_gaps_are_sklearns_on_the_present_rows():
    found = sums(TRUTH, PREDICTION, GAPS)
    for column in range(5):
        rows = GAPS[:, column]
        pair = TRUTH[rows, column], PREDICTION[rows, column]
        assert float(found.column_r2()[column]) == pytest.approx(r2_score(*pair))
        assert found.mse([column]) == pytest.approx([mean_squared_error(*pair)])


@pytest.mark.parametrize("filler", [np.nan, np.inf, 1e30])
def test_what_stands_in_a_gap_does_not_matter(filler):
    filled = torch.where(GAPS, TRUTH, filler)
    assert masked_mse(filled, PREDICTION, GAPS) == masked_mse(TRUTH, PREDICTION, GAPS)
    assert sums(filled, PREDICTION, GAPS).r2() == sums(TRUTH, PREDICTION, GAPS).r2()


def test_r2_does_not_depend_on_a_columns_scale_and_offset():
    scale, offset = torch.tensor([2.0, -3, 1e3, 0.1, 7]), torch.tensor([0.0, 5, -1, 2, 1e3])
    moved = sums(TRUTH * scale + offset, PREDICTION * scale + offset, GAPS)
    torch.testing.assert_close(moved.column_r2(), sums(TRUTH, PREDICTION, GAPS).column_r2())


def test_r2_of_a_constant_or_absent_column_is_undefined():
    truth = torch.stack([torch.full((9,), 0.1), torch.arange(9.0)], dim=1)
    mask = torch.ones(9, 2, dtype=torch.bool)
    assert sums(truth, truth + 1, mask).column_r2().isnan().tolist() == [True, False]
    mask[:, 1] = False
    assert sums(truth, truth + 1, mask).column_r2().isnan().all()
    assert np.isnan(sums(truth, truth, mask).r2())


def test_sums_of_blocks_add_up_to_those_of_all_rows():
    far = TRUTH + torch.tensor([0.0, 1e3, -5.0, 0.1, 0.0])
    mask = GAPS.clone()
    mask[:20, 2] = False  # a block without any value of a column
    whole = ErrorSums.of(far, [torch.zeros_like(far), PREDICTION], mask)
    parts = [
        ErrorSums.of(x, [torch.zeros_like(x), p], m)
        for x, p, m in zip(far.split(20), PREDICTION.split(20), mask.split(20), strict=True)
    ]
    found = reduce(add, parts)
    assert found.num_rows == 60
    assert torch.equal(found.count, whole.count)
    for name in ("mean", "spread", "errors"):
        torch.testing.assert_close(getattr(found, name), getattr(whole, name))
    assert found.r2() == pytest.approx(whole.r2())


def test_a_constant_column_stays_constant_over_blocks():
    truth, mask = torch.full((9, 1), 0.1), torch.ones(9, 1, dtype=torch.bool)
    found = reduce(add, [sums(x, x + 1, m) for x, m in zip(truth.split(2), mask.split(2), strict=True)])
    assert found.column_r2().isnan().all()


def test_errors_of_parts_of_the_columns_weigh_to_the_whole():
    found = sums(TRUTH, PREDICTION, GAPS)
    parts = [[0, 3], [1, 2, 4]]
    counts = [int(GAPS[:, columns].sum()) for columns in parts]
    total = sum(found.mse(columns)[0] * count for columns, count in zip(parts, counts, strict=True)) / sum(counts)
    assert total == pytest.approx(masked_mse(TRUTH, PREDICTION, GAPS))
    assert sums(TRUTH, PREDICTION, ALL).r2([0, 3]) == pytest.approx(
        r2_score(TRUTH[:, [0, 3]], PREDICTION[:, [0, 3]], multioutput="variance_weighted")
    )


def test_the_error_of_nothing_is_undefined():
    assert np.isnan(masked_mse(TRUTH, PREDICTION, torch.zeros_like(ALL)))


def test_without_levels_the_error_is_the_mean_square():
    errors = prefix_mse(TRUTH, [PREDICTION, TRUTH], ALL)
    assert errors.tolist() == pytest.approx([float(TRUTH.square().mean()), masked_mse(TRUTH, PREDICTION, ALL), 0.0])
