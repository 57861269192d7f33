"""What is quadratic in slopes: by Parseval from the power spectrum, against the differences of pixels."""

import math

import pytest
import torch
from feature_samples import noise

from spinlock.features.fields import Fields
from spinlock.features.kernels_slopes import pixel_slopes


@pytest.mark.parametrize("shape", [(16, 16), (7, 12), (12, 7), (1, 20), (20, 1), (33, 40)])
def test_the_spectrum_and_the_pixels_give_the_same_slopes(shape):
    fields = Fields(noise(2, 3, 2, *shape).double(), dt=1.0)
    frames = fields.u.flatten(0, 2), fields.mean.flatten(), fields.shape_std.flatten()
    for name, one, other in zip(
        fields.slopes._fields, fields.slopes, pixel_slopes(*frames, periodic=True), strict=True
    ):
        torch.testing.assert_close(one.flatten(), other, rtol=1e-9, atol=1e-9, msg=name)


def test_slopes_of_a_plane_wave_are_its_wavenumbers():
    turn = 2 * math.pi / 64
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    slopes = Fields(torch.sin(turn * (3 * x - 2 * y)).double()[None, None, None], dt=1.0).slopes
    assert slopes.xx.item() == pytest.approx(2 - 2 * math.cos(3 * turn), rel=1e-5)
    assert slopes.yy.item() == pytest.approx(2 - 2 * math.cos(2 * turn), rel=1e-5)
    assert slopes.xy.item() == pytest.approx(-math.sin(3 * turn) * math.sin(2 * turn), rel=1e-5)
    assert slopes.laplacian_square.item() == pytest.approx((slopes.xx + slopes.yy).item() ** 2, rel=1e-5)


def test_a_smooth_wave_keeps_its_curvature_in_float32():
    x = torch.arange(128.0) * (2 * math.pi / 128)
    wave = torch.sin(x).expand(128, 128)[None, None, None]
    single, double = (Fields(u.contiguous(), dt=1.0).slopes for u in (wave, wave.double()))
    for one, other in zip(single, double, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-9)


def test_a_domain_that_does_not_wrap_has_the_slope_of_its_ramp():
    ramp = torch.arange(10.0).expand(8, 10)[None, None, None].contiguous()
    fields = Fields(ramp, dt=1.0, periodic=False)
    assert fields.slopes.xx.item() == pytest.approx(1 / fields.std.item() ** 2)
    assert fields.slopes.yy.item() == 0
    assert fields.slopes.laplacian_square.item() == pytest.approx(0, abs=1e-9)
