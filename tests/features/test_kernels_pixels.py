"""Pixel statistics, made in buffers that are used again, against the same definitions frame by frame."""

import math

import numpy as np
import pytest
import torch
from feature_samples import noise

from spinlock.features.kernels_pixels import RANK_ROWS, pixel_statistics


def plainly(z: np.ndarray, *, periodic: bool) -> list[float]:
    """The statistics of one standardised frame, in the order of `PixelStatistics`."""
    height, width = z.shape
    wraps = (periodic or height == 1, periodic or width == 1)  # an axis of one pixel is its own neighbour

    def below(a: np.ndarray, axis: int) -> np.ndarray:
        return np.roll(a, -1, axis)

    def inside(a: np.ndarray, *, last: int, first: int = 0) -> np.ndarray:
        for axis, wrap in enumerate(wraps):
            a = a if wrap else np.delete(a, [*range(first), *range(a.shape[axis] - last, a.shape[axis])], axis)
        return a

    steps = [(below(z, axis) - z) ** 2 for axis in (0, 1)]
    energy = inside((steps[1] + below(steps[1], 0) + steps[0] + below(steps[0], 1)) / 2, last=1)
    curvature = inside(sum(np.roll(z, way, axis) for axis in (0, 1) for way in (1, -1)) - 4 * z, first=1, last=1)
    above = z > 0
    joined = []
    edges = 0
    for axis in (0, 1):
        other = below(above, axis)
        there = np.ones_like(above)
        if not (periodic and z.shape[axis] > 1):
            there[(slice(None),) * axis + (-1,)] = False
        edges += int(((above != other) & there).sum())
        joined.append(above & other & there)
    quads = joined[0] & below(joined[0], 1)
    if not (periodic and width > 1):
        quads[:, -1] = False
    rows = z if height <= width else z.T
    powers = np.linalg.svd(rows[:: math.ceil(len(rows) / RANK_ROWS)], compute_uv=False) ** 2
    return [
        np.abs(z).mean(),
        (z**3).mean(),
        (z**4).mean(),
        (energy**2).mean(),
        np.sqrt(energy).mean(),
        (curvature**3).mean() if curvature.size else math.nan,
        above.mean(),
        edges / z.size,
        int(above.sum()) - int(joined[0].sum()) - int(joined[1].sum()) + int(quads.sum()),
        powers.sum() ** 2 / (powers**2).sum(),
    ]


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("shape", [(5, 16, 16), (3, 7, 12), (2, 1, 20), (2, 20, 1), (2, 2, 2), (1, 128, 130)])
def test_buffers_give_the_statistics_of_the_definitions(shape, periodic):
    u = noise(*shape)
    mean, std = u.mean((1, 2)), u.flatten(1).std(-1, correction=0)
    found = torch.stack(pixel_statistics(u, mean, std, periodic=periodic), -1)
    expected = [plainly(((frame - m) / s).numpy(), periodic=periodic) for frame, m, s in zip(u, mean, std, strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-9, atol=1e-9, equal_nan=True)


def test_a_constant_frame_has_no_statistics_and_leaves_its_neighbours_alone():
    u = noise(3, 8, 8)
    u[1] = 2.5
    mean, std = u.mean((1, 2)), u.flatten(1).std(-1, correction=0)
    std[1] = torch.nan
    three, first, last = (
        torch.stack(pixel_statistics(u[part], mean[part], std[part], periodic=True), -1)
        for part in (slice(0, 3), slice(0, 1), slice(2, 3))
    )
    assert three[1].isnan().all()
    torch.testing.assert_close(three[[0, 2]], torch.cat((first, last)))


def test_level_sets_are_counted_right_in_frames_that_are_almost_full():
    u = torch.ones(2, 64, 48).double()
    u[0, 5, 7], u[1, :, :] = -9.0, -1.0
    u[1, 3, 4] = 9.0
    mean, std = torch.zeros(2).double(), torch.ones(2).double()
    fast = pixel_statistics(u, mean, std, periodic=True)
    assert (fast.occupied * 64 * 48).tolist() == pytest.approx([64 * 48 - 1, 1])
    assert (fast.interface * 64 * 48).tolist() == pytest.approx([4, 4])
