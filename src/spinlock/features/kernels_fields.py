"""The sums behind `Fields`: scale, moments and norms, windows and block averages."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.kernels_pixels_cpu import CHUNK_PIXELS, mean_product


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
    frames = u.flatten(2)
    size = min(len(u), max(1, CHUNK_PIXELS // u[0].numel()))
    spare, parts = torch.empty_like(frames[:size]), []
    for chunk in frames.split(size):
        mean, buffer = chunk.mean(-1), spare[: len(chunk)]
        variance = _mean_square(torch.sub(chunk, mean[..., None], out=buffer))
        magnitude = torch.abs(chunk, out=buffer)
        l1, linf = magnitude.mean((-2, -1)), magnitude.amax((-2, -1))
        square = variance + mean.square()
        parts.append((mean, variance.sqrt(), l1, square.mean(-1).sqrt(), linf))
    return FrameNorms(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _mean_square(values: Float[Tensor, "frame channel value"]) -> Float[Tensor, "frame channel"]:
    if values.device.type == "cpu":  # as batched inner products
        return torch.from_numpy(mean_product(values.numpy(), values.numpy(), axes=2))
    return torch.linalg.vecdot(values, values) / values.shape[-1]


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
