"""What is missing from a row of a Gaussian, from what is present."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

RIDGE = 0.1
"""Added to the variance of every standardised column, so that few rows do not make the regression explode."""


def conditional_slopes(
    covariance: Float[Tensor, "column column"], present: Bool[Tensor, " column"]
) -> Float[Tensor, "present missing"]:
    """(Σ_pp + r I)⁻¹ Σ_pm, the slopes of the conditional mean  x_m = x_p (Σ_pp + r I)⁻¹ Σ_pm  of centred rows.

    Args:
        covariance: of all columns.
        present: which of them are known; at least one is and one is not.
    """
    among = covariance[present][:, present]
    among.diagonal().add_(RIDGE)
    return torch.linalg.solve(among, covariance[present][:, ~present])
