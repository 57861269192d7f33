"""Pixel statistics of the fast path on a CPU against the same formulas, one tensor operation after the other."""

import pytest
import torch
from feature_samples import noise

from spinlock.features.kernels_pixels import pixel_statistics, tensor_statistics


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    "shape", [(5, 16, 16), (3, 7, 12), (2, 1, 20), (2, 20, 1), (2, 1, 1), (2, 2, 2), (1, 128, 130)]
)
def test_buffers_and_tensors_give_the_same_statistics(shape, periodic):
    u = noise(*shape).double()
    mean, std = u.mean((1, 2)), u.flatten(1).std(-1, correction=0)
    std = torch.where(std > 0, std, torch.nan)
    fast = pixel_statistics(u, mean, std, periodic=periodic)
    plain = tensor_statistics(u, mean, std, periodic=periodic)
    for name, one, other in zip(fast._fields, fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, equal_nan=True, msg=name)


def test_a_constant_frame_has_no_statistics_and_leaves_its_neighbours_alone():
    u = noise(3, 8, 8).double()
    u[1] = 2.5
    mean, std = u.mean((1, 2)), u.flatten(1).std(-1, correction=0)
    std[1] = torch.nan
    fast, plain = (f(u, mean, std, periodic=True) for f in (pixel_statistics, tensor_statistics))
    for one, other in zip(fast, plain, strict=True):
        assert one[1].isnan().all()
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_level_sets_are_counted_right_in_frames_that_are_almost_full():
    u = torch.ones(2, 64, 48).double()
    u[0, 5, 7], u[1, :, :] = -9.0, -1.0
    u[1, 3, 4] = 9.0
    mean, std = torch.zeros(2).double(), torch.ones(2).double()
    fast = pixel_statistics(u, mean, std, periodic=True)
    assert (fast.occupied * 64 * 48).tolist() == pytest.approx([64 * 48 - 1, 1])
    assert (fast.interface * 64 * 48).tolist() == pytest.approx([4, 4])
