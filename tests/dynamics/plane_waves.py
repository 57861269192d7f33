"""Fields and parameters that tests of the equations share."""

import math

import torch

SQUARE, LINE = (32, 32), (1, 32)


def plane_wave(size, ky, kx, *, phase=0.0):
    """cos(2π (ky y + kx x) + phase) on (height, width) cells of a domain of side 1, or on a square of `size` cells."""
    height, width = size if isinstance(size, tuple) else (size, size)
    y = torch.arange(height, dtype=torch.float64) / height
    x = torch.arange(width, dtype=torch.float64) / width
    return torch.cos(2 * math.pi * (ky * y[:, None] + kx * x[None, :]) + phase)


def columns(**values):
    """Parameters of a batch of one row."""
    return {name: (value,) for name, value in values.items()}


def amplitude(field, ky, kx):
    """Complex amplitude of one mode."""
    return torch.fft.fft2(field, norm="forward")[..., ky, kx]


def smooth_field(*shape, seed=0, cells=5.0):
    """A random field of variance 1 whose correlation length is some `cells`, float64."""
    white = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ky, kx = (2 * math.pi * torch.fft.fftfreq(count, dtype=torch.float64) for count in shape[-2:])
    gain = torch.exp(-(ky[:, None] ** 2 + kx[None, :] ** 2) * cells**2 / 4)
    gain[0, 0] = 0.0
    field = torch.fft.ifft2(torch.fft.fft2(white) * gain).real
    return field / field.std(dim=(-2, -1), keepdim=True)
