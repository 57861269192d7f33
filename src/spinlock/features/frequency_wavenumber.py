"""The power of a field over frequency and wavenumber, and what its ridge says."""

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from spinlock.features.kernels_arithmetic import squared_magnitude


class FrequencyWavenumber(NamedTuple):
    """Power over signed frequency and wavenumber, means over time removed, Hann-windowed in time.

    A wave cos(k·x - ωt) with k in the half plane kx > 0 lies at positive frequency.

    Attributes:
        power: (batch, frequency, mode), modes of the half plane kx >= 0, both halves counted; NaN without fluctuation.
        frequency: cycles per step, in [-1/2, 1/2), ascending.
        wavenumber: |k| of each mode, cycles per unit length.
    """

    power: Float[Tensor, "batch frequency mode"]
    frequency: Float[Tensor, " frequency"]
    wavenumber: Float[Tensor, " mode"]


def frequency_wavenumber(
    modes: Complex[Tensor, "batch time channel ky kx"],
    ky: Int[Tensor, " ky"],
    kx: Int[Tensor, " kx"],
    *,
    height: float,
    width: float,
    resolution: float,
) -> FrequencyWavenumber:
    """Power of every mode but the spatial mean at every frequency, summed over channels.

    Args:
        modes: Fourier coefficients of each frame.
        ky: cycles per domain of each row.
        kx: cycles per domain of each column, >= 0.
        height: of the domain.
        width: of the domain.
        resolution: share of the root mean square below which what changes is rounding.
    """
    time = modes.shape[1]
    flat = modes.flatten(3)  # (batch, time, channel, mode)
    grid_y, grid_x = (k.flatten() for k in torch.broadcast_tensors(ky[:, None], kx))
    # kx = 0 holds k and -k: half of them are enough, and the other half would mirror the sign of the frequency
    kept = (grid_x > 0) | (grid_y > 0)
    series = flat[..., kept].transpose(1, 3).contiguous()  # (batch, mode, channel, time)
    fluctuation = series - series.mean(-1, keepdim=True)
    largest = squared_magnitude(series).mean(-1).sum((1, 2))
    window = torch.hann_window(time + 2, periodic=False, dtype=modes.real.dtype)[1:-1]
    spectrum = torch.fft.fft(fluctuation.conj() * window, norm="forward")  # conj: exp(-iωt) at positive frequency
    power = torch.fft.fftshift((spectrum.real.square() + spectrum.imag.square()).sum(2), -1).mT * 2
    present = power.sum((1, 2)) > resolution**2 * largest
    wavenumber = ((grid_y[kept] / height) ** 2 + (grid_x[kept] / width) ** 2).sqrt()
    frequency = torch.fft.fftshift(torch.fft.fftfreq(time, dtype=power.dtype))
    power = torch.where(present[:, None, None], power, torch.nan)
    return FrequencyWavenumber(power, frequency, wavenumber.to(power.dtype))


def ridge_share(power: Float[Tensor, "batch frequency mode"], *, reach: int) -> Float[Tensor, " batch"]:
    """Share of the power that lies within `reach` frequencies of its mode's strongest one."""
    place = power.nan_to_num().argmax(1, keepdim=True)  # (batch, 1, mode)
    index = torch.arange(power.shape[1])[:, None]
    near = (index - place).abs() <= reach
    return (power * near).sum((1, 2)) / power.sum((1, 2))


def one_way_share(
    power: Float[Tensor, "batch frequency mode"], frequency: Float[Tensor, " frequency"]
) -> Float[Tensor, " batch"]:
    """Σ_k |P(forward) - P(backward)| / Σ_k (P(forward) + P(backward)): 1 for running, 0 for standing waves."""
    reversible = frequency > -0.5  # the Nyquist frequency of an even number of times has no partner
    forward, backward = power[:, frequency > 0].sum(1), power[:, (frequency < 0) & reversible].sum(1)
    return (forward - backward).abs().sum(-1) / (forward + backward).sum(-1)
