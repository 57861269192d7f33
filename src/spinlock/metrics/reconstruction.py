"""Errors of columns that tokens give back, over the entries that are present, and nothing else.

`truth` and `prediction` are in the normalised space of a tokenizer unless said otherwise, where a column's training
mean is 0 and its training variance 1, so that an MSE of 1 is what knowing nothing costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from spinlock.core.masked import masked_mse, squared_errors


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ErrorSums:
    """Sums over rows that errors and explained shares are made of; those of blocks of rows add up to those of all.

    Attributes:
        num_rows: that were summed over.
        count: present entries of each column.
        mean: of each column.
        spread: Σ(x - x̄)² of each column.
        errors: Σ(x - x̂)² of each column, one row a prediction.
    """

    num_rows: int
    count: Int[Tensor, " column"]
    mean: Float64[Tensor, " column"]
    spread: Float64[Tensor, " column"]
    errors: Float64[Tensor, "prediction column"]

    @classmethod
    def of(
        cls,
        truth: Float[Tensor, "sample column"],
        predictions: Sequence[Float[Tensor, "sample column"]],
        mask: Bool[Tensor, "sample column"],
    ) -> "ErrorSums":
        """The sums over some rows; what stands where `mask` is False is not looked at."""
        x = torch.where(mask, truth.double(), 0.0)
        count = mask.sum(0)
        mean = x.sum(0) / count.clamp(min=1)
        return cls(
            num_rows=len(x),
            count=count,
            mean=mean,
            spread=torch.where(mask, x - mean, 0.0).square().sum(0),
            errors=torch.stack([squared_errors(truth, prediction, mask).sum(0) for prediction in predictions]),
        )

    def __add__(self, other: "ErrorSums") -> "ErrorSums":
        """The sums over the rows of both.

        Source: Chan, Golub & LeVeque 1983, Am. Stat. 37, 242, for the spread about the common mean.
        """
        count = self.count + other.count
        share, shift = other.count / count.clamp(min=1), other.mean - self.mean
        return ErrorSums(
            num_rows=self.num_rows + other.num_rows,
            count=count,
            mean=self.mean + share * shift,
            spread=self.spread + other.spread + self.count * share * shift.square(),
            errors=self.errors + other.errors,
        )

    def mse(self, columns: list[int] | slice = slice(None)) -> tuple[float, ...]:
        """Mean squared error over the present entries of some columns, one a prediction; NaN where none is present."""
        return tuple((self.errors[:, columns].sum(1) / self.count[columns].sum()).tolist())

    def r2(self, columns: list[int] | slice = slice(None)) -> float:
        """Explained share of the summed variance of some columns by the last prediction; NaN where nothing varies.

        1 - ΣΣ(x - x̂)² / ΣΣ(x - x̄)².
        """
        total = float(self._variation()[columns].sum())
        return 1.0 - float(self.errors[-1, columns].sum()) / total if total > 0 else float("nan")

    def column_r2(self) -> Float64[Tensor, " column"]:
        """Explained share of each column's variance by the last prediction: 1 - Σ(x - x̂)² / Σ(x - x̄)².

        1 is perfect, 0 as good as the mean of the rows that are judged, negative worse. NaN where the column does not vary.
        """
        total = self._variation()
        return torch.where(total > 0, 1.0 - self.errors[-1] / total, torch.nan)

    def _variation(self) -> Float64[Tensor, " column"]:
        """The spread, where the round-off of a constant column counts as 0."""
        return torch.where(self.spread > 1e-20 * self.count.clamp(min=1) * self.mean.square(), self.spread, 0.0)


def prefix_mse(
    truth: Float[Tensor, "sample column"],
    prefixes: Sequence[Float[Tensor, "sample column"]],
    mask: Bool[Tensor, "sample column"],
) -> Float[Tensor, " prefix"]:
    """Mean squared error with 0, 1, 2, … levels decoded; with none the prediction is the training mean, which is 0.

    Args:
        truth: normalised columns.
        prefixes: reconstructions from the first level, the first two, …, all.
        mask: True where a value is present.
    """
    nothing = torch.zeros_like(truth)
    return torch.tensor([masked_mse(truth, p, mask) for p in (nothing, *prefixes)], dtype=torch.float64)
