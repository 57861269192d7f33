"""A coder that a tokenizer is compared with: fitted on training rows, it gives any rows back as they come out."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class Coder(ABC):
    """A fitted coder: a name, its bits a sample, and what comes back of rows that went through it."""

    name: str
    bits: float

    @abstractmethod
    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """Rows after encoding and decoding."""


class ColumnMean(Coder):
    """Every row is the mean of the training rows: no bits at all."""

    name = "column mean"
    bits = 0.0

    def __init__(self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]) -> None:
        self.mean = column_means(x, mask)

    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """The training mean, once a row."""
        return self.mean.to(x).expand_as(mask)


def column_means(x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]) -> Float[Tensor, " column"]:
    """Mean of each column's present entries in float64; 0 for a column without any."""
    return torch.where(mask, x.double(), 0.0).sum(0) / mask.sum(0).clamp(min=1)
