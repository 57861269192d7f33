"""Which of two sets of labels go together, given the system: mutual information without what chance alone gives.

Labels of finitely many rows always share some bits. With 16 tokens, 8 cells and 100 rows a system that is as much as real relations
have, so the raw figure says nothing: what shuffled labels share is measured, and taken off.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import false_discovery_control, gamma

from spinlock.core.errors import InputError
from spinlock.core.seeds import stream

NUM_SHUFFLES = 100
SIGNIFICANT = 0.01
"""Share of false ones among the relations that are called significant."""
MISSING = -1


class Relation(NamedTuple):
    """What two columns of labels share, given the system.

    Attributes:
        first, second: names of the columns.
        rows: on which both have a label.
        bits: mutual information given the system, without what shuffled labels share on average; about 0 where there is nothing.
        z: how many standard deviations of shuffled labels that is.
        q: share of false ones among all relations that are no less certain (Benjamini and Hochberg).
        raw: mutual information of the labels as they are, which is never to be shown alone.
        chance: mean of shuffled labels.
        is_significant: q at most `SIGNIFICANT`.
    """

    first: str
    second: str
    rows: int
    bits: float
    z: float
    q: float
    raw: float
    chance: float
    is_significant: bool


def conditional_information(
    first: Int[np.ndarray, " row"], second: Int[np.ndarray, " row"], given: Int[np.ndarray, " row"]
) -> float:
    """I(first; second | given) in bits, of labels from 0 on, by their shares as they are.

    I(A; B | S) = H(A, S) + H(B, S) - H(A, B, S) - H(S)
    """
    pair = given * (first.max() + 1) + first
    other = given * (second.max() + 1) + second
    both = pair * (second.max() + 1) + second
    return _entropy(pair) + _entropy(other) - _entropy(both) - _entropy(given)


def relate_columns(
    first: Mapping[str, Int[np.ndarray, " row"]],
    second: Mapping[str, Int[np.ndarray, " row"]],
    *,
    given: Sequence[str],
    groups: Sequence[str],
    seed: int = 0,
    num_shuffles: int = NUM_SHUFFLES,
) -> list[Relation]:
    """Every column of one set with every other one of another set, the surest first.

    The labels of one column are dealt anew among the draws of each system, a draw's labels staying together: samples of one draw
    are no independent witnesses. The bits of shuffled labels are taken for a gamma distribution of their mean and variance, as twice
    their number times the rows is nearly one of chi square.

    Args:
        first, second: name → labels from 0 on, -1 where there is none; a name in both is the same column, and a pair is looked at once.
        given: the system of each row.
        groups: the parameter draw of each row.
        seed: of the shuffles.
        num_shuffles: of each pair.

    Raises:
        InputError: if columns differ in length, there are no pairs, or fewer than 10 shuffles are asked for.
    """
    _check(first, second, len(given), len(groups), num_shuffles)
    system = np.unique(list(given), return_inverse=True)[1]
    draw = np.unique(list(groups), return_inverse=True)[1]
    found = []
    for a, b in _pairs(first, second):
        left, right = first[a], second[b]
        there = (left != MISSING) & (right != MISSING)
        rows = np.flatnonzero(there)
        if len(np.unique(left[rows])) < 2 or len(np.unique(right[rows])) < 2:
            continue
        raw, null = _against_chance(left[rows], right[rows], system[rows], draw[rows], (seed, a, b), num_shuffles)
        mean, spread = float(null.mean()), float(null.std(ddof=1))
        if spread <= 1e-12:  # nothing could be shuffled: a draw a system
            continue
        p = float(gamma.sf(raw, (mean / spread) ** 2, scale=spread**2 / mean))
        found.append((a, b, len(rows), raw, mean, spread, p))
    if not found:
        return []
    q = false_discovery_control([entry[-1] for entry in found])
    relations = [
        Relation(a, b, rows, raw - mean, (raw - mean) / spread, float(rate), raw, mean, bool(rate <= SIGNIFICANT))
        for (a, b, rows, raw, mean, spread, _), rate in zip(found, q.tolist(), strict=True)
    ]
    return sorted(relations, key=lambda relation: -relation.z)


class Cell(NamedTuple):
    """How often two labels come together, and how often they would if only the system related them.

    Attributes:
        first, second: labels.
        rows: that have both.
        expected: Σ over systems of n(first) n(second) / n.
        share: of the rows with the first label that have the second.
    """

    first: int
    second: int
    rows: int
    expected: float
    share: float


def conditional_table(
    first: Int[np.ndarray, " row"], second: Int[np.ndarray, " row"], *, given: Sequence[str]
) -> list[Cell]:
    """The pairs of labels of two columns by how far their number is from what the system alone gives, the farthest first.

    Far is (rows - expected)² / expected; rows without either label are left out.
    """
    rows = np.flatnonzero((first != MISSING) & (second != MISSING))
    left, right = first[rows], second[rows]
    system = np.unique([given[row] for row in rows.tolist()], return_inverse=True)[1]
    shape = (int(system.max()) + 1, int(left.max()) + 1, int(right.max()) + 1)
    counts = np.bincount(np.ravel_multi_index((system, left, right), shape), minlength=np.prod(shape)).reshape(shape)
    expected = (counts.sum(2)[:, :, None] * counts.sum(1)[:, None] / counts.sum((1, 2))[:, None, None]).sum(0)
    counts = counts.sum(0)
    cells = [
        Cell(a, b, int(counts[a, b]), float(expected[a, b]), float(counts[a, b] / counts[a].sum()))
        for a, b in np.argwhere(expected > 0).tolist()
    ]
    return sorted(cells, key=lambda cell: -((cell.rows - cell.expected) ** 2) / cell.expected)


def cells_of(values: Float[np.ndarray, " row"], num_cells: int) -> Int[np.ndarray, " row"]:
    """Numbers cut into cells of about equally many rows; equal values are in one cell, and NaN in none (-1)."""
    there = np.isfinite(values)
    known, place = np.unique(values[there], return_inverse=True)
    if len(known) <= num_cells:
        cells = place
    else:
        inner = np.quantile(values[there], np.linspace(0, 1, num_cells + 1)[1:-1], method="inverted_cdf")
        cells = np.searchsorted(np.unique(inner), values[there], side="left")
    labels = np.full(len(values), MISSING)
    labels[there] = cells
    return labels


def _pairs(first: Iterable[str], second: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each pair of different names once."""
    seen = set()
    for pair in product(first, second):
        if len(set(pair)) == 2 and frozenset(pair) not in seen:
            seen.add(frozenset(pair))
            yield pair


