"""Nonlinear equations against solutions that are known, and against what they conserve or never raise."""

import math

import numpy as np
import pytest
import torch
from plane_waves import LINE, SQUARE, amplitude, columns, plane_wave, smooth_field
from scipy.linalg import expm

from spinlock.dynamics.pde.spectral import Grid
from spinlock.dynamics.pde.vorticity import vorticity_transport
from spinlock.dynamics.systems import SYSTEMS


@pytest.mark.parametrize(("size", "waves"), [(LINE, [(0, 1, 0.6)]), (SQUARE, [(1, 1, 0.25), (2, -1, 0.2)])])
def test_burgers_is_a_heat_equation_by_cole_and_hopf(size, waves):
    """u = −2ν ∇φ/φ for φ = 1 + Σ a e^{−νk²t} cos(k·x), which obeys the heat equation."""
    system, viscosity = SYSTEMS["burgers"](), 2.5
    unit = 2 * math.pi / system.length(32)

    def velocity(time):
        phi = torch.ones(size, dtype=torch.float64)
        slope_x, slope_y = torch.zeros_like(phi), torch.zeros_like(phi)
        for ky, kx, size_of_wave in waves:
            faded = size_of_wave * math.exp(-viscosity * unit**2 * (ky**2 + kx**2) * time)
            phi += faded * plane_wave(size, ky, kx)
            sine = faded * plane_wave(size, ky, kx, phase=math.pi / 2)  # −sin
            slope_x, slope_y = slope_x + unit * kx * sine, slope_y + unit * ky * sine
        return torch.stack((slope_x, slope_y)) * (-2 * viscosity) / phi

    states = system.simulate(velocity(0.0)[None], columns(viscosity=viscosity), num_timesteps=21)
    for time in (1, 20):
        expected = velocity(time * system.dt)
        torch.testing.assert_close(states[0, time], expected, rtol=0, atol=1e-4 * expected.abs().max().item())


def test_a_korteweg_de_vries_soliton_keeps_its_shape_and_moves_at_its_speed():
    system = SYSTEMS["korteweg_de_vries"]()
    steepening, dispersivity, height, length = 1.0, 2.0, 1.5, 64
    width = math.sqrt(steepening * height / (12 * dispersivity))
    x = torch.arange(length, dtype=torch.float64)

    def soliton(centre):
        away = (x - centre + length / 2) % length - length / 2
        return height / torch.cosh(width * away) ** 2

    states = system.simulate(
        soliton(20.0).view(1, 1, 1, -1),
        columns(steepening=steepening, dispersivity=dispersivity, damping=0.0),
        num_timesteps=61,
    )
    speed = steepening * height / 3
    for time in (10, 60):
        expected = soliton(20.0 + speed * time * system.dt)
        torch.testing.assert_close(states[0, time, 0, 0], expected, rtol=0, atol=3e-4)


@pytest.mark.parametrize("size", [LINE, SQUARE])
def test_korteweg_de_vries_without_damping_keeps_its_mass_and_its_square(size):
    system = SYSTEMS["korteweg_de_vries"]()
    start = 0.3 + 0.5 * smooth_field(1, 1, *size)
    states = system.simulate(start, columns(steepening=0.5, dispersivity=2.0, damping=0.0), num_timesteps=30)
    mass, square = states.mean((-3, -2, -1)), states.square().mean((-3, -2, -1))
    torch.testing.assert_close(mass, mass[:, :1].expand(1, 30), rtol=1e-10, atol=0)
    torch.testing.assert_close(square, square[:, :1].expand(1, 30), rtol=2e-4, atol=0)


