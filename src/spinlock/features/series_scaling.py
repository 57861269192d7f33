"""How local series grow with scale: fluctuation analysis, the 0-1 test, and linear surrogates."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float, Float64, Int
from scipy.fft import next_fast_len
from torch import Tensor

from spinlock.core.seeds import stream
from spinlock.features.kernels_arithmetic import squared_magnitude, turning

NUM_FREQUENCIES = 9
"""Frequencies of the 0-1 test."""

MOST_VALUES = 1 << 22
"""Values that the 0-1 test and the surrogates look at at a time."""

NUM_TERMS = 7
"""Columns of a quadratic forecast and its target."""

NUM_SURROGATES = 5
"""Surrogates of each series."""


class FluctuationCurve(NamedTuple):
    """log F(n) of detrended fluctuation analysis over log n."""

    log_width: Float[Tensor, " scale"]
    log_fluctuation: Float[Tensor, "row scale"]

    def slope(self) -> Float[Tensor, " row"]:
        """Least-squares slope of each row."""
        return slope_over(self.log_width, self.log_fluctuation)

    def bend(self) -> Float[Tensor, " row"]:
        """Slope over the shorter half of the widths less that over the longer half."""
        half = (len(self.log_width) + 1) // 2
        x, y = self
        return slope_over(x[:half], y[:, :half]) - slope_over(x[-half:], y[:, -half:])


def slope_over(x: Float[Tensor, " place"], y: Float[Tensor, "row place"]) -> Float[Tensor, " row"]:
    """Least-squares slope of each row of `y` over `x`."""
    centred = x - x.mean()
    return y @ centred / centred.square().sum()


def fluctuation_curve(z: Float[Tensor, "row time"]) -> FluctuationCurve:
    """log F(n) for about 8 widths n from 4 to T/4; at least 24 times.

    F(n) is the root mean square of the cumulative sum of z less a line in each window of n values (Peng et al. 1994).
    """
    widths = sorted({round(n) for n in np.geomspace(4, z.shape[1] // 4, 8).tolist()})
    profile = z.cumsum(1)
    variances = []
    for width in widths:
        count = z.shape[1] // width
        windows = profile[:, : count * width].unflatten(1, (count, width))
        # The part that a level and a line explain is taken from the squares: exact to 1e-12 in float64.
        explained = (windows @ _level_and_line(width).to(z)).flatten(1)
        squares = windows.flatten(1).square().sum(1) - explained.square().sum(1)
        variances.append(squares / (count * width))
    variance = torch.stack(variances, 1).clamp_min(1e-12)
    return FluctuationCurve(z.new_tensor(widths).log(), variance.log() / 2)


@cache
def _level_and_line(width: int) -> Float64[Tensor, "width 2"]:
    """Orthonormal columns: a constant and a straight line."""
    line = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    return torch.stack((torch.full_like(line, width**-0.5), line / line.norm()), 1)


def chaos_score(z: Float[Tensor, "row time"], delay: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
    """The 0-1 test: median over 9 frequencies c of the correlation of n with the mean square displacement M(n).

    P(j) = Σ_{i<=j} z(i) exp(i c j / τ), M(n) = ⟨|P(j+n) - P(j)|²⟩ over j, at ten n up to 8 τ, but at least T/8 and at
    most T/2. c is spread evenly over (π/5, 4π/5) per τ, so that finely sampled motion is asked at its own time scale.
    """
    num_times = z.shape[1]
    at_once = max(1, MOST_VALUES // (NUM_FREQUENCIES * num_times))
    if len(z) > at_once:  # of long runs some rows at a time
        parts = zip(z.split(at_once), delay.split(at_once), strict=True)
        return torch.cat([chaos_score(*part) for part in parts])
    steps = torch.arange(num_times, dtype=torch.float32)
    per_delay = torch.linspace(math.pi / 5, 4 * math.pi / 5, NUM_FREQUENCIES)
    known, which = delay.unique(return_inverse=True)  # far fewer than rows
    waves = turning((per_delay / known[:, None])[..., None] * steps)
    place = (waves[which] * z.float()[:, None]).cumsum(-1)  # (row, frequency, time)
    longest = (8 * delay).clamp(num_times // 8, num_times // 2)
    lags = (longest[:, None] * torch.linspace(0.1, 1, 10)).round().long().clamp_min(1)
    moved = mean_square_displacement(place, num_lags=num_times // 2 + 1)
    moved = moved.gather(2, lags[:, None].expand(-1, NUM_FREQUENCIES, -1)).double()
    lags = lags.double()[:, None]
    moved, lags = (values - values.mean(-1, keepdim=True) for values in (moved, lags))
    spread = moved.square().sum(-1) * lags.square().sum(-1)
    return ((moved * lags).sum(-1) / spread.clamp_min(1e-30).sqrt()).median(1).values


def mean_square_displacement(
    place: Complex[Tensor, "row frequency time"], *, num_lags: int
) -> Float[Tensor, "row frequency lag"]:
    """⟨|P(j+n) - P(j)|²⟩ over j for n = 0 … num_lags - 1, through the autocorrelation of P."""
    num_times = place.shape[-1]
    square = squared_magnitude(place)
    total = torch.nn.functional.pad(square.cumsum(-1), (1, 0))
    length = next_fast_len(num_times + num_lags)
    # The power is real, so its forward transform has the real part of its inverse one, in half the time.
    overlap = torch.fft.rfft(squared_magnitude(torch.fft.fft(place, n=length)), norm="forward").real[..., :num_lags]
    late = total[..., -1:] - total[..., :num_lags]
    early = total.flip(-1)[..., :num_lags]
    return (late + early - 2 * overlap) / (num_times - torch.arange(num_lags))


def surrogates(z: Float[Tensor, "row time"]) -> Float[Tensor, "surrogate row time"]:
    """Series with the power spectrum of `z` and random phases, the same phases for every row and every sample."""
    spectrum = torch.fft.rfft(z).abs()
    turns = stream(0, "surrogates").random((NUM_SURROGATES, 1, spectrum.shape[1]))
    phase = torch.as_tensor(2 * math.pi * turns, dtype=z.dtype)
    return torch.fft.irfft(torch.polar(spectrum.expand(NUM_SURROGATES, -1, -1), phase), n=z.shape[1])


def quadratic_gain(z: Float[Tensor, "row time"], delay: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
    """log of the error of the best linear over that of the best quadratic forecast of z(t+τ) from z(t) and z(t-τ).

    Mean square errors count as at least a millionth of the variance.
    """
    num_times = z.shape[1]
    now = torch.arange(num_times) * torch.ones_like(delay)[:, None]
    exists = (now >= delay[:, None]) & (now < num_times - delay[:, None])
    after, before = (z.gather(1, (now + sign * delay[:, None]).clamp(0, num_times - 1)) * exists for sign in (1, -1))
    now = z * exists
    one = exists.to(z)
    terms = torch.stack((one, now, before, now * now, now * before, before * before, after), dim=1)
    gram = terms @ terms.mT / one.sum(1)[:, None, None]
    gram = gram + 1e-6 * torch.eye(NUM_TERMS, dtype=z.dtype)
    linear = [0, 1, 2, 6]
    quadratic_error = torch.linalg.cholesky(gram)[:, -1, -1]
    linear_error = torch.linalg.cholesky(gram[:, linear][:, :, linear])[:, -1, -1]
    return 2 * (linear_error / quadratic_error).log()


def nonlinearity(z: Float[Tensor, "row time"], delay: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
    """Quadratic gain of each series less the mean of its surrogates'."""
    at_once = max(1, MOST_VALUES // (NUM_TERMS * NUM_SURROGATES * z.shape[1]))
    if len(z) > at_once:  # of long runs some rows at a time
        parts = zip(z.split(at_once), delay.split(at_once), strict=True)
        return torch.cat([nonlinearity(*part) for part in parts])
    null = quadratic_gain(surrogates(z).flatten(0, 1), delay.repeat(NUM_SURROGATES))
    return quadratic_gain(z, delay) - null.reshape(NUM_SURROGATES, -1).mean(0)
