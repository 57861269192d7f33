"""A data set without a tokenizer, as one value: its systems, how evenly they were sampled, and what became of the runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from spinlock.core.shown import shown


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemFigures:
    """One system of a data set.

    Attributes:
        name: of the system.
        what: it is, in a sentence; "" where it is unknown.
        samples, realizations: of it.
        diverged, dead, frozen: realizations.
        redrawn: samples that are not their first draw.
    """

    name: str
    what: str
    samples: int
    realizations: int
    diverged: int
    dead: int
    frozen: int
    redrawn: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemSampling:
    """Evenness of the points in one system's space; the defaults are for a file that does not say.

    Attributes:
        num_draws: points in it.
        num_dimensions: dimensions that are really sampled.
        discrepancy: centred L2 discrepancy of the points; NaN without dimensions or points.
        random_discrepancy: what independent uniform points have in the mean of their squares: the threshold.
        max_correlation: largest |Pearson correlation| between two dimensions; NaN below 2 dimensions or 3 points.
        random_correlation: its median for independent points: the threshold; NaN below 2 dimensions or 4 points.
        is_balanced: whether the number of points is a power of two, at which Sobol points are balanced.
        is_even: whether no figure is above its threshold; a figure that there is not counts as met.
    """

    num_draws: int = 0
    num_dimensions: int = 0
    discrepancy: float = math.nan
    random_discrepancy: float = math.nan
    max_correlation: float = math.nan
    random_correlation: float = math.nan
    is_balanced: bool = False
    is_even: bool = False


@shown
@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetReport:
    """Contents of a data set; what is not known is empty.

    Attributes:
        facts: label → number in words.
        systems: one a system.
        sampling: system → how evenly its space is filled; empty where nothing was sampled.
        warnings: what a reader should know of the sampling.
        policy: what became of runs that diverged, died or froze, in words.
        coverage: system → parameter and range in words → samples in each part of the range, in the measure it was drawn in.
        initial_conditions: system → kind of initial condition → samples.
        provenance: label → text.
    """

    facts: Mapping[str, str]
    systems: tuple[SystemFigures, ...]
    sampling: Mapping[str, SystemSampling]
    warnings: tuple[str, ...]
    policy: str
    coverage: Mapping[str, Mapping[str, tuple[float, ...]]]
    initial_conditions: Mapping[str, Mapping[str, int]]
    provenance: Mapping[str, str]
