"""One pass over the spectra of frames, chunk by chunk in the cache: shells, angles, harmonics, coherence, low modes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from scipy.sparse import csr_array
from torch import Tensor

from spinlock.features.kernels_arithmetic import mean_product
from spinlock.features.kernels_slopes import slope_weights

CHUNK_VALUES = 1 << 20
"""Values of a chunk of frames: beyond the cache, because every transform costs as much as 50 000 values to set up."""

LOW_BAND, HIGH_BAND = (1, 4), (5, 16)
"""First and last shell, cycles per domain, of the two bands of cross-channel coherence."""


class SpectralStatistics(NamedTuple):
    """Statistics of the power spectrum P(k) = Σ_channel |û(k)|², k ≠ 0, of each frame; k in cycles per domain."""

    radial: Float[Tensor, "frame band"]  # power in shells round(|k|) = 0, 1, 2, …
    angular: Float[Tensor, "frame 3 2"]  # Σ P e^{i m θ} / Σ P for m = 2, 4, 6: real and imaginary part
    along_y: Float[Tensor, "frame height"]  # shares of the power of each ky, FFT order, times any factor
    along_x: Float[Tensor, "frame kx"]  # and of each kx, both halves counted
    peak: Float[
        Tensor, "frame 4"
    ]  # ky and kx of the strongest wave, its share of the power; Σ p² of all modes' shares p
    harmonics: Float[Tensor, "frame 2"]  # P(2k)/P(k) and P(3k)/P(k) at the strongest wave; NaN beyond Nyquist
    near_modes: Complex[Tensor, "frame channel near_ky near_kx"]  # û in ascending order of ky, mean included
    coherence: Float[Tensor, "frame 2"]  # squared, between channels: of the low and the high band
    correlation: Float[Tensor, " frame"]  # between channels, over the pixels
    slope_sums: Float[Tensor, "frame channel 4 4"]  # of each channel, for `spectral_slopes`


class Plane(NamedTuple):
    """The half plane of wavenumbers of `rfft2` and everything that depends on the grid alone."""

    width: int
    ky: Float[Tensor, " ky"]  # cycles per domain, FFT order
    kx: Float[Tensor, " kx"]
    slopes_y: Float[Tensor, "4 ky"]  # `slope_weights` along y
    slopes_x: Float[Tensor, "4 kx"]  # and along x
    own_conjugates: Int[Tensor, " own"]  # modes at Nyquist that are their own conjugates, k = 0 left out
    num_shells: int
    even_sums: csr_array  # (sum, half_mode), for ky >= 0: weight in shell 0, 1, …; weighted cos of 2θ, 4θ, 6θ
    odd_sums: Float[Tensor, "3 mode"]  # for all ky: weighted sin of 2θ, 4θ, 6θ
    band_rows: Int[Tensor, " band_ky"]  # of the modes that coherence looks at
    bands: Float[Tensor, "2 band_ky band_kx"]  # weight of each of those modes in the low and the high band
    near_rows: Int[Tensor, " near_ky"]
    num_near_columns: int
    window: Float[Tensor, "height width"] | None


def make_plane(
    like: Float[Tensor, "*batch height width"], *, cutoff: int, window: Float[Tensor, "height width"] | None
) -> Plane:
    """The wavenumbers of a grid; on an oblong one in cycles per its longer side, so that shells are round."""
    height, width = like.shape[-2:]
    longer = max(height, width)
    ky = torch.fft.fftfreq(height, 1 / longer, dtype=like.dtype)
    kx = torch.fft.rfftfreq(width, 1 / longer, dtype=like.dtype)
    column = torch.arange(len(kx))
    radius = (ky[:, None] ** 2 + kx**2).sqrt()
    shell = radius.round().long()
    theta = torch.atan2(ky[:, None].expand_as(radius), kx.expand_as(radius)).flatten()
    weight = torch.where((column == 0) | (2 * column == width), 1, 2).to(like.dtype)
    weights = weight.repeat(height)
    upper = weights[: (height // 2 + 1) * len(kx), None]
    shells = torch.nn.functional.one_hot(shell[: height // 2 + 1].flatten(), int(shell.max()) + 1)
    cosines, sines = (torch.stack([f(m * theta) for m in (2, 4, 6)], dim=-1) for f in (torch.cos, torch.sin))
    row = torch.arange(height)
    even_sums = torch.cat((shells, cosines[: len(upper)]), -1) * upper  # sparse: a mode is in one shell only
    own_y, own_x = (2 * row) % height == 0, (2 * column) % width == 0
    reach = HIGH_BAND[1] + 1
    band_rows = _rows_below(height, reach)
    band_columns = min(reach, (width - 1) // 2) + 1
    near = shell[band_rows, :band_columns]
    return Plane(
        width=width,
        ky=ky,
        kx=kx,
        slopes_y=slope_weights(height, real=False, like=like).T.contiguous(),
        slopes_x=slope_weights(width, real=True, like=like).T.contiguous(),
        own_conjugates=(own_y[:, None] & own_x).flatten().nonzero().squeeze(1)[1:],
        num_shells=shells.shape[1],
        even_sums=csr_array(even_sums.T.numpy()),
        odd_sums=sines.T * weights,
        band_rows=band_rows,
        bands=torch.stack([((near >= a) & (near <= b)) * weight[:band_columns] for a, b in (LOW_BAND, HIGH_BAND)]),
        near_rows=_rows_below(height, cutoff),
        num_near_columns=min(cutoff, (width - 1) // 2) + 1,
        window=window,
    )


def _rows_below(height: int, most: int) -> Int[Tensor, " row"]:
    """Rows of `rfft2` with ky = -most … most in ascending order, or as far as below Nyquist."""
    most = min(most, (height - 1) // 2)
    return torch.arange(-most, most + 1) % height


def spectral_statistics(
    u: Float[Tensor, "frame channel height width"],
    mean: Float[Tensor, "frame channel"],
    size: Float[Tensor, " frame"],
    plane: Plane,
) -> SpectralStatistics:
    """Every spectral statistic of each frame; the spectrum is of u - mean, windowed if the plane has a window.

    Frames are divided by their `size` first, so that squares of powers neither vanish nor overflow, whatever the field's
    strength; `radial` and `near_modes` come back in the units of u.
    """
    step = max(1, CHUNK_VALUES // u[0].numel())
    spare = torch.empty_like(u[:step])
    parts = [
        _chunk_statistics(part, centre, width, plane, spare)
        for part, centre, width in zip(u.split(step), mean.split(step), size.split(step), strict=True)
    ]
    return SpectralStatistics(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _chunk_statistics(
    u: Float[Tensor, "frame channel height width"],
    mean: Float[Tensor, "frame channel"],
    size: Float[Tensor, " frame"],
    plane: Plane,
    spare: Float[Tensor, "chunk channel height width"],
) -> SpectralStatistics:
    centred = torch.sub(u, mean[:, :, None, None], out=spare[: len(u)])
    centred.mul_(size.reciprocal()[:, None, None, None])
    spectrum = torch.fft.rfft2(centred, norm="forward")
    near_modes = spectrum[..., plane.near_rows, : plane.num_near_columns] * size[:, None, None, None]
    near_modes[..., len(plane.near_rows) // 2, 0] = mean.to(near_modes.dtype)
    if plane.window is not None:
        spectrum = torch.fft.rfft2(centred * plane.window, norm="forward")
    spectrum[..., 0, 0] = 0
    powers = _power(spectrum)  # (frame, channel, ky, kx), one of the two halves
    along_x = torch.stack([powers @ weights for weights in plane.slopes_x], -1)  # (frame, channel, ky, 4)
    power = powers[:, 0] if powers.shape[1] == 1 else powers.sum(1)
    folded = _folded(power)
    even = torch.from_numpy(
        (plane.even_sums @ folded.flatten(1).numpy().T).T
    )  # power in every shell, and times cosines
    odd = torch.stack([power.flatten(1) @ sines for sines in plane.odd_sums], -1)
    columns = folded.sum(-2) * plane.slopes_x[0]
    total = columns.sum(-1)
    peak, harmonics = _strongest_wave(power, total, plane)
    return SpectralStatistics(
        radial=even[:, :-3] * size.square()[:, None],
        angular=torch.stack((even[:, -3:], odd), -1) / total[:, None, None],
        along_y=along_x[..., 0].sum(1),
        along_x=columns,
        peak=peak,
        harmonics=harmonics,
        near_modes=near_modes,
        coherence=_coherence(spectrum, plane),
        correlation=_correlation(centred),
        slope_sums=plane.slopes_y @ along_x,
    )


def _power(spectrum: Complex[Tensor, "frame channel ky kx"]) -> Float[Tensor, "frame channel ky kx"]:
    """Squared magnitudes; numpy reads real and imaginary parts twice as fast as torch."""
    modes = spectrum.numpy()
    parts = np.square(np.real(modes))
    parts += np.square(np.imag(modes))
    return torch.from_numpy(parts)


def _folded(power: Float[Tensor, "frame ky kx"]) -> Float[Tensor, "frame half_ky kx"]:
    """Power at ky plus that at -ky, for ky = 0, 1, … Nyquist: what shells and cosines see, in half the modes."""
    height = power.shape[1]
    folded = power[:, : height // 2 + 1].clone()
    folded[:, 1 : (height + 1) // 2] += power[:, height // 2 + 1 :].flip(1)
    return folded


def _strongest_wave(
    power: Float[Tensor, "frame ky kx"], total: Float[Tensor, " frame"], plane: Plane
) -> tuple[Float[Tensor, "frame 4"], Float[Tensor, "frame 2"]]:
    """Wavenumber and share of the strongest wave, the concentration of power in few modes, and its harmonics.

    A wave is a mode with its conjugate; the modes that are their own conjugates, at Nyquist, are half a wave: `power` is
    halved there, in place.
    """
    _, height, columns = power.shape
    flat = power.flatten(1)
    once = power[:, :, plane.slopes_x[0] == 1]  # all other modes count twice
    concentration = 2 * flat.shape[1] * mean_product(flat, flat) - once.square().sum((1, 2))
    flat[:, plane.own_conjugates] /= 2
    index = torch.from_numpy(flat.numpy().argmax(-1))  # seven times faster than torch's search
    top = flat.gather(-1, index[:, None]).squeeze(-1)
    row, column = index // columns, index % columns
    is_mirrored = (column == 0) | (2 * column == plane.width)  # there ky and -ky have the same power
    ky = torch.where(is_mirrored, plane.ky[row].abs(), plane.ky[row])
    peak = torch.stack((ky, plane.kx[column], 2 * top / total, concentration / total**2), dim=-1)
    signed = torch.where(row > height // 2, row - height, row)
    multiple = torch.tensor([[2], [3]])
    resolved = (2 * multiple * signed.abs() < height) & (2 * multiple * column < plane.width)
    place = ((multiple * signed) % height) * columns + (multiple * column).clamp_max(columns - 1)
    ratios = flat.gather(-1, place.T) / top[:, None]
    return peak, torch.where(resolved.T, ratios, torch.nan)


def _pairs(channels: int) -> Iterator[tuple[int, int]]:
    return ((a, b) for a in range(channels) for b in range(a + 1, channels))


def _coherence(spectrum: Complex[Tensor, "frame channel ky kx"], plane: Plane) -> Float[Tensor, "frame 2"]:
    """Squared coherence of the low and the high band, averaged over pairs of channels; NaN for one channel.

    Cross spectra are averaged over 3 x 3 neighbouring modes before the ratio is taken (of a single mode it is always 1);
    the modes of a band count by their power.
    """
    frames, channels = spectrum.shape[:2]
    if channels == 1:
        return plane.ky.new_full((frames, 2), torch.nan)
    modes = spectrum[:, :, plane.band_rows, : plane.bands.shape[-1]]
    # One more column, kx = -1: the conjugates of kx = 1.
    beyond = modes[..., 1:2].flip(-2).conj() if modes.shape[-1] > 1 else modes[..., :0]
    modes = torch.cat((beyond, modes), -1)
    auto = [_neighbours(torch.view_as_real(modes[:, c]).square().sum(-1), plane) for c in range(channels)]
    pairs = []
    for a, b in _pairs(channels):
        cross = modes[:, a] * modes[:, b].conj()
        size = _neighbours(cross.real, plane).square() + _neighbours(cross.imag, plane).square()
        power = auto[a].sqrt() * auto[b].sqrt()
        shared = torch.where(power > 0, size / power, 0)
        pairs.append(torch.stack([(shared * w).sum((-2, -1)) / (power * w).sum((-2, -1)) for w in plane.bands], dim=-1))
    return torch.stack(pairs).nanmean(0)


def _neighbours(modes: Float[Tensor, "frame ky extended"], plane: Plane) -> Float[Tensor, "frame ky kx"]:
    """Sums over 3 x 3 neighbouring modes, at kx >= 0; what is beyond the plane counts 0."""
    sums = torch.nn.functional.avg_pool2d(modes[:, None], 3, stride=1, padding=1, divisor_override=1)[:, 0]
    return sums[..., sums.shape[-1] - plane.bands.shape[-1] :]


def _correlation(centred: Float[Tensor, "frame channel height width"]) -> Float[Tensor, " frame"]:
    """Pearson's r of the pixels of two channels, averaged over pairs; NaN for one channel."""
    if centred.shape[1] == 1:
        return torch.full_like(centred[:, 0, 0, 0], torch.nan)
    pixels = centred.flatten(2)
    # Scaled first: squares of values below 1e-19 underflow, and a channel that is nearly constant would give infinity.
    pixels = pixels / pixels.abs().amax(-1, keepdim=True)
    pixels = pixels / torch.linalg.vector_norm(pixels, dim=-1, keepdim=True)
    pairs = [torch.linalg.vecdot(pixels[:, a], pixels[:, b]) for a, b in _pairs(pixels.shape[1])]
    return torch.stack(pairs).nanmean(0)
