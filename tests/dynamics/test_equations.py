import math

import numpy as np
import pytest
import torch
from plane_waves import LINE, SQUARE, amplitude, columns, plane_wave, smooth_field
from scipy.integrate import solve_ivp

from spinlock.dynamics.systems import SYSTEMS


def growth_rate(system, parameters, ky, kx):
    start = 1e-7 * plane_wave(SQUARE if ky else LINE, ky, kx)[None, None]
    states = system.simulate(start, parameters, num_timesteps=5)
    ratio = amplitude(states[0, -1, 0], ky, kx) / amplitude(start[0, 0], ky, kx)
    return math.log(ratio.abs().item()) / (4 * system.dt)


@pytest.mark.parametrize(("ky", "kx"), [(0, 2), (3, 0), (3, 4), (5, 5)])
def test_a_small_mode_of_kuramoto_sivashinsky_grows_at_its_rate(ky, kx):
    system = SYSTEMS["kuramoto_sivashinsky"]()
    k2 = (2 * math.pi / system.length(32)) ** 2 * (ky**2 + kx**2)
    rate = growth_rate(system, columns(instability=1.2, damping=0.05), ky, kx)
    assert rate == pytest.approx(1.2 * k2 - k2**2 - 0.05, abs=1e-5)


@pytest.mark.parametrize(("ky", "kx"), [(0, 5), (3, 3), (2, 1), (6, 3)])
def test_a_small_mode_of_swift_hohenberg_grows_at_its_rate(ky, kx):
    system = SYSTEMS["swift_hohenberg"]()
    k2 = (2 * math.pi / system.length(32)) ** 2 * (ky**2 + kx**2)
    rate = growth_rate(system, columns(drive=0.4, critical_wavenumber=0.9, asymmetry=0.7), ky, kx)
    assert rate == pytest.approx(0.4 * 0.9**4 - (0.81 - k2) ** 2, abs=1e-5)


def test_swift_hohenberg_never_raises_its_energy_without_noise():
    """With γ = 0 the equation is a gradient flow of ∫ −ρq⁴u²/2 + ((q² + ∇²)u)²/2 + u⁴/4."""
    system = SYSTEMS["swift_hohenberg"]()
    generator = torch.Generator().manual_seed(0)
    start = 0.3 * torch.randn(1, 1, 32, 32, generator=generator, dtype=torch.float64)
    states = system.simulate(start, columns(drive=0.5, critical_wavenumber=1.0, asymmetry=0.0), num_timesteps=30)
    k = 2 * math.pi * torch.fft.fftfreq(32, 1 / 32, dtype=torch.float64) / system.length(32)
    operator = 1 - (k[:, None] ** 2 + k[None, :] ** 2)
    bent = torch.fft.ifft2(torch.fft.fft2(states) * operator).real
    energy = (-0.25 * states**2 + bent**2 / 2 + states**4 / 4).mean((0, 2, 3, 4))
    assert (energy.diff() < 1e-9).all()
    assert energy[-1] < energy[0] - 0.01


def test_the_mean_of_a_kuramoto_sivashinsky_front_stays():
    system = SYSTEMS["kuramoto_sivashinsky"]()
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(1, 1, 32, 32, generator=generator, dtype=torch.float64)
    states = system.simulate(start, columns(instability=1.0, damping=0.0), num_timesteps=30)
    means = states.mean((0, 2, 3, 4))
    torch.testing.assert_close(means, means[:1].expand(30), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("ky", "kx"), [(0, 0), (0, 2), (1, -2)])
