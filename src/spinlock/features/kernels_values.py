"""How the values of a frame are distributed: quantiles and histogram entropy.

All of it in numpy, which sorts and counts several times faster than torch.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.features.kernels_arithmetic import CHUNK_PIXELS

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 0.9)

MAX_SORTED_PIXELS = 1024
"""Frames up to this size are sorted; a larger one's quantiles come from a histogram, which is twice as fast."""

NUM_BINS, NUM_FINE_BINS = 32, 2048


class ValueStatistics(NamedTuple):
    """Of each frame's values."""

    quantiles: Float[Tensor, "frame fraction"]  # of FRACTIONS
    entropy: Float[Tensor, " frame"]  # of 32 equal bins from minimum to maximum, in nats


def value_statistics(
    u: Float[Tensor, "frame pixel"], low: Float[Tensor, " frame"], high: Float[Tensor, " frame"]
) -> ValueStatistics:
    """Distribution of each frame's values, all of which lie from `low` to `high`.

    Quantiles are linear between order statistics (numpy's default) in frames of up to 1024 pixels; in larger ones linear
    within the 2048 bins of a histogram, right to 1/2048 of the frame's range.
    """
    size = min(len(u), max(1, CHUNK_PIXELS // u.shape[1]))
    bins = Bins(size, u.shape[1], dtype=u[:0].numpy().dtype)
    chunks = zip(*(tensor.split(size) for tensor in (u, low, high)), strict=True)
    parts = [bins.statistics(*(tensor.numpy() for tensor in chunk)) for chunk in chunks]
    return ValueStatistics(*(torch.from_numpy(np.concatenate(column)).to(u) for column in zip(*parts, strict=True)))


class Bins:
    """Values of one chunk of frames after another, sorted or counted in buffers that are used again and again."""

    def __init__(self, frames: int, pixels: int, *, dtype: np.dtype) -> None:
        self.num_bins = NUM_BINS if pixels <= MAX_SORTED_PIXELS else NUM_FINE_BINS
        self.place = np.empty((frames, pixels), dtype)
        self.narrow = np.empty((frames, pixels), np.int32)
        self.bins = np.empty((frames, pixels), np.intp)
        self.first_bin = np.arange(frames, dtype=np.int32)[:, None] * self.num_bins

    def statistics(
        self, u: Float[np.ndarray, "frame pixel"], low: Float[np.ndarray, " frame"], high: Float[np.ndarray, " frame"]
    ) -> tuple[np.ndarray, ...]:
        """The columns of `ValueStatistics`."""
        counts = self.counts(u, low, high)
        coarse = counts.reshape(len(u), NUM_BINS, -1).sum(-1)
        if self.num_bins == NUM_BINS:
            quantiles = sorted_quantiles(u, out=self.place[: len(u)])
        else:
            quantiles = low[:, None] + (high - low)[:, None] * histogram_quantiles(counts, coarse)
        share = coarse / u.shape[1]
        return quantiles, -(share * np.log(np.where(share > 0, share, 1))).sum(-1)

    def counts(
        self, u: Float[np.ndarray, "frame pixel"], low: Float[np.ndarray, " frame"], high: Float[np.ndarray, " frame"]
    ) -> Int[np.ndarray, "frame bin"]:
        """Counts of equal bins from `low` to `high`; all in the first bin of a constant frame."""
        width = (high - low).astype(u.dtype)
        # A little less than bins / width: the maximum belongs to the last bin.
        scale = np.where(width > 1e-30, self.num_bins * (1 - 1e-6) / np.where(width > 1e-30, width, 1), 0)
        place, narrow, bins = self.place[: len(u)], self.narrow[: len(u)], self.bins[: len(u)]
        np.subtract(u, low[:, None], out=place)
        np.multiply(place, scale.astype(u.dtype)[:, None], out=place)
        np.copyto(narrow, place, casting="unsafe")  # in two steps, as processors convert to 32 bits only
        np.add(narrow, self.first_bin[: len(u)], out=narrow)  # so that one call counts all frames
        np.copyto(bins, narrow)
        return np.bincount(bins.reshape(-1), minlength=len(u) * self.num_bins).reshape(len(u), -1)


def sorted_quantiles(
    u: Float[np.ndarray, "frame pixel"], *, out: Float[np.ndarray, "frame pixel"]
) -> Float[np.ndarray, "frame fraction"]:
    """Quantiles between order statistics; `out` is overwritten."""
    np.copyto(out, u)
    out.sort(axis=-1)
    last = u.shape[1] - 1
    columns = []
    for fraction in FRACTIONS:
        below = math.floor(fraction * last)
        share = fraction * last - below
        columns.append(out[:, below] * (1 - share) + out[:, min(below + 1, last)] * share)
    return np.stack(columns, axis=-1)


def histogram_quantiles(
    counts: Int[np.ndarray, "frame bin"], coarse: Int[np.ndarray, "frame coarse_bin"]
) -> Float[np.ndarray, "frame fraction"]:
    """Quantiles within a range cut into equal bins, as shares of the range; first the coarse bin is found, then the fine."""
    wanted = np.array(FRACTIONS) * coarse[0].sum()
    frame, fraction = np.arange(len(counts))[:, None], np.arange(len(wanted))
    cumulative = coarse.cumsum(-1)
    outer = np.add.reduce(cumulative[:, None] < wanted[:, None], -1)
    left = wanted - cumulative[frame, outer] + coarse[frame, outer]
    inside = counts.reshape(*coarse.shape, -1)[frame, outer]  # (frame, fraction, bin)
    cumulative = inside.cumsum(-1)
    inner = np.add.reduce(cumulative < left[:, :, None], -1)
    count = inside[frame, fraction, inner]
    left = left - cumulative[frame, fraction, inner] + count
    return (outer * inside.shape[2] + inner + left / count) / counts.shape[1]
