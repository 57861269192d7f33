"""Integrated features of waves, rotations and noise."""

import math

import pytest
import torch
from feature_samples import noise, smooth

from spinlock.features.fields import Fields
from spinlock.features.integrated import (
    INTEGRATED,
    channel_phase_locking,
    comoving_correlation,
    coverage,
    dispersion_slope,
    dynamic_mode_frequency,
    dynamic_mode_growth,
    dynamic_mode_residual,
    fluctuation_length,
    omega_centroid,
    omega_spread,
    orthogonal_leading_share,
    orthogonal_rank,
    orthogonal_rank_growth,
    ridge_strength,
    running_wave_share,
    temporal_variance_share,
)


def travelling(*, mode: int = 3, periods: int = 8, time: int = 64, dt: float = 0.25, dx: float = 0.5) -> Fields:
    """cos(2π(mode x/L - periods t/T)) on 32 x 32 cells."""
    x = torch.arange(32, dtype=torch.float64) / 32
    t = torch.arange(time, dtype=torch.float64)[:, None] / time
    wave = torch.cos(2 * math.pi * (mode * x - periods * t))[:, None, :].expand(time, 32, 32)
    return Fields(wave[None, :, None].contiguous(), dt=dt, dx=dx)


@pytest.mark.parametrize(("mode", "periods"), [(1, 8), (3, 8), (5, 16)])
def test_a_travelling_wave_has_its_frequency_phase_speed_and_length(mode, periods):
    fields = travelling(mode=mode, periods=periods)
    frequency, wavenumber = periods / (64 * 0.25), mode / 16
    assert omega_centroid(fields).item() == pytest.approx(frequency, rel=1e-6)
    assert dispersion_slope(fields).item() == pytest.approx(frequency / wavenumber, rel=1e-6)
    assert fluctuation_length(fields).item() == pytest.approx(1 / wavenumber, rel=1e-6)
    assert ridge_strength(fields).item() == pytest.approx(1, abs=1e-3)
    assert running_wave_share(fields).item() == pytest.approx(1, abs=1e-3)
    assert omega_spread(fields).item() < 0.7 / (64 * 0.25)
    assert comoving_correlation(fields).item() == pytest.approx(1, abs=1e-6)
    assert orthogonal_rank(fields).item() == pytest.approx(2, rel=1e-6)
    assert orthogonal_leading_share(fields).item() == pytest.approx(1)
    assert dynamic_mode_frequency(fields).item() == pytest.approx(frequency, rel=1e-5)
    assert dynamic_mode_growth(fields).item() == pytest.approx(0, abs=1e-6)
    assert dynamic_mode_residual(fields).item() == pytest.approx(0, abs=1e-6)
    assert temporal_variance_share(fields).item() == pytest.approx(1, abs=1e-6)
    assert coverage(fields).item() > 0.85  # 8 or 4 phases are sampled


def test_dispersion_slope_of_waves_of_one_speed_is_that_speed():
    u = (
        travelling(mode=1, periods=4).u
        + 0.6 * travelling(mode=3, periods=12).u
        + 0.3 * travelling(mode=5, periods=20).u
    )
    fields = Fields(u, dt=0.25, dx=0.5)
    assert dispersion_slope(fields).item() == pytest.approx(4 / 16 / (1 / 16), rel=1e-5)
    assert omega_spread(fields).item() < 0.7 / (64 * 0.25)


def test_white_noise_fills_frequencies_and_modes():
    fields = Fields(noise(1, 256, 1, 16, 16).float(), dt=0.5)
    assert omega_centroid(fields).item() == pytest.approx(0.5, rel=0.03)  # half of Nyquist, 1/(2 dt)
    assert omega_spread(fields).item() == pytest.approx(1 / math.sqrt(12), rel=0.03)
    assert ridge_strength(fields).item() < 0.15
    assert orthogonal_rank(fields).item() > 50
    assert abs(comoving_correlation(fields).item()) < 0.1
    assert temporal_variance_share(fields).item() > 0.98