def test_a_plane_wave_of_complex_ginzburg_landau_turns_at_its_frequency(ky, kx):
    system = SYSTEMS["complex_ginzburg_landau"]()
    dispersion, shift, diffusion = 0.6, -0.8, 0.9
    k2 = (2 * math.pi / system.length(32)) ** 2 * (ky**2 + kx**2)
    size = math.sqrt(1 - diffusion * k2)
    start = size * torch.stack((plane_wave(32, ky, kx), plane_wave(32, ky, kx, phase=-math.pi / 2)))[None]
    parameters = columns(dispersion=dispersion, frequency_shift=shift, diffusion=diffusion)
    states = system.simulate(start, parameters, num_timesteps=11)
    angle = (dispersion * diffusion * k2 + shift * size**2) * 10 * system.dt
    field = torch.complex(states[0, -1, 0], states[0, -1, 1])
    expected = torch.complex(start[0, 0], start[0, 1]) * torch.exp(torch.tensor(-1j * angle, dtype=torch.complex128))
    torch.testing.assert_close(field, expected, rtol=0, atol=2e-4)


def uniform_run(name, values, parameters, num_timesteps):
    system = SYSTEMS[name]()
    start = torch.tensor(values, dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 16, 16)
    states = system.simulate(start.contiguous(), columns(**parameters), num_timesteps=num_timesteps)
    assert states.std((-1, -2)).max() < 1e-12
    return states[0, :, :, 0, 0].numpy(), system.dt * np.arange(num_timesteps)


def test_uniform_gray_scott_is_its_ordinary_differential_equation():
    feed, position = 0.04, 0.3
    kill = math.sqrt(feed) / 2 - feed - 0.002 + (0.012 - 0.12 * feed) * position
    parameters = {"feed": feed, "kill_position": position, "diffusion_u": 0.16, "diffusion_ratio": 0.5}
    values, times = uniform_run("gray_scott", [0.6, 0.3], parameters, 8)

    def rates(_, state):
        u, v = state
        return [-u * v * v + feed * (1 - u), u * v * v - (feed + kill) * v]

    reference = solve_ivp(rates, (0, times[-1]), [0.6, 0.3], t_eval=times, rtol=1e-10, atol=1e-12).y.T
    np.testing.assert_allclose(values, reference, atol=3e-4)


def test_uniform_fitzhugh_nagumo_is_its_ordinary_differential_equation():
    rate, threshold, decay = 0.1, 0.15, 0.6
    parameters = {
        "recovery_rate": rate,
        "threshold": threshold,
        "inhibitor_decay": decay,
        "diffusion_u": 0.8,
        "diffusion_ratio": 2.0,
    }
    values, times = uniform_run("fitzhugh_nagumo", [0.9, -0.2], parameters, 30)

    def rates(_, state):
        u, v = state
        return [u - u**3 - v, rate * (u + threshold - decay * v)]

    reference = solve_ivp(rates, (0, times[-1]), [0.9, -0.2], t_eval=times, rtol=1e-10, atol=1e-12).y.T
    np.testing.assert_allclose(values, reference, atol=3e-4)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("gray_scott", 3e-3),
        ("kuramoto_sivashinsky", 3e-3),
        ("swift_hohenberg", 3e-3),
        ("fitzhugh_nagumo", 1e-3),
        ("complex_ginzburg_landau", 5e-3),
        ("burgers", 3e-3),
        ("korteweg_de_vries", 3e-3),
        ("fisher_kpp", 3e-3),
        ("allen_cahn", 3e-3),
        ("cahn_hilliard", 3e-3),
        ("navier_stokes_decaying", 3e-3),
        ("navier_stokes_kolmogorov", 3e-3),
    ],
)
def test_a_saved_step_is_near_the_step_with_eight_times_finer_substeps(name, tolerance, middle_draw):
    system = SYSTEMS[name]()
    coarse = system.step_operator(middle_draw(system))
    fine_system = type("Finer", (type(system),), {"num_substeps": 8 * system.num_substeps})()
    fine = fine_system.step_operator(middle_draw(system))
    states = system.initial_condition(smooth_field(1, len(system.channel_names), 32, 32, seed=2, cells=3.0))
    for _ in range(10):
        states = coarse(states)
    after = fine(states)
    assert (coarse(states) - after).norm() < tolerance * (after - states).norm()
