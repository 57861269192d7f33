"""The shared intermediates are what their docstrings say, against numpy and closed forms."""

import math

import numpy as np
import pytest
import torch
from feature_samples import noise, smooth, wave

from spinlock.core.rollout import Rollout
from spinlock.features.fields import Fields
from spinlock.features.kernels_fields import frame_norms

ATTRIBUTES = [
    "mean",
    "std",
    "l1",
    "l2",
    "linf",
    "total_std",
    "gradient_energy",
    "radial_power",
    "radial_wavenumber",
    "low_modes",
    "low_ky",
    "low_kx",
    "low_weight",
    "probes",
    "scalars",
]


def test_moments_and_norms_agree_with_numpy():
    u = noise(2, 5, 3, 12, 10) * 3 + 7
    fields, a = Fields(u, dt=0.1), u.numpy()
    np.testing.assert_allclose(fields.mean, a.mean((-2, -1)))
    np.testing.assert_allclose(fields.std, a.std((-2, -1)))
    np.testing.assert_allclose(fields.l1, np.abs(a).mean((2, 3, 4)))
    np.testing.assert_allclose(fields.l2, np.sqrt((a**2).mean((2, 3, 4))))
    np.testing.assert_allclose(fields.linf, np.abs(a).max((2, 3, 4)))
    np.testing.assert_allclose(fields.total_std, np.sqrt(a.var((-2, -1)).mean(-1)))


@pytest.mark.parametrize("size", [16, 32, 64])
def test_quantiles_agree_with_numpy(size):
    u = noise(1, 4, 1, size, size, dtype=torch.float32)
    exact = np.quantile(u.flatten(3).numpy(), (0.1, 0.25, 0.5, 0.75, 0.9), axis=-1)
    # Frames above 1024 pixels have quantiles to 1/2048 of their range.
    tolerance = 1e-6 if size <= 32 else 8 / 2048
    np.testing.assert_allclose(Fields(u, dt=1.0).values.quantiles.movedim(-1, 0), exact, atol=tolerance)


def test_a_large_frame_of_two_values_has_them_as_quantiles():
    u = torch.zeros(1, 1, 1, 64, 64)
    u[..., :40] = 5.0
    np.testing.assert_allclose(Fields(u, dt=1.0).values.quantiles.flatten(), [0, 0, 5, 5, 5], atol=5 / 2048)


@pytest.mark.parametrize("shape", [(12, 10), (1, 16), (15, 9), (16, 1)])
def test_radial_power_sums_to_the_variance(shape):
    fields = Fields(noise(2, 3, 2, *shape), dt=1.0)
    torch.testing.assert_close(fields.radial_power.sum(-1), fields.std.square().sum(-1))


def test_a_plane_wave_has_its_power_in_the_shell_of_its_wavenumber():
    power = Fields(wave(3, 4), dt=1.0).radial_power[0, 0]
    assert power[5].item() == pytest.approx(0.5)
    assert power.sum().item() == pytest.approx(0.5)


def test_wavenumbers_of_an_oblong_grid_are_cycles_per_its_longer_side():
    x = torch.arange(32, dtype=torch.float64) * (2 * math.pi / 32)
    y = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
    along_x, along_y = torch.sin(4 * x).expand(8, 32), torch.sin(y)[:, None].expand(8, 32)
    for frame in (along_x, along_y):  # both have the wavelength of 8 pixels
        assert Fields(frame[None, None, None], dt=1.0).radial_power[0, 0].argmax() == 4


@pytest.mark.parametrize("k", [1, 3, 7])
def test_gradient_energy_of_a_plane_wave(k):
    dx = 0.25
    expected = 0.5 * (2 * math.sin(math.pi * k / 32) / dx) ** 2  # differences of neighbours
    assert Fields(wave(0, k), dt=1.0, dx=dx).gradient_energy[0, 0].item() == pytest.approx(expected)


@pytest.mark.parametrize("periodic", [True, False])
def test_gradient_energy_of_a_ramp_knows_whether_the_domain_wraps(periodic):
    ramp = torch.arange(16, dtype=torch.float64).expand(1, 1, 1, 16, 16)
    energy = Fields(ramp, dt=1.0, dx=2.0, periodic=periodic).gradient_energy.item()
    assert energy == pytest.approx((15 + 15**2) / 16 / 4 if periodic else 1 / 4)


