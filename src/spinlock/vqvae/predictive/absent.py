"""What stands in for the reconstruction of a category that is absent, so that the others decode as usual."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.vqvae.conditional_mean import conditional_slopes


def fill_absent(
    e: Float[Tensor, "sample column"],
    present: Bool[Tensor, "sample column"],
    covariance: Float[Tensor, "column column"],
) -> Float[Tensor, "sample column"]:
    """`e` with absent columns at their conditional mean given the present ones:  e_m = Σ_mp (Σ_pp + r I)⁻¹ e_p.

    Rows with the same columns absent are solved together, each by itself: the result does not depend on other rows.

    Args:
        e: own-category reconstructions; anything where absent.
        present: False for the columns of an absent category.
        covariance: of `e` over training rows.
    """
    if present.all():
        return e
    filled = torch.where(present, e, 0.0)
    patterns, which = torch.unique(present, dim=0, return_inverse=True)
    sigma = covariance.double()
    for number, pattern in enumerate(patterns):
        if pattern.all() or not pattern.any():
            continue
        slopes = conditional_slopes(sigma, pattern)
        rows = (which == number).nonzero().squeeze(1)
        likely = filled[rows][:, pattern].double() @ slopes
        filled[rows[:, None], (~pattern).nonzero().squeeze(1)] = likely.to(e.dtype)
    return filled
