"""Standardised rows with their mask, and the error of what a backend makes of them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.vqvae.backend import Backend


class Rows(NamedTuple):
    """Rows as a quantiser sees them.

    Attributes:
        x: standardised, missing entries filled in.
        mask: True where a value was present.
    """

    x: Float[Tensor, "sample column"]
    mask: Bool[Tensor, "sample column"]


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
