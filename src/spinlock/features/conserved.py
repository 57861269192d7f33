"""Quantities that a system may conserve, frame by frame, and how a series of them drifts."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from spinlock.features.kernels_arithmetic import mean_product
from spinlock.features.low_pass import synthesize, synthesized_rows, waves_along_rows

CHUNK_VALUES = 1 << 17
"""Values of a chunk of frames: what stays in the cache while all sums are taken."""
LOW_POINTS = 16
"""Most points along an axis at which the low-passed field is looked at."""


class Quantities(NamedTuple):
    """One value a frame: of the field, of its part below and of its part above the cutoff.

    Attributes:
        variation: mean absolute step of the field to the next cells, total variation over the number of cells.
        entropy: of the field's energy over cells, in nats.
        low_l1: mean absolute value of the low-passed field.
        high_l2: root mean square of the high-passed field.
        high_entropy: of the high-passed field's energy over cells, in nats.
    """

    variation: Float[Tensor, "batch time"]
    entropy: Float[Tensor, "batch time"]
    low_l1: Float[Tensor, "batch time"]
    high_l2: Float[Tensor, "batch time"]
    high_entropy: Float[Tensor, "batch time"]


def quantities(
    u: Float[Tensor, "batch time channel height width"],
    low_modes: Complex[Tensor, "batch time channel ky kx"],
    ky: Int[Tensor, " ky"],
    kx: Int[Tensor, " kx"],
    *,
    periodic: bool,
) -> Quantities:
    """One pass over chunks of frames: the low-passed field is made from its modes, the high-passed one is the rest.

    Args:
        u: frames.
        low_modes: Fourier coefficients of the modes that the low-passed field keeps.
        ky: cycles per domain of the rows of `low_modes`.
        kx: cycles per domain of its columns, >= 0.
        periodic: whether total variation counts the step over the edge.
    """
    height, width = u.shape[-2:]
    frames, modes = u.flatten(0, 1), low_modes.flatten(0, 1)
    coarse = synthesize(modes, ky, kx, height=min(height, LOW_POINTS), width=min(width, LOW_POINTS))
    rows = synthesized_rows(modes, ky, height=height)  # (frame, channel, height, part)
    waves = waves_along_rows(kx, width=width, dtype=u.dtype)
    chunk = max(1, CHUNK_VALUES // math.prod(u.shape[2:]))
    spare = torch.empty_like(frames[:chunk])
    parts = []
    for raw, low in zip(frames.split(chunk), rows.split(chunk), strict=True):
        size = raw.flatten(1).abs().amax(-1)
        variation, entropy = total_variation(raw, periodic=periodic), energy_entropy(raw.flatten(1), size)[1]
        high = spare[: len(raw)]
        torch.addmm(raw.flatten(0, 2), low.flatten(0, 2), waves, alpha=-1, out=high.view(-1, width))
        parts.append(torch.stack((variation, entropy, *energy_entropy(high.flatten(1), size))))
    variation, entropy, high_l2, high_entropy = torch.cat(parts, -1).unflatten(-1, u.shape[:2]).unbind()
    low_l1 = coarse.abs().mean((-3, -2, -1)).unflatten(0, u.shape[:2])
    return Quantities(variation, entropy, low_l1, high_l2, high_entropy)


def energy_entropy(
    u: Float[Tensor, "frame value"], size: Float[Tensor, " frame"]
) -> tuple[Float[Tensor, " frame"], Float[Tensor, " frame"]]:
    """Root mean square, and -Σ p log p in nats with p = u²/Σu², in float64; NaN entropy of a frame of zeros.

    Values are divided by `size` first, so that their squares stay in range: the largest magnitude, or that of a field of
    which `u` is a part. With e = u²/⟨u²⟩ the entropy is log N - ⟨e log e⟩: what is lost to an even distribution, without the cancellation
    of two large sums.
    """
    energy = (u * torch.where(size > 0, size, 1).reciprocal()[:, None]).square_()
    mean = energy.mean(-1)
    energy.mul_(torch.where(mean > 0, mean, 1).reciprocal()[:, None])
    # Not xlogy, which is three times slower: 0 log(tiny) is 0 as well.
    lost = mean_product(energy, energy.clamp_min(torch.finfo(u.dtype).tiny).log_()).double()
    return (size * mean.sqrt()).double(), (math.log(u.shape[-1]) - lost).masked_fill(mean == 0, torch.nan)


def total_variation(u: Float[Tensor, "frame channel height width"], *, periodic: bool) -> Float[Tensor, " frame"]:
    """Mean over channel and cell of the absolute steps to the next cells along both axes."""
    total = u.new_zeros(len(u))
    for axis in (-2, -1):
        length = u.shape[axis]
        if length == 1:
            continue
        inside = (u.narrow(axis, 1, length - 1) - u.narrow(axis, 0, length - 1)).abs_().sum((-3, -2, -1))
        edge = (u.narrow(axis, 0, 1) - u.narrow(axis, length - 1, 1)).abs().sum((-3, -2, -1)) if periodic else 0
        total = total + inside + edge
    return total / u[0].numel()


def log_above(quantity: Float[Tensor, "batch time"], floor: Float[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """log of a quantity in float64, which counts as `floor` where it is below it.

    NaN at times at which it is 0, and at all times where it is nowhere above the floor.
    """
    floored = torch.maximum(quantity, floor).double()
    present = (quantity > floor).any(1, keepdim=True) & (floored > 0)
    return torch.where(present, floored, torch.nan).log()


def net_drift(series: Float[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Last value less first value; NaN with fewer than two times."""
    return series[:, -1] - series[:, 0] if series.shape[1] > 1 else torch.full_like(series[:, 0], torch.nan)


def drift_rate(series: Float[Tensor, "batch time"], time: Float[Tensor, " time"]) -> Float[Tensor, " batch"]:
    """Least-squares slope against time; NaN with fewer than two times."""
    if len(time) < 2:
        return torch.full_like(series[:, 0], torch.nan)
    centred = (time - time.mean()).to(series.dtype)
    return (series - series.mean(1, keepdim=True)) @ centred / centred.square().sum()


def increment_variance(series: Float[Tensor, "batch time"], time: Float[Tensor, " time"]) -> Float[Tensor, " batch"]:
    """Variance of increments over the square root of their time steps, the diffusivity of a random walk.

    NaN with fewer than three times.
    """
    if len(time) < 3:
        return torch.full_like(series[:, 0], torch.nan)
    return (series.diff(dim=1) / time.diff().sqrt().to(series.dtype)).var(1, correction=0)


def monotonicity(series: Float[Tensor, "batch time"], *, least: float) -> Float[Tensor, " batch"]:
    """Kendall's rank correlation with time: pairs of times that rise less those that fall, over all pairs, in [-1, 1].

    Changes of at most `least` count as none. NaN with fewer than two times or where nothing else changes.

    Source: Kendall 1938; Mann 1945 (as a test for trend).
    """
    count = series.shape[1]
    change = series[:, None, :] - series[:, :, None]  # (batch, earlier, later)
    real = (change.abs() > least).triu(1)
    score = (change.sign() * real).sum((1, 2)) / max(1, count * (count - 1) // 2)
    missing = series.isnan().any(1) | ~real.any(2).any(1)
    return score.masked_fill(missing, torch.nan)
