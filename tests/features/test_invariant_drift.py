"""Drifts of fields whose growth and decay are known, and the series statistics behind them."""

import math

import numpy as np
import pytest
import torch
from feature_samples import noise, smooth
from scipy import stats

from spinlock.features import invariant_drift
from spinlock.features.conserved import (
    drift_rate,
    energy_entropy,
    increment_variance,
    log_above,
    monotonicity,
    net_drift,
    quantities,
    total_variation,
)
from spinlock.features.fields import Fields
from spinlock.features.invariant_drift import (
    INVARIANT_DRIFT,
    cascade_direction,
    entropy_drift,
    high_l2_drift,
    l2_drift,
    l2_drift_rate,
    l2_increment_variance,
    l2_monotonicity,
    linf_drift,
    low_l1_drift,
    mass_drift,
    mass_drift_rate,
    mass_increment_variance,
    mass_monotonicity,
    variation_drift,
)
from spinlock.features.low_pass import lowest


def diffusing(*modes: int, diffusivity: float = 0.02, time: int = 50, dt: float = 0.1, length: float = 2.0) -> Fields:
    """Sines along x of unit amplitude that decay by the heat equation on a domain of the given length."""
    x = torch.arange(32, dtype=torch.float64) / 32
    t = torch.arange(time, dtype=torch.float64)[:, None] * dt
    waves = [
        torch.exp(-diffusivity * (2 * math.pi * k / length) ** 2 * t) * torch.sin(2 * math.pi * k * x) for k in modes
    ]
    field = sum(waves, torch.zeros(time, 32))[:, None, :].expand(time, 32, 32)
    return Fields(field[None, :, None].contiguous(), dt=dt, dx=length / 32)


@pytest.mark.parametrize("mode", [1, 3, 7])
def test_decay_of_a_diffusing_sine_is_that_of_its_mode(mode):
    fields = diffusing(mode)
    rate = -0.02 * (math.pi * mode) ** 2
    assert l2_drift_rate(fields).item() == pytest.approx(rate, rel=1e-9)
    for feature in (l2_drift, linf_drift, variation_drift):
        assert feature(fields).item() == pytest.approx(rate * 4.9, rel=1e-9)
    assert l2_monotonicity(fields).item() == -1
    assert l2_increment_variance(fields).item() == pytest.approx(0, abs=1e-18)


def test_low_and_high_waves_drift_each_at_their_own_rate():
    fields = diffusing(2, 6, diffusivity=0.005)
    assert low_l1_drift(fields).item() == pytest.approx(-0.005 * (math.pi * 2) ** 2 * 4.9, rel=1e-6)
    assert high_l2_drift(fields).item() == pytest.approx(-0.005 * (math.pi * 6) ** 2 * 4.9, rel=1e-6)


def test_mass_that_grows_linearly_has_its_rate_and_no_restlessness():
    time = torch.arange(30, dtype=torch.float64)
    fields = Fields(smooth(1, 1, 1, 16, 16) + 0.5 * time[None, :, None, None, None], dt=0.25)
    assert mass_drift(fields).item() == pytest.approx(14.5)
    assert mass_drift_rate(fields).item() == pytest.approx(2.0)
    assert mass_increment_variance(fields).item() == pytest.approx(0, abs=1e-12)
    assert mass_monotonicity(fields).item() == 1


@pytest.mark.parametrize("time", [64, 257])
def test_restlessness_of_a_random_walk_is_its_diffusivity_however_long_the_run(time):
    walk = noise(500, time, seed=4).cumsum(1) * math.sqrt(0.3 * 0.25)
    u = walk[:, :, None, None, None] + smooth(1, 1, 1, 4, 4, length=0.2)
    assert mass_increment_variance(Fields(u, dt=0.25)).mean().item() == pytest.approx(0.3, rel=0.03)


def test_mean_conserved_by_a_roll_does_not_drift():
    frame = smooth(32, 32)
    u = torch.stack([frame.roll(step, 0) for step in range(20)])[None, :, None].float()
    fields = Fields(u, dt=1.0)
    assert mass_drift(fields).abs().item() < 1e-6
    assert mass_monotonicity(fields).isnan().item()
    assert abs(entropy_drift(fields).item()) < 1e-5


