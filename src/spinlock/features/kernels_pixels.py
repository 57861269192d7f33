"""One pass over the pixels of standardised frames, chunk by chunk in the cache: moments, gradients, curvature, level set."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.kernels_pixels_cpu import CHUNK_PIXELS, RANK_ROWS, FrameSums
from spinlock.features.kernels_products import mean_product


class PixelStatistics(NamedTuple):
    """Statistics of frames z = (u - mean) / std; lengths in pixels; NaN where the frame is constant.

    Slopes are differences of neighbouring pixels. |∇z|² lives on the cells between four pixels and is the mean over the
    two edges along x plus that over the two along y, so that no wave is overlooked and every turn by 90° gives the same.
    """

    mean_magnitude: Float[Tensor, " frame"]  # mean |z|
    third: Float[Tensor, " frame"]  # mean z³
    fourth: Float[Tensor, " frame"]  # mean z⁴
    gradient_fourth: Float[Tensor, " frame"]  # mean |∇z|⁴
    gradient_magnitude: Float[Tensor, " frame"]  # mean |∇z|
    laplacian_cube: Float[Tensor, " frame"]  # mean (∇²z)³
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
    """Every pixel statistic of each frame; NaN where `std` is NaN. In numpy on a CPU, tensor by tensor elsewhere."""
    size = min(len(u), max(1, CHUNK_PIXELS // (u.shape[-2] * u.shape[-1])))
    chunks = list(zip(u.split(size), mean.split(size), std.split(size), strict=True))
    if u.device.type == "cpu":
        sums = FrameSums(size, *u.shape[1:], periodic=periodic, dtype=u[:0].numpy().dtype)
        rows = [sums.statistics(*(tensor.numpy() for tensor in chunk)) for chunk in chunks]
        return PixelStatistics(*(torch.from_numpy(np.concatenate(column)) for column in zip(*rows, strict=True)))
    return tensor_statistics(u, mean, std, periodic=periodic)


def tensor_statistics(
    u: Float[Tensor, "frame height width"],
    mean: Float[Tensor, " frame"],
    std: Float[Tensor, " frame"],
    *,
    periodic: bool,
) -> PixelStatistics:
    """The same, one tensor operation after the other, on any device."""
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
        _cubed_curvature(z, periodic=periodic),
        *(column * defined for column in _level_set(z, periodic=periodic)),
        _effective_rank(z),
    )


def _moments(z: Float[Tensor, "frame height width"]) -> tuple[Float[Tensor, " frame"], ...]:
    square = z * z
    return z.abs().mean((-2, -1)), mean_product(square, z), mean_product(square, square)


def _gradients(z: Float[Tensor, "frame height width"], *, periodic: bool) -> tuple[Float[Tensor, " frame"], ...]:
    """Mean |∇z|⁴ and mean |∇z|."""
    rows, columns = (size if periodic or size == 1 else size - 1 for size in z.shape[-2:])  # of cells
    across = along_x(torch.sub, z, periodic=periodic).square_()
    down = along_y(torch.sub, z, periodic=periodic).square_()
    square = along_y(torch.add, across, periodic=periodic).add_(along_x(torch.add, down, periodic=periodic))
    square = square[:, :rows, :columns]  # twice |∇z|² of the cells
    fourth = mean_product(square, square) / 4
    magnitude = square.sqrt().mean((-2, -1)) / 2**0.5
    return fourth, magnitude


def along_x(combine: Callable[..., Tensor], z: Float[Tensor, "frame height width"], *, periodic: bool) -> Tensor:
    """combine(right neighbour, pixel) everywhere; right of the last column is the first one, or itself if not periodic."""
    result, flat = torch.empty_like(z), z.flatten(1)
    # Whole frames in one contiguous sweep, then the last column: many times faster than row by row.
    combine(flat[:, 1:], flat[:, :-1], out=result.flatten(1)[:, :-1])
    result[:, :, -1] = combine(z[:, :, 0] if periodic else z[:, :, -1], z[:, :, -1])
    return result


def along_y(combine: Callable[..., Tensor], z: Float[Tensor, "frame height width"], *, periodic: bool) -> Tensor:
    """combine(neighbour below, pixel) everywhere; below the last row is the first one, or itself if not periodic."""
    result = torch.empty_like(z)
    combine(z[:, 1:], z[:, :-1], out=result[:, :-1])
    result[:, -1] = combine(z[:, 0] if periodic else z[:, -1], z[:, -1])
    return result


def laplacian(z: Float[Tensor, "frame height width"], *, periodic: bool) -> Float[Tensor, "frame inner_y inner_x"]:
    """Five-point Laplacian; of the inner pixels if the domain is not periodic."""
    if periodic or z.shape[-2] == 1:
        z = torch.cat((z[:, -1:], z, z[:, :1]), -2)
    if periodic or z.shape[-1] == 1:
        z = torch.cat((z[:, :, -1:], z, z[:, :, :1]), -1)
    around = z[:, 1:-1, 2:] + z[:, 1:-1, :-2] + z[:, 2:, 1:-1] + z[:, :-2, 1:-1]
    return around.sub_(z[:, 1:-1, 1:-1], alpha=4)


def _cubed_curvature(z: Float[Tensor, "frame height width"], *, periodic: bool) -> Float[Tensor, " frame"]:
    """Mean cube of the five-point Laplacian."""
    curvature = laplacian(z, periodic=periodic)
    return mean_product(curvature * curvature, curvature)


def _level_set(z: Float[Tensor, "frame height width"], *, periodic: bool) -> tuple[Float[Tensor, " frame"], ...]:
    """Occupied share, interface edges per pixel and Euler number of {z > 0}, from counts of pairs and quads of pixels."""
    height, width = z.shape[-2:]
    mask = torch.gt(z, 0, out=torch.empty_like(z))
    pairs_x, pairs_y = (along(torch.mul, mask, periodic=True) for along in (along_x, along_y))
    quads = along_y(torch.mul, pairs_x, periodic=True)
    # An axis of one pixel does not wrap around: a row of pixels is a line, not a ring of rings.
    if not periodic or width == 1:
        pairs_x[:, :, -1], quads[:, :, -1] = 0, 0
    if not periodic or height == 1:
        pairs_y[:, -1], quads[:, -1] = 0, 0
    occupied, quads = mask.mean((-2, -1)), quads.mean((-2, -1))
    pairs = pairs_x.mean((-2, -1)) + pairs_y.mean((-2, -1))
    ends = 4 * occupied - 2 * pairs  # of all edges, those that have one end inside
    if not periodic or width == 1:
        ends = ends - (mask[:, :, 0] + mask[:, :, -1]).sum(-1) / (height * width)
    if not periodic or height == 1:
        ends = ends - (mask[:, 0] + mask[:, -1]).sum(-1) / (height * width)
    return occupied, ends, ((occupied - pairs + quads) * (height * width)).round()


def _effective_rank(z: Float[Tensor, "frame height width"]) -> Float[Tensor, " frame"]:
    """Participation ratio of the squared singular values: (tr G)² / tr G² with G = z zᵀ on the shorter side.

    Of a frame with more than 32 rows only every second, third, … counts, so that at most 32 are left.
    """
    rows = z if z.shape[-2] <= z.shape[-1] else z.mT
    rows = rows[:, :: math.ceil(rows.shape[1] / RANK_ROWS)]
    gram = rows @ rows.mT
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    return trace.square() / mean_product(gram, gram) / rows.shape[1] ** 2
