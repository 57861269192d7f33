"""Series with known properties, for the tests of series features."""

import math

import numpy as np
import torch

from spinlock.features.fields import Fields


def fields_of(series, *, dt: float = 1.0, dtype=torch.float64) -> Fields:
    """Fields without space whose only local series are the rows of `series`, one a realization."""
    rows = torch.as_tensor(np.atleast_2d(np.asarray(series)), dtype=dtype)
    return Fields(rows[:, :, None, None, None], dt=dt)


def ensemble(series, *, dt: float = 1.0, dtype=torch.float64) -> Fields:
    """Fields of one realization whose local series are the rows of `series` (at most 16), as channels without space."""
    rows = torch.as_tensor(np.atleast_2d(np.asarray(series)), dtype=dtype)
    return Fields(rows.T[None, :, :, None, None], dt=dt)


def logistic(num_times: int, r: float, *, start: float = 0.3) -> np.ndarray:
    """Successive values of x → r x (1 - x), the first 300 left out."""
    values, x = [], start
    for _ in range(num_times + 300):
        x = r * x * (1 - x)
        values.append(x)
    return np.array(values[300:])


def sine(num_times: int, period: float, *, phase: float = 0.4) -> np.ndarray:
    return np.sin(2 * math.pi * np.arange(num_times) / period + phase)


def white(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def autoregressive(*shape: int, coefficient: float, seed: int = 0) -> np.ndarray:
    """A stationary AR(1) process along the last axis."""
    series = white(*shape, seed=seed)
    series[..., 0] /= math.sqrt(1 - coefficient**2)
    for t in range(1, shape[-1]):
        series[..., t] += coefficient * series[..., t - 1]
    return series


def travelling(num_times: int, *, period: float, size: int = 16) -> torch.Tensor:
    """A wave that moves along x once around in `period` steps: (1, time, 1, size, size)."""
    x = 2 * math.pi * torch.arange(size, dtype=torch.float64) / size
    t = 2 * math.pi * torch.arange(num_times, dtype=torch.float64) / period
    return torch.sin(x - t[:, None] + 0.1).expand(1, 1, size, num_times, size).permute(0, 3, 1, 2, 4).contiguous()
