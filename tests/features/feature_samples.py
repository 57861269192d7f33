"""Fields with known properties, for the tests of features."""

import math

import torch

from spinlock.features.fields import Fields


def wave(ky: int, kx: int, *, size: int = 32, amplitude: float = 1.0, phase: float = 0.3, dtype=torch.float64):
    """sin(2π(ky y + kx x)/size + phase) as states of one realization, two times, one channel."""
    along = torch.arange(size, dtype=dtype) * (2 * math.pi / size)
    field = amplitude * torch.sin(ky * along[:, None] + kx * along + phase)
    return field.expand(1, 2, 1, size, size).clone()


def noise(*shape: int, seed: int = 0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def smooth(*shape: int, length: float = 0.08, seed: int = 0, dtype=torch.float64):
    """Gaussian random field with the spectrum exp(-(2π length k)²/2), k in cycles per domain, unit variance."""
    white = noise(*shape, seed=seed, dtype=dtype)
    height, width = shape[-2:]
    ky = torch.fft.fftfreq(height, 1 / height, dtype=dtype)[:, None]
    kx = torch.fft.rfftfreq(width, 1 / width, dtype=dtype)
    gain = torch.exp(-((2 * math.pi * length) ** 2) * (ky**2 + kx**2) / 4)
    field = torch.fft.irfft2(torch.fft.rfft2(white) * gain, s=(height, width))
    return field / field.square().mean().sqrt()


def still(frame: torch.Tensor, **settings) -> Fields:
    """Fields whose only frame is `frame` (height, width) or (channel, height, width)."""
    channels = frame if frame.ndim == 3 else frame[None]
    return Fields(channels[None, None], dt=1.0, **settings)
