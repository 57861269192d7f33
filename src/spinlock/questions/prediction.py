"""Parameters → the distribution of tokens, and what such distributions are worth on rows that they were not made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.ensemble import ExtraTreesClassifier

from spinlock.questions.forest import fit_forest, probabilities

MIN_ROWS, MIXES = (2, 4, 8), (0.02, 0.05, 0.1, 0.2, 0.4)
"""Rows in a leaf, and shares of the system's own frequencies in a prediction, among which validation rows choose."""
TRIAL_TREES = 100
"""Trees of the forests among which validation rows choose."""
BINS = 10
"""Bins of the calibration error."""
SHARE = 0.3
"""Share of the inputs that a split looks at: most inputs say which system or kind a row is of."""
_PRIOR = 4.0
"""Rows that all systems together weigh in the frequencies of one."""

Distribution = list[Float[np.ndarray, "row _"]]
"""For every category the probability of each of its labels."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Frequencies:
    """How often labels come in each system: what is known of a row by its system alone.

    Attributes:
        overall: category → share of each label over all systems, none of them 0.
        of_system: category → the same of every system, drawn to the overall share where it has few rows.
    """

    overall: list[Float[np.ndarray, " _"]]
    of_system: list[Float[np.ndarray, "system _"]]

    @classmethod
    def of(
        cls,
        labels: Int[np.ndarray, "row category"],
        systems: Int[np.ndarray, " row"],
        *,
        sizes: Sequence[int],
        num_systems: int,
    ) -> "Frequencies":
        """Those of some rows.

        Args:
            labels: from 0 on.
            systems: number of each row's system.
            sizes: labels of each category.
            num_systems: systems that there are.
        """
        overall, of_system = [], []
        for category, size in enumerate(sizes):
            counts = np.zeros((num_systems, size))
            np.add.at(counts, (systems, labels[:, category]), 1.0)
            shares = (counts.sum(0) + 0.5) / (counts.sum() + 0.5 * size)
            overall.append(shares)
            of_system.append((counts + _PRIOR * shares) / (counts.sum(1, keepdims=True) + _PRIOR))
        return cls(overall=overall, of_system=of_system)

    def by_system(self, systems: Int[np.ndarray, " row"]) -> Distribution:
        """The shares in each row's system; the overall ones for a system that is not known (-1)."""
        unknown = systems[:, None] < 0
        return [np.where(unknown, one, own[systems]) for one, own in zip(self.overall, self.of_system, strict=True)]

    def of_all(self, rows: int) -> Distribution:
        """The shares over all systems, for so many rows."""
        return [np.tile(shares, (rows, 1)) for shares in self.overall]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenForest:
    """Inputs of rows → the distribution of their labels: a forest, mixed with what the system alone says.

    Attributes:
        forest: of all categories at once.
        frequencies: of the rows that the forest was fitted to.
        mix: share of the system's frequencies, in (0, 1]; it keeps every label possible.
        min_rows: in a leaf of the forest.
    """

    forest: ExtraTreesClassifier
    frequencies: Frequencies
    mix: float
    min_rows: int

    def __call__(self, inputs: Float[np.ndarray, "row input"], systems: Int[np.ndarray, " row"]) -> Distribution:
        """The distribution of each row's labels, category by category."""
        sizes = tuple(map(len, self.frequencies.overall))
        grown = probabilities(self.forest, inputs, sizes)
        return mixed(grown, self.frequencies.by_system(systems), self.mix)


