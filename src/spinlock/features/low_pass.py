"""Fields from their low Fourier modes: on a grid of any size, or averaged over blocks."""

import math

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor


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
    real = modes.real.dtype
    angle_y = _angles(height, ky, real)  # (height, ky)
    angle_x = _angles(width, kx, real).T  # (kx, width)
    weight = torch.where(kx == 0, 1, 2).to(real)[:, None]
    rows = torch.complex(angle_y.cos(), angle_y.sin()) @ modes  # (*batch, height, kx)
    return torch.cat((rows.real, rows.imag), -1) @ torch.cat((weight * angle_x.cos(), -weight * angle_x.sin()))


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
    centred = torch.polar(torch.ones_like(turns), math.pi * turns)
    return synthesize(damped * centred, ky, kx, height=rows, width=columns)


def _angles(length: int, wavenumber: Int[Tensor, " mode"], dtype: torch.dtype) -> Float[Tensor, "point mode"]:
    """2π k j / length, from the integer remainder so that it is exact to rounding."""
    point = torch.arange(length, device=wavenumber.device)
    return ((point[:, None] * wavenumber) % length).to(dtype) * (2 * math.pi / length)
