"""Distance between two samples by their tokens or by what the tokens stand for.

Counting differing tokens (Hamming) gets worse with every level: fine tokens of neighbours differ as often as those of
strangers. So levels are weighted by the error that they take off, or decoded columns are compared.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.tokens import MISSING

_QUERIES_AT_ONCE, _SAMPLES_AT_ONCE = 256, 4096


class Neighbors(NamedTuple):
    """The nearest samples of each query, nearest first.

    Attributes:
        rows: their row numbers in the corpus.
        distances: to the query.
    """

    rows: Int[Tensor, "query neighbor"]
    distances: Float[Tensor, "query neighbor"]


def level_weights(errors: Sequence[float]) -> tuple[float, ...]:
    """Share of the error that each level takes off: max(0, e_(l-1) - e_l), scaled to the sum 1; equal where none does.

    Args:
        errors: mean squared error with 0, 1, 2, … levels decoded.
    """
    gains = [max(0.0, before - after) for before, after in zip(errors, errors[1:], strict=False)]
    total = sum(gains)
    return tuple(gain / total for gain in gains) if total > 0 else (1.0 / len(gains),) * len(gains)


def token_distances(
    first: Int[Tensor, "query category level"],
    second: Int[Tensor, "sample category level"],
    *,
    weights: Sequence[float],
    nested: bool = True,
) -> Float[Tensor, "query sample"]:
    """Weighted share of differing tokens, between 0 and 1; NaN where two samples have no category in common.

        d = mean over categories of  Σ_l w_l [tokens differ at level l, or (nested) at a coarser one] / Σ_l w_l

    A fine token means something only below its coarse one, so once a coarse token differs all finer ones do. Categories that
    either sample lacks are left out. With equal weights and `nested` False it is the Hamming distance / number of tokens.

    Args:
        first: tokens of the queries.
        second: tokens of the samples that they are compared with.
        weights: of the levels, coarse to fine.
        nested: whether a difference at one level is one at all finer levels.

    Raises:
        InputError: if the weights are not one a level.
    """
    if len(weights) != first.shape[2]:
        raise InputError(f"`weights` must have one entry for each of the {first.shape[2]} levels; got {len(weights)}.")
    total = torch.zeros((len(first), len(second)), dtype=torch.float64)
    common = torch.zeros_like(total)
    scale = sum(weights)
    for category in range(first.shape[1]):
        one, other = first[:, None, category], second[None, :, category]
        both = (one[..., 0] != MISSING) & (other[..., 0] != MISSING)
        differs = torch.zeros_like(both)
        for level, weight in enumerate(weights):
            here = one[..., level] != other[..., level]
            differs = differs | here if nested else here
            total += (weight / scale) * (differs & both)
        common += both
    return total / torch.where(common > 0, common, torch.nan)


def column_distances(
    first: Float[Tensor, "query column"], second: Float[Tensor, "sample column"]
) -> Float[Tensor, "query sample"]:
    """Root mean square difference over the columns that both have; NaN where they have none in common.

    Args:
        first: decoded queries, NaN where missing.
        second: decoded samples.
    """
    known = [(~torch.isnan(rows)).double() for rows in (first, second)]
    filled = [torch.nan_to_num(rows.double(), nan=0.0) for rows in (first, second)]
    count = known[0] @ known[1].T
    squares = filled[0].square() @ known[1].T + known[0] @ filled[1].square().T - 2 * filled[0] @ filled[1].T
    return (squares.clamp(min=0.0) / torch.where(count > 0, count, torch.nan)).sqrt()


def nearest(distances: Float[Tensor, "query sample"], *, num_neighbors: int) -> Neighbors:
    """The samples at the smallest distances, the first of equals first; unknown distances come last.

    Raises:
        InputError: if there are not that many samples.
    """
    _check_count(num_neighbors, distances.shape[1])
    known = torch.nan_to_num(distances, nan=torch.inf)
    last = known.topk(num_neighbors, dim=1, largest=False).values.amax(1, keepdim=True)
    # Of the samples at the last distance, as many as are still wanted, in their order.
    closer, as_far = known < last, known == last
    chosen = closer | (as_far & (as_far.cumsum(1) <= num_neighbors - closer.sum(1, keepdim=True)))
    rows = chosen.nonzero()[:, 1].view(len(known), num_neighbors)
    rows = rows.gather(1, known.gather(1, rows).sort(dim=1, stable=True).indices)
    return Neighbors(rows, distances.gather(1, rows))


def nearest_of_blocks(
    queries: Tensor, samples: Tensor, distance: Callable[[Tensor, Tensor], Tensor], *, num_neighbors: int
) -> Neighbors:
    """The `nearest` samples of each query, a block of both at a time: memory grows with neither.

    Args:
        queries: one a row.
        samples: likewise.
        distance: of some queries to some samples, (query, sample).
        num_neighbors: of each query.

    Raises:
        InputError: if there are not that many samples.
    """
    _check_count(num_neighbors, len(samples))
    found = [_nearest_of_some(part, samples, distance, num_neighbors) for part in queries.split(_QUERIES_AT_ONCE)]
    return Neighbors(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _nearest_of_some(
    queries: Tensor, samples: Tensor, distance: Callable[[Tensor, Tensor], Tensor], num_neighbors: int
) -> Neighbors:
    rows = torch.empty((len(queries), 0), dtype=torch.long)
    distances = torch.empty((len(queries), 0), dtype=torch.float64)
    first = 0
    for part in samples.split(_SAMPLES_AT_ONCE):
        numbers = torch.arange(first, first + len(part)).expand(len(queries), -1)
        known = torch.cat([distances, distance(queries, part)], dim=1)
        # What was kept before has smaller row numbers, so the first of equals stays the first.
        kept = nearest(known, num_neighbors=min(num_neighbors, known.shape[1]))
        rows, distances = torch.cat([rows, numbers], dim=1).gather(1, kept.rows), kept.distances
        first += len(part)
    return Neighbors(rows, distances)


def _check_count(num_neighbors: int, num_samples: int) -> None:
    if not 1 <= num_neighbors <= num_samples:
        raise InputError(f"`num_neighbors` must be between 1 and {num_samples}; got {num_neighbors}.")