def _check(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], rows: int, draws: int, num_shuffles: int
) -> None:
    for name, column in (*first.items(), *second.items()):
        if len(column) != rows or draws != rows:
            raise InputError(
                f"`{name}`, the systems and the draws must have one entry a row; got {len(column)}, {rows} and {draws}."
            )
    if not first or not second:
        raise InputError("a relation needs a column on each side; one side has none.")
    if num_shuffles < 10:
        raise InputError(f"chance is measured by at least 10 shuffles; got {num_shuffles}.")


def _against_chance(
    left: np.ndarray,
    right: np.ndarray,
    system: np.ndarray,
    draw: np.ndarray,
    key: tuple[int, str, str],
    num_shuffles: int,
) -> tuple[float, np.ndarray]:
    """What two columns share, and what they share with the second one shuffled, in bits."""
    seed, *names = key
    rng = stream(seed, "relate", *names)
    blocks = _blocks(system, draw)
    pair = np.unique(system * (left.max() + 1) + left, return_inverse=True)[1]
    other = system * (right.max() + 1) + right
    fixed = _entropy(pair) + _entropy(other) - _entropy(system)
    width = int(right.max()) + 1
    null = []
    for _ in range(num_shuffles):
        shuffled = right.copy()
        for rows in blocks:
            dealt = rng.permuted(rows, axis=1)[rng.permutation(len(rows))]
            shuffled[rows] = right[dealt]
        null.append(fixed - _entropy(pair * width + shuffled))
    return fixed - _entropy(pair * width + right), np.array(null)


def _blocks(system: np.ndarray, draw: np.ndarray) -> list[np.ndarray]:
    """Rows (draw, member) of the draws of one system that have equally many rows; a system may have several such blocks."""
    order = np.lexsort((draw, system))
    _, starts, sizes = np.unique(np.stack([system[order], draw[order]]), axis=1, return_index=True, return_counts=True)
    of = system[order][starts]
    return [
        np.stack([order[start : start + size] for start in starts[(of == name) & (sizes == size)]])
        for name in np.unique(of).tolist()
        for size in np.unique(sizes[of == name]).tolist()
    ]


def _entropy(labels: np.ndarray) -> float:
    counts = np.bincount(labels)
    shares = counts[counts > 0] / len(labels)
    return float(-(shares * np.log2(shares)).sum())
