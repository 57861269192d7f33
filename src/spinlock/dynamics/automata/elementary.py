"""Elementary automata: the 256 rules on a line."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.rollout import StepOperator
from spinlock.dynamics.disturbances import FLIP_PROBABILITY, FlipsOfNewestRow
from spinlock.dynamics.parameter_space import Columns, Parameter
from spinlock.dynamics.system import System

RULES = tuple(range(256))
_COMPLEX = (54, 106, 110, 18, 22, 30, 45, 60, 90, 105, 122, 126, 146, 150)
_STRUCTURED = (25, 26, 41, 57, 62, 73, 94, 154, 184)


def equivalent_rules(rule: int) -> frozenset[int]:
    """The rule, its mirror image, its complement and both: automata that look alike."""
    table = [rule >> word & 1 for word in range(8)]
    swapped = [table[(word & 1) << 2 | word & 2 | word >> 2] for word in range(8)]
    tables = [table, swapped, [1 - table[7 - word] for word in range(8)], [1 - swapped[7 - word] for word in range(8)]]
    return frozenset(sum(bit << word for word, bit in enumerate(entry)) for entry in tables)


def _weight(rule: int) -> float:
    equivalent = equivalent_rules(rule)
    if equivalent & set(_COMPLEX):
        return 6.0
    return 3.0 if equivalent & set(_STRUCTURED) else 0.25


class ElementaryAutomaton(System):
    """Three cells decide about the one below them: triangles, gliders and noise from 256 rules.

        b⁺(x) = rule bit number 4 b(x − 1) + 2 b(x) + b(x + 1)

    On a line the state is one generation. On a square it is the window of the last generations, the newest in the last
    row: a step moves every row up by one and writes the next generation below, so the picture scrolls, and the start leaves
    through the top. Rules that make complex or chaotic pictures, with their mirror images and complements, are drawn 24
    times as often as those that end uniform or periodic, structured periodic ones 12 times.

    Between 0 and 1 the rule is its multilinear extension: the chance of a live cell if cells were alive with these chances.
    Noise inverts cells of the new generation.

    Initial condition: 1 where the field is above 0.

    Seen: the start scrolls out at the top while triangles, woven diagonals, brick walls or slanting tracks of gliders fill the
    picture from below; noise starts new trees of triangles. A sixth of the draws end uniform without noise.

    Source: Wolfram (1983), Rev. Mod. Phys. 55, 601; classes: Wolfram (2002), A New Kind of Science, chapter 6.
    """

    name = "elementary_automaton"
    channel_names = ("cell",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    dimensions: ClassVar[tuple[int, ...]] = (1, 2)
    bound = 10.0
    shares_calls = True
    disturbance = FlipsOfNewestRow
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "soup": 4.0,
        "soup_patch": 1.0,
        "mirrored_soup": 1.0,
        "noise": 1.0,
        "cells": 1.0,
        "stripes": 1.0,
        "power_law": 1.0,
    }
    parameters = (
        Parameter(
            name="rule",
            kind="choice",
            choices=RULES,
            weights=tuple(_weight(rule) for rule in RULES),
            description="Number of the rule.",
        ),
        FLIP_PROBABILITY,
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """1 where f > 0, else 0."""
        return (fields > 0).to(fields.dtype)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of windows by one generation."""
        bits = [[int(rule) >> word & 1 for word in range(8)] for rule in parameters["rule"]]
        table = torch.tensor(bits, dtype=like.dtype, device=like.device).view(-1, 8, 1, 1, 1)

        def advance(states: Tensor) -> Tensor:
            newest = states[..., -1:, :]
            left, right = newest.roll(1, -1), newest.roll(-1, -1)
            # Interpolate along one cell after the other: words come in pairs that differ in the cell.
            values = torch.lerp(table[:, :4], table[:, 4:], left[:, None])
            values = torch.lerp(values[:, :2], values[:, 2:], newest[:, None])
            values = torch.lerp(values[:, 0], values[:, 1], right)
            return torch.cat((states[..., 1:, :], values), dim=-2)

        return advance
