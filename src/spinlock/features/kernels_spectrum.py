"""One pass over the spectra of frames, chunk by chunk in the cache: shells, angles, harmonics, coherence, low modes."""

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from spinlock.features.kernels_pixels import CHUNK_PIXELS

LOW_BAND, HIGH_BAND = (1, 4), (5, 16)
"""First and last shell, cycles per domain, of the two bands of cross-channel coherence."""


class SpectralStatistics(NamedTuple):
    """Statistics of the power spectrum P(k) = Σ_channel |û(k)|², k ≠ 0, of each frame; k in cycles per domain."""

    radial: Float[Tensor, "frame band"]  # power in shells round(|k|) = 0, 1, 2, …
    angular: Float[Tensor, "frame 3 2"]  # Σ P e^{i m θ} for m = 2, 4, 6: real and imaginary part
    along_y: Float[Tensor, "frame height"]  # Σ over kx of the full plane, ky in FFT order
    along_x: Float[Tensor, "frame kx"]  # Σ over ky, both halves counted
    peak: Float[Tensor, "frame 4"]  # ky and kx of the strongest mode; its power's share; the share of the 4th-power sum
    harmonics: Float[Tensor, "frame 2"]  # P(2k)/P(k) and P(3k)/P(k) at the strongest mode; NaN beyond Nyquist
    low_modes: Complex[Tensor, "frame channel low_ky low_kx"]
    coherence: Float[Tensor, "frame 3"]  # between channels: of the low band, the high band; correlation of all modes


class Plane(NamedTuple):
    """The half plane of wavenumbers of `rfft2` and everything that depends on the grid alone."""

    width: int
    ky: Float[Tensor, " ky"]  # cycles per domain, FFT order
    kx: Float[Tensor, " kx"]
    weight: Float[Tensor, " kx"]  # 1 at kx = 0 and Nyquist, else 2
    shells: Float[Tensor, "mode band"]  # 1 where a mode lies in a shell
    angles: Float[Tensor, "mode 6"]  # cos and sin of 2θ, 4θ, 6θ
    bands: Float[Tensor, "mode 3"]  # weight of a mode in the low band, the high band, the whole
    low_rows: Int[Tensor, " low_ky"]
    num_low_columns: int
    window: Float[Tensor, "height width"] | None


