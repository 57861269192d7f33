"""Mean, std and cv over realizations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlock.core.errors import InputError
from spinlock.features.aggregate import aggregate

NAN = float("nan")


def test_columns_come_feature_by_feature_and_agree_with_numpy():
    values = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    columns = aggregate(values)
    assert columns.shape == (5, 9)
    mean, std = values.numpy().mean(1), values.numpy().std(1, ddof=1)
    np.testing.assert_allclose(columns[:, 0::3], mean)
    np.testing.assert_allclose(columns[:, 1::3], std)
    np.testing.assert_allclose(columns[:, 2::3], std / (np.abs(mean) + std))


def test_missing_realizations_are_left_out_of_their_feature_only():
    columns = aggregate(torch.tensor([[1.0, 10.0], [3.0, NAN], [NAN, 30.0]]))
    both = aggregate(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    torch.testing.assert_close(columns, both)


def test_one_realization_has_a_mean_and_no_spread():
    assert torch.equal(aggregate(torch.tensor([[2.0]])).isnan(), torch.tensor([False, True, True]))
    assert torch.equal(aggregate(torch.tensor([[2.0], [NAN]])).isnan(), torch.tensor([False, True, True]))
    assert aggregate(torch.tensor([[NAN], [NAN]])).isnan().all()


def test_realizations_that_agree_have_no_variation():
    assert aggregate(torch.tensor([[5.0], [5.0]])).tolist() == [5.0, 0.0, 0.0]
    assert aggregate(torch.tensor([[0.0], [0.0]])).tolist() == [0.0, 0.0, 0.0]


def test_a_small_spread_of_large_values_is_kept():
    values = torch.tensor([[1e6], [1e6 + 1], [1e6 + 2]], dtype=torch.float32)
    assert aggregate(values)[1].item() == pytest.approx(1.0)


@settings(max_examples=60)
@given(st.lists(st.floats(-1e15, 1e15), min_size=2, max_size=6))
def test_cv_is_bounded_and_blind_to_sign_and_scale(values):
    column = torch.tensor(values, dtype=torch.float64)[:, None]
    cv = aggregate(column)[2].item()
    assert 0 <= cv <= 1
    assert aggregate(-column)[2].item() == cv
    assert aggregate(column * 0.25)[2].item() == pytest.approx(cv, abs=1e-9)


def test_an_infinite_value_is_refused():
    with pytest.raises(InputError, match="must not hold infinite values; a missing feature is NaN"):
        aggregate(torch.tensor([[float("inf")]]))
