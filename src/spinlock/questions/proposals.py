"""Places in parameter space that will show a wanted behaviour: small steps from where it was seen, the likeliest of them.

Small steps keep what no model can know, as which weights a random network has; a forest, fitted to all runs of the system, says
which of the steps lead out of the regime, and which runs showed the behaviour by chance.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_JITTERS = 200
WIDTHS = (0.03, 0.08)
"""Standard deviations of the steps, in the parameter's own cumulative distribution; half of the steps have each."""
MIN_ROWS, SHARE = 4, 0.5
"""Rows in a leaf of the forest that ranks the steps, and share of the inputs that its splits look at. A forest whose leaves hold one
row knows the runs that showed it by heart, and ranks a step by how short it is."""
APART = 0.03
"""Least root mean square distance between two proposals."""


class Jitters(NamedTuple):
    """Candidates and the run that each was stepped from."""

    places: Float[np.ndarray, "candidate axis"]
    origins: Int[np.ndarray, " candidate"]


def jitters(
    seen: Float[np.ndarray, "run axis"],
    is_kept: Bool[np.ndarray, " axis"],
    *,
    rng: np.random.Generator,
    count: int = NUM_JITTERS,
    widths: tuple[float, ...] = WIDTHS,
) -> Jitters:
    """Small normal steps around runs, each run about equally often; a step over an end of [0, 1] is folded back.

    Args:
        seen: places in [0, 1] of the runs that showed what is wanted; at least one.
        is_kept: axes that stay as they are: choices, and numbers that only name something.
        rng: of the steps.
        count: of candidates.
        widths: of the steps, one after the other.
    """
    origins = np.arange(count) % len(seen)
    width = np.resize(np.repeat(widths, len(seen)), count)  # every run takes each width in turn
    steps = width[:, None] * rng.standard_normal((count, seen.shape[1]))
    folded = 1.0 - np.abs((seen[origins] + steps) % 2.0 - 1.0)
    return Jitters(np.where(is_kept, seen[origins], folded), origins)


def choose(
    scores: Float[np.ndarray, " candidate"],
    places: Float[np.ndarray, "candidate axis"],
    is_kept: Bool[np.ndarray, " axis"],
    draws: Int[np.ndarray, " candidate"],
    *,
    count: int,
    apart: float = APART,
) -> list[int]:
    """The candidates with the highest scores, not all of one draw and no two almost the same; fewer where there are no more.

    Two are almost the same where the root mean square of their differences is below `apart`; a kept axis that differs counts 1. Of one
    draw come at most twice as many as would be its share: one that showed the behaviour by chance then costs a part of the proposals.

    Args:
        scores: of the candidates.
        places: of them, in [0, 1].
        is_kept: axes that are choices.
        draws: number of the draw that each was stepped from.
        count: that are wanted.
        apart: least distance of two.
    """
    most = math.ceil(2 * count / len(np.unique(draws)))
    chosen: list[int] = []
    for candidate in np.argsort(-scores, kind="stable").tolist():
        differences = np.abs(places[chosen] - places[candidate])
        distances = np.sqrt(np.square(np.where(is_kept, differences > 0, differences)).mean(1))
        is_new = (distances >= apart).all() and (draws[chosen] == draws[candidate]).sum() < most
        if len(chosen) < count and is_new:
            chosen.append(candidate)
    return chosen
