"""What a report page says, as plain values; everything that is not there is None or empty, and the page says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from spinlock.plots.rate_curve import Curve
from spinlock.plots.training_curves import Points


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdLine:
    """One threshold, the figure held against it, and the verdict; NaN for a figure that was not measured."""

    name: str
    value: float
    threshold: float
    must_be: Literal["below", "above"]
    passed: bool
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CoderLine:
    """One coder of the comparison.

    Attributes:
        name: in words.
        bits: it spends on a sample.
        errors: split ("train", "validation", "test") → mean squared error.
        is_ours: whether it is the tokenizer that the page is about.
    """

    name: str
    bits: float
    errors: Mapping[str, float]
    is_ours: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Doubts:
    """What tokens do not say, counted on the judged split; NaN or None where nothing was measured.

    Attributes:
        entropy_bits: bits a sample if every token cost its own frequency.
        collisions: share of distinct samples that share all tokens with another.
        round_trip: share of tokens that come back when the decoded columns are encoded.
        out_of_corpus: share of samples beyond the boundary of the corpus.
        num_outside, num_samples: samples of the page's data set beyond that boundary, and all of them.
        within: how often disjoint realizations of one sample get the same code, by category and level.
        between: the same for two different samples.
    """

    entropy_bits: float
    collisions: float
    round_trip: float
    out_of_corpus: float
    num_outside: int | None = None
    num_samples: int = 0
    within: Float[np.ndarray, "category level"] | None = None
    between: Float[np.ndarray, "category level"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GalleryRollout:
    """One channel of one realization, to be shown as an animation.

    Attributes:
        title: for example the system's name.
        caption: what tells it from others, for example the sample's id.
        frames: real values.
    """

    title: str
    caption: str
    frames: Float[np.ndarray, "time height width"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryToken:
    """Rollouts that carry one token.

    Attributes:
        category, level, code: the token.
        num_samples: that carry it.
        out_of: samples that were tokenized.
        rollouts: a handful of them.
    """

    category: str
    level: int
    code: int
    num_samples: int
    out_of: int
    rollouts: tuple[GalleryRollout, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tree:
    """The tree of an automatic grouping.

    Attributes:
        linkage: scipy's matrix.
        leaves: column names, in the order of the linkage.
        groups: number of each leaf's category.
        stability: adjusted Rand index between halves of the rows; NaN where it was not measured.
        scores: number of groups → silhouette.
    """

    linkage: Float[np.ndarray, "merge 4"]
    leaves: tuple[str, ...]
    groups: tuple[int, ...]
    stability: float
    scores: Mapping[int, float]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PageContent:
    """Everything on a report page.

    Attributes:
        title: of the page.
        num_columns: feature columns that went in.
        split_sizes: split → rows.
        category_names: in the order of the tokens.
        codebook_sizes: one row a category, one entry a level.
        bits: nominal bits a sample.
        backend: which backend was kept.
        backend_errors: backend → validation error at equal bits; the one that was not kept is named with its figure.
        judged_split: which split the verdict, the bars and the use are about.
        thresholds: the verdict, line by line.
        mse_threshold, utilization_threshold: marked in the figures.
        coders: the tokenizer and what it is compared with.
        r2: explained share of the variance on the judged split.
        category_errors: error of each category on the judged split with 1, 2, … levels decoded.
        category_r2: of each category on the judged split.
        used_train: fraction of codes that training rows use, by category and level.
        used_corrected: held-out use corrected for the number of rows, by category and level.
        level_gains: share of the remaining error that each level takes off, on the judged split.
        rate_curves: rows → (bits, error) for 1, 2, … levels; the judged split first.
        doubts: what the tokens do not say.
        curves: figures over training, name → (epoch, value) pairs.
        gallery: tokens and the rollouts that carry them.
        rollouts: samples for the sheet of still frames.
        tree: of the automatic grouping.
        notes: further sentences that a careful reader should know.
        provenance: label → text: seeds, versions, hashes.
    """

    title: str
    num_columns: int
    split_sizes: Mapping[str, int]
    category_names: tuple[str, ...]
    codebook_sizes: tuple[tuple[int, ...], ...]
    bits: float
    backend: str
    backend_errors: Mapping[str, float] = field(default_factory=dict)
    judged_split: str = "test"
    thresholds: tuple[ThresholdLine, ...] = ()
    mse_threshold: float | None = None
    utilization_threshold: float | None = None
    coders: tuple[CoderLine, ...] = ()
    r2: float | None = None
    category_errors: Float[np.ndarray, "category level"] | None = None
    category_r2: Mapping[str, float] = field(default_factory=dict)
    used_train: Float[np.ndarray, "category level"] | None = None
    used_corrected: Float[np.ndarray, "category level"] | None = None
    level_gains: tuple[float, ...] = ()
    rate_curves: Mapping[str, Curve] = field(default_factory=dict)
    doubts: Doubts | None = None
    curves: Mapping[str, Points] = field(default_factory=dict)
    gallery: tuple[GalleryToken, ...] = ()
    rollouts: tuple[GalleryRollout, ...] = ()
    tree: Tree | None = None
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def num_samples(self) -> int:
        """Rows of all splits."""
        return sum(self.split_sizes.values())

    @property
    def num_levels(self) -> int:
        """Levels of every category."""
        return len(self.codebook_sizes[0])
