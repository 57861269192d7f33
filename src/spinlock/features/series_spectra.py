"""Power spectra and bispectra of local series, averaged over the series of a realization."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.fields import Fields, once
from spinlock.features.kernels_arithmetic import squared_magnitude
from spinlock.features.series_kernels import LocalSeries, detrended, has_series, local_series, missing

SHORTEST = 8
"""Fewest saved times that a spectrum is made of."""

FLOOR = 1e-12
"""Smallest share of the total power that a logarithm sees: below it lies the rounding of float32 states."""

SEGMENT = 32
"""Saved times in a segment of the bispectrum; neighbours overlap by half."""


class TimeSpectrum(NamedTuple):
    """How the variance of local series is spread over frequency.

    Attributes:
        share: of the total power; sums to 1, or NaN where nothing changes.
        frequency: of each bin, cycles per unit time, 1/(T dt) … 1/(2 dt).
        peak: place of the largest share on the axis of bins (bin 1 is one cycle a run), by a parabola through logarithms.
    """

    share: Float[Tensor, "batch bin"]
    frequency: Float[Tensor, " bin"]
    peak: Float[Tensor, " batch"]


def periodogram(z: Float[Tensor, "row time"]) -> Float[Tensor, "row bin"]:
    """Power of each row at 1 … T/2 cycles a run, less its line and Hann-windowed, divided by its sum.

    NaN for a row that is its line to one part in 10⁵.
    """
    rest = detrended(z)
    straight = rest.square().mean(1, keepdim=True) < 1e-10
    window = torch.hann_window(z.shape[1], dtype=z.dtype)
    power = squared_magnitude(torch.fft.rfft(rest * window)[:, 1:])
    return torch.where(straight, torch.nan, power / power.sum(1, keepdim=True))


@once
def time_spectrum(fields: Fields) -> TimeSpectrum:
    """The mean periodogram of the local series; all NaN with fewer than 8 saved times."""
    local = local_series(fields)
    num_times = local.z.shape[1]
    bins = torch.arange(1, num_times // 2 + 1, dtype=torch.float64)
    frequency = bins / (num_times * fields.dt)
    if not has_series(fields, at_least=SHORTEST):
        return TimeSpectrum(missing(fields)[:, None].expand(-1, len(bins)), frequency, missing(fields))
    share = local.average(periodogram(local.z))
    return TimeSpectrum(share, frequency, interpolated_peak(share))


def interpolated_peak(share: Float[Tensor, "batch bin"]) -> Float[Tensor, " batch"]:
    """Place of the largest value, counting bins from 1, by a parabola through its logarithm and its neighbours'."""
    height = share.clamp_min(FLOOR).log()
    top = share.argmax(1).clamp(1, share.shape[1] - 2)
    left, middle, right = (height.gather(1, (top + shift)[:, None])[:, 0] for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = torch.where(bend < 0, 0.5 * (left - right) / torch.where(bend < 0, bend, -1.0), 0.0)
    return torch.where(share.isnan().any(1), torch.nan, top + 1 + shift.clamp(-1, 1))


def share_near(spectrum: TimeSpectrum, place: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Share of the power within 1.5 bins of `place`; 0 beyond the last bin, NaN where `place` is."""
    bins = torch.arange(1, spectrum.share.shape[1] + 1, dtype=torch.float64)
    near = (bins - place[:, None]).abs() <= 1.5
    return torch.where(place.isnan(), torch.nan, (spectrum.share * near).sum(1))


def summed_bicoherence(local: LocalSeries) -> Float[Tensor, " batch"]:
    """Quadratic phase coupling of the local series, 0 (none) to 1 (complete), less its bias.

    With X the transform of a Hann-windowed segment of 32 saved times (overlap one half) and ⟨⟩ the mean over the
    segments of all series,  b² = Σ |⟨X(f)X(g)X*(f+g)⟩|² / Σ ⟨|X(f)X(g)|²⟩⟨|X(f+g)|²⟩  over f ≤ g, f + g ≤ 1/2 cycle a
    step. K independent segments give 1/K without any coupling, so (b² - 1/K) / (1 - 1/K) is returned, K = number of
    segments; there must be at least two.
    """
    segments = local.z.unfold(1, SEGMENT, SEGMENT // 2)
    segments = segments - segments.mean(-1, keepdim=True)
    window = torch.hann_window(SEGMENT, dtype=local.z.dtype)
    modes = torch.fft.rfft(segments * window)  # (row, segment, frequency)
    places = torch.arange(1, SEGMENT // 2 + 1)
    f, g = (place.flatten() for place in torch.meshgrid(places, places, indexing="ij"))
    keep = (f <= g) & (f + g <= SEGMENT // 2)
    f, g = f[keep], g[keep]
    product = modes[..., f] * modes[..., g]
    triple = product * modes[..., f + g].conj()
    real, imaginary = (local.average(part.mean(1)) for part in (triple.real, triple.imag))
    pair = local.average(squared_magnitude(product).mean(1))
    single = local.average(squared_magnitude(modes).mean(1))[:, f + g]
    coupling = (real.square() + imaginary.square()).sum(1) / (pair * single).sum(1)
    rows = local.pooled(torch.ones_like(local.z[:, 0]))
    bias = 1 / (rows * segments.shape[1]).clamp_min(2)
    return (coupling - bias) / (1 - bias)


def octave_distance(local: LocalSeries) -> Float[Tensor, " batch"]:
    """Hellinger distance between the mean spectra of the first and the second half, summed over octaves.

    NaN where in one of the halves no series leaves its line.
    """
    half = local.z.shape[1] // 2
    octave = torch.arange(1, half // 2 + 1).log2().long()
    halves = []
    for part in (local.z[:, :half], local.z[:, -half:]):
        share = local.average(periodogram(part))
        halves.append(share.new_zeros(len(share), int(octave[-1]) + 1).index_add_(1, octave, share))
    first, second = halves
    return (1 - (first * second).sqrt().sum(1)).clamp_min(0).sqrt()
