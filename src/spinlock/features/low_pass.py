"""Fields from their low Fourier modes: on a grid of any size, or averaged over blocks."""

import math

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from spinlock.features.kernels_arithmetic import turning


def lowest(
    modes: Complex[Tensor, "*batch ky kx"], ky: Int[Tensor, " ky"], kx: Int[Tensor, " kx"], *, cutoff: int
) -> tuple[Complex[Tensor, "*batch low_ky low_kx"], Int[Tensor, " low_ky"], Int[Tensor, " low_kx"]]:
    """The modes with |ky| <= cutoff and |kx| <= cutoff, and their wavenumbers."""
    rows, columns = ky.abs() <= cutoff, kx <= cutoff
    return modes[..., rows, :][..., columns], ky[rows], kx[columns]


def synthesize(
    modes: Complex[Tensor, "*batch ky kx"],
    ky: Int[Tensor, " ky"],
    kx: Int[Tensor, " kx"],
    *,
    height: int,
    width: int,
) -> Float[Tensor, "*batch height width"]:
    """The real field Σ_k û_k exp(2πi (ky y + kx x)) at `height` x `width` equally spaced points.

    Args:
        modes: coefficients on the half plane kx >= 0; the other half is their complex conjugate.
        ky: cycles per domain of each row of `modes`.
        kx: cycles per domain of each column, >= 0.
        height: number of points along y.
        width: number of points along x.
    """
    return synthesized_rows(modes, ky, height=height) @ waves_along_rows(kx, width=width, dtype=modes.real.dtype)


def synthesized_rows(
    modes: Complex[Tensor, "*batch ky kx"], ky: Int[Tensor, " ky"], *, height: int
) -> Float[Tensor, "*batch height part"]:
    """The first half of `synthesize`: for each row of the field the real, then the imaginary parts of its modes in x."""
    angle = _angles(height, ky, modes.real.dtype)  # (height, ky)
    rows = turning(angle) @ modes  # (*batch, height, kx)
    return torch.cat((rows.real, rows.imag), -1)


def waves_along_rows(kx: Int[Tensor, " kx"], *, width: int, dtype: torch.dtype) -> Float[Tensor, "part width"]:
    """The second half: what each of those parts contributes to the points of a row."""
    angle = _angles(width, kx, dtype).T  # (kx, width)
    weight = torch.where(kx == 0, 1, 2).to(dtype)[:, None]
    return torch.cat((weight * angle.cos(), -weight * angle.sin()))


def block_means(
    modes: Complex[Tensor, "*batch ky kx"],
    ky: Int[Tensor, " ky"],
    kx: Int[Tensor, " kx"],
    *,
    rows: int,
    columns: int,
    height: int,
    width: int,
) -> Float[Tensor, "*batch row column"]:
    """Averages of the field over a lattice of `rows` x `columns` equal blocks that tile the domain.

    The average of exp(2πikx) over a block of length 1/n around its centre c is sinc(k/n) exp(2πikc). Blocks start at
    the outer edge of the first cell, half a cell before the point that stands for it.
    """
    real = modes.real.dtype
    damped = modes * torch.sinc(ky.to(real) / rows)[:, None] * torch.sinc(kx.to(real) / columns)
    turns = ky[:, None].to(real) * (1 / rows - 1 / height) + kx.to(real) * (1 / columns - 1 / width)
    centred = turning(math.pi * turns)
    return synthesize(damped * centred, ky, kx, height=rows, width=columns)


def _angles(length: int, wavenumber: Int[Tensor, " mode"], dtype: torch.dtype) -> Float[Tensor, "point mode"]:
    """2π k j / length, from the integer remainder so that it is exact to rounding."""
    point = torch.arange(length)
    return ((point[:, None] * wavenumber) % length).to(dtype) * (2 * math.pi / length)
