"""Pairs of rows of different draws that are nearer to each other than a limit; all pairs are compared."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

_ROWS_AT_ONCE = 256


class Pairs(NamedTuple):
    """Rows of different draws that are as good as one, nearest first.

    Attributes:
        first, second: their row numbers, one pair for two draws.
        distances: between the two.
        num_pairs: of rows that lie so near, found or not shown.
        limit: the distance below which they do.
    """

    first: Int[Tensor, " pair"]
    second: Int[Tensor, " pair"]
    distances: Float[Tensor, " pair"]
    num_pairs: int
    limit: float


def near_pairs(rows: Float[Tensor, "row axis"], draws: Int[Tensor, " row"], *, limit: float, num_hits: int) -> Pairs:
    """The nearest pairs of draws, one pair of rows each, nearest first.

    Args:
        rows: where they lie.
        draws: of each the number of its draw.
        limit: the distance below which a pair counts.
        num_hits: pairs of draws at most.
    """
    part = rows.double()
    first, second, distances, total = [], [], [], 0
    for start in range(0, len(part), _ROWS_AT_ONCE):
        some = part[start : start + _ROWS_AT_ONCE]
        numbers = torch.arange(start, start + len(some))
        apart = torch.cdist(some, part[start:], compute_mode="use_mm_for_euclid_dist")
        later = torch.arange(start, len(part)) > numbers[:, None]
        apart[~later | (draws[start:] == draws[numbers][:, None])] = torch.inf
        near = apart.topk(min(num_hits, apart.shape[1]), dim=1, largest=False)
        place, slot = (near.values < torch.inf).nonzero(as_tuple=True)
        other = near.indices[place, slot] + start
        exact = (part[numbers[place]] - part[other]).norm(dim=1)
        kept = exact < limit
        total += int((apart < limit).sum())
        for found, entries in ((first, numbers[place]), (second, other), (distances, exact)):
            found.append(entries[kept])
    one, two, exact = (torch.cat(found) for found in (first, second, distances))
    seen: set[tuple[int, int]] = set()
    order = exact.argsort(stable=True)
    ends = zip(draws[one[order]].tolist(), draws[two[order]].tolist(), strict=True)
    best = [place for place, (a, b) in enumerate(ends) if not {(a, b), (b, a)} & seen and not seen.add((a, b))][
        :num_hits
    ]
    order = order[best]
    return Pairs(one[order], two[order], exact[order].float(), total, limit)
