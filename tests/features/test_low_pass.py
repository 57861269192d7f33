"""Fields from their low modes."""

import pytest
import torch

from spinlock.features.fields import Fields
from spinlock.features.low_pass import block_means, lowest, synthesize


@pytest.mark.parametrize("shape", [(16, 12), (9, 16), (1, 16), (15, 1), (1, 1), (2, 2)])
def test_synthesis_of_all_modes_below_nyquist_is_the_field(shape):
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 3, 1, *shape, generator=generator, dtype=torch.float64)
    spectrum = torch.fft.rfft2(u)
    for axis, length in ((-2, shape[0]), (-1, shape[1])):  # no energy at Nyquist, which low_modes leave out
        if length % 2 == 0:
            spectrum.narrow(axis, length // 2, 1).zero_()
    u = torch.fft.irfft2(spectrum, s=shape)
    fields = Fields(u, dt=1.0)
    back = synthesize(fields.low_modes, fields.low_ky, fields.low_kx, height=shape[0], width=shape[1])
    torch.testing.assert_close(back, u)


def test_synthesis_on_a_coarser_grid_hits_every_second_point():
    fields = Fields(torch.randn(1, 2, 1, 32, 32, dtype=torch.float64), dt=1.0)
    modes, ky, kx = lowest(fields.low_modes, fields.low_ky, fields.low_kx, cutoff=4)
    assert ky.tolist() == list(range(-4, 5))
    assert kx.tolist() == list(range(5))
    fine = synthesize(modes, ky, kx, height=32, width=32)
    torch.testing.assert_close(synthesize(modes, ky, kx, height=16, width=16), fine[..., ::2, ::2])


def test_block_means_are_averages_of_the_low_passed_field():
    fields = Fields(torch.randn(1, 2, 1, 16, 32, dtype=torch.float64), dt=1.0)
    modes, ky, kx = lowest(fields.low_modes, fields.low_ky, fields.low_kx, cutoff=3)
    # the midpoint rule: 400 points, half a spacing from the edges of the blocks, which start half a cell before 0
    phase = torch.exp(1j * torch.pi * (ky[:, None] * (1 / 400 - 1 / 16) + kx * (1 / 400 - 1 / 32)))
    fine = synthesize(modes * phase, ky, kx, height=400, width=400)
    expected = fine.unflatten(-1, (4, 100)).unflatten(-3, (2, 200)).mean((-3, -1))
    torch.testing.assert_close(
        block_means(modes, ky, kx, rows=2, columns=4, height=16, width=32), expected, atol=1e-4, rtol=1e-3
    )
