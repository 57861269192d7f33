"""One pass over the pixels of standardised frames, chunk by chunk in the cache: moments, gradients, curvature, level set."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

CHUNK_PIXELS = 131_072
"""Pixels of a chunk of frames: half a megabyte of float32, so that a chunk and its temporaries stay in the cache."""


class PixelStatistics(NamedTuple):
    """Statistics of frames z = (u - mean) / std; lengths in pixels; NaN where the frame is constant.

    Slopes are differences of neighbouring pixels. |∇z|² lives on the cells between four pixels and is the mean over the
    two edges along x plus that over the two along y, so that no wave is overlooked and every turn by 90° gives the same.
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
    z = (u - mean[:, None, None]).div_(std[:, None, None]).contiguous()  # views of z are written to
    defined = torch.where(std.isnan(), torch.nan, 1.0).to(std.dtype)
    return (
        *_moments(z),
        *_gradients(z, periodic=periodic),
        *_curvature(z, periodic=periodic),
        *(column * defined for column in _level_set(z, periodic=periodic)),
        _effective_rank(z),
    )


def _mean_product(a: Tensor, b: Tensor) -> Float[Tensor, " frame"]:
    """Mean of a·b over all but the first axis, without the array of products."""
    a, b = a.flatten(1), b.flatten(1)
    return torch.linalg.vecdot(a, b) / a.shape[1]


def _moments(z: Float[Tensor, "frame height width"]) -> tuple[Float[Tensor, " frame"], ...]:
    square = z * z
    return z.abs().mean((-2, -1)), _mean_product(square, z), _mean_product(square, square)


def _gradients(z: Float[Tensor, "frame height width"], *, periodic: bool) -> tuple[Float[Tensor, " frame"], ...]:
    """Mean squares and product of the slopes, mean |∇z|⁴ and mean |∇z|."""
    across, down = _step_x(z, periodic=periodic).neg_().add_(z), _step_y(z, periodic=periodic).neg_().add_(z)
    if not periodic:  # the edges that leave the domain
        across[:, :, -1:], down[:, -1:] = 0, 0
    height, width = z.shape[-2:]
    inner_y = height if periodic or height == 1 else height - 1
    inner_x = width if periodic or width == 1 else width - 1
    twice_gx, twice_gy = _step_y(across, periodic=periodic).add_(across), _step_x(down, periodic=periodic).add_(down)
    if not periodic and height == 1:
        twice_gx = 2 * across
    if not periodic and width == 1:
        twice_gy = 2 * down
    product = _cells(twice_gx, inner_y, inner_x), _cells(twice_gy, inner_y, inner_x)
    across, down = across.square_(), down.square_()
    xx, yy = across.sum((-2, -1)) / (height * inner_x), down.sum((-2, -1)) / (width * inner_y)
    square = _step_y(across, periodic=periodic or height == 1).add_(across).add_(down)
    square = _cells(square.add_(_step_x(down, periodic=periodic or width == 1)), inner_y, inner_x)
    fourth = _mean_product(square, square) / 4
    magnitude = square.sqrt().mean((-2, -1)) / 2**0.5
    return xx, yy, _mean_product(*product) / 4, fourth, magnitude


def _step_x(z: Float[Tensor, "frame height width"], *, periodic: bool) -> Float[Tensor, "frame height width"]:
    """The right neighbour of every pixel; of the last column the first one, or 0 if the domain does not wrap around."""
    moved = torch.empty_like(z)
    # One contiguous copy of the whole frame, then the last column: many times faster than row by row.
    moved.flatten(1)[:, :-1] = z.flatten(1)[:, 1:]
    moved[:, :, -1] = z[:, :, 0] if periodic else 0
    return moved


def _step_y(z: Float[Tensor, "frame height width"], *, periodic: bool) -> Float[Tensor, "frame height width"]:
    """The neighbour below every pixel; of the last row the first one, or 0 if the domain does not wrap around."""
    moved = torch.empty_like(z)
    moved[:, :-1] = z[:, 1:]
    moved[:, -1] = z[:, 0] if periodic else 0
    return moved


def _cells(values: Float[Tensor, "frame height width"], rows: int, columns: int) -> Tensor:
    return values if (rows, columns) == tuple(values.shape[-2:]) else values[:, :rows, :columns]


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
    height, width = z.shape[-2:]
    mask = torch.gt(z, 0, out=torch.empty_like(z))
    # An axis of one pixel does not wrap around: a row of pixels is a line, not a ring of rings.
    pairs_x = _step_x(mask, periodic=periodic and width > 1).mul_(mask)
    below = _step_y(mask, periodic=periodic and height > 1)
    quads = _mean_product(pairs_x, _step_y(pairs_x, periodic=periodic and height > 1))
    occupied = mask.mean((-2, -1))
    pairs = pairs_x.mean((-2, -1)) + _mean_product(mask, below)
    ends = 4 * occupied - 2 * pairs  # of all edges, those that have one end inside
    if not periodic or width == 1:
        ends = ends - (mask[:, :, 0] + mask[:, :, -1]).sum(-1) / (height * width)
    if not periodic or height == 1:
        ends = ends - (mask[:, 0] + mask[:, -1]).sum(-1) / (height * width)
    return occupied, ends, ((occupied - pairs + quads) * (height * width)).round()


def _effective_rank(z: Float[Tensor, "frame height width"]) -> Float[Tensor, " frame"]:
    """Participation ratio of the squared singular values: (tr G)² / tr G² with G = z zᵀ on the shorter side.

    Of a frame with more than 64 rows only every second, third, … counts, so that at most 64 are left.
    """
    rows = z if z.shape[-2] <= z.shape[-1] else z.mT
    rows = rows[:, :: math.ceil(rows.shape[1] / 64)]
    gram = rows @ rows.mT
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    return trace.square() / _mean_product(gram, gram) / rows.shape[1] ** 2
