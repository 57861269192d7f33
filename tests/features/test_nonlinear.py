"""Nonlinear features against closed forms, brute force, antropy and laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from series_samples import autoregressive, ensemble, fields_of, logistic, sine, white

from spinlock.core.rollout import Rollout
from spinlock.features import nonlinear
from spinlock.features.fields import Fields
from spinlock.features.nonlinear import NONLINEAR
from spinlock.features.phase_space import SHORTEST
from spinlock.features.series_scaling import mean_square_displacement, surrogates

STARTS = (0.3, 0.31, 0.32, 0.33)


def value(feature, fields) -> float:
    return feature(fields)[0].item()


def by_name(name):
    return next(feature for feature in NONLINEAR if feature.name == name)


def test_there_are_18_features_with_a_definition_each():
    assert len({feature.name for feature in NONLINEAR}) == 18
    assert all(
        feature.spec.category == "nonlinear" and feature.spec.definition.endswith((".", "…")) for feature in NONLINEAR
    )
    assert all(feature.spec.source != "definition" for feature in NONLINEAR)


# The largest exponent


@pytest.mark.parametrize("num_times", [250, 500])
def test_lyapunov_exponent_of_the_logistic_map_at_4_is_ln_2_within_a_tenth(num_times):
    fields = ensemble([logistic(num_times, 4.0, start=start) for start in STARTS])
    assert value(nonlinear.lyapunov_exponent, fields) == pytest.approx(math.log(2), rel=0.1)


def test_lyapunov_exponent_of_the_logistic_map_is_the_mean_log_slope():
    r = 3.7
    long = logistic(20000, r)
    exact = np.log(np.abs(r * (1 - 2 * long))).mean()
    fields = ensemble([logistic(400, r, start=start) for start in STARTS])
    assert value(nonlinear.lyapunov_exponent, fields) == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("series", [logistic(250, 3.5), sine(256, 16)], ids=["four points", "sine"])
def test_lyapunov_exponent_of_a_cycle_is_zero(series):
    assert value(nonlinear.lyapunov_exponent, fields_of(series)) == pytest.approx(0, abs=1e-3)


def test_lyapunov_exponent_is_per_unit_time():
    series = logistic(250, 4.0)
    fast, slow = (value(nonlinear.lyapunov_exponent, fields_of(series, dt=dt)) for dt in (0.1, 1.0))
    assert fast == pytest.approx(10 * slow)


def test_lyapunov_exponent_is_comparable_between_short_and_long_runs():
    short, long = (
        value(nonlinear.lyapunov_exponent, ensemble([logistic(n, 3.9, start=start) for start in STARTS]))
        for n in (64, 250)
    )
    assert short == pytest.approx(long, rel=0.15)


# Forecasts


def test_forecast_error_of_noise_is_one_and_of_a_densely_sampled_sine_small():
    assert value(nonlinear.neighbor_forecast_error, ensemble(white(8, 250))) == pytest.approx(1, abs=0.1)
    assert value(nonlinear.neighbor_forecast_error, fields_of(sine(250, 25.3))) < 0.05


def test_forecasts_get_worse_for_chaos_only():
    chaos = ensemble([logistic(250, 4.0, start=start) for start in STARTS])
    assert value(nonlinear.forecast_error_growth, chaos) > 0.2
    assert value(nonlinear.forecast_error_growth, ensemble(white(8, 250))) == pytest.approx(0, abs=0.1)
    assert value(nonlinear.forecast_error_growth, fields_of(sine(250, 25.3))) == pytest.approx(0, abs=0.02)


# Recurrences


def unfolded(series: np.ndarray, delay: int) -> np.ndarray:
    z = (series - series.mean()) / series.std()
    size = len(z) - 2 * delay
    return np.stack([z[k * delay : k * delay + size] for k in range(3)], axis=1)


def brute_recurrences(series: np.ndarray, delay: int):
    """Distances and recurrences outside the Theiler window, by definition."""
    vectors = unfolded(series, delay)
    distance = np.abs(vectors[:, None] - vectors[None]).max(-1)
    lag = np.abs(np.subtract.outer(np.arange(len(vectors)), np.arange(len(vectors))))
    allowed = lag > 2 * delay
    return distance, allowed, (distance < 0.5) & allowed


def share_on_lines(near: np.ndarray, step: tuple[int, int]) -> float:
    """Share of True entries on straight lines of at least 4, walking from the start of every line."""
    on_lines, (size, _) = 0, near.shape
    for i in range(size):
        for j in range(size):
            before = (i - step[0], j - step[1])
            if not near[i, j] or (min(before) >= 0 and near[before]):
                continue
            length = 0
            while (
                i + length * step[0] < size
                and j + length * step[1] < size
                and near[i + length * step[0], j + length * step[1]]
            ):
                length += 1
            on_lines += length if length >= 4 else 0
    return on_lines / near.sum()


def delay_of(series: np.ndarray) -> int:
    """First lag with an autocorrelation below 1/e, at most a sixteenth of the series."""
    z = series - series.mean()
    correlation = [(z[: len(z) - lag] * z[lag:]).sum() / (z * z).sum() for lag in range(len(z))]
    return min(next(lag for lag, r in enumerate(correlation) if r < math.exp(-1)), len(z) // 16)


@pytest.mark.parametrize(
    "series",
    [logistic(120, 3.8), white(90, seed=3), sine(100, 13.7), autoregressive(150, coefficient=0.8, seed=2)],
    ids=["chaos", "noise", "sine", "ar1"],
)
def test_recurrence_features_agree_with_their_definitions(series):
    fields, delay = fields_of(series), delay_of(series)
    distance, allowed, near = brute_recurrences(series, delay)
    assert value(nonlinear.recurrence_rate, fields) == pytest.approx(near.sum() / allowed.sum())
    assert value(nonlinear.determinism, fields) == pytest.approx(share_on_lines(near, (1, 1)))
    assert value(nonlinear.laminarity, fields) == pytest.approx(share_on_lines(near, (0, 1)))
    dimension = -1 / np.log(np.maximum(distance[near], 1e-6) / 0.5).mean()
    assert value(nonlinear.correlation_dimension, fields) == pytest.approx(dimension, rel=1e-4)


@pytest.mark.parametrize("period", [2, 3, 5, 8])
def test_a_cycle_of_p_points_recurs_at_every_pth_pair_on_unbroken_lines(period):
    points = np.random.default_rng(period).permutation(period) * 3.0  # far apart: only equal points are near
    fields = fields_of(np.tile(points, 240 // period))
    assert value(nonlinear.determinism, fields) == pytest.approx(1, abs=1e-3)  # all lines but those cut in the corners
    assert value(nonlinear.recurrence_rate, fields) == pytest.approx(1 / period, rel=0.03)
    assert value(nonlinear.laminarity, fields) == 0


def test_a_series_that_rests_on_levels_is_laminar():
    stays = np.random.default_rng(0).integers(10, 25, size=16)
    levels = np.repeat(np.arange(16) % 2, stays)
    assert value(nonlinear.laminarity, fields_of(levels)) > 0.9


def test_correlation_dimension_tells_a_point_set_a_curve_and_noise():
    dimensions = [
        value(nonlinear.correlation_dimension, ensemble(s))
        for s in (logistic(250, 3.5), sine(500, 17.3), white(8, 250))
    ]
    assert dimensions[0] < 0.2
    assert dimensions[1] == pytest.approx(1, abs=0.3)
    assert dimensions[2] == pytest.approx(3, abs=0.3)


# Entropies and symbols


def brute_sample_entropy(series: np.ndarray) -> float:
    tolerance, num = 0.2 * series.std(), len(series) - 2

    def matches(length):
        templates = np.stack([series[k : k + num] for k in range(length)], axis=1)
        return (np.abs(templates[:, None] - templates[None]).max(-1) < tolerance).sum() - num

    return -math.log(matches(3) / matches(2))


@pytest.mark.parametrize(
    "series", [logistic(200, 3.9), white(400, seed=1), sine(150, 11.3)], ids=["chaos", "noise", "sine"]
)
def test_sample_entropy_agrees_with_brute_force(series):
    assert value(nonlinear.sample_entropy, fields_of(series)) == pytest.approx(brute_sample_entropy(series), rel=1e-9)


@pytest.mark.parametrize(
    ("feature", "delay"),
    [
        (nonlinear.permutation_entropy_deficit_fine, 1),
        (nonlinear.permutation_entropy_deficit_medium, 3),
        (nonlinear.permutation_entropy_deficit_coarse, 9),
    ],
)
def test_permutation_entropy_agrees_with_brute_force_over_sorted_patterns(feature, delay):
    series = autoregressive(3, 120, coefficient=0.7)
    counts: dict[tuple, int] = {}
    for row in series:
        for t in range(120 - 3 * delay):
            pattern = tuple(np.argsort(row[t : t + 3 * delay + 1 : delay], kind="stable"))
            counts[pattern] = counts.get(pattern, 0) + 1
    shares = np.array(list(counts.values())) / sum(counts.values())
    exact = 1 + (shares * np.log(shares)).sum() / math.log(24)
    assert value(feature, ensemble(series)) == pytest.approx(exact)


def test_permutation_entropy_falls_short_most_for_a_monotonic_series():
    assert value(nonlinear.permutation_entropy_deficit_fine, fields_of(np.arange(50.0) ** 2)) == 1
    assert value(nonlinear.permutation_entropy_deficit_fine, ensemble(white(16, 500))) == pytest.approx(0, abs=0.005)


def exhaustive_history(word: str) -> int:
    """Phrases of Lempel & Ziv (1976), by definition."""
    phrases, start = 0, 0
    while start < len(word):
        length = 1
        while start + length <= len(word) and word[start : start + length] in word[: start + length - 1]:
            length += 1
        phrases, start = phrases + 1, start + length
    return phrases


@given(st.lists(st.booleans(), min_size=8, max_size=60).filter(lambda bits: 0 < sum(bits) < len(bits)))
@settings(max_examples=60)
def test_lempel_ziv_counts_the_phrases_of_the_exhaustive_history(bits):
    # Values above and below the mean whatever the share of either: the mean of 0 and 1 lies strictly between.
    word = "".join("1" if bit else "0" for bit in bits)
    expected = exhaustive_history(word) * math.log2(len(word)) / len(word)
    assert value(nonlinear.lempel_ziv_complexity, fields_of(np.array(bits, dtype=float))) == pytest.approx(expected)


@pytest.mark.slow  # antropy compiles itself when it is imported
def test_entropies_and_phrases_agree_with_antropy():
    antropy = pytest.importorskip("antropy")
    series = logistic(250, 3.8)
    fields = fields_of(series)
    assert value(nonlinear.sample_entropy, fields) == pytest.approx(antropy.sample_entropy(series), rel=1e-6)
    entropy = antropy.perm_entropy(series, order=4, delay=1, normalize=True)
    assert value(nonlinear.permutation_entropy_deficit_fine, fields) == pytest.approx(1 - entropy)
    word = "".join("1" if high else "0" for high in series > series.mean())
    phrases = antropy.lziv_complexity(word, normalize=True)
    assert value(nonlinear.lempel_ziv_complexity, fields) == pytest.approx(phrases, rel=1e-6)


def test_mutual_information_exceeds_the_linear_one_for_a_parabola_only():
    chaos = ensemble([logistic(250, 4.0, start=start) for start in STARTS])
    assert value(nonlinear.excess_mutual_information, chaos) > 0.7
    linear = ensemble(autoregressive(16, 500, coefficient=0.6))
    assert value(nonlinear.excess_mutual_information, linear) == pytest.approx(0, abs=0.03)


# Scaling, chaos, linearity


def test_dfa_exponent_of_white_noise_is_a_half_and_of_a_random_walk_three_halves():
    noise = white(16, 1000)
    assert value(nonlinear.dfa_exponent, ensemble(noise)) == pytest.approx(0.5, abs=0.06)
    assert value(nonlinear.dfa_exponent, ensemble(noise.cumsum(1))) == pytest.approx(1.5, abs=0.06)


def test_dfa_agrees_with_fluctuations_by_polynomial_fits():
    series = autoregressive(300, coefficient=0.5)
    z = (series - series.mean()) / series.std()
    widths = sorted({round(n) for n in np.geomspace(4, 75, 8)})
    profile, curve = z.cumsum(), []
    for width in widths:
        squares = []
        for start in range(0, len(z) - width + 1, width):
            part, t = profile[start : start + width], np.arange(width)
            squares.append(((part - np.polyval(np.polyfit(t, part, 1), t)) ** 2).mean())
        curve.append(math.log(np.mean(squares)) / 2)
    expected = np.polyfit(np.log(widths), curve, 1)[0]
    assert value(nonlinear.dfa_exponent, fields_of(series)) == pytest.approx(expected)


def test_dfa_crossover_is_large_for_an_oscillation_and_nothing_for_noise():
    assert value(nonlinear.dfa_crossover, fields_of(sine(400, 20))) > 1
    assert value(nonlinear.dfa_crossover, ensemble(white(16, 1000))) == pytest.approx(0, abs=0.15)


def test_chaos_test_tells_the_chaotic_from_the_periodic_logistic_map():
    chaos = ensemble([logistic(250, 4.0, start=start) for start in STARTS])
    assert value(nonlinear.chaos_zero_one, chaos) > 0.95
    assert abs(value(nonlinear.chaos_zero_one, fields_of(logistic(250, 3.5)))) < 0.3
    assert abs(value(nonlinear.chaos_zero_one, fields_of(sine(250, 13.7)))) < 0.3


def test_mean_square_displacement_agrees_with_its_definition():
    from_series = torch.as_tensor(white(2, 3, 40) + 1j * white(2, 3, 40, seed=1)).cumsum(-1)
    found = mean_square_displacement(from_series.to(torch.complex64), num_lags=20)
    for lag in (1, 7, 19):
        exact = (from_series[..., lag:] - from_series[..., :-lag]).abs().square().mean(-1)
        torch.testing.assert_close(found[..., lag].double(), exact, rtol=1e-4, atol=1e-3)


def test_surrogates_keep_the_spectrum_and_are_the_same_every_time():

    z = torch.as_tensor(autoregressive(2, 99, coefficient=0.9))
    first, again = surrogates(z), surrogates(z[1:])
    torch.testing.assert_close(
        torch.fft.rfft(first).abs()[:, :, 1:], torch.fft.rfft(z).abs()[:, 1:].expand(len(first), -1, -1)
    )
    assert torch.equal(first[:, 1:], again)


def test_surrogate_nonlinearity_is_large_for_a_quadratic_map_and_nothing_for_a_linear_process():
    chaos = ensemble([logistic(250, 4.0, start=start) for start in STARTS])
    assert value(nonlinear.surrogate_nonlinearity, chaos) > 10
    assert value(nonlinear.surrogate_nonlinearity, ensemble(autoregressive(16, 250, coefficient=0.7))) == pytest.approx(
        0, abs=0.02
    )


def test_bicoherence_sees_a_phase_locked_triple_and_no_independent_one():
    rng, t = np.random.default_rng(0), np.arange(256)

    def three(locked):
        rows = []
        for _ in range(16):
            a, b, c = rng.uniform(0, 2 * math.pi, 3)
            last = a + b if locked else c
            segments = [np.cos(2 * math.pi * f * t / 32 + phase) for f, phase in ((4, a), (7, b), (11, last))]
            rows.append(sum(segments))
        return ensemble(np.array(rows) + 0.05 * rng.normal(size=(16, 256)))

    assert value(nonlinear.bicoherence, three(locked=True)) > 0.6
    assert value(nonlinear.bicoherence, three(locked=False)) < 0.1
    assert value(nonlinear.bicoherence, ensemble(white(16, 256))) == pytest.approx(0, abs=0.02)


# Laws


@pytest.fixture(scope="module")
def mixed():
    """Three realizations of 8 local series of several kinds."""
    rows = [logistic(96, 3.9), sine(96, 9.1), *autoregressive(4, 96, coefficient=0.8), *white(2, 96, seed=4)]
    return torch.as_tensor(np.stack([np.roll(rows, shift, axis=1) for shift in range(3)])).mT[..., None, None]


@pytest.mark.parametrize("feature", NONLINEAR, ids=lambda feature: feature.name)
def test_shift_and_scale_change_nothing(feature, mixed):
    plain = feature(Fields(mixed, dt=0.5))
    assert torch.isfinite(plain).all()
    torch.testing.assert_close(feature(Fields(3.7 * mixed + 11, dt=0.5)), plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["correlation_dimension", "recurrence_rate", "determinism", "laminarity"])
def test_recurrences_do_not_know_the_direction_of_time(name, mixed):
    feature = by_name(name)
    torch.testing.assert_close(
        feature(Fields(mixed.flip(1), dt=1.0)), feature(Fields(mixed, dt=1.0)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("feature", NONLINEAR, ids=lambda feature: feature.name)
def test_a_realization_does_not_depend_on_the_others(feature, mixed):
    torch.testing.assert_close(
        feature(Fields(mixed[1:2], dt=1.0)), feature(Fields(mixed, dt=1.0))[1:2], rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("feature", NONLINEAR, ids=lambda feature: feature.name)
def test_float32_agrees_with_float64(feature, mixed):
    single = feature(Fields(mixed.float(), dt=1.0)).double()
    torch.testing.assert_close(single, feature(Fields(mixed, dt=1.0)).double(), rtol=0.01, atol=0.005)


@pytest.mark.parametrize("amplitude", [1e-20, 1e20])
def test_huge_and_tiny_states_give_the_same_numbers(amplitude, mixed):
    def numbers(states):
        rollout = Rollout(states=states, system="imported", dt=1.0, channel_names=tuple("abcdefgh"))
        fields = Fields.from_rollout(rollout)
        return torch.stack([feature(fields) for feature in NONLINEAR])

    torch.testing.assert_close(numbers((mixed * amplitude).float()), numbers(mixed.float()), rtol=0.01, atol=0.005)


@pytest.mark.parametrize("feature", NONLINEAR, ids=lambda feature: feature.name)
def test_a_series_that_never_changes_has_no_value(feature):
    assert torch.isnan(feature(Fields(torch.full((2, 64, 1, 4, 4), 3.0), dt=1.0))).all()


@pytest.mark.parametrize("feature", NONLINEAR, ids=lambda feature: feature.name)
def test_series_that_never_change_are_left_out(feature, mixed):
    still = torch.cat([mixed, torch.full_like(mixed, 2.0)], dim=2)
    torch.testing.assert_close(feature(Fields(still, dt=1.0)), feature(Fields(mixed, dt=1.0)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("num_times", [1, 2, 3, 5, 8, SHORTEST - 1, SHORTEST, 47, 48])
def test_short_runs_are_missing_and_never_infinite(num_times, mixed):
    missing = {
        feature.name for feature in NONLINEAR if torch.isnan(feature(Fields(mixed[:, :num_times], dt=1.0))).any()
    }
    assert not any(torch.isinf(feature(Fields(mixed[:, :num_times], dt=1.0))).any() for feature in NONLINEAR)
    if num_times >= 48:
        assert not missing
    elif num_times >= SHORTEST + 4:
        assert missing == {"bicoherence"}
    elif num_times < 4:
        assert len(missing) == 18


def test_long_runs_compare_their_last_512_times():
    series = logistic(700, 3.9)
    part = series[-512:]
    whole = value(nonlinear.lyapunov_exponent, fields_of(series))
    assert whole == pytest.approx(value(nonlinear.lyapunov_exponent, fields_of(part)), rel=0.02)
