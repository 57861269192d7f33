"""Realizations of a sample → one row: mean, standard deviation and coefficient of variation of every feature."""

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError


def aggregate(per_trajectory: Float[Tensor, "*sample realization feature"]) -> Float[Tensor, "*sample column"]:
    """Mean, std and cv over realizations, feature by feature: columns f₁ mean, f₁ std, f₁ cv, f₂ mean, ….

    Realizations in which a feature is NaN are left out of that feature.

        mean   of the valid realizations; NaN without any
        std    with division by their number less one; NaN with fewer than two
        cv     std / (|mean| + std), in [0, 1): 0 where all realizations agree, 1/2 where the spread equals the mean, near 1
               where the mean is near 0, so that no column is made by a division; NaN with fewer than two

    Args:
        per_trajectory: NaN where a feature is missing; infinite nowhere.

    Raises:
        InputError: if a value is infinite.
    """
    if torch.isinf(per_trajectory).any():
        raise InputError("`per_trajectory` must not hold infinite values; a missing feature is NaN.")
    values = per_trajectory.double()
    valid = ~values.isnan()
    count = valid.sum(-2)
    mean = torch.where(valid, values, 0).sum(-2) / count  # 0/0 is NaN: no valid realization
    centred = torch.where(valid, values - mean.unsqueeze(-2), 0)
    std = (centred.square().sum(-2) / (count - 1).clamp_min(1)).sqrt()
    spread = mean.abs() + std
    cv = torch.where(spread > 0, std / spread, 0)
    missing = count < 2
    columns = (mean, std.masked_fill(missing, torch.nan), cv.masked_fill(missing, torch.nan))
    return torch.stack(columns, dim=-1).flatten(-2).to(per_trajectory.dtype)
