"""Parameters cut into cells: which get how many of a budget of bits, where the cells lie, and what a cell stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
from jaxtyping import Float, Int

from spinlock.core.tokens import MISSING
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.store.parameters_folder import MOST_CELLS, Slot

Values = Float[np.ndarray, " run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Divisible:
    """What a parameter can be cut into.

    Attributes:
        num_values: different values; None for a number of which every draw may have another.
        is_choice: whether it is told whole or not at all.
    """

    num_values: int | None = None
    is_choice: bool = False

    def error(self, cells: int) -> float:
        """Squared error that cells of equal probability leave, as a share of the variance of the rank: 1 / cells²."""
        if self.num_values is not None and cells >= self.num_values:
            return 0.0
        return 1.0 if self.is_choice else cells**-2

    def next(self, cells: int) -> int | None:
        """The next larger number of cells; None where there is no more to tell."""
        most = MOST_CELLS if self.num_values is None else min(self.num_values, MOST_CELLS)
        if cells >= most:
            return None
        return most if self.is_choice else cells + 1


def spread_bits(parameters: Sequence[Divisible], bits: float) -> list[int]:
    """Cells of each parameter: again and again one more where a bit takes off most error, while the budget lasts.

    Args:
        parameters: of one system.
        bits: the sum of log2 of the cells, at most.
    """
    cells, left = [1] * len(parameters), bits
    while True:
        steps = []
        for place, parameter in enumerate(parameters):
            more = parameter.next(cells[place])
            if more is not None and (cost := log2(more / cells[place])) <= left + 1e-9:
                gain = parameter.error(cells[place]) - parameter.error(more)
                steps.append((gain / cost, -place, more, cost))
        if not steps:
            return cells
        _, place, more, cost = max(steps)
        cells[-place], left = more, left - cost


def divisible(column: ParameterColumn, values: Values, num_draws: int) -> Divisible:
    """What a column can be cut into; a number has values of its own where there are at most half as many as draws.

    Args:
        column: of the parameter.
        values: of the training runs; NaN where there is none.
        num_draws: of which these runs are.
    """
    if column.choices:
        return Divisible(num_values=len(_categories(column, values)), is_choice=True)
    count = len(np.unique(values[np.isfinite(values)]))
    return Divisible(num_values=max(count, 1) if count <= min(max(num_draws / 2, 1), MOST_CELLS) else None)


def _categories(column: ParameterColumn, values: Values) -> list[str]:
    """The choices that are told apart: all, or the most frequent where they are too many."""
    if len(column.choices) <= MOST_CELLS:
        return list(column.choices)
    found, counts = np.unique(values[np.isfinite(values)].astype(int), return_counts=True)
    most = np.sort(found[np.argsort(-counts, kind="stable")[:MOST_CELLS]])
    return [column.choices[place] for place in most.tolist()]


def fit_slot(column: ParameterColumn, values: Values, *, cells: int, parameter: Divisible) -> Slot:
    """The cells of one parameter of a system.

    A number gets cells that hold equally many of the training runs; between their values, and to the ends of the range where that
    is known, its distribution is taken as even. A cell stands for the mean rank of the training runs in it.

    Args:
        column: of the parameter.
        values: of the training runs, NaN where there is none.
        cells: how many are wanted; a number with ties may get fewer.
        parameter: what the column can be cut into.
    """
    present = values[np.isfinite(values)]
    if column.choices:
        words = _categories(column, values)
        common = int(np.bincount(present.astype(int)).argmax())
        stands_for = range(len(words)) if cells > 1 else [words.index(column.choices[common])]
        return Slot(name=column.parameter, unit=column.unit, choices=words, values=[float(v) for v in stands_for])
    cdf = Distribution.of(present, low=column.low, high=column.high)
    if parameter.num_values is not None and cells >= parameter.num_values:
        found = np.unique(present)
        edges, stands_for = (found[:-1] + found[1:]) / 2, found
    else:
        edges = np.unique(cdf.value(np.arange(1, cells) / cells))
        edges = edges[edges < cdf.values[-1]]
        stands_for = cdf.value(_mean_ranks(cdf, present, edges))
    return Slot(name=column.parameter, unit=column.unit, edges=edges.tolist(), values=stands_for.tolist())


def _mean_ranks(cdf: "Distribution", present: Values, edges: Float[np.ndarray, " edge"]) -> Float[np.ndarray, " cell"]:
    """The mean rank of the runs of each cell; the middle of a cell that has none."""
    code = np.searchsorted(edges, present, side="left")
    counts = np.bincount(code, minlength=len(edges) + 1)
    sums = np.bincount(code, weights=cdf.rank(present), minlength=len(edges) + 1)
    ends = np.concatenate([[0.0], cdf.rank(edges), [1.0]])
    return np.where(counts > 0, sums / np.maximum(counts, 1), (ends[:-1] + ends[1:]) / 2)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Distribution:
    """The values of a parameter in a sample, as a cumulative distribution that is linear between them.

    Attributes:
        ranks: of `values`, 0 at the lower end and 1 at the upper.
        values: ascending, all different but for the ends.
    """

    ranks: Float[np.ndarray, " knot"]
    values: Float[np.ndarray, " knot"]

    @classmethod
    def of(cls, present: Values, *, low: float = np.nan, high: float = np.nan) -> "Distribution":
        """Of finite values, between the ends of their range where these are known and not passed."""
        found, counts = np.unique(present, return_counts=True)
        middle = (np.cumsum(counts) - counts / 2) / counts.sum()
        first, last = (found[0] if not low < found[0] else low), (found[-1] if not high > found[-1] else high)
        return cls(ranks=np.concatenate([[0.0], middle, [1.0]]), values=np.concatenate([[first], found, [last]]))

    def value(self, rank: Float[np.ndarray, " entry"]) -> Float[np.ndarray, " entry"]:
        """The value at a rank in [0, 1]."""
        return np.interp(rank, self.ranks, self.values)

    def rank(self, value: Float[np.ndarray, " entry"]) -> Float[np.ndarray, " entry"]:
        """The rank of a value; of one at an end that runs have, the middle of these runs."""
        inner = slice(1 if self.values[0] == self.values[1] else 0, -1 if self.values[-1] == self.values[-2] else None)
        return np.interp(value, self.values[inner], self.ranks[inner])


def codes_of(slot: Slot, column: ParameterColumn, values: Values) -> Int[np.ndarray, " run"]:
    """The cell of each value; -1 where there is none, or a choice that the slot does not know."""
    codes = np.full(len(values), MISSING, dtype=np.int64)
    present = np.isfinite(values)
    if not slot.choices:
        codes[present] = np.searchsorted(slot.edges, values[present], side="left")
        return codes
    place = {word: number for number, word in enumerate(slot.choices)}
    known = np.array([place.get(word, MISSING) for word in column.choices])
    codes[present] = known[values[present].astype(int)]
    return np.minimum(codes, len(slot.values) - 1)


def values_of(slot: Slot, codes: Int[np.ndarray, " run"]) -> Values:
    """What cells stand for: a number, or the place of a choice in the slot's; NaN for -1."""
    return np.where(codes >= 0, np.array(slot.values)[np.maximum(codes, 0)], np.nan)
