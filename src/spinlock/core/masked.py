"""Errors over the entries that are present, and nothing else."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def squared_errors(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
) -> Float[Tensor, "sample column"]:
    """(truth - prediction)² in float64, exactly 0 where `mask` is False, whatever stands there."""
    return torch.where(mask, truth.double() - prediction.double(), 0.0).square()


def masked_mse(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
) -> float:
    """Mean squared error over the present entries; NaN where none is present."""
    return float(squared_errors(truth, prediction, mask).sum() / mask.sum())