class Rows(NamedTuple):
    """Rows to fit to or to judge by: their inputs, their systems by number, and their labels."""

    inputs: Float[np.ndarray, "row input"]
    systems: Int[np.ndarray, " row"]
    labels: Int[np.ndarray, "row category"]

    def both(self, other: "Rows") -> "Rows":
        """These rows and others."""
        return Rows(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


def fit_token_forest(
    train: Rows, validation: Rows, *, sizes: Sequence[int], num_systems: int, seed: int
) -> TokenForest:
    """The forest whose settings predict validation rows best, fitted again to these and the training rows.

    Args:
        train: rows to fit to.
        validation: rows of other draws, which choose the leaf size and the mix.
        sizes: labels of each category.
        num_systems: systems that there are.
        seed: of the forests.
    """
    known = Frequencies.of(train.labels, train.systems, sizes=sizes, num_systems=num_systems)
    prior = known.by_system(validation.systems)
    best, chosen = np.inf, (MIN_ROWS[0], MIXES[0])
    for min_rows in MIN_ROWS:
        settings = {"min_rows": min_rows, "num_trees": TRIAL_TREES, "share": SHARE}
        forest = fit_forest(train.inputs, train.labels, seed=seed, **settings)
        grown = probabilities(forest, validation.inputs, tuple(sizes))
        for mix in MIXES:
            bits = log_loss(mixed(grown, prior, mix), validation.labels).sum()
            if bits < best:
                best, chosen = bits, (min_rows, mix)
    rows = train.both(validation)
    return TokenForest(
        forest=fit_forest(rows.inputs, rows.labels, seed=seed, min_rows=chosen[0], share=SHARE),
        frequencies=Frequencies.of(rows.labels, rows.systems, sizes=sizes, num_systems=num_systems),
        mix=chosen[1],
        min_rows=chosen[0],
    )


def mixed(grown: Distribution, prior: Distribution, share: float) -> Distribution:
    """(1 - share) of one distribution and a share of another."""
    return [(1 - share) * p + share * q for p, q in zip(grown, prior, strict=True)]


def log_loss(given: Distribution, labels: Int[np.ndarray, "row category"]) -> Float[np.ndarray, " category"]:
    """Mean -log2 p(label) of each category: the bits that a row's label still costs; infinite where one had probability 0."""
    with np.errstate(divide="ignore"):
        return np.array([-np.log2(_at(p, labels[:, category])).mean() for category, p in enumerate(given)])


def accuracy(given: Distribution, labels: Int[np.ndarray, "row category"]) -> Float[np.ndarray, " category"]:
    """Share of rows whose label is the likeliest one, of each category."""
    return np.array([(p.argmax(1) == labels[:, category]).mean() for category, p in enumerate(given)])


def calibration_error(
    given: Distribution, labels: Int[np.ndarray, "row category"], *, bins: int = BINS
) -> Float[np.ndarray, " category"]:
    """Expected calibration error of the likeliest label, of each category.

    Σ_b n_b / n |share right in b - mean probability in b|, rows in bins of equal width of the likeliest label's probability.
    Source: Guo et al. 2017, ICML, eq. 5.
    """
    found = []
    for category, p in enumerate(given):
        sure, right = p.max(1), p.argmax(1) == labels[:, category]
        part = np.minimum((sure * bins).astype(int), bins - 1)
        gaps = np.bincount(part, weights=right - sure, minlength=bins)
        found.append(np.abs(gaps).sum() / len(sure))
    return np.array(found)


def agreement(
    labels: Int[np.ndarray, "row category"], groups: Sequence[str]
) -> tuple[int, Float[np.ndarray, " category"]]:
    """How many pairs of rows share their draw, and the share of them with equal labels, of each category.

    It is Σ p² on average, of the distribution p that a draw's labels really have. As Σ p² ≤ max p ≤ √Σ p², nobody who knows the draw
    alone is right more often than in the root of it on average, and who knows p is right in at least so many cases.

    Returns:
        NaN where no two rows share a draw.
    """
    number = np.unique(list(groups), return_inverse=True)[1]
    sizes = np.bincount(number)
    num_pairs = int((sizes * (sizes - 1) // 2).sum())
    same = []
    for column in labels.T:
        counts = np.unique(np.stack([number, column]), axis=1, return_counts=True)[1]
        same.append(float((counts * (counts - 1) // 2).sum()))
    return num_pairs, np.array(same) / num_pairs if num_pairs else np.full(labels.shape[1], np.nan)


def _at(p: Float[np.ndarray, "row _"], labels: Int[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    return p[np.arange(len(labels)), labels]
