"""How the values of a frame are distributed: extremes, quantiles and histogram entropy."""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.kernels_pixels import CHUNK_PIXELS

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 0.9)

MAX_SORTED_PIXELS = 1024
"""Frames up to this size are sorted; a larger one's quantiles come from a histogram, which is five times faster."""

NUM_BINS, NUM_FINE_BINS = 32, 2048


class ValueStatistics(NamedTuple):
    """Of each frame's values."""

    minimum: Float[Tensor, " frame"]
    maximum: Float[Tensor, " frame"]
    quantiles: Float[Tensor, "frame fraction"]  # of FRACTIONS
    entropy: Float[Tensor, " frame"]  # of 32 equal bins from minimum to maximum, in nats


def value_statistics(u: Float[Tensor, "frame pixel"]) -> ValueStatistics:
    """Distribution of each frame's values.

    Quantiles are linear between order statistics (numpy's default) in frames of up to 1024 pixels; in larger ones linear
    within the 2048 bins of a histogram, right to 1/2048 of the frame's range.
    """
    parts = [_chunk_statistics(chunk) for chunk in u.split(max(1, CHUNK_PIXELS // u.shape[1]))]
    return ValueStatistics(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _chunk_statistics(u: Float[Tensor, "frame pixel"]) -> tuple[Tensor, ...]:
    low, high = u.amin(-1), u.amax(-1)
    is_small = u.shape[1] <= MAX_SORTED_PIXELS
    counts = _histogram(u, low, high, num_bins=NUM_BINS if is_small else NUM_FINE_BINS)
    quantiles = _sorted_quantiles(u) if is_small else _histogram_quantiles(counts, low, high)
    share = counts.unflatten(-1, (NUM_BINS, -1)).sum(-1).to(u.dtype) / u.shape[1]
    return low, high, quantiles, -torch.special.xlogy(share, share).sum(-1)


def _histogram(u: Tensor, low: Tensor, high: Tensor, *, num_bins: int) -> Tensor:
    """Counts of `num_bins` equal bins from `low` to `high`; all in the first bin of a constant frame."""
    width = high - low
    # A little less than num_bins / width: the maximum belongs to the last bin.
    scale = torch.where(width > 1e-30, num_bins * (1 - 1e-6) / width, 0)
    bins = ((u - low[:, None]) * scale[:, None]).to(torch.int64)
    bins += torch.arange(len(u), device=u.device)[:, None] * num_bins
    return torch.bincount(bins.flatten(), minlength=len(u) * num_bins).unflatten(0, (len(u), num_bins))


def _sorted_quantiles(u: Float[Tensor, "frame pixel"]) -> Float[Tensor, "frame fraction"]:
    # numpy's vectorised sort is twenty times faster than torch's on the CPU.
    ascending = torch.from_numpy(np.sort(u.numpy(), axis=-1)) if u.device.type == "cpu" else u.sort(-1).values
    last = u.shape[1] - 1
    columns = []
    for fraction in FRACTIONS:
        below = math.floor(fraction * last)
        share = fraction * last - below
        columns.append(ascending[:, below] * (1 - share) + ascending[:, min(below + 1, last)] * share)
    return torch.stack(columns, dim=-1)


def _histogram_quantiles(counts: Tensor, low: Tensor, high: Tensor) -> Float[Tensor, "frame fraction"]:
    cumulative = counts.cumsum(-1)
    wanted = torch.tensor(FRACTIONS, dtype=torch.float64, device=low.device) * cumulative[:, -1:]
    place = torch.searchsorted(cumulative.double(), wanted)
    inside = counts.gather(-1, place)
    share = (wanted - (cumulative.gather(-1, place) - inside)) / inside
    return (low[:, None] + (high - low)[:, None] * (place + share) / counts.shape[-1]).to(low.dtype)
