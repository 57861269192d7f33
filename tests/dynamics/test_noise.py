"""Noise: its scale, its length, its kind, and what it leaves alone."""

import math

import numpy as np
import pytest
import torch
from plane_waves import columns, smooth_field

from spinlock.dynamics.disturbances import ScheduledNoise
from spinlock.dynamics.noise import ColoredNoise
from spinlock.dynamics.systems import SYSTEMS


def white(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, generator=generator, dtype=dtype)


def noise_columns(rows, *, scale=0.5, length=0.05, kind="additive"):
    return {"noise_scale": (scale,) * rows, "noise_length": (length,) * rows, "noise_kind": (kind,) * rows}


@pytest.mark.parametrize("shape", [(64, 1, 64, 64), (1024, 1, 1, 64)])
def test_noise_has_its_scale_its_length_and_no_memory(shape):
    like = torch.zeros(shape, dtype=torch.float64)
    noise = ColoredNoise(noise_columns(len(like)), white(shape), dt=0.25, like=like)
    one, other = noise.increment(like), noise.increment(like)
    assert one.std().item() == pytest.approx(0.5 * 0.5, rel=0.05)
    for cells in (2, 4, 6):
        correlation = (one * one.roll(cells, -1)).mean() / one.square().mean()
        assert correlation.item() == pytest.approx(np.exp(-((cells / 64) ** 2) / (2 * 0.05**2)), abs=0.05)
    assert abs((one * other).mean() / one.square().mean()) < 0.05


def test_multiplicative_noise_moves_no_mean_and_spreads_as_ito_says():
    """Where nothing flows, u ← u (1 + σ√dt ξ/U): the mean stays and the mean square grows by 1 + σ² dt/U² a step."""
    system = SYSTEMS["advection"]()
    rows, scale, steps = 256, 0.8, 8
    parameters = {"speed": (0.0,) * rows, "direction": (0.0,) * rows}
    parameters |= noise_columns(rows, scale=scale, length=0.03, kind="multiplicative")
    start = 3 * torch.ones(rows, 1, 32, 32, dtype=torch.float64)
    last = system.simulate(start, parameters, num_timesteps=steps + 1, white=white(start.shape))[:, -1]
    growth = (1 + scale**2 * system.dt / system.amplitude**2) ** steps
    assert last.mean().item() == pytest.approx(3, rel=0.01)
    assert last.square().mean().item() == pytest.approx(9 * growth, rel=0.03)
    assert growth > 1.25


def test_multiplicative_noise_leaves_a_state_of_zero_alone_and_additive_noise_does_not():
    system = SYSTEMS["allen_cahn"]()
    start = torch.zeros(1, 1, 16, 16)
    for kind, moves in (("multiplicative", False), ("additive", True)):
        parameters = {**columns(diffusivity=1.0, bias=0.0), **noise_columns(1, kind=kind)}
        last = system.simulate(start, parameters, num_timesteps=5, white=white(start.shape, dtype=torch.float32))[:, -1]
        assert (last.abs().max() > 0).item() is moves


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
@pytest.mark.parametrize("name", [name for name in SYSTEMS if SYSTEMS[name]().conserves_mean])
def test_noise_of_a_conserving_equation_has_no_mean(name, kind, middle_draw):
    system = SYSTEMS[name]()
    parameters = {
        key: (value,) for key, value in {**middle_draw(system), "noise_scale": 0.1, "noise_kind": kind}.items()
    }
    start = 0.3 * smooth_field(1, 1, 32, 32)
    states = system.simulate(start, parameters, num_timesteps=8, white=white(start.shape))
    assert (states[:, 1] - states[:, 0]).std() > 0.02
    torch.testing.assert_close(states.mean((-2, -1)), torch.zeros(1, 8, 1).double(), rtol=0, atol=1e-10)


def test_noise_of_the_wave_equation_pushes_the_velocity_alone():
    system = SYSTEMS["wave"]()
    start = torch.cat((smooth_field(1, 1, 16, 16), smooth_field(1, 1, 16, 16, seed=1)), dim=1)
    quiet_parameters = columns(speed=0.4, damping=0.1)
    quiet = system.simulate(start, quiet_parameters, num_timesteps=2)[:, 1]
    noisy = system.simulate(start, {**quiet_parameters, **noise_columns(1)}, num_timesteps=2, white=white(start.shape))[
        :, 1
    ]
    assert torch.equal(quiet[:, 0], noisy[:, 0])
    assert (noisy[:, 1] - quiet[:, 1]).std().item() == pytest.approx(0.5 * math.sqrt(system.dt), rel=0.3)


def test_rows_of_both_kinds_share_a_call_without_touching_each_other():
    like = 1 + smooth_field(2, 1, 16, 16).float()
    draw = white(like.shape, dtype=torch.float32)()
    parameters = noise_columns(2) | {"noise_kind": ("additive", "multiplicative")}
    both = ColoredNoise(parameters, lambda: draw, dt=0.25, like=like, conserves_mean=True).increment(like)
    for row, kind in enumerate(parameters["noise_kind"]):
        like_kind = parameters | {"noise_kind": (kind, kind)}
        same = ColoredNoise(like_kind, lambda: draw, dt=0.25, like=like, conserves_mean=True).increment(like)
        assert torch.equal(same[row], both[row])


@pytest.mark.parametrize(
    ("schedule", "strength"),
    [
        ("constant", lambda t: t**0),
        ("annealed", lambda t: math.exp(-t / 64)),
        ("periodic", lambda t: 1 + math.sin(math.pi * t / 16)),
    ],
)
def test_the_noise_of_an_operator_follows_its_schedule(schedule, strength):
    like = torch.zeros(2, 1, 16, 16, dtype=torch.float64)
    parameters = noise_columns(2)
    disturbed = ScheduledNoise(
        {**parameters, "noise_schedule": (schedule, "constant")}, white(like.shape), dt=1.0, like=like
    )
    plain = ColoredNoise(parameters, white(like.shape), dt=1.0, like=like)
    for step in range(1, 34):
        increment = plain.increment(like)
        expected = torch.stack((strength(step) * increment[0], increment[1]))
        torch.testing.assert_close(disturbed(like), expected, rtol=1e-12, atol=1e-15)
