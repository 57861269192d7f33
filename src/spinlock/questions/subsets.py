"""Some rows of an embedding that stand for all, no two of one draw."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.core.views import FIT_ROWS


class Subset(NamedTuple):
    """Rows that stand for all.

    Attributes:
        rows: their numbers, those that stand for most rows first.
        num_rows: how many rows each is the nearest of.
    """

    rows: Int[Tensor, " member"]
    num_rows: Int[Tensor, " member"]


def medoids(rows: Float[Tensor, "row axis"], draws: Int[Tensor, " row"], size: int, *, seed: int) -> list[int]:
    """The row nearest to each centre of k-means, the largest cluster's first, no two of one draw."""
    fitted = rows
    if len(rows) > FIT_ROWS:
        fitted = rows[torch.randperm(len(rows), generator=torch_stream(seed, "rows of k-means"))[:FIT_ROWS]]
    found = KMeans(size, n_init=4, random_state=seed)  # pyright: ignore[reportArgumentType] its stubs know "auto" alone
    found = found.fit(fitted.numpy())
    centers = torch.from_numpy(found.cluster_centers_).to(rows.dtype)
    sizes = torch.from_numpy(found.labels_).long().bincount(minlength=size)
    is_free = torch.ones(len(rows), dtype=torch.bool)
    chosen = []
    for center in sizes.argsort(descending=True, stable=True).tolist():
        distances = (rows - centers[center]).norm(dim=1)
        chosen.append(int(distances.masked_fill(~is_free, torch.inf).argmin()))
        is_free &= draws != draws[chosen[-1]]
    return chosen


def far_apart(rows: Float[Tensor, "row axis"], draws: Int[Tensor, " row"], size: int) -> list[int]:
    """The row nearest to the mean, then always the one that is farthest from those chosen, no two of one draw."""
    chosen = [int((rows - rows.mean(dim=0)).norm(dim=1).argmin())]
    distance = rows.new_full((len(rows),), torch.inf)
    while len(chosen) < size:
        distance = torch.minimum(distance, (rows - rows[chosen[-1]]).norm(dim=1))
        distance[draws == draws[chosen[-1]]] = -1.0  # farther than none that is left
        chosen.append(int(distance.argmax()))
    return chosen