def test_entropy_of_energy_that_spreads_from_one_cell_to_all_grows_to_the_log_of_their_number():
    point, flat = torch.zeros(8, 8), torch.ones(8, 8)
    point[3, 4] = 2.5
    u = torch.stack((point, 0.5 * point + flat, flat))[None, :, None]
    assert entropy_drift(Fields(u, dt=1.0)).item() == pytest.approx(math.log(64), rel=1e-6)


def quantities_of_numpy(states):
    """The six quantities of every frame (time, channel, height, width), and of its low- and high-passed parts."""
    cells = (-3, -2, -1)
    waves = np.abs(np.fft.fftfreq(states.shape[-1], 1 / states.shape[-1]))
    is_low = (waves[:, None] <= 4) & (waves <= 4)
    low = np.fft.ifft2(np.fft.fft2(states) * is_low).real
    high = states - low
    energy, high_energy = (part.reshape(len(states), -1) ** 2 for part in (states, high))
    steps = sum(np.abs(states - np.roll(states, 1, axis)) for axis in (-2, -1))
    return {
        "mass": states.mean(cells),
        "l2": np.log(np.sqrt((states**2).mean(cells))),
        "linf": np.log(np.abs(states).max(cells)),
        "variation": np.log(steps.mean(cells)),
        "entropy": stats.entropy(energy, axis=1),
        "low_l1": np.log(np.abs(low).mean(cells)),
        "high_l2": np.log(np.sqrt((high**2).mean(cells))),
        "high_entropy": stats.entropy(high_energy, axis=1),
    }


@pytest.mark.parametrize(
    ("quantity", "features"),
    [
        ("mass", ("mass_drift", "mass_drift_rate", "mass_increment_variance", "mass_monotonicity")),
        ("l2", ("l2_drift", "l2_drift_rate", "l2_increment_variance", "l2_monotonicity")),
        ("linf", ("linf_drift", "linf_increment_variance", "linf_monotonicity")),
        ("variation", ("variation_drift", "variation_increment_variance", "variation_monotonicity")),
        ("entropy", ("entropy_drift", "entropy_increment_variance", "entropy_monotonicity")),
        ("low_l1", ("low_l1_drift",)),
        ("high_l2", ("high_l2_drift", "high_l2_increment_variance", "high_l2_monotonicity")),
        ("high_entropy", ("high_entropy_drift", "high_entropy_monotonicity")),
    ],
)
def test_every_drift_is_that_of_numpy_and_scipy(quantity, features):
    dt = 0.4
    states = smooth(24, 2, 16, 16, seed=3) + 0.2 * noise(24, 2, 16, 16) + 0.05 * torch.arange(24)[:, None, None, None]
    series, time = quantities_of_numpy(states.numpy())[quantity], np.arange(24) * dt
    expected = {
        "drift": series[-1] - series[0],
        "drift_rate": stats.linregress(time, series).slope,
        "increment_variance": (np.diff(series) / math.sqrt(dt)).var(),
        "monotonicity": stats.kendalltau(time, series).statistic,
    }
    for name in features:
        value = getattr(invariant_drift, name)(Fields(states[None], dt=dt)).item()
        assert value == pytest.approx(expected[name.removeprefix(f"{quantity}_")], rel=1e-5, abs=1e-9), name


@pytest.mark.parametrize(("first", "second", "sign"), [(2, 9, 1), (9, 2, -1)])
def test_cascade_direction_is_positive_towards_small_scales(first, second, sign):
    x = torch.arange(32, dtype=torch.float64) * (2 * math.pi / 32)
    mix = torch.linspace(0.1, 0.9, 30, dtype=torch.float64)[:, None]
    waves = ((1 - mix) * torch.sin(first * x) + mix * torch.sin(second * x))[:, None, :].expand(30, 32, 32)
    assert cascade_direction(Fields(waves[None, :, None].contiguous(), dt=1.0)).item() == sign


def test_a_field_times_a_constant_drifts_alike():
    fields = diffusing(1, 5)
    louder = Fields(fields.u * 37.0, dt=fields.dt, dx=fields.dx)
    for feature in INVARIANT_DRIFT:
        if not feature.name.startswith("mass"):
            torch.testing.assert_close(feature(louder), feature(fields), equal_nan=True, msg=feature.name)