def make_plane(
    like: Float[Tensor, "*batch height width"], *, low_cutoff: int, window: Float[Tensor, "height width"] | None
) -> Plane:
    """The wavenumbers of a grid; on an oblong one in cycles per its longer side, so that shells are round."""
    height, width = like.shape[-2:]
    longer = max(height, width)
    ky = torch.fft.fftfreq(height, 1 / longer, dtype=like.dtype, device=like.device)
    kx = torch.fft.rfftfreq(width, 1 / longer, dtype=like.dtype, device=like.device)
    column = torch.arange(len(kx), device=like.device)
    radius = (ky[:, None] ** 2 + kx**2).sqrt()
    shell = radius.round().long()
    theta = torch.atan2(ky[:, None].expand_as(radius), kx.expand_as(radius)).flatten()
    weight = torch.where((column == 0) | (2 * column == width), 1, 2).to(like.dtype)
    bands = (LOW_BAND, HIGH_BAND, (1, int(shell.max())))
    most = min(low_cutoff, (height - 1) // 2)
    return Plane(
        width=width,
        ky=ky,
        kx=kx,
        weight=weight,
        shells=torch.nn.functional.one_hot(shell.flatten(), int(shell.max()) + 1).to(like.dtype),
        angles=torch.stack([f(m * theta) for m in (2, 4, 6) for f in (torch.cos, torch.sin)], dim=-1),
        bands=torch.stack([((shell >= a) & (shell <= b)) * weight for a, b in bands], dim=-1).flatten(0, 1),
        low_rows=torch.arange(-most, most + 1, device=like.device) % height,
        num_low_columns=min(low_cutoff, (width - 1) // 2) + 1,
        window=window,
    )


def spectral_statistics(
    u: Float[Tensor, "frame channel height width"], mean: Float[Tensor, "frame channel"], plane: Plane
) -> SpectralStatistics:
    """Every spectral statistic of each frame; the spectrum is of u - mean, windowed if the plane has a window."""
    size = max(1, CHUNK_PIXELS // u[0].numel())
    parts = [
        _chunk_statistics(part, centre, plane) for part, centre in zip(u.split(size), mean.split(size), strict=True)
    ]
    return SpectralStatistics(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _chunk_statistics(
    u: Float[Tensor, "frame channel height width"], mean: Float[Tensor, "frame channel"], plane: Plane
) -> SpectralStatistics:
    centred = u - mean[:, :, None, None]
    spectrum = torch.fft.rfft2(centred, norm="forward")
    low_modes = spectrum[..., plane.low_rows, : plane.num_low_columns].contiguous()
    zero = int((plane.low_rows == 0).nonzero()[0])
    low_modes[..., zero, 0] = mean.to(low_modes.dtype)
    if plane.window is not None:
        spectrum = torch.fft.rfft2(centred * plane.window, norm="forward")
    spectrum[..., 0, 0] = 0
    parts = torch.view_as_real(spectrum)
    power = parts.square().sum((1, -1)) * plane.weight  # (frame, ky, kx)
    flat = power.flatten(1)
    peak, harmonics = _strongest_mode(power, plane)
    return SpectralStatistics(
        radial=flat @ plane.shells,
        angular=(flat @ plane.angles).unflatten(-1, (3, 2)),
        along_y=power.sum(-1),
        along_x=power.sum(-2),
        peak=peak,
        harmonics=harmonics,
        low_modes=low_modes,
        coherence=_coherence(spectrum, plane),
    )


def _strongest_mode(
    power: Float[Tensor, "frame ky kx"], plane: Plane
) -> tuple[Float[Tensor, "frame 4"], Float[Tensor, "frame 2"]]:
    """Wavenumber and share of the strongest mode, the concentration of power in few modes, and its harmonics."""
    frames, height, columns = power.shape
    flat = power.flatten(1)
    top, index = flat.max(-1)
    row, column = index // columns, index % columns
    total = flat.sum(-1)
    concentration = torch.linalg.vecdot(flat / plane.weight.repeat(height), flat) / total**2
    peak = torch.stack((plane.ky[row], plane.kx[column], top / total, concentration), dim=-1)
    signed = torch.where(row > height // 2, row - height, row)
    ratios = []
    for multiple in (2, 3):
        resolved = (2 * multiple * signed.abs() < height) & (2 * multiple * column < plane.width)
        harmonic = power[
            torch.arange(frames, device=power.device),
            (multiple * signed) % height,
            (multiple * column).clamp_max(columns - 1),
        ]
        ratios.append(torch.where(resolved, harmonic / top, torch.nan))
    return peak, torch.stack(ratios, dim=-1)


def _coherence(spectrum: Complex[Tensor, "frame channel ky kx"], plane: Plane) -> Float[Tensor, "frame 3"]:
    """Coherence of the low and the high band and correlation over all modes, averaged over pairs of channels.

    Cross spectra are averaged over the modes of a band before the ratio is taken: of a single mode it is always 1.
    """
    frames, channels = spectrum.shape[:2]
    if channels == 1:
        return plane.ky.new_full((frames, 3), torch.nan)
    auto = (torch.view_as_real(spectrum).square().sum(-1)).flatten(2) @ plane.bands  # (frame, channel, 3)
    pairs = []
    for a in range(channels):
        for b in range(a + 1, channels):
            cross = (spectrum[:, a] * spectrum[:, b].conj()).flatten(1)
            real, imaginary = cross.real @ plane.bands, cross.imag @ plane.bands
            size = torch.stack((real[:, 0].hypot(imaginary[:, 0]), real[:, 1].hypot(imaginary[:, 1]), real[:, 2]), -1)
            pairs.append(size / (auto[:, a].sqrt() * auto[:, b].sqrt()))
    return torch.stack(pairs).nanmean(0)
