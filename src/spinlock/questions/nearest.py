"""Nearest rows of an embedding by exact distances; all rows are compared."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

_ROWS_AT_ONCE = 256
_BLOCK = 512
_ROUNDING = 2.0**-24
"""Half a unit in the last place of 1 in float32."""


class Hits(NamedTuple):
    """Rows that answer a question, the best first.

    Attributes:
        rows: their numbers.
        values: of each, what they are ordered by.
    """

    rows: Int[Tensor, " hit"]
    values: Float[Tensor, " hit"]


def nearest_rows(
    embedding: Float[Tensor, "sample axis"],
    query: Float[Tensor, " axis"],
    order: Float[Tensor, " sample"],
    count: int,
) -> Hits:
    """The nearest rows by their exact distances, of equals the first.

    Args:
        embedding: where rows lie.
        query: where to look.
        order: |b|²/2 - a·b of query a and each row b, right up to rounding in float32; infinite for rows that are not wanted.
        count: at most.
    """
    last = _kth_smallest(order, min(count, len(order)))
    if last == torch.inf:
        rows = (order < torch.inf).nonzero().squeeze(1)
    else:
        # A row that is as near as the last has no larger norm than `reach`, so no larger rounding error than this.
        length = float(query.double().norm())
        reach = length + max(0.0, 2 * last + length**2) ** 0.5
        error = 2 * (embedding.shape[1] + 4) * _ROUNDING * (length * reach + reach**2)
        rows = (order <= last + error).nonzero().squeeze(1)
    distances = (embedding[rows].double() - query.double()).norm(dim=1)
    best = distances.argsort(stable=True)[:count]
    return Hits(rows[best], distances[best].float())


def _kth_smallest(values: Float[Tensor, " value"], k: int) -> float:
    """The k-th smallest value, found among those that are no larger than the k-th smallest minimum of blocks."""
    blocks = values[: len(values) // _BLOCK * _BLOCK].view(-1, _BLOCK)
    if len(blocks) >= 4 * k:
        values = values[values <= blocks.amin(dim=1).kthvalue(k).values]
    return float(values.kthvalue(k).values)


def nearest_others(
    rows: Float[Tensor, "sample axis"],
    own: Int[Tensor, " sample"],
    reference: Float[Tensor, "reference axis"],
    count: int,
) -> tuple[Float[Tensor, "sample neighbor"], Int[Tensor, "sample neighbor"]]:
    """Distances to the nearest reference rows but one, float64, and which they are.

    Args:
        rows: to be compared.
        own: of each the reference row that is left out; -1 for none.
        reference: rows to compare with.
        count: neighbours.
    """
    near, which = [], []
    half_squares = reference.square().sum(dim=1) / 2
    for some, left_out in zip(rows.split(_ROWS_AT_ONCE), own.split(_ROWS_AT_ONCE), strict=True):
        order = half_squares - some @ reference.mT
        order[(left_out >= 0).nonzero().squeeze(1), left_out[left_out >= 0]] = torch.inf
        found = order.topk(count, dim=1, largest=False).indices
        which.append(found)
        near.append((some[:, None].double() - reference[found].double()).norm(dim=2))
    return torch.cat(near), torch.cat(which)
