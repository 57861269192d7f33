"""Lenia: Life with continuous states, ring-shaped neighbourhoods and small steps."""

from collections.abc import Mapping
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

RINGS = {"one": (1.0,), "two": (0.5, 1.0), "three": (1.0, 0.667, 0.333)}
"""Heights of a kernel's rings, from the centre outwards."""


class Lenia(System):
    """Soft creatures, rings and living foam.

        n = K ∗ A, K: rings around the cell, of radius R and sum 1, each a bump exp(4 − 1/(ρ (1 − ρ))), ρ across the ring
        T(n) = exp(−(n − μ)²/(2 s² μ²))
        growth      A⁺ = clip(A + δ (2 T(n) − 1), 0, 1)
        asymptotic  A⁺ = A + δ (T(n) − A)

    A saved step is two of these. One cell is one unit of length at every grid size.

    Initial condition: clip(0.3 + 0.3 f, 0, 1). Noise is cut to [0, 1].

    Seen: the start blurs within ten steps, then spots, labyrinths, chevrons and chessboards of the kernel's size grow and
    settle; some throb or flicker, and discs send out rings that break up.

    Source: Chan (2019), Complex Systems 28, 251, arXiv:1812.05433, sections 2 and 3; asymptotic update: Kawaguchi, Suzuki,
    Arita & Chan (2021), ALIFE, Introducing asymptotics to the state-updating rule in Lenia.
    """

    name = "lenia"
    channel_names = ("A",)
    dt = 1.0
    num_substeps = 2
    domain_length = 32.0
    grows_with_grid = True
    dimensions: ClassVar[tuple[int, ...]] = (1, 2)
    bound = 10.0
    shares_calls = True
    disturbance = partial(ClippedNoise, low=0.0, high=1.0)
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 2.0,
        "power_law": 1.0,
        "scale_free": 1.0,
        "noise": 1.0,
        "blobs": 1.0,
        "cells": 1.0,
        "band_limited": 1.0,
        "disc": 0.5,
    }
    parameters = (
        Parameter(name="radius", unit="length", low=4.0, high=9.0, description="R, reach of the kernel."),
        Parameter(name="rings", kind="choice", choices=tuple(RINGS), description="Rings of the kernel."),
        Parameter(name="center", low=0.12, high=0.4, description="μ, share of neighbours at which cells thrive."),
        Parameter(
            name="tolerance", kind="log", low=0.12, high=0.5, description="s, breadth of what they bear, over μ."
        ),
        Parameter(name="rate", kind="log", low=0.08, high=0.3, description="δ, size of a step."),
        Parameter(
            name="update",
            kind="choice",
            choices=("growth", "asymptotic"),
            description="Whether T moves the state or is where it goes.",
        ),
        *noise_parameters(1e-3, 0.03, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """clip(0.3 + 0.3 f, 0, 1)."""
        return (0.3 + 0.3 * fields).clamp(0, 1)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by two steps."""
        height, width = like.shape[-2:]
        spectra = torch.fft.rfft2(kernels(parameters, like)).to(
            torch.complex64 if like.dtype == torch.float32 else None
        )
        center, tolerance, rate = (column(parameters, name, like) for name in ("center", "tolerance", "rate"))
        sharpness = (1 / (2 * (tolerance * center) ** 2)).to(like.dtype)
        center, rate = center.to(like.dtype), rate.to(like.dtype)
        flags = [update == "asymptotic" for update in parameters["update"]]
        is_asymptotic = torch.tensor(flags, device=like.device).view(-1, 1, 1, 1)

        def advance(states: Tensor) -> Tensor:
            for _ in range(self.num_substeps):
                near = torch.fft.irfft2(torch.fft.rfft2(states) * spectra, s=(height, width))
                target = torch.exp(-sharpness * (near - center).square())
                grown = (states + rate * (2 * target - 1)).clamp(0, 1)
                states = torch.where(is_asymptotic, states + rate * (target - states), grown)
            return states

        return advance


def kernels(
    parameters: Columns, like: Float[Tensor, "batch channel height width"]
) -> Float[Tensor, "row 1 height width"]:
    """K of every row in float64, around the cell (0, 0), wrapped around and of sum 1."""
    height, width = like.shape[-2:]
    rows, columns = (torch.fft.fftfreq(n, 1 / n, dtype=torch.float64, device=like.device) for n in (height, width))
    distance = torch.hypot(rows[:, None], columns[None, :]) / column(parameters, "radius", like)
    heights = [RINGS[str(rings)] for rings in parameters["rings"]]
    count = torch.tensor([len(ring) for ring in heights], device=like.device).view(-1, 1, 1, 1)
    table = torch.tensor(
        [[*ring, *[0.0] * (3 - len(ring))] for ring in heights], dtype=torch.float64, device=like.device
    )
    place = distance * count
    ring = place.floor().clamp(max=2).long()
    across = (place - ring).clamp(1e-6, 1 - 1e-6)
    height_of = table.gather(1, ring.flatten(1)).view_as(ring)
    inside = (distance < 1) & (distance > 0)
    bumps = torch.where(inside, height_of * torch.exp(4 - 1 / (across * (1 - across))), 0.0)
    return bumps / bumps.sum(dim=(-2, -1), keepdim=True)
