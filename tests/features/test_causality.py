"""Causality features on fields whose motion and influence are known."""

import math

import pytest
import torch
from feature_samples import noise, smooth

from spinlock.features.causality import (
    CAUSALITY,
    channel_lag,
    granger_channel_direction,
    granger_channels,
    granger_eastward,
    granger_neighbours,
    granger_southward,
    neighbour_correlation,
    neighbour_lag,
    spreading_speed,
    time_irreversibility,
    transfer_entropy_channels,
    transfer_entropy_gap,
    transfer_entropy_neighbours,
    transport_share,
    transport_speed,
    transport_spread,
    transport_x,
    transport_y,
)
from spinlock.features.fields import Fields


def advected(velocity: tuple[float, float], *, time=40, height=32, width=48, dt=0.5, dx=0.25, dtype=torch.float64):
    """A smooth random pattern that moves with velocity (y, x) unchanged."""
    spectrum = torch.fft.rfft2(smooth(height, width, seed=2, dtype=torch.float64))
    ky, kx = torch.fft.fftfreq(height, 1 / height).double(), torch.fft.rfftfreq(width, 1 / width).double()
    per_time = ky[:, None] * (velocity[0] / (height * dx)) + kx * (velocity[1] / (width * dx))
    times = torch.arange(time, dtype=torch.float64)[:, None, None] * dt
    frames = torch.fft.irfft2(spectrum * torch.exp(-2j * math.pi * per_time * times), s=(height, width))
    return Fields(frames[None, :, None].to(dtype), dt=dt, dx=dx)


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (0.123, -0.777), (-3.0, 1.9), (0.004, 0.0)])
def test_transport_of_an_advected_pattern_is_its_velocity(velocity):
    fields = advected(velocity)
    torch.testing.assert_close(transport_y(fields)[0].item(), velocity[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(transport_x(fields)[0].item(), velocity[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(transport_speed(fields)[0].item(), math.hypot(*velocity), atol=1e-6, rtol=0)
    assert transport_spread(fields).item() < 1e-5


def test_moving_explains_all_of_advection_and_nothing_of_a_standing_wave():
    assert transport_share(advected((0.3, 0.4))).item() == pytest.approx(1, abs=1e-9)
    x = torch.arange(32, dtype=torch.float64) * (2 * math.pi / 32)
    t = torch.arange(40, dtype=torch.float64) * 0.1
    standing = (t.cos()[:, None, None] * x.sin()).expand(40, 32, 32)[None, :, None]
    assert abs(transport_share(Fields(standing.contiguous(), dt=1.0)).item()) < 0.1


def test_transport_in_float32_agrees_with_float64():
    single, double = (advected((0.123, -0.777), dtype=dtype) for dtype in (torch.float32, torch.float64))
    assert transport_x(single).item() == pytest.approx(transport_x(double).item(), abs=1e-5)


def test_transport_spread_of_a_pattern_that_jumps_about_is_of_the_order_of_one():
    steps = noise(40, 2, seed=3).cumsum(0) * 0.1
    spectrum = torch.fft.rfft2(smooth(32, 32))
    ky, kx = torch.fft.fftfreq(32, 1 / 32).double(), torch.fft.rfftfreq(32, 1 / 32).double()
    phase = steps[:, 0, None, None] * ky[:, None] + steps[:, 1, None, None] * kx
    u = torch.fft.irfft2(spectrum * torch.exp(-2j * math.pi * phase), s=(32, 32))[None, :, None]
    assert 0.7 < transport_spread(Fields(u, dt=1.0)).item() < 1.3


@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_spreading_speed_of_a_growing_disc_is_the_speed_of_its_edge(dt):
    grid = torch.arange(128) - 64.0
    distance = (grid[:, None] ** 2 + grid**2).sqrt() * 0.5
    times = torch.arange(0, 20, dt)[:, None, None]
    disc = 3 * (distance < 1.5 * times.clamp(max=15)).float()
    assert spreading_speed(Fields(disc[None, :, None], dt=dt, dx=0.5)).item() == pytest.approx(1.5, rel=0.03)


def test_spreading_speed_of_a_front_in_one_dimension_is_that_of_each_edge():
    grid = torch.arange(200.0)
    front = 3 * ((grid - 100).abs() < 2.0 * torch.arange(41.0)[:, None]).float()
    assert spreading_speed(Fields(front[None, :, None, None, :], dt=1.0)).item() == pytest.approx(2.0, rel=0.03)


def test_spreading_speed_where_nothing_leaves_is_zero():
    frame = noise(16, 16)
    assert spreading_speed(Fields(frame.expand(1, 10, 1, 16, 16).contiguous(), dt=1.0)).item() == 0


def drifting_sources(direction: str, *, time=400, seed=0) -> Fields:
    """Block averages, each noise plus what its neighbour on one side was a step before; 8 x 8 cells a block."""
    source = noise(time, 4, 4, seed=seed)
    axis, shift = {"east": (1, 1), "west": (1, -1), "south": (0, 1), "north": (0, -1)}[direction]
    blocks = source.clone()
    blocks[1:] += source[:-1].roll(shift, axis + 1)
    field = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)
    return Fields(field[None, :, None], dt=0.5)


@pytest.mark.parametrize(
    ("direction", "eastward", "southward"), [("east", 1, 0), ("west", -1, 0), ("south", 0, 1), ("north", 0, -1)]
)
def test_granger_causality_has_the_direction_of_the_influence(direction, eastward, southward):
    fields = drifting_sources(direction)
    for feature, expected in ((granger_eastward, eastward), (granger_southward, southward)):
        value = feature(fields).item()
        assert value * expected > 0.1 if expected else abs(value) < 0.02
    assert granger_neighbours(fields).item() > 0.05
    assert transfer_entropy_neighbours(fields).item() > 0.01
    assert transfer_entropy_gap(fields).item() > 0.03


def test_mirroring_the_field_turns_the_direction_round():
    fields = drifting_sources("east")
    mirrored = Fields(fields.u.flip(-1), dt=fields.dt)
    assert granger_eastward(mirrored).item() == pytest.approx(-granger_eastward(fields).item(), abs=1e-9)
    assert granger_neighbours(mirrored).item() == pytest.approx(granger_neighbours(fields).item(), abs=1e-9)


def test_blocks_without_influence_have_none():
    field = noise(400, 4, 4).repeat_interleave(8, 1).repeat_interleave(8, 2)
    fields = Fields(field[None, :, None], dt=0.5)
    assert abs(granger_neighbours(fields).item()) < 0.003
    assert abs(transfer_entropy_neighbours(fields).item()) < 0.005


def test_neighbour_lag_of_a_running_wave_is_a_quarter_of_its_period():
    x = torch.arange(64, dtype=torch.float64) / 64
    t = torch.arange(240, dtype=torch.float64) * 0.5
    wave = torch.cos(2 * math.pi * (x - t[:, None] / 20))[None, :, None, None, :]
    fields = Fields(wave.contiguous(), dt=0.5)
    # the neighbour follows a quarter of the period of 20 later
    assert neighbour_lag(fields).item() == pytest.approx(5, abs=0.5)
    assert neighbour_correlation(fields).item() > 0.9


def two_channels(lag: int, *, time=300) -> Fields:
    """Channel 1 repeats channel 0 `lag` steps later, with a little noise of its own."""
    blocks = noise(time, 4, 4, seed=1)
    both = torch.stack((blocks, blocks.roll(lag, 0) + 0.3 * noise(time, 4, 4, seed=2)), 1)
    return Fields(both.repeat_interleave(4, 2).repeat_interleave(4, 3)[None], dt=0.25)


def test_the_leading_channel_is_the_cause():
    fields = two_channels(1)
    assert granger_channel_direction(fields).item() > 1
    assert granger_channels(fields).item() > 0.5
    assert transfer_entropy_channels(fields).item() > 0.2
    assert channel_lag(fields).item() == pytest.approx(0.25)
    swapped = Fields(fields.u.flip(2), dt=fields.dt)
    assert granger_channel_direction(swapped).item() == pytest.approx(-granger_channel_direction(fields).item())
    assert channel_lag(swapped).item() == pytest.approx(-0.25)


def test_channel_features_of_one_channel_are_missing():
    fields = drifting_sources("east")
    for feature in (granger_channels, granger_channel_direction, transfer_entropy_channels, channel_lag):
        assert feature(fields).isnan().all()


def sawtooth(*, reverse: bool) -> Fields:
    ramp = (torch.arange(200, dtype=torch.float64) % 20) / 20
    series = ramp.flip(0) if reverse else ramp
    return Fields(
        (series[:, None, None] * torch.ones(8, 8)).expand(1, 1, 200, 8, 8).transpose(1, 2).contiguous(), dt=1.0
    )


def test_irreversibility_is_negative_for_slow_rises_and_fast_falls_and_turns_with_time():
    forward, backward = time_irreversibility(sawtooth(reverse=False)), time_irreversibility(sawtooth(reverse=True))
    assert forward.item() < -3
    assert backward.item() == pytest.approx(-forward.item(), rel=1e-6)


def test_irreversibility_of_linear_noise_is_small():
    field = noise(3000, 4, 4).cumsum(0).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert abs(time_irreversibility(Fields(field[None, :, None], dt=1.0)).item()) < 0.05


def test_features_do_not_depend_on_the_realizations_beside():
    both = Fields(torch.cat((drifting_sources("east").u, 3 * drifting_sources("south", seed=5).u)), dt=0.5)
    alone = Fields(both.u[1:], dt=0.5)
    for feature in CAUSALITY:
        torch.testing.assert_close(feature(both)[1:], feature(alone), equal_nan=True, msg=feature.name)
