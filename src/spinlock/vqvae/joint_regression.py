"""What the codes of all categories say about each column beyond its own category's codes, by ridge regression."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class Moments(NamedTuple):
    """Sums over rows from which the regressions of every strength follow."""

    inputs: Float[Tensor, "input input"]
    products: Float[Tensor, "input output"]


def moments_of(
    embedding: Float[Tensor, "category row embedding"],
    errors: Float[Tensor, "category row width"],
    mask: Bool[Tensor, "category row width"],
) -> Moments:
    """Second moments of the embeddings, and of the embeddings with what the decoders still miss.

    Args:
        embedding: summed codewords.
        errors: target minus decoded.
        mask: True where the target is present; elsewhere the error counts as 0.
    """
    flat = embedding.double().transpose(0, 1).flatten(1)
    missed = torch.where(mask, errors.double(), 0.0).transpose(0, 1).flatten(1)
    return Moments(flat.mT @ flat / len(flat), flat.mT @ missed / len(flat))


def ridge(moments: Moments, *, strength: float) -> Float[Tensor, "input output"]:
    """Weights W that minimise mean |errors - E W|² + strength |W|²."""
    eye = torch.eye(len(moments.inputs), dtype=moments.inputs.dtype, device=moments.inputs.device)
    return torch.linalg.solve(moments.inputs + strength * eye, moments.products).float()
