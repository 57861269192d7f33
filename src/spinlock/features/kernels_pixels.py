"""One pass over the pixels of standardised frames, chunk by chunk in the cache: moments, gradients, curvature, level set."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

CHUNK_PIXELS = 131_072
"""Pixels of a chunk of frames: half a megabyte of float32, so that a chunk and its temporaries stay in the cache."""


class PixelStatistics(NamedTuple):
    """Statistics of frames z = (u - mean) / std; lengths in pixels; NaN where the frame is constant.

    Gradients live on the cells between four pixels: each component is the mean of the two edges of the cell, and the
    squares are averaged over edges, so that the sum over cells is the sum over edges and no wave is overlooked.
    """

    mean_magnitude: Float[Tensor, " frame"]  # mean |z|
    third: Float[Tensor, " frame"]  # mean z³
    fourth: Float[Tensor, " frame"]  # mean z⁴
    gradient_xx: Float[Tensor, " frame"]  # mean (∂z/∂x)²
    gradient_yy: Float[Tensor, " frame"]
    gradient_xy: Float[Tensor, " frame"]
    gradient_fourth: Float[Tensor, " frame"]  # mean |∇z|⁴
    gradient_magnitude: Float[Tensor, " frame"]  # mean |∇z|
    laplacian_square: Float[Tensor, " frame"]  # mean (∇²z)²
    laplacian_cube: Float[Tensor, " frame"]
    occupied: Float[Tensor, " frame"]  # share of pixels with z > 0
    interface: Float[Tensor, " frame"]  # edges between z > 0 and z <= 0, per pixel
    euler: Float[Tensor, " frame"]  # components less holes of z > 0, pixels joined by edges
    rank: Float[Tensor, " frame"]  # (Σ s²)² / Σ s⁴ of the singular values s


def pixel_statistics(
    u: Float[Tensor, "frame height width"],
    mean: Float[Tensor, " frame"],
    std: Float[Tensor, " frame"],
    *,
    periodic: bool,
) -> PixelStatistics:
    """Every pixel statistic of each frame; NaN where `std` is NaN."""
    size = max(1, CHUNK_PIXELS // (u.shape[-2] * u.shape[-1]))
    chunks = zip(u.split(size), mean.split(size), std.split(size), strict=True)
    parts = [_chunk_statistics(part, centre, width, periodic=periodic) for part, centre, width in chunks]
    return PixelStatistics(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _chunk_statistics(
    u: Float[Tensor, "frame height width"],
    mean: Float[Tensor, " frame"],
    std: Float[Tensor, " frame"],
    *,
    periodic: bool,
) -> tuple[Float[Tensor, " frame"], ...]:
    z = (u - mean[:, None, None]) / std[:, None, None]
    defined = torch.where(std.isnan(), torch.nan, 1.0).to(std.dtype)
    return (
        *_moments(z),
        *_gradients(z, periodic=periodic),
        *_curvature(z, periodic=periodic),
        *(column * defined for column in _level_set(z, periodic=periodic)),
        _effective_rank(z),
    )


def _closed(z: Float[Tensor, "frame height width"], *, rows: bool, columns: bool) -> Tensor:
    """`z` with its first row, and its first column, repeated at the end."""
    z = torch.cat((z, z[:, :1]), -2) if rows else z
    return torch.cat((z, z[:, :, :1]), -1) if columns else z


def _mean_product(a: Tensor, b: Tensor) -> Float[Tensor, " frame"]:
    """Mean of a·b over all but the first axis, without the array of products."""
    a, b = a.flatten(1), b.flatten(1)
    return torch.linalg.vecdot(a, b) / a.shape[1]


def _moments(z: Float[Tensor, "frame height width"]) -> tuple[Float[Tensor, " frame"], ...]:
    square = z * z
    return z.abs().mean((-2, -1)), _mean_product(square, z), _mean_product(square, square)


def _gradients(z: Float[Tensor, "frame height width"], *, periodic: bool) -> tuple[Float[Tensor, " frame"], ...]:
    z = _closed(z, rows=periodic or z.shape[-2] == 1, columns=periodic or z.shape[-1] == 1)
    across = z[:, :, 1:] - z[:, :, :-1]  # edges along x
    down = z[:, 1:, :] - z[:, :-1, :]  # edges along y
    gx, gy = across[:, 1:] + across[:, :-1], down[:, :, 1:] + down[:, :, :-1]  # twice the cell's gradient
    across, down = across * across, down * down
    xx, yy = across[:, 1:] + across[:, :-1], down[:, :, 1:] + down[:, :, :-1]  # twice the cell's squares
    mean_xx, mean_yy = xx.mean((-2, -1)) / 2, yy.mean((-2, -1)) / 2
    square = xx.add_(yy)
    fourth = _mean_product(square, square) / 4
    magnitude = square.sqrt_().mean((-2, -1)) / 2**0.5
    return mean_xx, mean_yy, _mean_product(gx, gy) / 4, fourth, magnitude


def _curvature(z: Float[Tensor, "frame height width"], *, periodic: bool) -> tuple[Float[Tensor, " frame"], ...]:
    """Mean square and mean cube of the five-point Laplacian; of the inner pixels if the domain is not periodic."""
    if periodic or z.shape[-2] == 1:
        z = torch.cat((z[:, -1:], z, z[:, :1]), -2)
    if periodic or z.shape[-1] == 1:
        z = torch.cat((z[:, :, -1:], z, z[:, :, :1]), -1)
    around = z[:, 1:-1, 2:] + z[:, 1:-1, :-2] + z[:, 2:, 1:-1] + z[:, :-2, 1:-1]
    laplacian = around.sub_(z[:, 1:-1, 1:-1], alpha=4)
    square = laplacian * laplacian
    return square.mean((-2, -1)), _mean_product(square, laplacian)


def _level_set(z: Float[Tensor, "frame height width"], *, periodic: bool) -> tuple[Float[Tensor, " frame"], ...]:
    """Occupied share, interface edges per pixel and Euler number of {z > 0}, from counts of pairs and quads of pixels."""
    mask = (z > 0).to(z.dtype)
    rows, columns = mask.shape[-2:]
    # An axis of one pixel is not closed: a row of pixels is a line, not a ring of rings.
    padded = _closed(mask, rows=periodic and rows > 1, columns=periodic and columns > 1)
    left, right = padded[:, :rows, :-1], padded[:, :rows, 1:]
    above, below = padded[:, :-1, :columns], padded[:, 1:, :columns]
    pairs = (left * right).sum((-2, -1)) + (above * below).sum((-2, -1))
    wide = padded[:, :, :-1] * padded[:, :, 1:]
    quads = (wide[:, :-1] * wide[:, 1:]).sum((-2, -1))
    edges = (left + right).sum((-2, -1)) + (above + below).sum((-2, -1))
    occupied = mask.sum((-2, -1))
    return occupied / (rows * columns), (edges - 2 * pairs) / (rows * columns), occupied - pairs + quads


def _effective_rank(z: Float[Tensor, "frame height width"]) -> Float[Tensor, " frame"]:
    """Participation ratio of the squared singular values: (tr G)² / tr G² with G = z zᵀ on the shorter side."""
    rows = z if z.shape[-2] <= z.shape[-1] else z.mT
    gram = rows @ rows.mT
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    return trace**2 / gram.square().sum((-2, -1))
