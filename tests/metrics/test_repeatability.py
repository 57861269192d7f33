"""Decodings against replicates, where signal and noise are known."""

import math
from functools import reduce
from operator import add

import numpy as np
import pytest
import torch

from spinlock.core.feature_table import FeatureRegistry, FeatureSpec
from spinlock.metrics.repeatability import (
    gain_errors,
    replicate_errors,
    replicate_figures,
    replicate_r2,
    useful_levels,
)

S, N = 0.7, 0.3


def replicates(rows=40_000, columns=3, *, seed=0):
    """Signal and two descriptions of it, A and B, with independent noise."""
    generator = torch.Generator().manual_seed(seed)
    signal, *noise = (torch.randn(rows, columns, generator=generator, dtype=torch.float64) for _ in range(3))
    signal = math.sqrt(S) * signal
    return signal, *(signal + math.sqrt(N) * one for one in noise)


def everywhere(x):
    return x, torch.ones_like(x, dtype=torch.bool)


def sums(a, b, *decoded):
    return replicate_errors(everywhere(a), everywhere(b), decoded)


def registry(*aggregations):
    specs = (FeatureSpec(name=f"x{n}__{a}", category="c", aggregation=a) for n, a in enumerate(aggregations))
    return FeatureRegistry(specs=tuple(specs))


def test_r2_of_a_replicate_has_its_closed_forms():
    signal, a, b = replicates()
    best = S / (S + N)
    _, against = sums(a, b, (signal, signal), (best * a, best * b), (a, b))
    nothing, known, ideal, everything = replicate_r2(against).tolist()
    assert nothing == pytest.approx(0, abs=0.001)
    assert known == pytest.approx(1, abs=0.01)
    assert ideal == pytest.approx(best, abs=0.01)
    assert everything == pytest.approx(1 - N / S, abs=0.01)


def test_no_shrinking_is_better_than_the_reliability():
    _, a, b = replicates()
    factors = [0.5, 0.6, S / (S + N), 0.8, 0.9]
    r2 = replicate_r2(sums(a, b, *((f * a, f * b) for f in factors))[1])[1:]
    assert int(r2.argmax()) == 2
    assert r2.tolist() == pytest.approx([1 - (S * (1 - f) ** 2 + N * f**2) / S for f in factors], abs=0.01)


def test_a_level_that_codes_noise_lowers_the_own_error_and_not_that_of_a_replicate():
    signal, a, b = replicates(4000)
    first, second = (signal, signal), (a, b)
    own, against = sums(a, b, first, second)
    found = replicate_figures(own, parts_of((a, b, first, second)), registry("mean", "std", "cv"))
    assert found.own_r2[1] < found.own_r2[2] == pytest.approx(1)
    assert found.r2[2] < found.r2[1] == pytest.approx(1, abs=0.03)
    assert found.useful_levels == 1
    assert found.r2 == pytest.approx(replicate_r2(against).tolist())


def test_noise_and_ceiling_are_those_that_were_put_in():
    _, a, b = replicates()
    own, against = sums(a, b, (a, b))
    found = replicate_figures(own, [against], registry("mean", "std", "std"))
    assert list(found.column_noise.values()) == pytest.approx([N / (S + N)] * 3, abs=0.01)
    assert found.ceiling == pytest.approx(S / (S + N), abs=0.01)
    assert found.noise_by_aggregation == pytest.approx({"mean": N, "std": N}, abs=0.01)
    assert found.column_r2["x1__std"] == pytest.approx(1 - N / S, abs=0.02)
    assert (found.num_samples, found.num_columns, found.num_without_signal) == (40_000, 3, 0)


def test_halves_that_are_identical_have_no_noise_and_the_error_of_the_row_itself():
    _, a, _ = replicates(500)
    decoded = (0.9 * a, 0.9 * a)
    own, against = sums(a, a, decoded)
    found = replicate_figures(own, [against], registry("mean", "std", "cv"))
    assert list(found.column_noise.values()) == [0.0] * 3
    assert found.r2 == pytest.approx(found.own_r2)
    assert found.ceiling == pytest.approx(1.0)


