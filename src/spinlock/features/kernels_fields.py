"""The sums behind `Fields`: differences, power spectra, shells and block averages."""

import torch
from jaxtyping import Float
from torch import Tensor


def frame_scale(frame: Float[Tensor, "batch channel height width"]) -> Float[Tensor, " batch"]:
    """Standard deviation of a frame over channel, height and width; 1 where it is constant."""
    values = frame.flatten(1)
    std = values.std(-1, correction=0)
    resolution = values.abs().amax(-1) * torch.finfo(frame.dtype).eps * 8
    return torch.where(std > resolution, std, torch.ones_like(std))


def difference_energy(
    u: Float[Tensor, "batch time channel height width"], *, dx: float, periodic: bool
) -> Float[Tensor, "batch time"]:
    """Mean over channel and space of the squared forward differences along both axes, over dx²."""
    total = u.new_zeros(u.shape[:2])
    for axis in (-2, -1):
        difference = u.roll(-1, axis) - u if periodic else u.diff(dim=axis)
        if difference.shape[axis] > 0:
            total = total + difference.square().mean((-3, -2, -1))
    return total / dx**2


def wavenumber_grid(u: Float[Tensor, "*batch height width"]) -> tuple[Float[Tensor, " ky"], Float[Tensor, " kx"]]:
    """Wavenumbers of `rfft2`, in cycles per domain; on an oblong grid per its longer side, so that shells are round."""
    height, width = u.shape[-2:]
    longer = max(height, width)
    ky = torch.fft.fftfreq(height, 1 / longer, dtype=u.dtype, device=u.device)
    kx = torch.fft.rfftfreq(width, 1 / longer, dtype=u.dtype, device=u.device)
    return ky, kx


def half_plane_weight(kx: Tensor, width: int) -> Tensor:
    """How often a column of `rfft2` counts in a sum over the whole plane: 1 at 0 and at Nyquist, else 2."""
    return torch.where((kx == 0) | (2 * kx == width), 1, 2)


def power_spectrum(
    u: Float[Tensor, "batch time channel height width"], *, periodic: bool
) -> Float[Tensor, "batch time channel ky kx"]:
    """|û|² of each channel less its mean, on the half plane kx >= 0, both halves counted: it sums to the variance.

    A domain that does not wrap around is multiplied by a Hann window of unit mean square, else its edges would look
    like energy at all wavenumbers.
    """
    height, width = u.shape[-2:]
    centred = u - u.mean((-2, -1), keepdim=True)
    if not periodic:
        centred = centred * _hann(height, u)[:, None] * _hann(width, u)
        centred = centred - centred.mean((-2, -1), keepdim=True)
    spectrum = torch.fft.rfft2(centred, norm="forward")
    weight = half_plane_weight(torch.arange(width // 2 + 1, device=u.device), width).to(u.dtype)
    return (spectrum.real.square() + spectrum.imag.square()) * weight


def _hann(length: int, like: Tensor) -> Float[Tensor, " length"]:
    """Hann window of unit mean square; 1 on an axis of fewer than 3 pixels."""
    if length < 3:
        return like.new_ones(length)
    window = torch.hann_window(length + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
    return window / window.square().mean().sqrt()


def shell_sums(
    power: Float[Tensor, "*batch ky kx"],
    ky: Float[Tensor, " ky"],
    kx: Float[Tensor, " kx"],
    *,
    num_bands: int,
) -> Float[Tensor, "*batch band"]:
    """`power` summed over shells round(|k|) = 0, 1, 2, …."""
    shell = (ky[:, None] ** 2 + kx**2).sqrt().round().long().flatten()
    sums = power.new_zeros((*power.shape[:-2], num_bands))
    return sums.index_add_(-1, shell, power.flatten(-2))


def block_average_matrix(length: int, blocks: int) -> Float[Tensor, "block length"]:
    """Averages over `blocks` stretches of `length` pixels, as equal as they can be; as a matrix."""
    edges = [round(length * block / blocks) for block in range(blocks + 1)]
    matrix = torch.zeros(blocks, length)
    for block, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        matrix[block, start:stop] = 1 / (stop - start)
    return matrix
