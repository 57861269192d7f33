"""The sums behind `Fields`: scale, moments and norms, windows and block averages."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.features.kernels_arithmetic import CHUNK_PIXELS, array_mean, array_mean_product


def resolution_of(dtype: torch.dtype) -> float:
    """Relative size below which a difference is rounding of numbers of a dtype: 1e-6 of float32 (8 eps), 1e-13 of float64."""
    return 1e-6 if dtype == torch.float32 else 1e-13


def run_scale(states: Float[Tensor, "batch time channel height width"]) -> Float[Tensor, " batch"]:
    """The unit of each run: the spatial standard deviation of frame 0, root mean square over channels.

    Where frame 0 is constant in every channel, as in 0-D data or at a start from rest, it is the root mean square change from
    frame 0 over the run; where nothing changes either, the largest |u|, or 1 for a run that is 0 throughout.
    """
    scale = run_spread(states)
    for run in (scale == 0).nonzero().flatten().tolist():
        scale[run] = float(states[run].abs().amax()) or 1.0
    return scale


def run_spread(states: Float[Tensor, "batch time channel height width"]) -> Float[Tensor, " batch"]:
    """As `run_scale`, but 0 where nothing changes, by more than rounding, in space or time."""
    resolution = 8 * torch.finfo(states.dtype).eps
    start = states[:, 0].flatten(2)
    spread = start.std(-1, correction=0)
    varied = torch.where(spread > resolution * start.abs().amax(-1), spread, 0)
    scale = varied.double().square().mean(-1).sqrt().to(states.dtype)
    for run in (scale == 0).nonzero().flatten().tolist():
        change = float((states[run] - states[run, 0]).double().square().mean().sqrt())
        scale[run] = change if change > resolution * float(states[run].abs().amax()) else 0.0
    return scale


class FrameNorms(NamedTuple):
    """Moments and norms of frames, in the units of the states."""

    mean: Float[Tensor, "frame channel"]
    std: Float[Tensor, "frame channel"]
    minimum: Float[Tensor, "frame channel"]
    maximum: Float[Tensor, "frame channel"]
    l1: Float[Tensor, " frame"]
    l2: Float[Tensor, " frame"]
    linf: Float[Tensor, " frame"]


def frame_norms(u: Float[Tensor, "frame channel height width"]) -> FrameNorms:
    """Moments and norms of each frame, in chunks that stay in the cache; the variance from centred values."""
    frames = u.detach().flatten(2)
    size = min(len(u), max(1, CHUNK_PIXELS // u[0].numel()))
    spare = torch.empty_like(frames[:size])
    parts = [_sums(chunk, spare[: len(chunk)]) for chunk in frames.split(size)]
    mean, variance, magnitude, low, high = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return FrameNorms(
        mean=mean,
        std=variance.sqrt(),
        minimum=low,
        maximum=high,
        l1=magnitude.mean(-1),
        l2=(variance + mean.square()).mean(-1).sqrt(),
        linf=torch.maximum(low.abs(), high.abs()).amax(-1),
    )


def _sums(chunk: Float[Tensor, "frame channel pixel"], spare: Tensor) -> tuple[Float[Tensor, "frame channel"], ...]:
    """Mean, variance, mean magnitude, minimum and maximum; `spare` is overwritten.

    Sums are inner products, which round more than sums do. So the mean is taken in two steps, and the variance is about
    the second; of equal values it is 0.
    """
    u, buffer = chunk.numpy(), spare.numpy()
    low, high = u.min(-1), u.max(-1)
    near = array_mean(u, axes=2)
    centred = np.subtract(u, near[..., None], out=buffer)
    rest = array_mean(centred, axes=2)
    variance = np.maximum(array_mean_product(centred, centred, axes=2) - np.square(rest), 0)
    magnitude = array_mean(np.abs(u, out=buffer), axes=2)
    columns = (near + rest, np.where(low == high, 0, variance), magnitude, low, high)
    return tuple(torch.from_numpy(column.astype(u.dtype)) for column in columns)


def hann_window(like: Float[Tensor, "*batch height width"]) -> Float[Tensor, "height width"]:
    """Product of Hann windows along both axes, of unit mean square; 1 along an axis of fewer than 3 pixels."""
    return _hann(like.shape[-2], like)[:, None] * _hann(like.shape[-1], like)


def _hann(length: int, like: Tensor) -> Float[Tensor, " length"]:
    if length < 3:
        return like.new_ones(length)
    window = torch.hann_window(length + 2, periodic=False, dtype=like.dtype)[1:-1]
    return window / window.square().mean().sqrt()


def block_average_matrix(length: int, blocks: int) -> Float[Tensor, "block length"]:
    """Averages over `blocks` stretches of `length` pixels, as equal as they can be; as a matrix."""
    edges = [round(length * block / blocks) for block in range(blocks + 1)]
    matrix = torch.zeros(blocks, length, dtype=torch.float64)
    for block, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        matrix[block, start:stop] = 1 / (stop - start)
    return matrix