def test_a_fisher_kpp_front_invades_at_twice_the_root_of_its_rates():
    """Speed at time t: 2√(rD) − 3/(2t) √(D/r) (Bramson 1983), from a start that is empty outside a band."""
    system = SYSTEMS["fisher_kpp"]()
    diffusivity, growth, cells = 1.5, 0.2, 512
    start = torch.zeros(1, 1, 1, cells, dtype=torch.float64)
    x = torch.arange(cells, dtype=torch.float64)
    start[0, 0, 0] = torch.exp(-(((x - cells / 2) / 8) ** 2))
    states = system.simulate(start, columns(diffusivity=diffusivity, growth_rate=growth), num_timesteps=121)
    profile = states[0, :, 0, 0]

    def front(time):
        right = profile[time, cells // 2 :]
        last = int((right > 0.5).nonzero().max())
        return last + ((right[last] - 0.5) / (right[last] - right[last + 1])).item()

    early, late = 60, 120
    speed = (front(late) - front(early)) / (late - early)
    correction = 1.5 * math.sqrt(diffusivity / growth) * math.log(late / early) / (late - early)
    assert speed == pytest.approx(2 * math.sqrt(growth * diffusivity) - correction, rel=0.02)


def test_negative_values_of_fisher_kpp_do_not_run_away():
    system = SYSTEMS["fisher_kpp"]()
    start = torch.full((1, 1, 16, 16), -0.05, dtype=torch.float64)
    states = system.simulate(start, columns(diffusivity=1.0, growth_rate=0.2), num_timesteps=100)
    torch.testing.assert_close(states[:, -1], start, rtol=0, atol=1e-12)


def test_a_wall_of_allen_cahn_stands_still():
    system, diffusivity = SYSTEMS["allen_cahn"](), 6.0
    x = torch.arange(128, dtype=torch.float64)
    wall = torch.tanh((32 - (x - 64).abs()) / math.sqrt(2 * diffusivity))
    start = wall.view(1, 1, 1, -1)
    states = system.simulate(start, columns(diffusivity=diffusivity, bias=0.0), num_timesteps=41)
    torch.testing.assert_close(states[:, -1], start, rtol=0, atol=1e-3)


def free_energy(states, gradient_energy):
    """⟨κ|∇c|²/2 − c²/2 + c⁴/4⟩ of states on cells of side 1."""
    ky, kx = (2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in states.shape[-2:])
    power = torch.fft.fft2(states, norm="forward").abs().square()
    bent = (power * (ky[:, None] ** 2 + kx[None, :] ** 2)).sum((-2, -1))
    return gradient_energy * bent / 2 + (states**4 / 4 - states**2 / 2).mean((-2, -1))


def test_allen_cahn_never_raises_its_free_energy():
    system = SYSTEMS["allen_cahn"]()
    states = system.simulate(0.3 * smooth_field(1, 1, 32, 32), columns(diffusivity=1.0, bias=0.0), num_timesteps=40)
    energy = free_energy(states, 1.0)[0, :, 0]
    assert (energy.diff() < 0).all()
    assert energy[-1] < energy[0] - 0.1


@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_cahn_hilliard_keeps_its_mass_and_never_raises_its_free_energy(mean):
    system = SYSTEMS["cahn_hilliard"]()
    parameters = columns(mobility=0.5, gradient_energy=0.8, mean_composition=mean)
    states = system.simulate(0.1 * smooth_field(1, 1, 32, 32, cells=3.0), parameters, num_timesteps=40)
    torch.testing.assert_close(states.mean((-2, -1)), torch.zeros(1, 40, 1).double(), rtol=0, atol=1e-12)
    energy = free_energy(states + mean, 0.8)[0, :, 0]
    assert (energy.diff() < 1e-9).all()
    assert energy[-1] < energy[0] - 0.05


@pytest.mark.parametrize(("size", "ky", "kx"), [(LINE, 0, 2), (SQUARE, 2, 3), (SQUARE, 6, 0)])
def test_a_small_mode_of_cahn_hilliard_grows_at_its_rate(size, ky, kx):
    system = SYSTEMS["cahn_hilliard"]()
    start = 1e-7 * plane_wave(size, ky, kx)[None, None]
    parameters = columns(mobility=0.3, gradient_energy=0.7, mean_composition=0.2)
    states = system.simulate(start, parameters, num_timesteps=5)
    k2 = (2 * math.pi / system.length(32)) ** 2 * (ky**2 + kx**2)
    ratio = (amplitude(states[0, -1, 0], ky, kx) / amplitude(start[0, 0], ky, kx)).real.item()
    assert math.log(ratio) / (4 * system.dt) == pytest.approx(0.3 * k2 * (1 - 3 * 0.2**2 - 0.7 * k2), abs=1e-5)


@pytest.mark.parametrize(
    ("size", "ky", "kx", "is_growing"), [(LINE, 0, 0, False), (LINE, 0, 6, True), (SQUARE, 4, 4, True)]
)
def test_fitzhugh_nagumo_grows_the_modes_of_turing_and_no_others(size, ky, kx, is_growing):
    """Around rest the pair (u, v) of a mode follows its 2 x 2 matrix: stable when uniform, unstable in a band."""
    system = SYSTEMS["fitzhugh_nagumo"]()
    rate, decay, diffusion, ratio = 1.6, 0.8, 0.8, 15.0
    k2 = (2 * math.pi / system.length(32)) ** 2 * (ky**2 + kx**2)
    matrix = np.array([[1 - diffusion * k2, -1], [rate, -rate * decay - diffusion * ratio * k2]])
    assert (np.linalg.eigvals(matrix).real.max() > 0) is np.bool_(is_growing)
    wave = 1e-7 * plane_wave(size, ky, kx)
    parameters = columns(
        recovery_rate=rate, threshold=0.0, inhibitor_decay=decay, diffusion_u=diffusion, diffusion_ratio=ratio
    )
    states = system.simulate(torch.stack((wave, 0.3 * wave))[None], parameters, num_timesteps=6)
    values = torch.from_numpy(expm(5 * system.dt * matrix) @ np.array([1.0, 0.3]))
    torch.testing.assert_close(
        states[0, -1], values[:, None, None] * wave, rtol=0, atol=1e-3 * values.abs().max().item() * 1e-7
    )


def test_a_taylor_green_vortex_decays_at_the_rate_of_its_mode():
    system = SYSTEMS["navier_stokes_decaying"]()
    start = (plane_wave(32, 3, 0) * plane_wave(32, 0, 3))[None, None]
    states = system.simulate(start, columns(viscosity=0.2), num_timesteps=21)
    k2 = 2 * (2 * math.pi * 3 / system.length(32)) ** 2
    expected = math.exp(-0.2 * k2 * 20 * system.dt) * start
    torch.testing.assert_close(states[:, -1], expected, rtol=0, atol=1e-10)


def test_inviscid_flow_keeps_its_energy_and_its_enstrophy():
    system = SYSTEMS["navier_stokes_decaying"]()
    states = system.simulate(0.5 * smooth_field(1, 1, 32, 32), columns(viscosity=0.0), num_timesteps=30)
    k = 2 * math.pi * torch.fft.fftfreq(32, dtype=torch.float64)
    squared = k[:, None] ** 2 + k[None, :] ** 2
    power = torch.fft.fft2(states).abs().square()
    energy = torch.where(squared > 0, power / squared.clamp(min=1e-9), 0.0).sum((-2, -1))
    enstrophy = power.sum((-2, -1))
    assert (states[0, -1] - states[0, 0]).std() > 0.3
    for kept in (energy, enstrophy):
        torch.testing.assert_close(kept, kept[:, :1].expand(1, 30, 1), rtol=1e-4, atol=0)


def test_vorticity_is_carried_as_by_products_on_a_grid_that_cannot_alias():
    """−u·∇ω of kept modes, each product taken on a grid of twice the cells."""
    omega = smooth_field(1, 1, 24, 24, cells=3.0)
    grid = Grid.of(omega, length=24.0, half=True)
    spectrum = torch.fft.rfft2(omega) * grid.keep
    k = torch.fft.fftfreq(48, 1 / 48, dtype=torch.float64) * 2 * math.pi / 24
    ky, kx = k[:, None], k[None, :]
    wide = torch.zeros(48, 48, dtype=torch.complex128)
    narrow = torch.fft.fft2(torch.fft.irfft2(spectrum, s=(24, 24)))[0, 0]
    places = torch.fft.fftfreq(24, 1 / 24).long() % 48
    wide[places[:, None], places[None, :]] = 4 * narrow
    squared = ky**2 + kx**2
    psi = torch.where(squared > 0, -wide / squared.clamp(min=1e-9), 0.0)
    u, v, by_x, by_y = (
        torch.fft.ifft2(part).real for part in (-1j * ky * psi, 1j * kx * psi, 1j * kx * wide, 1j * ky * wide)
    )
    product = torch.fft.fft2(-(u * by_x + v * by_y))[places[:, None], places[None, :13]] / 4
    term = vorticity_transport(grid, torch.float64)(spectrum)[0, 0] * grid.keep
    torch.testing.assert_close(term, product * grid.keep, rtol=0, atol=1e-10)


def test_laminar_kolmogorov_flow_is_steady():
    system = SYSTEMS["navier_stokes_kolmogorov"]()
    viscosity, drag, forcing, waves = 0.4, 0.2, 0.05, 2
    k2 = (2 * math.pi * waves / system.length(32)) ** 2
    start = forcing / (viscosity * k2 + drag) * plane_wave(32, waves, 0)[None, None]
    parameters = columns(viscosity=viscosity, drag=drag, forcing=forcing, forcing_waves=waves)
    states = system.simulate(start, parameters, num_timesteps=20)
    torch.testing.assert_close(states[:, -1], start, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["kuramoto_sivashinsky", "burgers", "navier_stokes_kolmogorov"])
def test_a_saved_step_converges_with_order_four(name, middle_draw):
    system = SYSTEMS[name]()
    start = system.initial_condition(smooth_field(1, len(system.channel_names), 16, 16, cells=4.0))

    def after(substeps):
        finer = type("Finer", (type(system),), {"num_substeps": substeps})()
        return finer.step_operator(middle_draw(system))(start)

    exact = after(64)
    errors = [(after(substeps) - exact).norm().item() for substeps in (4, 8, 16)]
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert 3.5 < math.log2(coarse / fine) < 4.6
