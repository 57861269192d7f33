"""What the page on a data set says, as plain values; what is not there is empty, and the page says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from spinlock.plots.content import GalleryRollout


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemLine:
    """One system of the data set.

    Attributes:
        name: of the system.
        what: it is, in a sentence; "" where it is unknown.
        samples, realizations: of it.
        diverged, dead, frozen: realizations.
        redrawn: samples that are not their first draw.
        rollouts: some of its samples, drawn at random.
    """

    name: str
    what: str
    samples: int
    realizations: int
    diverged: int
    dead: int
    frozen: int
    redrawn: int
    rollouts: tuple[GalleryRollout, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingLine:
    """How evenly one system's space is filled, and the thresholds; NaN where there is no figure."""

    name: str
    draws: int
    dimensions: int
    discrepancy: float
    discrepancy_threshold: float
    correlation: float
    correlation_threshold: float
    is_balanced: bool
    is_even: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Coverage:
    """How often each part of each parameter's range was drawn, for one system.

    Attributes:
        system: name.
        labels: parameter and range in words, one a row.
        counts: samples by parameter and by part of its range, in the measure that it was drawn in.
    """

    system: str
    labels: tuple[str, ...]
    counts: Float[np.ndarray, "parameter part"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DatasetContent:
    """Everything on the page of a data set.

    Attributes:
        title: of the page.
        facts: label → number in words.
        systems: one a system.
        sampling: how evenly spaces are filled; empty where nothing was sampled.
        warnings: what a reader should know of the sampling.
        policy: what became of runs that diverged, died or froze, in words.
        coverage: of parameters; empty where their ranges are not known.
        kinds: names of the kinds of frame 0.
        kind_counts: samples by system and kind.
        rollouts_note: where the pictures come from, or why there are none.
        provenance: label → text.
    """

    title: str
    facts: Mapping[str, str]
    systems: tuple[SystemLine, ...]
    sampling: tuple[SamplingLine, ...] = ()
    warnings: tuple[str, ...] = ()
    policy: str = ""
    coverage: tuple[Coverage, ...] = ()
    kinds: tuple[str, ...] = ()
    kind_counts: Int[np.ndarray, "system kind"]
    rollouts_note: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
