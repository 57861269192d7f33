"""One pass over the pixels of standardised frames, chunk by chunk in the cache: moments, gradients, curvature, level set.

In numpy, with buffers that are used again and again, three to four times faster than one tensor operation after the other:
the few buffers stay in the cache, inner products of all frames of a chunk are one batched product, and the level set is in
single bytes.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from spinlock.features.kernels_arithmetic import CHUNK_PIXELS, array_mean, array_mean_product

RANK_ROWS = 32
"""Most rows of a frame that its effective rank is taken from."""

Frames = Float[np.ndarray, "frame height width"]
PerFrame = Float[np.ndarray, " frame"]


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
    """Every pixel statistic of each frame; NaN where `std` is NaN."""
    size = min(len(u), max(1, CHUNK_PIXELS // (u.shape[-2] * u.shape[-1])))
    sums = FrameSums(size, *u.shape[1:], periodic=periodic, dtype=u[:0].numpy().dtype)
    chunks = zip(u.split(size), mean.split(size), std.split(size), strict=True)
    rows = [sums.statistics(*(tensor.numpy() for tensor in chunk)) for chunk in chunks]
    return PixelStatistics(*(torch.from_numpy(np.concatenate(column)) for column in zip(*rows, strict=True)))


class FrameSums:
    """The statistics of one chunk of frames after another, all of the same height and width.

    Args:
        frames: most frames in a chunk.
        height: of a frame.
        width: of a frame.
        periodic: whether the frames wrap around.
        dtype: of the frames.
    """

    def __init__(self, frames: int, height: int, width: int, *, periodic: bool, dtype: np.dtype) -> None:
        self.height, self.width, self.periodic = height, width, periodic
        self.buffers = [np.empty((frames, height, width), dtype) for _ in range(4)]
        self.masks = [np.empty((frames, height, width), np.bool_) for _ in range(3)]

    def statistics(self, u: Frames, mean: PerFrame, std: PerFrame) -> list[PerFrame]:
        """The columns of `PixelStatistics`, in order; NaN where `std` is."""
        z, across, down, spare = (buffer[: len(u)] for buffer in self.buffers)
        constant = np.isnan(std)
        np.subtract(u, mean[:, None, None], out=z)
        np.multiply(z, (1 / np.where(constant, np.inf, std))[:, None, None].astype(z.dtype), out=z)
        moments, level_set, rank = self._moments(z, spare), self._level_set(z), effective_rank(z)
        columns = [*moments, *self._slopes(z, across, down, spare), *level_set, rank]
        return [np.where(constant, np.nan, column).astype(z.dtype) for column in columns]

    def _moments(self, z: Frames, spare: Frames) -> list[PerFrame]:
        magnitude = array_mean(np.abs(z, out=spare))
        square = np.multiply(z, z, out=spare)
        return [magnitude, array_mean_product(square, z), array_mean_product(square, square)]

    def _slopes(self, z: Frames, across: Frames, down: Frames, spare: Frames) -> list[PerFrame]:
        """Mean |∇z|⁴ and mean |∇z|, and the mean cube of the Laplacian; all four buffers are overwritten."""
        self._next_column(np.subtract, z, out=across)
        self._next_row(np.subtract, z, out=down)
        if not self.periodic:
            across[:, :, -1], down[:, -1] = 0, 0
        rows, columns = (n if self.periodic or n == 1 else n - 1 for n in (self.height, self.width))
        all_cells = self.height * self.width / (rows * columns)  # a mean over pixels becomes one over cells
        laplacian = self._laplacian(across, down, out=spare)
        square = np.multiply(laplacian, laplacian, out=z)
        cube = array_mean_product(square, laplacian) * self._inner_share()
        for steps in (across, down):
            np.multiply(steps, steps, out=steps)
        self._next_row(np.add, across, out=spare)
        self._next_column(np.add, down, out=z)
        energy = self._inside(np.add(spare, z, out=spare))  # twice |∇z|² of the cells
        fourth = array_mean_product(energy, energy) * all_cells / 4
        magnitude = array_mean(np.sqrt(energy, out=energy)) * all_cells / math.sqrt(2)
        return [fourth, magnitude, cube]

    def _next_column(self, combine: np.ufunc, a: NDArray, *, out: NDArray) -> NDArray:
        """combine(right neighbour, pixel); right of the last column is the first one."""
        flat = a.reshape(-1)
        # All frames in one contiguous sweep, then the last column: many times faster than row by row.
        combine(flat[1:], flat[:-1], out=out.reshape(-1)[:-1])
        combine(a[:, :, 0], a[:, :, -1], out=out[:, :, -1])
        return out

    def _next_row(self, combine: np.ufunc, a: NDArray, *, out: NDArray) -> NDArray:
        """combine(neighbour below, pixel); below the last row is the first one."""
        flat, width = a.reshape(-1), a.shape[2]
        combine(flat[width:], flat[:-width], out=out.reshape(-1)[:-width])
        combine(a[:, 0], a[:, -1], out=out[:, -1])
        return out

    def _inside(self, cells: Frames) -> Frames:
        """`cells` with 0 in those that would reach over the edge of a domain that does not wrap around."""
        if not self.periodic:
            if self.width > 1:
                cells[:, :, -1] = 0
            if self.height > 1:
                cells[:, -1] = 0
        return cells

    def _laplacian(self, across: Frames, down: Frames, *, out: Frames) -> Frames:
        """Five-point Laplacian from the steps to the next pixels; 0 at the border if the domain does not wrap around."""
        flat, result, steps = across.reshape(-1), out.reshape(-1), down.reshape(-1)
        np.subtract(flat[1:], flat[:-1], out=result[1:])
        np.subtract(across[:, :, 0], across[:, :, -1], out=out[:, :, 0])
        np.add(result, steps, out=result)
        first = out[:, 0] - down[:, -1]
        np.subtract(result[self.width :], steps[: -self.width], out=result[self.width :])
        out[:, 0] = first
        if not self.periodic:
            if self.width > 1:
                out[:, :, 0], out[:, :, -1] = 0, 0
            if self.height > 1:
                out[:, 0], out[:, -1] = 0, 0
        return out

    def _inner_share(self) -> float:
        """What makes a mean over all pixels one over those that have a Laplacian; NaN if none has."""
        inner = [n if self.periodic or n == 1 else n - 2 for n in (self.height, self.width)]
        return self.height * self.width / math.prod(inner) if min(inner) > 0 else math.nan

    def _level_set(self, z: Frames) -> list[PerFrame]:
        """Occupied share, interface edges per pixel and Euler number of {z > 0}, from counts of pairs and quads."""
        mask, pairs, quads = (buffer[: len(z)] for buffer in self.masks)
        np.greater(z, 0, out=mask)
        wraps_x, wraps_y = self.periodic and self.width > 1, self.periodic and self.height > 1
        occupied = _counts(mask)
        self._next_row(np.logical_and, mask, out=pairs)
        if not wraps_y:
            pairs[:, -1] = False
        num_pairs = _counts(pairs)
        self._next_column(np.logical_and, mask, out=pairs)
        if not wraps_x:
            pairs[:, :, -1] = False
        num_pairs = num_pairs + _counts(pairs)
        self._next_row(np.logical_and, pairs, out=quads)
        if not wraps_y:
            quads[:, -1] = False
        ends = 4 * occupied - 2 * num_pairs  # of all edges, those that have one end inside
        if not wraps_x:
            ends = ends - mask[:, :, 0].sum(-1) - mask[:, :, -1].sum(-1)
        if not wraps_y:
            ends = ends - mask[:, 0].sum(-1) - mask[:, -1].sum(-1)
        pixels = self.height * self.width
        return [occupied / pixels, ends / pixels, occupied - num_pairs + _counts(quads)]


def _counts(mask: Bool[np.ndarray, "frame height width"]) -> PerFrame:
    """Number of True in each frame."""
    flat = mask.reshape(len(mask), -1)
    if flat.shape[1] % 8:
        return np.array([np.count_nonzero(frame) for frame in flat], dtype=np.float64)
    # Eight pixels a word, in as many words as no byte of their sum can overflow: one call for all frames.
    words = flat.view(np.uint64)
    sums = np.add.reduceat(words, np.arange(0, words.shape[1], 255), axis=1)
    return sums.view(np.uint8).sum(-1, dtype=np.float64)


def effective_rank(z: Frames) -> PerFrame:
    """Participation ratio of the squared singular values: (tr G)² / tr G² with G = z zᵀ on the shorter side.

    Of a frame with more than 32 rows only every second, third, … counts, so that at most 32 are left.
    """
    rows = z if z.shape[1] <= z.shape[2] else z.swapaxes(1, 2)
    rows = np.ascontiguousarray(rows[:, :: math.ceil(rows.shape[1] / RANK_ROWS)])
    gram = np.matmul(rows, rows.swapaxes(1, 2))
    trace, square = array_mean_product(rows, rows) * rows[0].size, array_mean_product(gram, gram) * gram[0].size
    return trace**2 / np.where(square > 0, square, np.nan)