def test_columns_with_no_less_noise_than_variance_are_counted_and_left_out():
    _, a, b = replicates(2000)
    b[:, 1] = -a[:, 1]  # whatever the one says, the other denies
    a[:, 2] = b[:, 2] = 0.3  # never varies
    whole = replicate_figures(*one_part(a, b), registry("mean", "std", "cv"))
    alone = replicate_figures(*one_part(a[:, :1], b[:, :1]), registry("mean"))
    assert (whole.num_columns, whole.num_without_signal) == (3, 2)
    assert whole.column_noise["x1__std"] == pytest.approx(2, abs=0.01)
    assert math.isnan(whole.column_r2["x1__std"])
    assert math.isnan(whole.column_r2["x2__cv"])
    assert whole.r2 == pytest.approx(alone.r2)
    assert whole.own_r2 == pytest.approx(alone.own_r2)


def test_no_signal_anywhere_is_not_measured():
    _, a, _ = replicates(50)
    found = replicate_figures(*one_part(a, -a), registry("mean", "std", "cv"))
    assert all(map(math.isnan, found.r2))
    assert math.isnan(found.ceiling)
    assert found.useful_levels == -1


def test_values_that_one_description_lacks_are_left_out():
    _, a, b = replicates(300)
    has_a = torch.ones_like(a, dtype=torch.bool)
    has_a[:, 2] = False
    has_a[:100, 0] = False
    own, against = replicate_errors((a, has_a), everywhere(b), [(a, b)])
    assert against.count.tolist() == [400, 600, 0]
    found = replicate_figures(own, [against], registry("mean", "mean", "std"))
    assert math.isnan(found.column_noise["x2__std"])
    assert math.isnan(found.noise_by_aggregation["std"])
    noise = (a - b)[100:, 0].square().mean() / 2
    spread = torch.cat([a[100:, 0], b[100:, 0]]).var(correction=0)
    assert found.column_noise["x0__mean"] == pytest.approx(float(noise / spread))


def test_the_standard_error_is_how_much_gains_differ_between_data_sets():
    gains, errors = [], []
    for seed in range(40):
        signal, a, b = replicates(300, seed=seed)
        parts = parts_of((a, b, (0.5 * signal, 0.5 * signal), (0.6 * a, 0.6 * b)), number=20)
        gains.append(replicate_r2(reduce(add, parts)).diff().tolist())
        errors.append(gain_errors(parts))
    assert np.std(gains, axis=0, ddof=1) == pytest.approx(np.mean(errors, axis=0), rel=0.3)


def test_one_draw_has_no_standard_error_and_no_useful_level():
    _, a, b = replicates(20)
    own, against = sums(a, b, (a, b))
    assert all(map(math.isnan, gain_errors([against])))
    assert replicate_figures(own, [against], registry("mean", "std", "cv")).useful_levels == -1


@pytest.mark.parametrize(
    ("gains", "errors", "levels"),
    [
        ([0.5, 0.1, 0.1], [0.01] * 3, 3),
        ([0.5, 0.01, 0.1], [0.01] * 3, 1),
        ([0.0, 0.5], [0.1, 0.1], 0),
        ([0.5, -0.2], [0.1, 0.1], 1),
        ([0.5], [math.nan], -1),
    ],
)
def test_levels_are_useful_up_to_the_first_that_adds_no_more_than_its_standard_error(gains, errors, levels):
    assert useful_levels(gains, errors) == levels


def parts_of(rows, number=50):
    """The sums of A, B and decodings, dealt into parts."""
    a, b, *decoded = rows
    return [
        sums(a[n::number], b[n::number], *((one[n::number], other[n::number]) for one, other in decoded))[1]
        for n in range(number)
    ]


def one_part(a, b):
    own, against = sums(a, b, (0.7 * a, 0.7 * b))
    return own, [against]
