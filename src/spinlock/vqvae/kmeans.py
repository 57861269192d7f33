"""K-means of all categories at once."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

DISTANCES_AT_ONCE = 1_000_000
"""Entries of one block of distances: about 4 MB in float32, which a cache holds and the allocator keeps."""

NUM_TRIALS = 4
MOST_STARTS = 200_000
"""Rows that starting centres are drawn from, evenly taken from all: every centre looks at each of them once."""


class Clusters(NamedTuple):
    """Centres of every category.

    Attributes:
        centers: 0 where not used.
        is_used: False for a centre that no row belongs to (fewer distinct rows than centres).
        labels: the centre of each row.
    """

    centers: Float[Tensor, "category token latent"]
    is_used: Bool[Tensor, "category token"]
    labels: Int[Tensor, "category row"]


def kmeans(
    rows: Float[Tensor, "category row latent"],
    *,
    num_centers: int,
    generator: torch.Generator,
    weights: Float[Tensor, "category row"] | None = None,
    num_iterations: int = 25,
) -> Clusters:
    """Centres that minimise Σ_rows w min_k |row - center_k|², by Lloyd's steps from k-means++ starts.

    Args:
        rows: of each category; every category is clustered for itself.
        num_centers: of each category. Where a category has fewer distinct rows, the rest stays unused.
        generator: for the starts.
        weights: of the rows; rows of weight 0 are ignored. All 1 when not given.
        num_iterations: most of Lloyd's steps; it stops when no label changes.

    Source: Lloyd 1982, IEEE Trans. Inf. Theory 28; Arthur & Vassilvitskii 2007, SODA.
    """
    weights = rows.new_ones(rows.shape[:2]) if weights is None else weights
    centers, is_used = starting_centers(rows, weights, num_centers=num_centers, generator=generator)
    labels, errors = nearest(rows, centers, is_used)
    for _ in range(num_iterations):
        centers, counts = _means(rows, weights, labels, num_centers=num_centers)
        centers, is_used = _restart_empty(centers, counts, rows, weights * errors)
        before = labels
        labels, errors = nearest(rows, centers, is_used)
        if torch.equal(labels, before):
            break
    _, counts = _means(rows, weights, labels, num_centers=num_centers)
    is_used = counts > 0
    return Clusters(torch.where(is_used[..., None], centers, 0.0), is_used, labels)


def starting_centers(
    rows: Float[Tensor, "category row latent"],
    weights: Float[Tensor, "category row"],
    *,
    num_centers: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "category token latent"], Bool[Tensor, "category token"]]:
    """Rows drawn one after another with probability ∝ weight x squared distance to those drawn before (k-means++).

    Of `NUM_TRIALS` rows drawn each time, the one that leaves the smallest error is kept (greedy k-means++). With more than
    200 000 rows, so many of them, evenly taken, are drawn from.
    """
    if rows.shape[1] > MOST_STARTS:
        some = torch.arange(MOST_STARTS, device=rows.device) * rows.shape[1] // MOST_STARTS
        rows, weights = rows[:, some], weights[:, some]
    categories, count, latent = rows.shape
    centers = rows.new_zeros((categories, num_centers, latent))
    is_used = torch.zeros((categories, num_centers), dtype=torch.bool, device=rows.device)
    shape = (num_centers, categories, NUM_TRIALS)
    draws = torch.rand(shape, generator=generator, dtype=torch.float64).to(rows.device)
    norms = rows.square().sum(dim=2)
    tiny = 1e-6 * norms.amax(dim=1)[:, None, None]
    distance = rows.new_full((categories, count, 1), torch.inf)
    chances = weights.double()
    for k in range(num_centers):
        cumulative = chances.cumsum(dim=1)
        total = cumulative[:, -1:]
        drawn = torch.searchsorted(cumulative, draws[k] * total, right=True).clamp(max=count - 1)
        candidates = rows.gather(1, drawn[..., None].expand(-1, -1, latent))  # (category, trial, latent)
        offsets = norms[..., None] + candidates.square().sum(dim=2)[:, None, :]
        to_each = torch.baddbmm(offsets, rows, candidates.mT, alpha=-2)
        to_each = torch.minimum(torch.where(to_each <= tiny, 0.0, to_each), distance)  # (category, row, trial)
        best = (to_each * weights[..., None]).sum(dim=1).argmin(dim=1)[:, None, None]
        distance = to_each.gather(2, best.expand(-1, count, 1))
        is_used[:, k] = total[:, 0] > 0
        center = candidates.gather(1, best.expand(-1, 1, latent))[:, 0]
        centers[:, k] = torch.where(is_used[:, k, None], center, 0.0)
        chances = (weights * distance[..., 0]).double()
    return centers, is_used


def nearest(
    rows: Float[Tensor, "category row latent"],
    centers: Float[Tensor, "category token latent"],
    is_used: Bool[Tensor, "category token"],
) -> tuple[Int[Tensor, "category row"], Float[Tensor, "category row"]]:
    """The nearest used centre of each row and the squared distance to it."""
    offsets = torch.where(is_used, centers.square().sum(dim=2), torch.inf)[:, None, :]
    block = max(1, DISTANCES_AT_ONCE // (centers.shape[0] * centers.shape[1]))
    found = [_smallest(torch.baddbmm(offsets, part, centers.mT, alpha=-2)) for part in rows.split(block, dim=1)]
    errors = torch.cat([values for _, values in found], dim=1) + rows.square().sum(dim=2)
    return torch.cat([places for places, _ in found], dim=1), errors.clamp(min=0.0)


def _smallest(
    distances: Float[Tensor, "category row token"],
) -> tuple[Int[Tensor, "category row"], Float[Tensor, "category row"]]:
    """Place and value of the smallest entry, the first of equal ones; on the CPU by numpy, which is five times as fast."""
    if distances.device.type != "cpu":
        values, places = distances.min(dim=2)
        return places, values
    places = torch.from_numpy(distances.numpy().argmin(axis=2))
    return places, distances.gather(2, places[..., None]).squeeze(2)


def _means(
    rows: Float[Tensor, "category row latent"],
    weights: Float[Tensor, "category row"],
    labels: Int[Tensor, "category row"],
    *,
    num_centers: int,
) -> tuple[Float[Tensor, "category token latent"], Float[Tensor, "category token"]]:
    """Weighted means of the rows of each centre, and the sums of their weights."""
    categories, _, latent = rows.shape
    place = (labels + num_centers * torch.arange(categories, device=rows.device)[:, None]).flatten()
    sums = rows.new_zeros((categories * num_centers, latent))
    sums.index_add_(0, place, (rows * weights[..., None]).flatten(0, 1))
    counts = rows.new_zeros(categories * num_centers).index_add_(0, place, weights.flatten())
    means = sums / counts.clamp(min=torch.finfo(rows.dtype).tiny)[:, None]
    return means.view(categories, num_centers, latent), counts.view(categories, num_centers)


def _restart_empty(
    centers: Float[Tensor, "category token latent"],
    counts: Float[Tensor, "category token"],
    rows: Float[Tensor, "category row latent"],
    errors: Float[Tensor, "category row"],
) -> tuple[Float[Tensor, "category token latent"], Bool[Tensor, "category token"]]:
    """Move each empty centre to one of the rows with the largest errors; unused where none has an error."""
    is_empty = counts == 0
    most = min(int(is_empty.sum(dim=1).max()), rows.shape[1])
    if most == 0:
        return centers, ~is_empty
    worst = errors.topk(most, dim=1)
    threshold = 1e-6 * rows.square().sum(dim=2).amax(dim=1, keepdim=True)
    rank = (is_empty.cumsum(dim=1) - 1).clamp(min=0, max=most - 1)  # the n-th empty centre takes the n-th worst row
    number = is_empty.cumsum(dim=1)
    row = worst.indices.gather(1, rank)
    worth = (worst.values.gather(1, rank) > threshold) & (number <= most)
    moved = rows.gather(1, row[..., None].expand(-1, -1, rows.shape[2]))
    moves = is_empty & worth
    return torch.where(moves[..., None], moved, centers), ~is_empty | moves
