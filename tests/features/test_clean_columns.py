"""The report on columns that say nothing."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from spinlock.core.feature_table import BLOCK_ROWS, FeatureTable
from spinlock.features.clean import DegenerateReport, degenerate_columns

NAN = float("nan")


def report_on(x: torch.Tensor, names: list[str]) -> DegenerateReport:
    return degenerate_columns(FeatureTable.from_array(x, names=names))


def columns(rows: int = 50, count: int = 4) -> torch.Tensor:
    return torch.randn(rows, count, generator=torch.Generator().manual_seed(0))


def test_a_clean_table_is_clean():
    report = report_on(columns(), list("abcd"))
    assert report.is_clean
    assert str(report) == "4 columns: none without a value, none constant, no twins."


def test_missing_constant_and_twin_columns_are_named():
    x = columns(50, 6)
    x[:, 1] = NAN
    x[:, 2] = 1e6
    x[3, 2] = NAN
    x[:, 4] = -2 * x[:, 0] + 1
    report = report_on(x, list("abcdef"))
    assert report.missing == ("b",)
    assert report.constant == ("c",)
    assert [(twin.first, twin.second) for twin in report.twins] == [("a", "e")]
    assert report.twins[0].correlation == pytest.approx(-1)
    assert report.kept(list("abcdef")) == ("a", "d", "f")
    assert "1 twins: a ~ e (r = -1.000)" in str(report)


def test_correlation_is_taken_over_the_rows_that_both_have():
    x = columns(60, 3)
    x[:, 1] = x[:, 0]
    x[:20, 1] = NAN
    x[40:, 0] = NAN
    x[:, 2] = torch.where(torch.arange(60) < 30, x[:, 1].nan_to_num(), x[:, 2])
    common = ~x[:, 0].isnan() & ~x[:, 1].isnan()
    assert common.sum() == 20
    report = report_on(x, ["a", "b", "c"])
    assert ("a", "b") in [(twin.first, twin.second) for twin in report.twins]
    present = x[~x[:, 1].isnan()][:, 1:].numpy()
    r = np.corrcoef(present.T)[0, 1]
    assert (abs(r) > 0.99) == (("b", "c") in [(twin.first, twin.second) for twin in report.twins])


def test_pairs_with_few_common_rows_are_not_judged():
    x = torch.full((40, 2), NAN)
    x[:9, 0], x[:9, 1] = torch.arange(9.0), torch.arange(9.0)
    x[9:20, 0], x[20:30, 1] = torch.randn(11), torch.randn(10)
    assert report_on(x, ["a", "b"]).twins == ()


def test_a_mask_hides_values():
    table = FeatureTable.from_array(columns(), names=list("abcd"))
    mask = torch.ones_like(table.mask)
    mask[:, 2] = False
    assert degenerate_columns(replace(table, mask=mask)).missing == ("c",)


def test_rows_of_several_blocks_are_judged_together():
    x = columns(3 * BLOCK_ROWS + 5, 4) + 1000 * torch.arange(4)
    x[:, 1] = x[:, 0] + 0.1 * x[:, 2]
    x[::3, 1] = NAN
    x[:, 3] = 7
    x[-1, 3] = 7.1
    report = report_on(x, list("abcd"))
    both = ~x[:, 1].isnan()
    [twin] = report.twins
    assert twin.correlation == pytest.approx(np.corrcoef(x[both, 0].double(), x[both, 1].double())[0, 1], abs=1e-12)
    assert (report.missing, report.constant) == ((), ())  # the last row alone varies


def test_360_columns_of_ten_thousand_rows_take_seconds_at_most():
    x = torch.randn(10_000, 360, generator=torch.Generator().manual_seed(1))
    x[::7, ::5] = NAN
    x[:, 359] = x[:, 3]
    start = time.process_time()
    report = report_on(x, [f"f{i}" for i in range(360)])
    assert time.process_time() - start < 10
    assert [(twin.first, twin.second) for twin in report.twins] == [("f3", "f359")]
