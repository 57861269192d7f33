"""The sums behind `Fields`: scale, moments and norms, windows and block averages."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.kernels_pixels import CHUNK_PIXELS


def frame_scale(frame: Float[Tensor, "batch channel height width"]) -> Float[Tensor, " batch"]:
    """Standard deviation of a frame over channel, height and width; 1 where it is constant."""
    values = frame.flatten(1)
    std = values.std(-1, correction=0)
    resolution = values.abs().amax(-1) * torch.finfo(frame.dtype).eps * 8
    return torch.where(std > resolution, std, torch.ones_like(std))


class FrameNorms(NamedTuple):
    """Moments and norms of frames, in the units of the states."""

    mean: Float[Tensor, "frame channel"]
    std: Float[Tensor, "frame channel"]
    l1: Float[Tensor, " frame"]
    l2: Float[Tensor, " frame"]
    linf: Float[Tensor, " frame"]


def frame_norms(u: Float[Tensor, "frame channel height width"]) -> FrameNorms:
    """Moments and norms of each frame, in chunks that stay in the cache; the variance from centred values."""
    parts = []
    for chunk in u.flatten(2).split(max(1, CHUNK_PIXELS // u[0].numel())):
        mean = chunk.mean(-1)
        centred = chunk - mean[..., None]
        variance = torch.linalg.vecdot(centred, centred) / chunk.shape[-1]
        size = chunk.abs()
        square = variance + mean.square()
        parts.append((mean, variance.sqrt(), size.mean((-2, -1)), square.mean(-1).sqrt(), size.amax((-2, -1))))
    return FrameNorms(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def hann_window(like: Float[Tensor, "*batch height width"]) -> Float[Tensor, "height width"]:
    """Product of Hann windows along both axes, of unit mean square; 1 along an axis of fewer than 3 pixels."""
    return _hann(like.shape[-2], like)[:, None] * _hann(like.shape[-1], like)


def _hann(length: int, like: Tensor) -> Float[Tensor, " length"]:
    if length < 3:
        return like.new_ones(length)
    window = torch.hann_window(length + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
    return window / window.square().mean().sqrt()


def block_average_matrix(length: int, blocks: int) -> Float[Tensor, "block length"]:
    """Averages over `blocks` stretches of `length` pixels, as equal as they can be; as a matrix."""
    edges = [round(length * block / blocks) for block in range(blocks + 1)]
    matrix = torch.zeros(blocks, length)
    for block, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        matrix[block, start:stop] = 1 / (stop - start)
    return matrix
