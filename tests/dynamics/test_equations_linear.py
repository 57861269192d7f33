"""Each linear equation against its answer mode by mode, in one and in two dimensions."""

import math

import pytest
import torch
from plane_waves import LINE, SQUARE, amplitude, columns, plane_wave
from scipy.linalg import expm

from spinlock.dynamics.systems import SYSTEMS

MODES = [(LINE, 0, 1), (LINE, 0, 7), (SQUARE, 0, 1), (SQUARE, 2, 3), (SQUARE, 5, -4)]
STEPS = 12


def factor(name, size, ky, kx, **parameters):
    """What the amplitude of a mode is multiplied by in `STEPS` saved steps, and the time that they take."""
    system = SYSTEMS[name]()
    start = plane_wave(size, ky, kx)[None, None]
    states = system.simulate(start, columns(**parameters), num_timesteps=STEPS + 1)
    return amplitude(states[0, -1, 0], ky, kx) / amplitude(start[0, 0], ky, kx), STEPS * system.dt


def expected(rate, time):
    return torch.exp(torch.tensor(complex(rate) * time, dtype=torch.complex128))


@pytest.mark.parametrize(("size", "ky", "kx"), MODES)
def test_a_mode_of_advection_turns_and_keeps_its_size(size, ky, kx):
    ratio, time = factor("advection", size, ky, kx, speed=0.7, direction=2.1)
    turn = 2 * math.pi * 0.7 * (kx * math.cos(2.1) + ky * math.sin(2.1))
    torch.testing.assert_close(ratio, expected(-1j * turn, time), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("size", "ky", "kx"), MODES)
def test_a_mode_of_diffusion_decays_at_its_rate(size, ky, kx):
    ratio, time = factor("diffusion", size, ky, kx, diffusivity=2e-3)
    rate = -2e-3 * (2 * math.pi) ** 2 * (ky**2 + kx**2)
    torch.testing.assert_close(ratio, expected(rate, time), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("size", "ky", "kx"), MODES)
def test_a_mode_of_advection_diffusion_decays_and_turns_at_its_rates(size, ky, kx):
    ratio, time = factor("advection_diffusion", size, ky, kx, speed=0.43, direction=-0.5, diffusivity=2e-3, damping=0.3)
    decay = 2e-3 * (2 * math.pi) ** 2 * (ky**2 + kx**2) + 0.3
    turn = 2 * math.pi * 0.43 * (kx * math.cos(0.5) - ky * math.sin(0.5))
    torch.testing.assert_close(ratio, expected(complex(-decay, -turn), time), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("size", "ky", "kx"), MODES)
def test_a_mode_of_dispersion_turns_with_the_third_power_of_its_wavenumber(size, ky, kx):
    ratio, time = factor("dispersion", size, ky, kx, dispersivity=1e-4, direction=0.4)
    along = kx * math.cos(0.4) + ky * math.sin(0.4)
    turn = 1e-4 * (2 * math.pi) ** 3 * along * (ky**2 + kx**2)
    torch.testing.assert_close(ratio, expected(1j * turn, time), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("size", "ky", "kx"), MODES)
@pytest.mark.parametrize("damping", [0.0, 0.4, 3.0, 100.0])
def test_a_mode_of_the_wave_equation_is_its_damped_oscillator(size, ky, kx, damping):
    system = SYSTEMS["wave"]()
    wave = plane_wave(size, ky, kx)
    start = torch.stack((wave, -0.6 * wave))[None]
    states = system.simulate(start, columns(speed=0.3, damping=damping), num_timesteps=STEPS + 1)
    squared = (0.3 * 2 * math.pi) ** 2 * (ky**2 + kx**2)
    matrix = torch.tensor([[0.0, 1.0], [-squared, -damping]], dtype=torch.float64)
    values = torch.from_numpy(expm(matrix.numpy() * STEPS * system.dt)) @ torch.tensor([1.0, -0.6], dtype=torch.float64)
    torch.testing.assert_close(states[0, -1], values[:, None, None] * wave, rtol=1e-8, atol=1e-9)


def test_a_wave_without_damping_keeps_its_energy():
    """∫ w²/2 + c²|∇u|²/2, by Parseval."""
    system = SYSTEMS["wave"]()
    start = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    states = system.simulate(start, columns(speed=0.5, damping=0.0), num_timesteps=20)
    k = 2 * math.pi * torch.fft.fftfreq(16, 1 / 16, dtype=torch.float64)
    squared = k[:, None] ** 2 + k[None, :] ** 2
    power = torch.fft.fft2(states).abs().square()
    energy = (power[:, :, 1] + 0.25 * squared * power[:, :, 0]).sum((-2, -1))
    torch.testing.assert_close(energy, energy[:, :1].expand(1, 20), rtol=1e-10, atol=0)


def test_refining_the_grid_keeps_the_solution_where_the_domain_keeps_its_size():
    system = SYSTEMS["advection_diffusion"]()
    parameters = columns(speed=0.3, direction=0.4, diffusivity=1e-3, damping=0.1)
    coarse = system.simulate(plane_wave(32, 2, 3)[None, None], parameters, num_timesteps=10)
    fine = system.simulate(plane_wave(64, 2, 3)[None, None], parameters, num_timesteps=10)
    torch.testing.assert_close(fine[..., ::2, ::2], coarse, rtol=1e-9, atol=1e-12)
