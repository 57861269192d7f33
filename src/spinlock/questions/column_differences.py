"""The columns that tell two sets of draws apart, one difference for each cluster of correlated ones."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import false_discovery_control, mannwhitneyu, norm, rankdata
from torch import Tensor

from spinlock.core.errors import listed
from spinlock.core.feature_table import FeatureSpec

LEVEL = 0.05
"""False discovery rate of columns."""
POWER = 0.8
SAME_CLUSTER = 0.75
"""Rank correlation beyond which two columns tell of one difference."""
FEWEST_VALUES = 3
"""Draws of each side that must have a value of a column for it to be compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A column that tells two sets apart.

    Attributes:
        column: its name.
        auc: share of the pairs of draws in which the second set's is larger, ties counted half.
        first_median, second_median: over draws, in the column's unit.
        q: smallest false discovery rate at which it is found (Benjamini-Hochberg).
        correlated: columns found as well that say the same (|rank correlation| > .75).
        unit, definition: of the column.
    """

    column: str
    auc: float
    first_median: float
    second_median: float
    q: float
    correlated: tuple[str, ...]
    unit: str
    definition: str

    def sentence(self, first: str, second: str) -> str:
        """The difference in words.

        Args:
            first, second: what the two sets are called.
        """
        larger = self.auc > 0.5
        what = self.definition.rstrip(".")
        meaning = f" ({what[0].lower()}{what[1:]})" if what else ""
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        share = self.auc if larger else 1 - self.auc
        with_it = f"; with it {listed(self.correlated, most=3)}" if self.correlated else ""
        return (
            f"{self.column}{meaning} is {'larger' if larger else 'smaller'} in {second}: median {self.second_median:.3g} against "
            f"{self.first_median:.3g}{unit} in {first}, and so in {share:.0%} of pairs of draws (q {self.q:.2g}){with_it}."
        )


class Found(NamedTuple):
    """Columns that differ, the clearest first.

    Attributes:
        columns: their numbers.
        auc: see `Difference`.
        q: likewise.
    """

    columns: Int[np.ndarray, " found"]
    auc: Float[np.ndarray, " found"]
    q: Float[np.ndarray, " found"]


def different_columns(
    first: Float[Tensor, "draw column"], second: Float[Tensor, "other_draw column"]
) -> tuple[int, Found]:
    """How many columns could be tested, and those found at a false discovery rate of 5 %.

    The Mann-Whitney test of every column, by Benjamini and Hochberg's procedure. A column that is constant, or has fewer than
    three values on a side, is not tested.

    Source: Mann & Whitney 1947, Ann. Math. Stat. 18; Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57.
    """
    one, other = first.numpy(), second.numpy()
    tested, auc, p = [], [], []
    for column in range(one.shape[1]):
        a, b = (values[~np.isnan(values)] for values in (one[:, column], other[:, column]))
        if min(len(a), len(b)) < FEWEST_VALUES or np.ptp(np.concatenate([a, b])) == 0:
            continue
        test = mannwhitneyu(b, a)
        tested.append(column)
        auc.append(test.statistic / (len(a) * len(b)))
        p.append(test.pvalue)
    if not tested:
        return 0, Found(np.empty(0, dtype=int), np.empty(0), np.empty(0))
    q, areas = false_discovery_control(p), np.array(auc)
    order = np.lexsort((np.arange(len(q)), -np.abs(areas - 0.5)))
    order = order[q[order] <= LEVEL]
    return len(tested), Found(np.array(tested)[order], areas[order], q[order])


def clustered(
    found: Found,
    specs: Sequence[FeatureSpec],
    first: Float[Tensor, "draw column"],
    second: Float[Tensor, "other_draw column"],
) -> Iterator[Difference]:
    """The clearest column of each cluster: it takes with it every other that is correlated with it and not yet taken."""
    same = np.abs(rank_correlations(torch.cat([first, second])[:, found.columns].numpy())) > SAME_CLUSTER
    is_free = np.ones(len(found.columns), dtype=bool)
    for place, column in enumerate(found.columns.tolist()):
        if not is_free[place]:
            continue
        is_free[place] = False
        with_it = np.flatnonzero(same[place] & is_free)
        is_free[with_it] = False
        yield Difference(
            column=specs[column].name,
            auc=float(found.auc[place]),
            first_median=float(first[:, column].nanquantile(0.5)),
            second_median=float(second[:, column].nanquantile(0.5)),
            q=float(found.q[place]),
            correlated=tuple(specs[number].name for number in found.columns[with_it].tolist()),
            unit=specs[column].unit,
            definition=specs[column].definition,
        )


def rank_correlations(values: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "column column"]:
    """Correlations of ranks, over the rows where both columns have a value; 0 where one of them is constant there."""
    ranks = rankdata(values, axis=0, nan_policy="omit") if values.size else values
    present = (~np.isnan(ranks)).astype(float)
    ranks = np.nan_to_num(ranks - len(ranks) / 2)
    counts = np.maximum(present.T @ present, 1)
    means = (ranks.T @ present) / counts
    spreads = np.sqrt(np.maximum((ranks**2).T @ present / counts - means**2, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num((ranks.T @ ranks / counts - means * means.T) / (spreads * spreads.T), posinf=0, neginf=0)


def detectable_auc(first: int, second: int, num_columns: int) -> float | None:
    """From which AUC on a column that differs alone is found with 80 % chance; None where none would be.

    .5 + (z(1 - α/2) + z(.8)) √((m + n + 1) / 12 m n), with m and n draws and α = .05 / number of columns, which Benjamini and
    Hochberg's procedure asks of a lone one; where many differ, less is enough.

    Source: Noether 1987, J. Am. Stat. Assoc. 82, 645.
    """
    if not num_columns:
        return None
    wanted = norm.isf(LEVEL / num_columns / 2) + norm.ppf(POWER)
    auc = 0.5 + wanted * math.sqrt((first + second + 1) / (12 * first * second))
    return float(auc) if auc < 1 else None
