import numpy as np
import pytest
import torch

from spinlock.metrics.column_health import HEAVY_TAIL, UNSTABLE_RATIO, noise_shares, spread_ratios, tail_weights

CHANCE = np.random.default_rng(0)


def column(values):
    return torch.from_numpy(np.asarray(values, dtype=np.float64)).reshape(-1, 1)


def test_the_outermost_hundredth_of_a_gaussian_carries_its_share():
    # ∫ x² φ over |x| > 2.5758 (1 % of the mass): 2 (x φ(x) + 0.005) at x = 2.5758
    x = 2.5758
    share = 2 * (x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi) + 0.005)
    assert tail_weights(column(CHANCE.normal(size=200_000)))[0] == pytest.approx(share, rel=0.03)


def test_one_far_value_in_a_hundred_makes_a_heavy_tail_and_missing_ones_do_not_count():
    values = np.r_[np.tile([-1.0, 1.0], 50), np.full(40, np.nan)]
    assert tail_weights(column(values))[0] == pytest.approx(1 / 100)
    values[0] = -99.0
    assert tail_weights(column(values))[0] == pytest.approx(99**2 / (99**2 + 99), rel=1e-6)
    assert tail_weights(column(values))[0] > HEAVY_TAIL
    assert np.isnan(tail_weights(column(np.ones(50))))
    assert np.isnan(tail_weights(column(np.arange(19.0))))


def test_the_spread_of_two_halves_is_compared_by_draws():
    values = np.r_[np.tile([-1.0, 1.0], 50), np.tile([-3.0, 3.0], 50)]
    by_draw = ["a"] * 100 + ["b"] * 100
    assert spread_ratios(column(values), by_draw)[0] == pytest.approx(3.0)
    assert spread_ratios(column(values), by_draw)[0] > UNSTABLE_RATIO
    mixed = [str(number // 2) for number in range(200)]
    assert spread_ratios(column(values), mixed)[0] == pytest.approx(1.0)
    assert spread_ratios(column(np.r_[np.zeros(100), values[:100]]), by_draw)[0] == np.inf
    assert np.isnan(spread_ratios(column(values[:39]), by_draw[:39]))


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
def test_the_share_of_noise_is_that_of_a_model_with_known_variances(noise):
    samples = CHANCE.normal(size=(4000, 1)) + noise * CHANCE.normal(size=(4000, 3))
    found = noise_shares(torch.from_numpy(samples)[:, :, None])[0]
    # Ranks of Gaussians correlate by 6/π asin(r/2), r = 1 / (1 + noise²)
    expected = 1 - 6 / np.pi * np.arcsin(1 / (1 + noise**2) / 2)
    assert found == pytest.approx(expected, abs=0.02)


def test_the_share_of_noise_does_not_depend_on_the_scale_of_a_feature_and_needs_two_realizations():
    samples = CHANCE.normal(size=(60, 1)) + CHANCE.normal(size=(60, 2))
    both = torch.from_numpy(np.stack([samples, np.exp(5 * samples)], -1))
    plain, stretched = noise_shares(both)
    assert plain == pytest.approx(stretched)
    one = both.clone()
    one[:, 1] = torch.nan
    assert np.isnan(noise_shares(one)).all()
    assert np.isnan(noise_shares(torch.ones(30, 2, 1)))
