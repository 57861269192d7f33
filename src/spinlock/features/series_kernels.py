"""What all series features stand on: local series without the dead ones, averages over them, slopes, correlations.

A *row* is one local series of one realization (`Fields.probes`). Rows that never change are left out at the start, so no
kernel meets a division by a zero spread; a realization whose rows are all dead gets NaN when values are averaged back.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int
from scipy.fft import next_fast_len
from torch import Tensor

from spinlock.features.fields import Fields, once
from spinlock.features.kernels_arithmetic import squared_magnitude

MOST_IN_WINDOWS = 1 << 22
"""Most values in all windows of a row of values that are held: of 5800 saved times."""


class LocalSeries(NamedTuple):
    """The local series of a sample that change at all, each with mean 0 and standard deviation 1.

    Attributes:
        z: float64, one series a row.
        owner: the realization of each row.
        belongs: 1 where the row is the realization's, else 0; realizations without any row included.
    """

    z: Float[Tensor, "row time"]
    owner: Int[Tensor, " row"]
    belongs: Float[Tensor, "batch row"]

    def average(self, values: Float[Tensor, "row ..."]) -> Float[Tensor, "batch ..."]:
        """Mean over the rows of each realization; rows with NaN are left out, NaN where none is left."""
        values = values.double()
        absent = values.isnan()
        total = self.pooled(values.masked_fill(absent, 0.0))
        return total / self.pooled((~absent).double())  # 0/0 is NaN

    def pooled(self, counts: Float[Tensor, "row ..."]) -> Float64[Tensor, "batch ..."]:
        """Sum over the rows of each realization; 0 where it has none."""
        counts = counts.double()
        if counts.ndim == 1:
            return self.belongs @ counts
        return (self.belongs @ counts.flatten(1)).unflatten(1, counts.shape[1:])


@once
def local_series(fields: Fields) -> LocalSeries:
    """The block means of `Fields.probes`, standardised over time in float64, without those that never change."""
    series = fields.probes.mT.double()
    owner = torch.arange(series.shape[0]).repeat_interleave(series.shape[1])
    z, alive = standardized(series.flatten(0, 1), resolution=fields.resolution)
    owner = owner[alive]
    belongs = torch.arange(series.shape[0])[:, None] == owner
    return LocalSeries(z, owner, belongs.double())


def has_series(fields: Fields, *, at_least: int) -> bool:
    """Whether some local series changes and there are enough saved times; otherwise a feature is `missing`."""
    return fields.u.shape[1] >= at_least and len(local_series(fields).z) > 0


def missing(fields: Fields) -> Float[Tensor, " batch"]:
    """NaN for every realization."""
    return torch.full((fields.u.shape[0],), torch.nan, dtype=torch.float64)


def standardized(series: Float[Tensor, "row time"], *, resolution: float) -> tuple[Float[Tensor, "alive time"], Tensor]:
    """The rows that change, shifted to mean 0 and scaled to standard deviation 1; and which rows they are.

    A row is constant where its standard deviation is at most `resolution` of its largest magnitude.

    Rows are first divided by their largest magnitude, so that squares neither overflow nor vanish at 1e±20.
    """
    largest = series.abs().amax(1, keepdim=True)
    series = series / torch.where(largest > 0, largest, 1.0)
    centred = series - series.mean(1, keepdim=True)
    spread = centred.square().mean(1, keepdim=True).sqrt()
    alive = spread[:, 0] > resolution
    return (centred / spread)[alive], alive


def slope(values: Float[Tensor, "row time"]) -> Float[Tensor, " row"]:
    """Least-squares slope of each row per step, in float64; NaN with fewer than two values."""
    values = values.double()
    steps = torch.arange(values.shape[1], dtype=torch.float64)
    steps = steps - steps.mean()
    return (values - values.mean(1, keepdim=True)) @ steps / steps.square().sum()


def steepest_slope(values: Float[Tensor, "row time"], *, width: int) -> Float[Tensor, " row"]:
    """Largest least-squares slope, per step, of each row over any `width` successive values."""
    windows = values.double().unfold(1, width, 1)
    if windows.numel() <= MOST_IN_WINDOWS:
        return slope(windows.flatten(0, 1)).unflatten(0, windows.shape[:2]).amax(1)
    # Of long rows the same by Fourier transforms: windows would take memory with the square of the time.
    steps = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    centred = values.double() - values.double().mean(1, keepdim=True)
    length = next_fast_len(values.shape[1], real=True)
    products = torch.fft.rfft(centred, n=length) * torch.fft.rfft(steps, n=length).conj()
    return torch.fft.irfft(products, n=length)[:, : windows.shape[1]].amax(1) / steps.square().sum()


def detrended(z: Float[Tensor, "row time"]) -> Float[Tensor, "row time"]:
    """Each row less its least-squares line."""
    steps = torch.arange(z.shape[1], dtype=z.dtype)
    return z - z.mean(1, keepdim=True) - slope(z)[:, None] * (steps - steps.mean())


def autocorrelation(z: Float[Tensor, "row time"]) -> Float[Tensor, "row lag"]:
    """r(k) = Σₜ z(t) z(t+k) / Σₜ z(t)² for lags 0 … T-1 (the biased estimate), by fast Fourier transform."""
    power = squared_magnitude(torch.fft.rfft(z, n=2 * z.shape[1]))
    curve = torch.fft.irfft(power, n=2 * z.shape[1])[:, : z.shape[1]]
    return curve / curve[:, :1]


@once
def local_autocorrelation(fields: Fields) -> Float[Tensor, "row lag"]:
    """Autocorrelation of each local series."""
    return autocorrelation(local_series(fields).z)


@once
def correlation_delay(fields: Fields) -> Int[Tensor, " row"]:
    """First lag at which a local series' autocorrelation is below 1/e: at least 1, at most a sixteenth of the run."""
    curve = local_autocorrelation(fields)
    return first_crossing(curve, math.exp(-1)).ceil().long().clamp(1, max(1, curve.shape[1] // 16))


def first_crossing(curve: Float[Tensor, "row time"], level: float) -> Float[Tensor, " row"]:
    """Place where each row first falls below `level`, linear between steps; the last place where it never does.

    Rows start at or above `level`.
    """
    below = curve < level
    after = torch.where(below.any(1), below.double().argmax(1), curve.shape[1] - 1).clamp_min(1)
    late, early = curve.gather(1, after[:, None])[:, 0], curve.gather(1, after[:, None] - 1)[:, 0]
    fraction = ((early - level) / (early - late).clamp_min(torch.finfo(curve.dtype).tiny)).clamp(0, 1)
    return torch.where(below.any(1), after - 1 + fraction, float(curve.shape[1] - 1))


def first_minimum(curve: Float[Tensor, "row lag"]) -> Int[Tensor, " row"]:
    """Lag of the first local minimum of each row, the last lag where there is none; rows have at least three lags."""
    is_minimum = (curve[:, 1:-1] < curve[:, :-2]) & (curve[:, 1:-1] <= curve[:, 2:])
    return torch.where(is_minimum.any(1), is_minimum.double().argmax(1) + 1, curve.shape[1] - 1)
