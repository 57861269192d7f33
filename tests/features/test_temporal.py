"""Temporal features against closed forms, brute force and laws."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from series_samples import autoregressive, ensemble, fields_of, logistic, sine, travelling, white

from spinlock.core.rollout import Rollout
from spinlock.features import temporal
from spinlock.features.fields import Fields
from spinlock.features.temporal import TEMPORAL

WHOLE_FIELD = {
    "peak_variance_growth_rate",
    "early_energy_growth_rate",
    "variance_growth_rate_change",
    "roughening_rate",
    "relative_activity_growth_rate",
    "transient_gain",
    "settling_time",
    "initial_return",
    "amplitude_fluctuation",
    "synchrony",
    "temporal_spread",
}
LOCAL = tuple(feature for feature in TEMPORAL if feature.name not in WHOLE_FIELD)
IN_TIME = {"settling_time", "first_crossing_time", "autocorrelation_time"}
PER_TIME = {
    "dominant_frequency",
    "variance_growth_rate_change",
    *(feature.name for feature in TEMPORAL if feature.name.endswith("_rate")),
}


def value(feature, fields) -> float:
    return feature(fields)[0].item()


def standing(amplitude, *, dt: float = 1.0, mode: int = 1, size: int = 16) -> Fields:
    """The field amplitude(t) sin(2π mode x)."""
    wave = torch.sin(2 * math.pi * mode * torch.arange(size, dtype=torch.float64) / size + 0.3).expand(size, size)
    return Fields(torch.as_tensor(np.asarray(amplitude))[None, :, None, None, None] * wave, dt=dt)


def test_there_are_30_features_with_a_definition_each():
    assert len({feature.name for feature in TEMPORAL}) == 30
    assert all(
        feature.spec.category == "temporal" and feature.spec.definition.endswith((".", "…")) for feature in TEMPORAL
    )


# Growth and settling of the whole field


@pytest.mark.parametrize("rate", [-0.4, -0.01, 0.05, 0.3])
def test_growth_rates_of_an_exponential_are_its_rate(rate):
    fields = standing(np.exp(rate * 0.5 * np.arange(50)), dt=0.5)
    assert value(temporal.peak_variance_growth_rate, fields) == pytest.approx(2 * rate)
    assert value(temporal.early_energy_growth_rate, fields) == pytest.approx(2 * rate)
    assert value(temporal.variance_growth_rate_change, fields) == pytest.approx(0, abs=1e-9)
    assert value(temporal.roughening_rate, fields) == pytest.approx(0, abs=1e-6)
    assert value(temporal.relative_activity_growth_rate, fields) == pytest.approx(0, abs=1e-6)
    assert value(temporal.transient_gain, fields) == pytest.approx(max(0, rate) * 0.5 * 49)


def test_growth_that_saturates_half_way_has_its_rate_at_the_peak_and_loses_it():
    t = np.arange(200)
    fields = standing(1 / (1 + 1e5 * np.exp(-0.2 * t)))  # logistic growth
    assert value(temporal.peak_variance_growth_rate, fields) == pytest.approx(0.4, rel=0.01)
    broken = standing(np.exp(0.03 * np.minimum(np.arange(100), 50)))
    assert value(temporal.variance_growth_rate_change, broken) == pytest.approx(-0.06)


def test_relative_activity_falls_at_the_rate_of_approach_to_a_fixed_point():
    fields = standing(1 - 0.5 * np.exp(-0.1 * np.arange(40)))
    amplitude = np.log(1 - 0.5 * np.exp(-0.1 * np.arange(1, 40)))
    expected = -0.1 - np.polyfit(np.arange(39), amplitude, 1)[0]
    assert value(temporal.relative_activity_growth_rate, fields) == pytest.approx(expected, rel=1e-3)


def test_roughening_rate_of_two_diffusing_modes_is_negative_and_of_one_is_zero():
    x = 2 * math.pi * torch.arange(32, dtype=torch.float64) / 32
    t = torch.arange(30, dtype=torch.float64)[:, None]
    both = torch.exp(-0.01 * t) * torch.sin(x) + torch.exp(-0.16 * t) * torch.sin(4 * x)
    assert value(temporal.roughening_rate, Fields(both[None, :, None, None], dt=1.0)) < -0.01
    assert value(temporal.roughening_rate, standing(np.exp(-0.1 * np.arange(30)))) == pytest.approx(0, abs=1e-6)


def test_settling_time_of_an_exponential_approach():
    t = np.arange(400) * 0.1
    fields = standing(np.exp(1 - np.exp(-t)), dt=0.1)  # log σ rises by 1 and is within 5 % of it from t = log 20 on
    assert value(temporal.settling_time, fields) == pytest.approx(math.log(20), abs=0.11)


def test_settling_time_of_a_steady_amplitude_is_zero_and_of_one_that_never_settles_the_run():
    assert value(temporal.settling_time, standing(np.ones(50))) == 0
    assert value(temporal.settling_time, standing(np.exp(0.1 * np.arange(50)))) >= 45


def test_a_periodic_field_returns_to_its_start_and_a_drifting_one_does_not():
    assert value(temporal.initial_return, Fields(travelling(60, period=20), dt=1.0)) == pytest.approx(1, abs=1e-6)
    assert value(temporal.initial_return, standing(np.linspace(1, 3, 60))) == pytest.approx(0, abs=1e-9)


def test_amplitude_fluctuation_is_the_breathing_of_log_spread():
    t = np.arange(400)
    fields = standing(np.exp(0.2 * np.sin(2 * math.pi * t / 20)))
    assert value(temporal.amplitude_fluctuation, fields) == pytest.approx(0.2 / math.sqrt(2), rel=0.01)
    assert value(temporal.amplitude_fluctuation, standing(np.exp(0.01 * t))) == pytest.approx(0, abs=1e-5)


def test_synchrony_of_equal_and_of_independent_series():
    same = np.tile(white(1, 300), (10, 1))
    assert value(temporal.synchrony, ensemble(same)) == pytest.approx(1)
    assert value(temporal.synchrony, ensemble(white(10, 5000))) == pytest.approx(0.1, rel=0.1)
    assert math.isnan(value(temporal.synchrony, fields_of(white(50))))


def test_temporal_spread_is_the_logarithm_of_the_swing():
    assert value(temporal.temporal_spread, ensemble(100 * white(16, 2000))) == pytest.approx(2, abs=0.02)


# Rhythm


@pytest.mark.parametrize("frequency", [0.03, 0.1234, 0.31, 0.45])
def test_dominant_frequency_of_a_sine_within_a_twentieth_of_a_bin(frequency):
    fields = fields_of(sine(200, 1 / frequency), dt=0.2)
    assert value(temporal.dominant_frequency, fields) == pytest.approx(frequency / 0.2, abs=0.05 / (200 * 0.2))
    assert value(temporal.dominant_frequency_prominence, fields) > 0.9


def test_harmonic_share_of_a_sine_is_zero_and_of_known_harmonics_their_share():
    assert value(temporal.harmonic_share, fields_of(sine(256, 32))) == pytest.approx(0, abs=1e-6)
    mixed = sine(256, 32) + 0.5 * sine(256, 16) + 0.5 * sine(256, 32 / 3)
    assert value(temporal.harmonic_share, fields_of(mixed)) == pytest.approx(0.5 / 1.5, rel=0.02)
    assert math.isnan(value(temporal.harmonic_share, fields_of(sine(200, 2.5))))


def test_spectral_slope_of_white_noise_and_of_a_random_walk():
    noise = white(16, 1000)
    assert value(temporal.temporal_spectral_slope, ensemble(noise)) == pytest.approx(0, abs=0.1)
    assert value(temporal.temporal_spectral_slope, ensemble(noise.cumsum(1))) == pytest.approx(-2, abs=0.25)


def test_spectra_of_the_halves_are_alike_for_a_stationary_and_apart_for_a_switching_rhythm():
    switching = np.concatenate([sine(128, 32), sine(128, 4)])
    assert value(temporal.spectral_nonstationarity, fields_of(sine(256, 32))) < 0.05
    assert value(temporal.spectral_nonstationarity, fields_of(switching)) > 0.9


# Memory


@pytest.mark.parametrize("coefficient", [0.5, 0.8, 0.9])
def test_autocorrelation_time_of_an_autoregressive_process(coefficient):
    fields = ensemble(autoregressive(16, 2000, coefficient=coefficient), dt=0.1)
    assert value(temporal.autocorrelation_time, fields) == pytest.approx(-0.1 / math.log(coefficient), rel=0.15)


def test_autocorrelation_agrees_with_its_definition():
    from_series = autoregressive(60, coefficient=0.6)
    z = (from_series - from_series.mean()) / from_series.std()
    found = temporal.local_autocorrelation(fields_of(from_series))[0]
    exact = [(z[: 60 - lag] * z[lag:]).sum() / 60 for lag in range(60)]
    torch.testing.assert_close(found, torch.tensor(exact, dtype=torch.float64))


def test_oscillation_persists_for_a_periodic_series_and_not_for_noise_or_a_drift():
    assert value(temporal.oscillation_persistence, fields_of(sine(300, 20))) == pytest.approx(1, abs=0.02)
    assert abs(value(temporal.oscillation_persistence, ensemble(white(16, 2000)))) < 0.2
    assert value(temporal.oscillation_persistence, fields_of(np.arange(100.0))) < 0


def test_first_crossing_of_a_cosine_is_a_quarter_of_its_period():
    fields = fields_of(sine(200, 40, phase=math.pi / 2), dt=0.5)
    assert value(temporal.first_crossing_time, fields) == pytest.approx(5, rel=1e-3)


# Trend and regimes


def test_trend_strength_is_the_squared_correlation_with_time():
    series = autoregressive(120, coefficient=0.8, seed=3) + 0.02 * np.arange(120)
    expected = scipy.stats.pearsonr(series, np.arange(120)).statistic ** 2
    assert value(temporal.trend_strength, fields_of(series)) == pytest.approx(expected)
    assert value(temporal.trend_strength, fields_of(np.arange(50.0))) == pytest.approx(1)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_jump_is_found_where_it_is_and_explains_everything(place):
    series = np.where(np.arange(200) < 200 * place, -1.0, 3.0)
    assert value(temporal.regime_change_strength, fields_of(series)) == pytest.approx(1)
    assert value(temporal.regime_change_position, fields_of(series)) == pytest.approx(place)


def test_regime_change_strength_of_a_line_is_three_quarters():
    assert value(temporal.regime_change_strength, fields_of(np.arange(1000.0))) == pytest.approx(0.75, abs=1e-3)


def test_extremes_lie_at_the_start_of_a_decay_and_at_the_end_of_growth():
    decay = np.exp(-np.arange(100) / 10)
    assert value(temporal.extreme_position, fields_of(decay)) == pytest.approx(2 / 99)
    assert value(temporal.extreme_position, fields_of(decay[::-1].copy())) == pytest.approx(97 / 99)


@pytest.mark.parametrize(
    ("feature", "num_windows"),
    [
        (temporal.rolling_variability_fine, 16),
        (temporal.rolling_variability_medium, 8),
        (temporal.rolling_variability_coarse, 3),
    ],
)
def test_rolling_variability_agrees_with_its_definition(feature, num_windows):
    series = white(240) * np.linspace(0.2, 2, 240)
    z = (series - series.mean()) / series.std()
    spreads = z.reshape(num_windows, -1).std(1)
    assert value(feature, fields_of(series)) == pytest.approx(spreads.std() / spreads.mean())


def test_bimodality_of_two_levels_of_normal_and_of_uniform_values():
    levels = np.where(white(1000) > 0, 1.0, -1.0)
    assert value(temporal.bimodality, fields_of(levels)) == pytest.approx(1, abs=1e-6)
    assert value(temporal.bimodality, ensemble(white(16, 2000))) == pytest.approx(1 / 3, abs=0.01)
    assert value(temporal.bimodality, fields_of(np.linspace(0, 1, 1000))) == pytest.approx(5 / 9, abs=0.001)


# Spikes and bursts


def test_spikes_are_the_steps_that_stand_out():
    series = 0.01 * np.arange(101.0)
    series[40:] += 1
    series[70:] -= 1
    assert value(temporal.spike_share, fields_of(series)) == pytest.approx(2 / 100)
    assert value(temporal.spike_share, fields_of(sine(200, 21))) == 0


def test_burstiness_of_regular_random_and_clustered_steps():
    regular = np.cumsum(np.tile([1.0, 0.1, 0.1, 0.1, 0.1], 60) * np.where(np.arange(300) % 2, 1, -1))
    clustered = np.cumsum(white(300) * np.where(np.arange(300) % 100 < 25, 5, 0.01))
    assert value(temporal.burstiness, fields_of(regular)) == pytest.approx(-1)
    assert abs(value(temporal.burstiness, ensemble(white(16, 1000).cumsum(1)))) < 0.12
    assert value(temporal.burstiness, fields_of(clustered)) > 0.3


def test_longest_stretch_above_the_mean():
    series = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0], dtype=float)
    assert value(temporal.longest_stretch, fields_of(series)) == pytest.approx(5 / 16)


# Laws


@pytest.fixture(scope="module")
def mixed():
    """Three realizations of 8 local series of several kinds."""
    rows = [logistic(96, 3.9), sine(96, 9.1), *autoregressive(4, 96, coefficient=0.8), *white(2, 96, seed=4)]
    return torch.as_tensor(np.stack([np.roll(rows, shift, axis=1) for shift in range(3)])).mT[..., None, None]


@pytest.fixture(scope="module")
def waves():
    """Two realizations of a noisy travelling wave that grows."""
    growth = torch.exp(0.02 * torch.arange(80, dtype=torch.float64))[None, :, None, None, None]
    noise = torch.as_tensor(white(2, 80, 1, 16, 16, seed=2))
    return growth * (travelling(80, period=17) + 0.3 * noise)


@pytest.mark.parametrize("feature", LOCAL, ids=lambda feature: feature.name)
def test_shift_and_scale_change_no_local_feature(feature, mixed):
    plain = feature(Fields(mixed, dt=0.5))
    assert torch.isfinite(plain).all()
    torch.testing.assert_close(feature(Fields(3.7 * mixed + 11, dt=0.5)), plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("feature", TEMPORAL, ids=lambda feature: feature.name)
def test_times_scale_with_the_saving_interval_and_rates_inversely(feature, waves):
    power = 1 if feature.name in IN_TIME else -1 if feature.name in PER_TIME else 0
    slow, fast = feature(Fields(waves, dt=2.0)), feature(Fields(waves, dt=0.5))
    assert torch.isfinite(slow).all()
    torch.testing.assert_close(slow, fast * 4.0**power)


@pytest.mark.parametrize("feature", TEMPORAL, ids=lambda feature: feature.name)
def test_a_realization_does_not_depend_on_the_others(feature, waves):
    torch.testing.assert_close(
        feature(Fields(waves[1:], dt=1.0)), feature(Fields(waves, dt=1.0))[1:], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("feature", TEMPORAL, ids=lambda feature: feature.name)
def test_float32_agrees_with_float64(feature, waves):
    single = feature(Fields(waves.float(), dt=1.0)).double()
    torch.testing.assert_close(single, feature(Fields(waves, dt=1.0)).double(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("amplitude", [1e-20, 1e20])
def test_huge_and_tiny_states_give_the_same_numbers(amplitude, waves):
    def numbers(states):
        fields = Fields.from_rollout(Rollout(states=states, system="imported", dt=1.0, channel_names=("u",)))
        return torch.stack([feature(fields).double() for feature in TEMPORAL])

    torch.testing.assert_close(numbers((waves * amplitude).float()), numbers(waves.float()), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("feature", LOCAL, ids=lambda feature: feature.name)
def test_a_series_that_never_changes_has_no_local_value(feature):
    assert torch.isnan(feature(Fields(torch.full((2, 64, 1, 4, 4), 3.0), dt=1.0))).all()


def test_a_uniform_field_has_no_spatial_variance_to_grow():
    uniform = fields_of(white(2, 80))
    for feature in (temporal.peak_variance_growth_rate, temporal.roughening_rate, temporal.settling_time):
        assert torch.isnan(feature(uniform)).all()


@pytest.mark.parametrize("num_times", [1, 2, 3, 5, 8, 16, 40, 64, 80])
def test_short_runs_are_missing_and_never_infinite(num_times, waves):
    fields = Fields(waves[:, :num_times], dt=1.0)
    values = {feature.name: feature(fields) for feature in TEMPORAL}
    assert not any(torch.isinf(numbers).any() for numbers in values.values())
    missing = {name for name, numbers in values.items() if torch.isnan(numbers).any()}
    if num_times <= 2:
        assert len(missing) == 30
    if num_times >= 64:
        assert not missing
    if num_times == 40:
        assert missing == {"rolling_variability_fine"}
