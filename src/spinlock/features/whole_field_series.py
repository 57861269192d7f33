"""Series of the whole field: how much it varies, how far it has moved, how fast it changes."""

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.fields import LOG_FLOOR, Fields, once

NOTICEABLE = 0.01
"""Smallest change of a logarithm that counts as one: 1 %."""


@once
def log_spread(fields: Fields) -> Float[Tensor, "batch time"]:
    """log σ(t), σ the spatial standard deviation (at least 1e-6 of frame 0's); NaN where no frame varies in space."""
    varies = (fields.total_std > LOG_FLOOR).any(1, keepdim=True)
    return torch.where(varies, fields.scalars[..., 1].double(), torch.nan)


@once
def log_energy(fields: Fields) -> Float[Tensor, "batch time"]:
    """log of the mean square over channel and space, at least 1e-12; NaN where the field is 0 throughout."""
    alive = (fields.l2 > LOG_FLOOR).any(1, keepdim=True)
    return torch.where(alive, 2 * fields.l2.double().clamp_min(LOG_FLOOR).log(), torch.nan)


@once
def log_roughness(fields: Fields) -> Float[Tensor, "batch time"]:
    """log of √(⟨|∇u|²⟩) / σ, the root mean square wavenumber; NaN in frames without spatial variance."""
    varies = fields.total_std > LOG_FLOOR
    ratio = fields.scalars[..., 2].double() / 2 - fields.scalars[..., 1].double()
    return torch.where(varies, ratio, torch.nan)


@once
def log_activity(fields: Fields) -> Float[Tensor, "batch step"]:
    """log of the root mean square change of the local series in a step, at least 1e-6; NaN where nothing ever changes."""
    change = fields.probes.double().diff(dim=1).square().mean(2).sqrt()
    alive = (change > LOG_FLOOR).any(1, keepdim=True)
    return torch.where(alive, change.clamp_min(LOG_FLOOR).log(), torch.nan)


@once
def closest_return(fields: Fields) -> Float[Tensor, " batch"]:
    """1 less the smallest distance from frame 0 after the largest, over the largest; NaN where the field never changes."""
    square, times = fields.frame_products.squares, torch.arange(fields.u.shape[1])
    from_first = fields.frame_products.between(times[:1], times)[:, 0]
    distance = (square + square[:, :1] - 2 * from_first).clamp_min(0).sqrt()
    farthest, place = distance.max(1)
    later = torch.arange(distance.shape[1]) >= place[:, None]
    nearest = torch.where(later, distance, torch.inf).amin(1)
    moved = farthest > LOG_FLOOR
    return torch.where(moved, 1 - nearest / torch.where(moved, farthest, 1.0), torch.nan)


def settling_place(curve: Float[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """First place from which a curve stays near its final level: within 5 % of its range, but at least 1 %.

    The final level is the mean of the last tenth.
    """
    num_times = curve.shape[1]
    final = curve[:, -max(1, num_times // 10) :].mean(1, keepdim=True)
    band = (0.05 * (curve.amax(1, keepdim=True) - curve.amin(1, keepdim=True))).clamp_min(NOTICEABLE)
    outside = (curve - final).abs() > band
    last = torch.where(outside, torch.arange(1, num_times + 1), 0).amax(1).double()
    return torch.where(curve.isnan().any(1), torch.nan, last.clamp_max(num_times - 1))
