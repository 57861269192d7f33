"""Everything quadratic in the slopes of a frame: from its power spectrum, or from the differences of its pixels.

On a periodic domain every mean of products of linear operators is a weighted sum over the power spectrum (Parseval), so
that no pixel is touched again. A step to the next pixel multiplies the mode of angle κ (2πk cycles over the pixels of the
axis) by exp(iκ) - 1, hence

    ⟨z_x²⟩ ∼ Λ(κx),  ⟨(∇²z)²⟩ ∼ (Λ(κx) + Λ(κy))²,  ⟨z_x z_y⟩ ∼ sin κx sin κy,  Λ(κ) = 2 - 2 cos κ,

z_x and z_y of the last being means over the two edges of a cell.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.kernels_arithmetic import CHUNK_PIXELS, mean_product


class Slopes(NamedTuple):
    """Means over frames z = (u - mean) / std; lengths in pixels; NaN where the frame is constant."""

    xx: Float[Tensor, "*frame"]  # of (∂z/∂x)², over the edges along x
    yy: Float[Tensor, "*frame"]
    xy: Float[Tensor, "*frame"]  # of ∂z/∂x ∂z/∂y, over the cells between four pixels
    laplacian_square: Float[Tensor, "*frame"]  # of (∇²z)², five-point Laplacian


def slope_weights(length: int, *, real: bool, like: Tensor) -> Float[Tensor, "wavenumber 4"]:
    """1, sin κ, Λ(κ) and Λ(κ)² of the wavenumbers of an axis; of an axis in half (`rfft`) times how often each counts."""
    turns = torch.arange(length // 2 + 1 if real else length, dtype=torch.float64) / length
    step = 4 * (math.pi * turns).sin().square()  # without the cancellation of 2 - 2 cos κ
    count = torch.where((turns == 0) | (turns == 0.5), 1, 2) if real else torch.ones_like(turns)
    columns = torch.stack((torch.ones_like(turns), (2 * math.pi * turns).sin(), step, step.square()), 1)
    return (columns * count[:, None]).to(like.dtype)


def spectral_slopes(sums: Float[Tensor, "*frame 4 4"]) -> Slopes:
    """From the power summed with the products of the weights (`slope_weights`) along y (first) and x."""
    shares = sums / sums[..., :1, :1]
    square = shares[..., 3, 0] + 2 * shares[..., 2, 2] + shares[..., 0, 3]
    return Slopes(xx=shares[..., 0, 2], yy=shares[..., 2, 0], xy=shares[..., 1, 1], laplacian_square=square)


def pixel_slopes(
    u: Float[Tensor, "frame height width"],
    mean: Float[Tensor, " frame"],
    std: Float[Tensor, " frame"],
    *,
    periodic: bool,
) -> Slopes:
    """From differences of neighbouring pixels, chunk by chunk; also where the domain does not wrap around."""
    size = max(1, CHUNK_PIXELS // (u.shape[-2] * u.shape[-1]))
    parts = []
    for chunk, centre, width in zip(u.split(size), mean.split(size), std.split(size), strict=True):
        parts.append(_chunk_slopes((chunk - centre[:, None, None]) / width[:, None, None], periodic=periodic))
    return Slopes(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _chunk_slopes(z: Float[Tensor, "frame height width"], *, periodic: bool) -> Slopes:
    height, width = z.shape[-2:]
    rows, columns = (size if periodic or size == 1 else size - 1 for size in (height, width))  # of cells
    across, down = along_x(torch.sub, z, periodic=periodic), along_y(torch.sub, z, periodic=periodic)
    gx, gy = along_y(torch.add, across, periodic=periodic), along_x(torch.add, down, periodic=periodic)  # doubled
    curvature = laplacian(z, periodic=periodic)
    return Slopes(
        xx=mean_product(across, across) * (width / columns),
        yy=mean_product(down, down) * (height / rows),
        xy=mean_product(gx[:, :rows, :columns], gy[:, :rows, :columns]) / 4,
        laplacian_square=mean_product(curvature, curvature),
    )


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
