"""Larger than Life: outer-totalistic automata with wide neighbourhoods and ranges of counts."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.rollout import StepOperator
from spinlock.dynamics.automata.totalistic import outer_totalistic
from spinlock.dynamics.disturbances import FLIP_PROBABILITY, Flips
from spinlock.dynamics.parameter_space import Columns, Parameter
from spinlock.dynamics.system import System

MAX_RADIUS = 5


class LargerThanLife(System):
    """Bugs, waves and boiling foam from counts over squares of up to 121 cells.

        n(x): share of live cells in the square of 2R + 1 cells around x, with x itself
        a dead cell is born where  β ≤ n ≤ β + Δβ,  a live one survives where  σ ≤ n ≤ σ + Δσ

    Between integers the tables of the count are Catmull-Rom splines. Noise inverts cells.

    Initial condition: 1 where the field is above 0.

    Seen: after a few generations blinking foam, stripes and spots of the neighbourhood's size that flash, crawl or stand
    still; about an eighth of the draws die out or fill up without noise, few freeze.

    Source: Evans (2001), Larger than Life: digital creatures in a family of two-dimensional cellular automata, DMTCS
    Proceedings AA, 177.
    """

    name = "larger_than_life"
    channel_names = ("cell",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    bound = 10.0
    shares_calls = True
    disturbance = Flips
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "noise": 2.0,
        "soup": 1.0,
        "gaussian_field": 1.0,
        "power_law": 1.0,
        "soup_patch": 1.0,
        "blocks": 1.0,
        "cells": 1.0,
    }
    parameters = (
        Parameter(
            name="radius",
            kind="choice",
            unit="cell",
            choices=(2, 3, 4, MAX_RADIUS),
            weights=(3.0, 3.0, 2.0, 2.0),
            description="R, reach of a neighbourhood.",
        ),
        Parameter(name="birth_low", low=0.1, high=0.27, description="β, least share at which a cell is born."),
        Parameter(name="birth_width", low=0.12, high=0.3, description="Δβ, width of the range of births."),
        Parameter(name="survival_low", low=0.05, high=0.38, description="σ, least share at which a cell survives."),
        Parameter(name="survival_width", low=0.1, high=0.35, description="Δσ, width of the range of survival."),
        FLIP_PROBABILITY,
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """1 where f > 0, else 0."""
        return (fields > 0).to(fields.dtype)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one generation."""
        radii = torch.tensor([int(radius) for radius in parameters["radius"]], device=like.device)
        offset = torch.arange(-MAX_RADIUS, MAX_RADIUS + 1, device=like.device).abs()
        reach = torch.maximum(offset[:, None], offset[None, :])
        kernels = (reach <= radii.view(-1, 1, 1)).to(like.dtype)
        shares = torch.arange((2 * MAX_RADIUS + 1) ** 2 + 1, device=like.device) / (2 * radii.view(-1, 1) + 1) ** 2
        birth, survival = (_between(shares, parameters, kind).to(like.dtype) for kind in ("birth", "survival"))
        return lambda states: outer_totalistic(states, kernels, birth, survival)


def _between(shares: Tensor, parameters: Columns, kind: str) -> Tensor:
    """1 where a share of live cells is in the range of births or of survival, (batch, count)."""
    low, width = (
        torch.tensor([float(v) for v in parameters[f"{kind}_{end}"]], dtype=torch.float64, device=shares.device)
        for end in ("low", "width")
    )
    return (shares >= low[:, None]) & (shares <= (low + width)[:, None])