def test_low_modes_are_the_fourier_coefficients():
    u = noise(1, 2, 2, 24, 30)
    fields = Fields(u, dt=1.0)
    spectrum = np.fft.fft2(u.numpy(), norm="forward")
    for row, ky in enumerate(fields.low_ky.tolist()):
        for column, kx in enumerate(fields.low_kx.tolist()):
            np.testing.assert_allclose(fields.low_modes[..., row, column], spectrum[..., ky, kx], atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 16, 40])
def test_low_modes_never_reach_nyquist_and_rebuild_a_smooth_field(size):
    fields = Fields(noise(1, 1, 1, size, size), dt=1.0)
    most = min(8, (size - 1) // 2)
    assert fields.low_ky.tolist() == list(range(-most, most + 1))
    assert fields.low_kx.tolist() == list(range(most + 1))
    if size % 2 and size < 17:  # then these are all modes
        total = (fields.low_modes.abs().square() * fields.low_weight).sum()
        assert total.item() == pytest.approx(fields.u.square().mean().item())


def test_probes_are_block_means_channel_by_channel():
    u = noise(1, 2, 1, 8, 12)
    blocks = u.numpy().reshape(2, 4, 2, 4, 3).mean((2, 4)).reshape(2, 16)
    np.testing.assert_allclose(Fields(u, dt=1.0).probes[0], blocks)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9, 16, 20])
@pytest.mark.parametrize("size", [(32, 32), (1, 64), (3, 3), (2, 5), (1, 1)])
def test_there_are_at_most_16_probes_and_blocks_are_as_large_for_many_channels_as_for_one(channels, size):
    u = noise(1, 2, channels, *size)
    found = Fields(u, dt=1.0).probes[0].T
    alone = torch.cat([Fields(u[:, :, [channel]], dt=1.0).probes[0].T for channel in range(channels)])
    assert 1 <= len(found) <= 16
    distances = (found[:, None] - alone).abs().amax(-1)
    assert distances.amin(1).max() < 1e-12


@pytest.mark.parametrize("copies", [2, 3, 4, 7, 16])
def test_copies_of_a_channel_have_the_probes_of_the_channel(copies):
    u = noise(1, 2, 1, 32, 32)
    one, all_of_them = (Fields(states, dt=1.0).probes[0, 0] for states in (u, u.repeat(1, 1, copies, 1, 1)))
    torch.testing.assert_close(all_of_them.sort().values, one.sort().values)


def test_two_channels_share_the_blocks_as_the_colours_of_a_chessboard():
    u = torch.arange(16.0).reshape(1, 1, 1, 4, 4)
    found = Fields(torch.cat((u, u + 100), 2), dt=1.0).probes[0, 0]
    white, black = [0, 2, 5, 7, 8, 10, 13, 15], [1, 3, 4, 6, 9, 11, 12, 14]
    assert found.tolist() == white + [100 + block for block in black]


def test_distances_of_frames_follow_from_the_gram_matrix():
    u = noise(2, 6, 2, 5, 7)
    gram = Fields(u, dt=1.0).frame_products.matrix
    diagonal = gram.diagonal(dim1=1, dim2=2)
    squared = diagonal[:, :, None] + diagonal[:, None] - 2 * gram
    brute = (u[:, :, None] - u[:, None]).square().mean((-3, -2, -1))
    torch.testing.assert_close(squared, brute)


@pytest.mark.parametrize("length", [0.05, 0.001])  # all modes near, or most of them far
def test_frame_distances_of_a_large_grid_are_those_of_the_pixels(length):
    u = smooth(2, 12, 2, 64, 64, length=length)
    frames = (u - u.mean(1, keepdim=True)).flatten(2)
    exact = frames @ frames.mT / frames.shape[-1]
    torch.testing.assert_close(Fields(u, dt=1.0).frame_products.matrix, exact, atol=2e-3, rtol=0)
    torch.testing.assert_close(Fields(u.float(), dt=1.0).frame_products.matrix, exact, atol=2e-3, rtol=0)


