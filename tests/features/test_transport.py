"""Displacements of patterns, and the speed at which a region grows."""

import math

import pytest
import torch

from spinlock.features.fields import Fields
from spinlock.features.transport import displacements, half_cover, swept_area


def pattern_moved_by(shifts: list[tuple[float, float]], *, height=48, width=64, channels=1, seed=0) -> torch.Tensor:
    """A random smooth pattern moved by each (y, x) in domains: (1, shift, channel, height, width), float64."""
    generator = torch.Generator().manual_seed(seed)
    ky, kx = torch.fft.fftfreq(height, 1 / height).double(), torch.fft.rfftfreq(width, 1 / width).double()
    noise = torch.fft.rfft2(torch.randn(channels, height, width, generator=generator, dtype=torch.float64))
    spectrum = noise * torch.exp(-(ky[:, None] ** 2 + kx**2) / 20)
    frames = [
        torch.fft.irfft2(spectrum * torch.exp(-2j * math.pi * (ky[:, None] * y + kx * x)), s=(height, width))
        for y, x in shifts
    ]
    return torch.stack(frames)[None]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.0031, -0.0017), (-0.21, 0.4), (0.47, -0.013), (1 / 48, 3 / 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_displacement_of_a_moved_pattern_is_exact_below_a_pixel(shift, channels):
    fields = Fields(pattern_moved_by([(0, 0), shift], channels=channels), dt=1.0)
    modes = fields.low_modes
    found = displacements(modes[:, :1], modes[:, 1:], fields.low_ky, fields.low_kx, resolution=fields.resolution)
    torch.testing.assert_close(found.shift[0, 0], torch.tensor(shift, dtype=torch.float64), atol=1e-7, rtol=0)
    assert found.left_over[0, 0] < 1e-10 * modes.abs().square().sum()


def test_displacement_survives_noise_of_a_third_of_the_pattern():
    u = pattern_moved_by([(0, 0), (0.11, -0.23)])
    u = u / u.std()
    noisy = u + 0.33 * torch.randn(u.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    fields = Fields(noisy, dt=1.0)
    modes = fields.low_modes
    found = displacements(modes[:, :1], modes[:, 1:], fields.low_ky, fields.low_kx, resolution=fields.resolution)
    torch.testing.assert_close(found.shift[0, 0], torch.tensor([0.11, -0.23], dtype=torch.float64), atol=0.003, rtol=0)


def test_stripes_are_taken_to_move_the_shortest_way():
    x = torch.arange(64, dtype=torch.float64) / 64
    stripes = torch.stack([torch.cos(2 * math.pi * 4 * (x - d)) for d in (0.0, 0.03)])[None, :, None, None, :]
    fields = Fields(stripes.expand(1, 2, 1, 32, 64).contiguous(), dt=1.0)
    modes = fields.low_modes
    found = displacements(modes[:, :1], modes[:, 1:], fields.low_ky, fields.low_kx, resolution=fields.resolution)
    torch.testing.assert_close(found.shift[0, 0], torch.tensor([0.0, 0.03], dtype=torch.float64), atol=1e-7, rtol=0)


def test_displacement_of_a_constant_frame_is_missing():
    fields = Fields(torch.full((1, 2, 1, 16, 16), 3.7), dt=1.0)
    modes = fields.low_modes
    found = displacements(modes[:, :1], modes[:, 1:], fields.low_ky, fields.low_kx, resolution=fields.resolution)
    assert found.shift.isnan().all()


def test_swept_area_counts_cells_that_left_by_more_than_one():
    frames = torch.zeros(1, 2, 2, 4, 4)
    frames[0, 1, 0, 0, 0], frames[0, 1, 1, 3, 3], frames[0, 1, 1, 2, 2] = 1.5, -2.0, 0.9
    assert swept_area(frames, frames[:, :1]).tolist() == [[0.0, 2 / 16]]


def test_half_cover_is_interpolated_between_frames():
    reached, half = half_cover(torch.tensor([[0.0, 0.2, 0.6, 0.8, 0.8], [0.0, 0.0, 0.0, 0.0, 0.0]]))
    torch.testing.assert_close(reached, torch.tensor([1.5, 0.0]))
    torch.testing.assert_close(half, torch.tensor([0.4, 0.0]))
