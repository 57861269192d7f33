"""What the series features stand on: standardised rows, averages over rows, slopes, crossings."""

import math

import numpy as np
import pytest
import torch
from series_samples import fields_of, sine, white

from spinlock.features import series_kernels as kernels
from spinlock.features.fields import Fields, once


def test_standardised_rows_have_mean_0_and_spread_1_at_every_scale():
    rows = torch.as_tensor(white(3, 100) * np.array([[1e-200], [1], [1e200]]) + np.array([[0], [5], [0]]))
    z, alive = kernels.standardized(rows, resolution=1e-6)
    assert alive.tolist() == [True, True, True]
    torch.testing.assert_close(z.mean(1), torch.zeros(3).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(z.square().mean(1), torch.ones(3).double())


def test_rows_that_only_differ_by_rounding_are_constant():
    rows = torch.stack([1 + 1e-7 * torch.as_tensor(white(50)), torch.zeros(50).double(), torch.as_tensor(white(50))])
    z, alive = kernels.standardized(rows, resolution=1e-6)
    assert alive.tolist() == [False, False, True]
    assert z.shape == (1, 50)


def test_local_series_know_the_realization_they_belong_to():
    u = torch.as_tensor(white(2, 30, 1, 4, 4))
    u[0, :, :, 0, 0] = 1.0
    local = kernels.local_series(Fields(u, dt=1.0))
    assert local.owner.tolist() == [0] * 15 + [1] * 16


def test_averages_leave_out_nan_and_are_nan_where_nothing_is_left():
    local = kernels.LocalSeries(
        torch.zeros(4, 2).double(), torch.tensor([0, 0, 0, 2]), torch.eye(4)[[0, 0, 0, 2]].T.double()
    )
    values = torch.tensor([1.0, math.nan, 3.0, math.nan])
    torch.testing.assert_close(
        local.average(values), torch.tensor([2.0, math.nan, math.nan, math.nan]).double(), equal_nan=True
    )
    assert local.pooled(torch.tensor([1.0, 2.0, 3.0, 4.0])).tolist() == [6, 0, 4, 0]


def test_slopes_agree_with_polynomial_fits():
    rows = white(5, 33)
    expected = [np.polyfit(np.arange(33), row, 1)[0] for row in rows]
    torch.testing.assert_close(kernels.slope(torch.as_tensor(rows)), torch.tensor(expected).double())
    rest = kernels.detrended(torch.as_tensor(rows))
    torch.testing.assert_close(kernels.slope(rest), torch.zeros(5).double(), atol=1e-12, rtol=0)


def test_first_crossing_is_linear_between_steps_and_the_last_place_without_one():
    curve = torch.tensor([[1.0, 0.6, 0.2, 0.8], [1.0, 0.9, 0.8, 0.7]]).double()
    torch.testing.assert_close(kernels.first_crossing(curve, 0.5), torch.tensor([1.25, 3.0]).double())


def test_first_minimum_of_the_autocorrelation_of_a_sine_is_half_its_period():
    curve = kernels.autocorrelation(torch.as_tensor(sine(400, 20))[None])
    assert kernels.first_minimum(curve).item() == 10


@pytest.mark.parametrize(("period", "num_times"), [(20, 400), (400, 400)])
def test_the_delay_is_the_first_lag_below_1_over_e_at_most_a_sixteenth_of_the_run(period, num_times):
    fields = fields_of(sine(num_times, period))
    curve = kernels.local_autocorrelation(fields)[0]
    lag = next(k for k, r in enumerate(curve.tolist()) if r < math.exp(-1))
    assert kernels.correlation_delay(fields).item() == min(lag, num_times // 16)


def test_shared_intermediates_are_computed_once_and_forgotten_with_their_fields():
    calls = []

    @once
    def counted(fields: Fields) -> int:
        calls.append(fields.dt)
        return len(calls)

    first, second = fields_of(white(9)), fields_of(white(9))
    assert [counted(first), counted(first), counted(second), counted(first)] == [1, 1, 2, 1]
