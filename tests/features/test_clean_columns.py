"""The report on columns that say nothing."""

import time

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.features.clean import degenerate_columns

NAN = float("nan")


def columns(rows: int = 50, count: int = 4) -> torch.Tensor:
    return torch.randn(rows, count, generator=torch.Generator().manual_seed(0))


def test_a_clean_table_is_clean():
    report = degenerate_columns(columns(), list("abcd"))
    assert report.is_clean
    assert str(report) == "4 columns: none without a value, none constant, no twins."


def test_missing_constant_and_twin_columns_are_named():
    x = columns(50, 6)
    x[:, 1] = NAN
    x[:, 2] = 1e6
    x[3, 2] = NAN
    x[:, 4] = -2 * x[:, 0] + 1
    report = degenerate_columns(x, list("abcdef"))
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
    report = degenerate_columns(x, ["a", "b", "c"])
    assert ("a", "b") in [(twin.first, twin.second) for twin in report.twins]
    present = x[~x[:, 1].isnan()][:, 1:].numpy()
    r = np.corrcoef(present.T)[0, 1]
    assert (abs(r) > 0.99) == (("b", "c") in [(twin.first, twin.second) for twin in report.twins])


def test_pairs_with_few_common_rows_are_not_judged():
    x = torch.full((40, 2), NAN)
    x[:9, 0], x[:9, 1] = torch.arange(9.0), torch.arange(9.0)
    x[9:20, 0], x[20:30, 1] = torch.randn(11), torch.randn(10)
    assert degenerate_columns(x, ["a", "b"]).twins == ()


def test_a_mask_hides_values():
    x = columns()
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, 2] = False
    assert degenerate_columns(x, list("abcd"), mask=mask).missing == ("c",)


def test_360_columns_of_ten_thousand_rows_take_seconds_at_most():
    x = torch.randn(10_000, 360, generator=torch.Generator().manual_seed(1))
    x[::7, ::5] = NAN
    x[:, 359] = x[:, 3]
    start = time.process_time()
    report = degenerate_columns(x, [f"f{i}" for i in range(360)])
    assert time.process_time() - start < 10
    assert [(twin.first, twin.second) for twin in report.twins] == [("f3", "f359")]


def test_wrong_names_and_infinite_values_are_refused():
    with pytest.raises(InputError, match="`names` must name 4 columns; got 2"):
        degenerate_columns(columns(), ["a", "b"])
    x = columns()
    x[2, 1] = float("inf")
    with pytest.raises(InputError, match="column 'b' holds an infinite value"):
        degenerate_columns(x, list("abcd"))
