"""What operations do to runs in language: the features that rise or fall most, and in nearly every run."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from spinlock.features.phrases import phrase_of

MOST_TRENDS = 4
"""Features that are named."""
LEAST_STEADY = 0.75
"""Share of runs in which a feature must go the same way to be named."""
LEAST_CHANGE = 0.2
"""Mean change, in standard deviations of all runs, below which a feature is not named."""
MOST_ALIKE = 0.75
"""Correlation of the changes from which on two features tell the same."""


class Trend(NamedTuple):
    """A feature that an operation moves.

    Attributes:
        column: of the table.
        noun: what it measures, in words.
        change: mean over the runs, in standard deviations of all runs.
        steady: share of the runs in which it goes the way of the mean.
    """

    column: str
    noun: str
    change: float
    steady: float

    def __str__(self) -> str:
        return f"{self.noun} {'rises' if self.change > 0 else 'falls'} ({self.change:+.1f}, {self.steady:.0%})"


def trends(changes: Float[np.ndarray, "run column"], columns: Sequence[str]) -> tuple[Trend, ...]:
    """The features that change most and most steadily, the largest first; of those that change together only the first.

    Args:
        changes: of normal scores between the two runs of each pair; NaN where one has no value.
        columns: names.
    """
    count = np.isfinite(changes).sum(0)
    filled = np.nan_to_num(changes)
    mean = filled.sum(0) / np.maximum(count, 1)
    steady = (np.sign(filled) == np.sign(mean)).sum(0) / np.maximum(len(changes), 1)
    is_told = (steady >= LEAST_STEADY) & (np.abs(mean) >= LEAST_CHANGE)
    away = (filled - mean) / np.maximum(filled.std(0), 1e-12)
    found: list[int] = []
    for column in np.argsort(-np.abs(mean) * steady, kind="stable").tolist():
        alike = any(abs(float((away[:, column] * away[:, other]).mean())) >= MOST_ALIKE for other in found)
        if is_told[column] and not alike:
            found.append(column)
        if len(found) == MOST_TRENDS:
            break
    return tuple(
        Trend(columns[column], phrase_of(columns[column]).noun, float(mean[column]), float(steady[column]))
        for column in found
    )


def in_words(found: Sequence[Trend]) -> str:
    """Trends as a text: what rises and what falls."""
    return ", ".join(map(str, found)) or "nothing that is steady"
