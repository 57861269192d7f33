"""How well tokens give the columns back: errors over the entries that are present, and nothing else.

`truth` and `prediction` are in the normalised space of a tokenizer unless said otherwise, where a column's training
mean is 0 and its training variance 1, so that an MSE of 1 is what knowing nothing costs.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.category_map import CategoryMap


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


def column_mse(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
) -> Float[Tensor, " column"]:
    """Mean squared error of each column over its present entries; NaN for a column without any."""
    return squared_errors(truth, prediction, mask).sum(0) / mask.sum(0)


def column_r2(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
) -> Float[Tensor, " column"]:
    """Explained share of each column's variance: 1 - Σ(x - x̂)² / Σ(x - x̄)², with x̄ the mean of these very rows.

    1 is perfect, 0 as good as the mean of the rows that are judged, negative worse. NaN where the column does not vary.
    """
    total = _spread(truth, mask)
    return torch.where(total > 0, 1.0 - squared_errors(truth, prediction, mask).sum(0) / total, torch.nan)


def pooled_r2(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
) -> float:
    """Explained share of the summed variance of all columns: 1 - ΣΣ(x - x̂)² / ΣΣ(x - x̄)²; NaN where nothing varies."""
    total = float(_spread(truth, mask).sum())
    return 1.0 - float(squared_errors(truth, prediction, mask).sum()) / total if total > 0 else float("nan")


def category_mse(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    category_map: CategoryMap,
) -> dict[str, float]:
    """Mean squared error over the present entries of each category's columns."""
    return {
        category: masked_mse(truth[:, list(columns)], prediction[:, list(columns)], mask[:, list(columns)])
        for category, columns in category_map.group_indices.items()
    }


def category_r2(
    truth: Float[Tensor, "sample column"],
    prediction: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    category_map: CategoryMap,
) -> dict[str, float]:
    """Pooled R² of each category's columns."""
    return {
        category: pooled_r2(truth[:, list(columns)], prediction[:, list(columns)], mask[:, list(columns)])
        for category, columns in category_map.group_indices.items()
    }


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


def _spread(truth: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]) -> Float[Tensor, " column"]:
    """Σ(x - x̄)² of each column over its present entries; round-off of a constant column counts as 0."""
    x = torch.where(mask, truth.double(), 0.0)
    count = mask.sum(0).clamp(min=1)
    mean = x.sum(0) / count
    spread = torch.where(mask, x - mean, 0.0).square().sum(0)
    return torch.where(spread > 1e-20 * count * mean.square(), spread, 0.0)
