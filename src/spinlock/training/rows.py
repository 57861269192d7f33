"""Standardised rows with their mask, and the error of what a backend makes of them."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.vqvae.backend import Backend
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors
from spinlock.vqvae.packing import Packing

NUM_NEIGHBORS = 15


class Rows(NamedTuple):
    """Rows as a quantiser sees them.

    Attributes:
        x: standardised, missing entries filled in.
        mask: True where a value was present.
    """

    x: Float[Tensor, "sample column"]
    mask: Bool[Tensor, "sample column"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingData:
    """What a fit sees.

    Attributes:
        train: rows that weights follow.
        validation: rows that choose the best state.
        packing: of the categories.
    """

    train: Rows
    validation: Rows
    packing: Packing


def mixed_pool(train: Rows, *, num_rows: int, seed: int, reach: float = 0.7) -> Rows:
    """Training rows moved towards neighbours, all categories of a row towards the same one; at least one copy of each.

    The codes of the training rows themselves fit them too well to say what codes of other rows leave over.

    Args:
        train: rows; returned as they are where there is only one, or `reach` is 0.
        num_rows: to aim at.
        seed: of the mixing.
        reach: how far towards a neighbour, as a fraction.
    """
    if len(train.x) < 2 or reach == 0:
        return train
    everyone = torch.ones((1, len(train.x)), dtype=torch.bool)
    neighbors = nearest_neighbors(train.x[None], num_neighbors=NUM_NEIGHBORS, present=everyone)
    generator = torch_stream(seed, "joint")
    copies = max(1, num_rows // len(train.x))
    mixed = [mix_with_neighbors(train.x[None], neighbors, reach=reach, generator=generator)[0] for _ in range(copies)]
    return Rows(torch.cat(mixed), train.mask.repeat(copies, 1))


def masked_mse(
    decoded: Float[Tensor, "sample column"], x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
) -> float:
    """Mean of (decoded - x)² over the entries that are present."""
    errors = torch.where(mask, decoded.double() - x.double(), 0.0)
    return float(errors.square().sum() / mask.sum().clamp(min=1))


def reconstruction_mse(backend: Backend, rows: Rows, *, num_levels: int | None = None) -> float:
    """Mean squared error of a backend in standardised units, over the entries that are present."""
    codes = backend.encode(rows.x, rows.mask)
    return masked_mse(backend.decode(codes, num_levels=num_levels), rows.x, rows.mask)
