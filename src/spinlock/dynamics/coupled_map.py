"""Coupled map lattices: a chaotic map in every cell, mixed with its neighbours'."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.rollout import StepOperator
from spinlock.dynamics.disturbances import ClippedNoise
from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.system import System

CUBIC = math.sqrt(27) / 4
"""Makes the largest value of the cubic map a/2."""
MAPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "logistic": lambda u, a: 1 - a * u.square(),
    "tent": lambda u, a: 1 - a * u.abs(),
    "cubic": lambda u, a: CUBIC * a * (u - u.square() * u),
}
"""f(u) at the nonlinearity a; each maps [−1, 1] into itself for a up to 2."""


class CoupledMapLattice(System):
    """Frozen domains, zigzags, travelling kinks and space-time chaos from the simplest rule.

        u⁺(x) = (1 − ε) f(u(x)) + ε Σ wⱼ f(u(xⱼ)),  xⱼ: the cells next to x
        logistic  f(u) = 1 − a u²
        tent      f(u) = 1 − a |u|
        cubic     f(u) = (√27/4) a (u − u³)

    The weights wⱼ have sum 1; the drift d makes the cell to the left (and above) count 1 + d times and the one to the right
    (and below) 1 − d times: with d = 1 influence travels one way. A state outside [−1, 1] counts as the nearest end, and
    noise is cut there. One cell is one unit of length at every grid size.

    Initial condition: clip(0.5 f, −1, 1).

    Seen: domains that alternate between two phases with sharp walls and shrink slowly, spirals wound ever tighter until they
    break, boiling chaos where a is near 2, and nets of thin lines; one frame is bright where the one before was dark.

    Source: Kaneko (1984), Prog. Theor. Phys. 72, 480; Kaneko (1989), Physica D 34, 1; open flow: Kaneko (1985), Phys. Lett.
    A 111, 321.
    """

    name = "coupled_map_lattice"
    channel_names = ("u",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    dimensions: ClassVar[tuple[int, ...]] = (1, 2)
    bound = 10.0
    shares_calls = True
    disturbance = partial(ClippedNoise, low=-1.0, high=1.0)
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "noise": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "scale_free": 1.0,
        "blobs": 1.0,
        "cells": 1.0,
        "spiral": 1.0,
        "front": 0.5,
        "point_seeds": 0.5,
    }
    parameters = (
        Parameter(name="map", kind="choice", choices=tuple(MAPS), weights=(2.0, 1.0, 1.0), description="f."),
        Parameter(name="nonlinearity", low=1.3, high=2.0, description="a, strength of f."),
        Parameter(name="coupling", low=0.02, high=0.6, description="ε, share of the neighbours."),
        Parameter(name="drift", low=0.0, high=1.0, description="d, share of the coupling that goes one way."),
        *noise_parameters(1e-4, 0.03, unit="1/√step"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """clip(0.5 f, −1, 1)."""
        return (0.5 * fields).clamp(-1, 1)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one step."""
        strength, coupling, drift = (
            column(parameters, name, like).to(like.dtype) for name in ("nonlinearity", "coupling", "drift")
        )
        axes = (-1,) if like.shape[-2] == 1 else (-1, -2)
        maps = dict.fromkeys(str(name) for name in parameters["map"])
        chosen = {
            name: torch.tensor([own == name for own in parameters["map"]], device=like.device).view(-1, 1, 1, 1)
            for name in maps
        }

        def advance(states: Tensor) -> Tensor:
            inside = states.clamp(-1, 1)
            images = torch.zeros_like(inside)
            for name, rows in chosen.items():
                images = torch.where(rows, MAPS[name](inside, strength), images)
            near = torch.zeros_like(images)
            for axis in axes:
                near = near + (1 + drift) * images.roll(1, axis) + (1 - drift) * images.roll(-1, axis)
            return (1 - coupling) * images + coupling * near / (2 * len(axes))

        return advance