def test_scalar_series_stay_finite_in_a_dying_field():
    u = smooth(1, 1, 1, 16, 16) * torch.tensor([1.0, 1e-3, 1e-30, 0.0])[:, None, None, None]
    scalars = Fields(u, dt=1.0).scalars
    assert torch.isfinite(scalars).all()
    assert scalars[0, 1, 1].item() == pytest.approx(math.log(1e-3) + scalars[0, 0, 1].item(), abs=1e-6)
    assert scalars[0, 3, 1].item() == pytest.approx(math.log(1e-6))


def test_a_rollout_is_divided_by_the_spread_of_its_first_frame():
    states = smooth(2, 3, 1, 16, 16, dtype=torch.float32) * torch.tensor([2.0, 50.0])[:, None, None, None, None] + 3
    fields = Fields.from_rollout(Rollout(states=states, system="test", dt=0.1, channel_names=("u",)))
    torch.testing.assert_close(fields.u[:, 0].std((1, 2, 3), correction=0), torch.ones(2))
    torch.testing.assert_close(fields.u * fields.scale[:, None, None, None, None], states)


def test_from_a_constant_first_frame_on_the_changes_give_the_unit_and_diverged_realizations_are_left_out():
    states = smooth(3, 4, 1, 8, 8, dtype=torch.float32)
    states[:, 0] = 0.1
    states[1, 2:] = torch.nan
    fields = Fields.from_rollout(
        Rollout(states=states, system="test", dt=0.1, channel_names=("u",), diverged_at=(-1, 2, -1))
    )
    kept = states[[0, 2]]
    changes = (kept - 0.1).square().mean((1, 2, 3, 4)).sqrt()
    torch.testing.assert_close(fields.scale, changes)
    torch.testing.assert_close(fields.u, kept / changes[:, None, None, None, None])


def test_a_run_in_which_nothing_changes_is_in_units_of_its_value():
    states = torch.tensor([0.0, 0.5, -1e20])[:, None, None, None, None].expand(-1, 4, 1, 8, 8)
    fields = Fields.from_rollout(Rollout(states=states, system="test", dt=0.1, channel_names=("u",)))
    torch.testing.assert_close(fields.scale, torch.tensor([1.0, 0.5, 1e20]))


@pytest.mark.parametrize("size", [32, 64, 100])
def test_frames_of_equal_values_have_no_spread_whatever_the_value(size):
    # Inner products in float32 round the mean of thousands of equal values by dozens of units in the last place.
    values = torch.tensor(np.random.default_rng(0).uniform(-10, 10, size=(40, 1, 1, 1)), dtype=torch.float32)
    frames = values.expand(-1, 1, size, size).contiguous()
    norms = frame_norms(frames)
    assert (norms.std == 0).all()
    torch.testing.assert_close(norms.mean, values[:, :, 0, 0])


def test_a_frame_of_equal_values_and_one_other_has_its_variance():
    u = torch.full((1, 1, 64, 64), 3.7262)
    u[0, 0, 5, 5] += 0.01
    expected = u.double().var(correction=0).float()
    assert frame_norms(u).std.square().item() == pytest.approx(expected.item(), rel=1e-2)


def test_what_varies_by_rounding_only_is_constant():
    u = torch.full((1, 1, 1, 16, 16), 1000.0)
    u[..., 3, 3] += 1e-4
    assert not Fields(u, dt=1.0).is_varied.any()
    assert Fields(u.double() + noise(1, 1, 1, 16, 16) * 1e-4, dt=1.0).is_varied.all()


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1, 1), (2, 1, 3, 4, 4), (1, 5, 1, 1, 9), (1, 4, 1, 2, 2), (1, 3, 18, 3, 5)]
)
def test_every_attribute_is_finite_for_any_shape(shape, periodic):
    fields = Fields(noise(*shape, dtype=torch.float32), dt=1.0, periodic=periodic)
    for name in ATTRIBUTES:
        assert torch.isfinite(getattr(fields, name)).all(), name


def test_float32_agrees_with_float64():
    u = smooth(2, 6, 2, 48, 48)
    exact, single = Fields(u, dt=1.0), Fields(u.float(), dt=1.0)
    for name in ATTRIBUTES:
        torch.testing.assert_close(
            getattr(single, name), getattr(exact, name), check_dtype=False, rtol=1e-4, atol=1e-5, msg=name
        )


def test_steps_must_be_positive():
    with pytest.raises(ValueError, match="greater than 0; got dt=0"):
        Fields(noise(1, 2, 1, 4, 4), dt=0.0)
