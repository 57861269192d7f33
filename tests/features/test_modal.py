"""Orthogonal and dynamic modes from inner products of frames."""

import math

import numpy as np
import pytest
import torch
from feature_samples import noise

from spinlock.features.modal import (
    centred,
    dynamic_modes,
    effective_rank,
    energy_shares,
    integral_scale,
    mean_autocorrelation,
    spread_indices,
)


def gram_of(frames: torch.Tensor) -> torch.Tensor:
    """Inner products of frames (time, value) less their mean over time."""
    moving = frames - frames.mean(0)
    return (moving @ moving.T / frames.shape[1])[None]


def test_energy_shares_of_a_field_of_rank_two_are_its_two_energies():
    time = torch.arange(40, dtype=torch.float64) * (2 * math.pi / 40)
    first, second = torch.linalg.qr(noise(100, 2))[0].T
    frames = 3 * time.cos()[:, None] * first + 1 * time.sin()[:, None] * second
    shares = energy_shares(gram_of(frames))
    torch.testing.assert_close(shares[0, :2], torch.tensor([0.9, 0.1], dtype=torch.float64))
    assert shares[0, 2:].abs().max() < 1e-12
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert effective_rank(shares).item() == pytest.approx(math.exp(entropy))


def test_energy_shares_are_those_of_the_singular_values():
    frames = noise(20, 50)
    values = np.linalg.svd((frames - frames.mean(0)).numpy(), compute_uv=False) ** 2
    torch.testing.assert_close(energy_shares(gram_of(frames))[0], torch.tensor(values / values.sum()))


def test_centred_gram_of_some_frames_is_theirs_less_their_own_mean():
    frames = noise(20, 30)
    some = frames[3:9] - frames[3:9].mean(0)
    torch.testing.assert_close(centred(gram_of(frames)[:, 3:9, 3:9])[0], some @ some.T / 30)


@pytest.mark.parametrize(("growth", "frequency"), [(-0.05, 0.11), (0.02, 0.3), (-0.2, 0.01)])
def test_dynamic_mode_of_a_damped_rotation_has_its_growth_and_frequency(growth, frequency):
    angle = 2 * math.pi * frequency
    turn = math.exp(growth) * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    state, states = torch.tensor([1.0, 0.4], dtype=torch.float64), []
    for _ in range(40):
        states.append(state)
        state = turn.double() @ state
    frames = torch.stack(states) @ noise(2, 60) + 7 * noise(1, 60, seed=9)  # around a fixed point
    found = dynamic_modes(gram_of(frames), spread_indices(39, 64))
    assert found.growth.item() == pytest.approx(growth, abs=1e-6)
    assert found.frequency.item() == pytest.approx(frequency, abs=1e-6)
    assert found.left_over.item() == pytest.approx(0, abs=1e-9)


def test_dynamic_modes_from_spread_pairs_see_one_step():
    time = torch.arange(400, dtype=torch.float64)
    frames = torch.stack(((0.5 * time).cos(), (0.5 * time).sin()), 1) @ noise(2, 30)
    found = dynamic_modes(gram_of(frames), spread_indices(399, 64))
    assert found.frequency.item() == pytest.approx(0.5 / (2 * math.pi), abs=1e-6)
    assert found.growth.item() == pytest.approx(0, abs=1e-6)


def test_the_strongest_of_two_dynamic_modes_is_taken():
    time = torch.arange(60, dtype=torch.float64)[:, None]
    basis = torch.linalg.qr(noise(30, 3))[0].T
    strong = 2 * (0.7 * time).cos() * basis[0] + 2 * (0.7 * time).sin() * basis[1]
    weak = torch.exp(-0.3 * time) * basis[2]
    found = dynamic_modes(gram_of(strong + weak), spread_indices(59, 64))
    assert found.frequency.item() == pytest.approx(0.7 / (2 * math.pi), abs=1e-6)


def test_white_noise_is_not_foretold():
    found = dynamic_modes(gram_of(noise(200, 2000)), spread_indices(199, 64))
    assert found.left_over.item() == pytest.approx(1 - 8 / 63, abs=0.05)


def test_mean_autocorrelation_sums_the_diagonals():
    gram = gram_of(noise(9, 15))
    expected = [gram[0].diagonal(lag).sum() / gram[0].diagonal().sum() for lag in range(9)]
    torch.testing.assert_close(mean_autocorrelation(gram)[0], torch.stack(expected))


def test_integral_scale_stops_at_the_first_zero():
    correlation = torch.tensor([[1.0, 0.5, 0.25, -0.1, 0.9]], dtype=torch.float64)
    assert integral_scale(correlation).item() == pytest.approx(0.5 + 0.5 + 0.25)


def test_frames_that_do_not_change_have_no_modes():
    gram = torch.zeros(2, 12, 12, dtype=torch.float64)
    assert energy_shares(gram).isnan().all()
    for value in dynamic_modes(gram, spread_indices(11, 64)):
        assert value.isnan().all()
    assert integral_scale(mean_autocorrelation(gram)).isnan().all()


def test_spread_indices_hold_both_ends_and_do_not_repeat():
    assert spread_indices(5, 64).tolist() == [0, 1, 2, 3, 4]
    index = spread_indices(250, 64)
    assert (index[0], index[-1], len(index.unique())) == (0, 249, 64)