def test_decay_by_the_heat_equation_is_the_growth_of_the_dynamic_mode():
    x = torch.arange(32, dtype=torch.float64) * (2 * math.pi / 32)
    decay = torch.exp(-0.8 * torch.arange(30, dtype=torch.float64) * 0.1)
    u = (decay[:, None, None] * x.sin()).expand(30, 32, 32)[None, :, None] + 5.0
    fields = Fields(u.contiguous(), dt=0.1)
    assert dynamic_mode_growth(fields).item() == pytest.approx(-0.8, rel=1e-6)
    assert dynamic_mode_frequency(fields).item() == 0
    assert orthogonal_rank(fields).item() == pytest.approx(1, rel=1e-6)


def test_rank_grows_where_the_second_half_has_more_modes():
    time = torch.arange(60, dtype=torch.float64)[:, None, None]
    one = (time * 0.7).sin() * smooth(16, 16)
    many = noise(60, 16, 16, seed=3)
    u = torch.cat((one[:30], many[:30]))[None, :, None]
    assert orthogonal_rank_growth(Fields(u, dt=1.0)).item() > 2
    assert orthogonal_rank_growth(Fields(u.flip(1), dt=1.0)).item() < -2


def test_comoving_correlation_tells_a_moving_pattern_from_a_changing_one():
    frame = smooth(32, 32, length=0.05)
    moving = torch.stack([frame.roll(3 * step, -1) for step in range(64)])[None, :, None]
    changing = smooth(1, 64, 1, 32, 32, length=0.05, seed=5)
    assert comoving_correlation(Fields(moving, dt=1.0)).item() > 0.95
    assert comoving_correlation(Fields(changing, dt=1.0)).item() < 0.2


def test_coverage_is_the_share_of_the_range_that_a_place_visits():
    x = torch.arange(32, dtype=torch.float64)
    t = torch.arange(41, dtype=torch.float64) * (math.pi / 20)
    u = (x / 31)[None, :] + 0.25 * t.sin()[:, None]  # places from 0 to 1, each moves by .5 in all; the range is 1.5
    fields = Fields(u[None, :, None, None, :].contiguous(), dt=1.0)
    assert coverage(fields).item() == pytest.approx(0.5 / 1.5)


def test_temporal_variance_share_splits_the_variance_exactly():
    u = noise(2, 30, 2, 8, 8) + 2 * noise(2, 1, 2, 8, 8, seed=1)
    centred = u - u.mean((1, 3, 4), keepdim=True)
    moving = (u - u.mean(1, keepdim=True)).square().mean((1, 2, 3, 4))
    torch.testing.assert_close(temporal_variance_share(Fields(u, dt=1.0)), moving / centred.square().mean((1, 2, 3, 4)))


def test_a_frozen_pattern_is_covered_and_mixed_not_at_all():
    fields = Fields(noise(1, 1, 1, 16, 16).expand(1, 20, 1, 16, 16).contiguous(), dt=1.0)
    assert coverage(fields).item() == 0
    assert temporal_variance_share(fields).item() == 0


def test_channels_that_follow_each_other_are_locked_and_independent_ones_are_not():
    # complex noise walks: phases of the modes wander, their difference stays
    first = smooth(1, 200, 1, 16, 16, length=0.1, seed=1)
    locked = torch.cat((first, first.roll(2, -1)), 2)
    free = torch.cat((first, smooth(1, 200, 1, 16, 16, length=0.1, seed=2)), 2)
    assert channel_phase_locking(Fields(locked, dt=1.0)).item() > 0.99
    assert channel_phase_locking(Fields(free, dt=1.0)).item() < 2 / math.sqrt(200)
    assert channel_phase_locking(Fields(first, dt=1.0)).isnan().all()


def test_features_do_not_depend_on_the_realizations_beside():
    both = Fields(torch.cat((travelling().u, noise(1, 64, 1, 32, 32))), dt=0.25, dx=0.5)
    alone = Fields(both.u[1:], dt=0.25, dx=0.5)
    for feature in INTEGRATED:
        torch.testing.assert_close(
            feature(both)[1:], feature(alone), equal_nan=True, atol=1e-9, rtol=1e-6, msg=feature.name
        )