def test_a_high_passed_field_that_is_rounding_counts_as_its_resolution():
    x = torch.arange(32) * (2 * math.pi / 32)
    fade = torch.logspace(0, -12, 30)[:, None]
    waves = (torch.sin(2 * x) + fade * torch.sin(9 * x))[:, None, :].expand(30, 32, 32)
    value = high_l2_drift(Fields(waves[None, :, None].contiguous(), dt=1.0)).item()
    assert value == pytest.approx(math.log(1e-6), abs=0.1)


def test_quantities_of_a_chunk_are_those_of_single_frames():
    fields = Fields(noise(2, 5, 2, 64, 96), dt=1.0)
    modes, ky, kx = lowest(fields.low_modes, fields.low_ky, fields.low_kx, cutoff=4)
    together = quantities(fields.u, modes, ky, kx, periodic=True)
    for time in range(5):
        single = quantities(fields.u[:, time : time + 1], modes[:, time : time + 1], ky, kx, periodic=True)
        for whole, part in zip(together, single, strict=True):
            torch.testing.assert_close(whole[:, time : time + 1], part)


def test_low_and_high_energies_add_up():
    fields = Fields(noise(1, 3, 1, 16, 16), dt=1.0)
    modes, ky, kx = lowest(fields.low_modes, fields.low_ky, fields.low_kx, cutoff=4)
    high = quantities(fields.u, modes, ky, kx, periodic=True).high_l2
    weight = torch.where(kx == 0, 1, 2)
    low = (modes.abs().square() * weight).sum((-3, -2, -1))
    torch.testing.assert_close(high.square() + low, fields.l2.square())


def test_total_variation_of_a_step_counts_the_edge_only_where_the_domain_wraps():
    step = torch.zeros(1, 1, 4, 8)
    step[..., 4:] = 3.0
    assert total_variation(step, periodic=True).item() == pytest.approx(2 * 3 * 4 / 32)
    assert total_variation(step, periodic=False).item() == pytest.approx(3 * 4 / 32)


def test_energy_entropy_is_scipy_s():
    u = noise(3, 50)
    norm, entropy = energy_entropy(u, u.abs().amax(1))
    for row in range(3):
        assert entropy[row].item() == pytest.approx(stats.entropy(u[row].square().numpy()))
        assert norm[row].item() == pytest.approx(u[row].square().mean().sqrt().item())


def test_monotonicity_is_kendall_s_tau_of_scipy():
    series = noise(4, 30).cumsum(1)
    for row, value in enumerate(monotonicity(series, least=0.0).tolist()):
        assert value == pytest.approx(stats.kendalltau(range(30), series[row].numpy()).statistic)


def test_drift_rate_is_the_least_squares_slope_of_scipy():
    series, time = noise(3, 20), torch.arange(20).double() * 0.3
    for row, value in enumerate(drift_rate(series, time).tolist()):
        assert value == pytest.approx(stats.linregress(time.numpy(), series[row].numpy()).slope)


def test_statistics_of_too_short_series_are_missing():
    one, two = torch.ones(2, 1), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert net_drift(one).isnan().all()
    assert drift_rate(one, torch.zeros(1)).isnan().all()
    assert increment_variance(two, torch.arange(2.0)).isnan().all()
    assert monotonicity(one, least=0.0).isnan().all()
    assert monotonicity(two, least=0.0)[0] == 1
    assert monotonicity(two, least=0.0)[1].isnan()


def test_log_above_counts_small_values_as_the_floor_and_marks_what_is_never_above():
    values = torch.tensor([[1.0, 1e-9], [1e-9, 1e-9], [0.0, 1.0]])
    floor = torch.tensor([[1e-3, 1e-3], [1e-3, 1e-3], [0.0, 0.0]])
    logs = log_above(values, floor)
    torch.testing.assert_close(logs[0].exp(), torch.tensor([1.0, 1e-3], dtype=torch.float64))
    assert logs[1].isnan().all()
    assert logs[2].isnan().tolist() == [True, False]
