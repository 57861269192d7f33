"""Granger causality, transfer entropy and lagged correlation of series with a known direction."""

import numpy as np
import pytest
import torch
from scipy import stats

from spinlock.features.influence import (
    Pairs,
    channel_pairs,
    granger,
    lagged_correlation,
    lattice_pairs,
    standardize,
    transfer_entropy,
)

ONE = Pairs(torch.tensor([0]), torch.tensor([1]))


def driven_pair(*, coupling: float, lag: int = 1, time: int = 4000, seed: int = 0) -> torch.Tensor:
    """x(t) = .5 x(t-1) + noise drives y(t) = .5 y(t-1) + coupling x(t-lag) + noise."""
    rng = np.random.default_rng(seed)
    x, y = np.zeros(time), np.zeros(time)
    noise = rng.standard_normal((2, time))
    for t in range(lag, time):
        x[t] = 0.5 * x[t - 1] + noise[0, t]
        y[t] = 0.5 * y[t - 1] + coupling * x[t - lag] + noise[1, t]
    return standardize(torch.tensor(np.stack((x, y)))[None], resolution=1e-13)


def test_granger_causality_of_a_driven_process_is_its_closed_form():
    # y = .5 y' + c x' + e: without x, y is ARMA; its own past leaves the prediction error found below by a long AR fit
    series = driven_pair(coupling=1.0, time=20000)
    y = series[0, 1].numpy()
    lags = np.stack([y[30 - lag : -lag] for lag in range(1, 3)], 1)
    own = np.linalg.lstsq(lags, y[30:], rcond=None)[1][0] / len(lags)
    both = 1 / np.var(standardize_scale(series))
    assert granger(series, ONE).item() == pytest.approx(np.log(own / both), abs=0.02)
    assert abs(granger(series, ONE.reversed).item()) < 0.002


def standardize_scale(series: torch.Tensor) -> np.ndarray:
    """Standardised series of unit noise: dividing by the residual's spread gives back the driven process's scale."""
    x, y = series[0].numpy()
    design = np.stack((y[1:-1], x[1:-1], y[:-2], x[:-2]), 1)
    residual = y[2:] - design @ np.linalg.lstsq(design, y[2:], rcond=None)[0]
    return y / residual.std()


def test_granger_causality_grows_with_coupling_and_knows_its_direction():
    values = [(granger(s, ONE).item(), granger(s, ONE.reversed).item()) for s in map(coupled, (0.0, 0.2, 0.5, 1.0))]
    forward = [f for f, _ in values]
    assert forward == sorted(forward)
    assert forward[3] > 0.3
    assert max(abs(backward) for _, backward in values) < 0.005


def coupled(coupling: float) -> torch.Tensor:
    return driven_pair(coupling=coupling)


def test_granger_causality_of_independent_series_averages_to_zero():
    generator = torch.Generator().manual_seed(3)
    series = standardize(torch.randn(400, 2, 64, generator=generator, dtype=torch.float64), resolution=1e-13)
    values = granger(series, ONE)[:, 0]
    assert abs(values.mean()) < 3 * values.std() / 20


def test_granger_causality_does_not_explode_for_smooth_series():
    time = torch.linspace(0, 20, 200, dtype=torch.float64)
    series = standardize(torch.stack((time.sin(), time.cos()))[None], resolution=1e-13)
    assert granger(series, ONE).abs().item() < 20


def test_transfer_entropy_of_a_copied_fair_symbol_is_its_entropy():
    # y(t+1) is the tercile of x(t), x white: TE = log 3, and nothing flows back
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30000, generator=generator, dtype=torch.float64)
    series = standardize(torch.stack((x, x.roll(1)))[None], resolution=1e-13)
    assert transfer_entropy(series, ONE).item() == pytest.approx(np.log(3), abs=0.01)
    assert transfer_entropy(series, ONE.reversed).item() == pytest.approx(0, abs=0.005)


def test_transfer_entropy_sees_a_coupling_without_correlation():
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 8000, generator=generator, dtype=torch.float64)
    y = x.roll(1).square() + 0.1 * noise
    series = standardize(torch.stack((x, y))[None], resolution=1e-13)
    assert granger(series, ONE).item() < 0.01
    assert transfer_entropy(series, ONE).item() > 0.3


def test_transfer_entropy_of_short_independent_series_averages_to_zero():
    generator = torch.Generator().manual_seed(4)
    for time, bound in ((64, 0.04), (250, 0.006)):
        series = standardize(torch.randn(400, 2, time, generator=generator, dtype=torch.float64), resolution=1e-13)
        assert abs(transfer_entropy(series, ONE).mean()) < bound


@pytest.mark.parametrize("lag", [-7, -1, 0, 3, 12])
def test_lagged_correlation_finds_the_lag_and_its_sign(lag):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(300, generator=generator, dtype=torch.float64)
    series = standardize(torch.stack((x, -x.roll(lag)))[None], resolution=1e-13)
    peak, found = lagged_correlation(series, ONE, most=20)
    assert found.item() == lag
    assert peak.item() > 0.9


def test_lagged_correlation_is_the_brute_force_one():
    generator = torch.Generator().manual_seed(2)
    series = standardize(torch.randn(1, 2, 40, generator=generator, dtype=torch.float64), resolution=1e-13)
    x, y = series[0].numpy()
    brute = {lag: sum(x[t] * y[t + lag] for t in range(40) if 0 <= t + lag < 40) / 40 for lag in range(-10, 11)}
    best = max(brute, key=lambda lag: abs(brute[lag]))
    peak, lag = lagged_correlation(series, ONE, most=10)
    assert lag.item() == best
    assert peak.item() == pytest.approx(abs(brute[best]))


def test_standardize_takes_away_the_trend_and_marks_constants():
    time = torch.arange(50.0)
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(50, generator=generator)
    series = standardize(
        torch.stack((3 + 2 * time + noise, torch.full((50,), 7.1), 1e-20 * noise, 4 * time))[None], resolution=1e-13
    )
    fit = stats.linregress(time.numpy(), series[0, 0].numpy())
    assert abs(fit.slope) < 1e-12
    assert series[0, 0].std(correction=0) == pytest.approx(1)
    assert series[0, 1].isnan().all()
    assert series[0, 2].isfinite().all()
    assert series[0, 3].isnan().all()


def test_lattice_pairs_close_the_ring_only_where_it_has_three_blocks():
    ring = lattice_pairs(channels=1, rows=1, columns=3, axis=1, periodic=True)
    assert list(zip(ring.source.tolist(), ring.target.tolist(), strict=True)) == [(0, 1), (1, 2), (2, 0)]
    two = lattice_pairs(channels=1, rows=2, columns=2, axis=0, periodic=True)
    assert list(zip(two.source.tolist(), two.target.tolist(), strict=True)) == [(0, 2), (1, 3)]
    wall = lattice_pairs(channels=2, rows=1, columns=3, axis=1, periodic=False)
    assert list(zip(wall.source.tolist(), wall.target.tolist(), strict=True)) == [(0, 1), (1, 2), (3, 4), (4, 5)]


def test_channel_pairs_join_the_same_block_of_two_channels():
    pairs = channel_pairs(channels=3, blocks=2)
    assert list(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True)) == [
        (0, 2),
        (1, 3),
        (0, 4),
        (1, 5),
        (2, 4),
        (3, 5),
    ]
