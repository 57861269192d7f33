"""Noise for systems that adding a coloured field does not suit: flipped cells, bounded states, strength that changes.

A disturbance is made for one simulation and called once a saved step, with the state that the step has reached.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from scipy.special import ndtri
from torch import Tensor

from spinlock.dynamics.noise import ColoredNoise, White
from spinlock.dynamics.parameter_space import Columns, Parameter, column

ANNEALING_STEPS = 64
"""Steps in which annealed noise falls by e."""
PERIOD_STEPS = 32
"""Steps of one swing of periodic noise."""
Disturb = Callable[[Tensor], Tensor]
"""The state with the next increment of the noise."""


class Disturbance(Protocol):
    """Makes the noise of one simulation."""

    def __call__(self, parameters: Columns, white: White, *, dt: float, like: Tensor) -> Disturb:
        """The noise of rows with these parameters.

        Args:
            parameters: one value a row, by name.
            white: source of white fields.
            dt: time between saved states.
            like: states, for their grid, dtype and device.
        """
        ...


class Flips:
    """Every cell of a state of zeros and ones is inverted with probability p, independently.

    A cell flips where its standard-normal value is below Φ⁻¹(p).

    Args:
        parameters, white, dt, like: as in `Disturbance`, with "flip_probability" p.
    """

    def __init__(self, parameters: Columns, white: White, *, dt: float, like: Tensor) -> None:  # noqa: ARG002
        self._white = white
        quantiles = ndtri(column(parameters, "flip_probability", like).cpu().numpy())
        self._threshold = torch.from_numpy(quantiles).to(like)

    def __call__(self, state: Tensor) -> Tensor:
        """The state with some cells inverted."""
        return torch.where(self._white() < self._threshold, 1 - state, state)


class FlipsOfNewestRow(Flips):
    """Flips of cells in the last row alone: the rows above it are memories."""

    def __call__(self, state: Tensor) -> Tensor:
        """The state with some cells of its last row inverted."""
        flipped = super().__call__(state)
        return torch.cat((state[..., :-1, :], flipped[..., -1:, :]), dim=-2)


class ClippedNoise:
    """Coloured noise, after which states are cut to a range.

    Args:
        parameters, white, dt, like: as in `Disturbance`, with those of `ColoredNoise`.
        low, high: ends of the range.
    """

    def __init__(self, parameters: Columns, white: White, *, dt: float, like: Tensor, low: float, high: float) -> None:
        self._noise = ColoredNoise(parameters, white, dt=dt, like=like)
        self._low, self._high = low, high

    def __call__(self, state: Tensor) -> Tensor:
        """The state with noise, in the range."""
        return (state + self._noise.increment(state)).clamp(self._low, self._high)


class ScheduledNoise:
    """Coloured noise whose strength at step t = 1, 2, … is σ times s(t).

        constant  s = 1
        annealed  s = e^{−t/64}
        periodic  s = 1 + sin(2πt/32)

    Steps are counted from the initial condition, so a shorter run is the beginning of a longer one.

    Args:
        parameters, white, dt, like: as in `Disturbance`, with those of `ColoredNoise` and "noise_schedule".
    """

    def __init__(self, parameters: Columns, white: White, *, dt: float, like: Tensor) -> None:
        self._noise = ColoredNoise(parameters, white, dt=dt, like=like)
        self._schedules = tuple(str(name) for name in parameters["noise_schedule"])
        self._step = 0

    def __call__(self, state: Tensor) -> Tensor:
        """The state with the noise of the next step."""
        self._step += 1
        factors = {
            "constant": 1.0,
            "annealed": math.exp(-self._step / ANNEALING_STEPS),
            "periodic": 1.0 + math.sin(2 * math.pi * self._step / PERIOD_STEPS),
        }
        strength = state.new_tensor([factors[name] for name in self._schedules]).view(-1, 1, 1, 1)
        return state + strength * self._noise.increment(state)


NOISE_SCHEDULE = Parameter(
    name="noise_schedule",
    kind="choice",
    choices=("constant", "annealed", "periodic"),
    weights=(2.0, 1.0, 1.0),
    description="Whether the noise stays, fades by e every 64 steps, or swells and ebbs every 32.",
)
FLIP_PROBABILITY = Parameter(
    name="flip_probability",
    kind="log",
    unit="1/step",
    low=3e-4,
    high=2e-2,
    description="p, share of the cells that noise inverts in a step.",
)
