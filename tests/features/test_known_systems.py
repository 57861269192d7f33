"""Systems whose velocity or exponent is known: transport is recovered, chaos is measured and told from order."""

import math

import numpy as np
import pytest
import torch
from feature_samples import smooth
from series_samples import ensemble
from sklearn.ensemble import RandomForestRegressor

from spinlock.core.rollout import Rollout
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.features import nonlinear, operator_sensitivity
from spinlock.features.extract import extract_rollout
from spinlock.features.fields import Fields

TIMES, SIZE, DT = 10, 16, 0.1


def advected(velocity: np.ndarray, *, seed: int) -> Rollout:
    """The exact solution of u_t + v·∇u = 0 from a random field, on a domain of side 1."""
    modes = torch.fft.fft2(smooth(SIZE, SIZE, length=0.06, seed=seed))
    waves = torch.fft.fftfreq(SIZE, 1 / SIZE, dtype=torch.float64)
    phase = waves[:, None] * velocity[1] + waves * velocity[0]
    time = DT * torch.arange(TIMES, dtype=torch.float64)[:, None, None]
    states = torch.fft.ifft2(modes * torch.exp(-2j * math.pi * phase * time)).real.float()
    return Rollout(states=states[None, :, None], system="advection", dt=DT, dx=1 / SIZE, channel_names=("u",))


@pytest.mark.slow
def test_a_forest_reads_the_velocity_of_advection_from_the_features_of_draws_it_never_saw():
    velocities = np.random.default_rng(0).uniform(-1, 1, size=(72, 2))
    rows = [extract_rollout(advected(v, seed=n)).per_trajectory[0].numpy() for n, v in enumerate(velocities)]
    rows = np.nan_to_num(np.stack(rows))
    forest = RandomForestRegressor(100, random_state=0).fit(rows[:48], velocities[:48])
    error = (forest.predict(rows[48:]) - velocities[48:]) ** 2
    score = 1 - error.mean(0) / velocities[48:].var(0)
    assert (score >= 0.8).all(), score


def henon(num_times: int, start: float) -> np.ndarray:
    """Successive x of (x, y) → (1 - 1.4 x² + y, 0.3 x), the first 200 left out."""
    x, y, values = start, 0.1, []
    for _ in range(num_times + 200):
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        values.append(x)
    return np.array(values[200:])


def lorenz(num_times: int, *, dt: float, steps: int = 10) -> np.ndarray:
    """x of 16 runs (run, time) of Lorenz' equations with σ = 10, ρ = 28, β = 8/3, after 20 units of time."""
    chance = np.random.default_rng(0)
    state = (5 * chance.normal(size=(16, 3)) + [0, 0, 25]).T
    h, values = dt / steps, []

    def slope(s: np.ndarray) -> np.ndarray:
        x, y, z = s
        return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    for _ in range(num_times + round(20 / dt)):
        for _ in range(steps):
            a = slope(state)
            b = slope(state + h / 2 * a)
            c = slope(state + h / 2 * b)
            state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
        values.append(state[0])
    return np.stack(values[-num_times:], 1)


def test_lyapunov_exponent_of_the_henon_map_is_right_within_a_tenth():
    """0.4192: Sprott (2003), Chaos and Time-Series Analysis, table A.2."""
    fields = ensemble([henon(250, start) for start in np.linspace(-0.4, 0.4, 16)])
    assert nonlinear.lyapunov_exponent(fields).item() == pytest.approx(0.4192, rel=0.1)


@pytest.mark.parametrize("dt", [0.1, 0.2])
def test_lyapunov_exponent_of_the_lorenz_flow_is_right_within_two_fifths_whatever_the_time_step(dt):
    """0.9056 a unit of time: Viswanath (1998), thesis, Cornell; neighbours found in a coarse reconstruction part faster."""
    fields = ensemble(lorenz(256, dt=dt), dt=dt)
    assert nonlinear.lyapunov_exponent(fields).item() == pytest.approx(0.9056, rel=0.4)


CHAOTIC = {
    "kuramoto_sivashinsky": {"instability": 1.0, "damping": 0.03},
    "complex_ginzburg_landau": {"dispersion": 1.5, "frequency_shift": -1.8, "diffusion": 0.7},
    "coupled_map_lattice": {"map": "tent", "nonlinearity": 1.9, "coupling": 0.3},
}
REGULAR = {
    "advection": {},
    "dispersion": {},
    "diffusion": {},
    "burgers": {},
    "swift_hohenberg": {},
    "complex_ginzburg_landau": {"dispersion": 0.5, "frequency_shift": 0.5},
}


SIMULATION = Simulation(num_realizations=1, num_timesteps=96, grid_size=32, seed=5)


def twin_growth_rates(systems: dict[str, dict[str, object]]) -> dict[str, float]:
    """Of two draws of every system without noise, in the middle of 96 saved states."""
    rates = {}
    for name, parameters in systems.items():
        fixed = {name: {**parameters, "noise_scale": 1e-6}}
        plans = plan_samples(num_samples=2, seed=3, systems=[name], parameters=fixed).plans
        for number, rollout in enumerate(simulate(plans, SIMULATION)):
            rate = operator_sensitivity.twin_growth_rate(Fields.from_rollout(rollout))
            rates[f"{name} {number}"] = rate.item()
    return rates


@pytest.mark.slow
def test_chaotic_systems_have_a_larger_exponent_than_regular_ones():
    chaotic, regular = twin_growth_rates(CHAOTIC), twin_growth_rates(REGULAR)
    assert min(chaotic.values()) > 0.05, chaotic
    assert max(regular.values()) < 0.01, regular
