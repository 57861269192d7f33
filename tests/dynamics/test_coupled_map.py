import pytest
import torch

from spinlock.dynamics.coupled_map import MAPS
from spinlock.dynamics.systems import SYSTEMS


def columns(**changes):
    values = {"map": "logistic", "nonlinearity": 1.8, "coupling": 0.3, "drift": 0.0} | changes
    return {name: (value,) for name, value in values.items()}


@pytest.fixture
def start():
    return 2 * torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1


def run(start, num_timesteps=12, **changes):
    return SYSTEMS["coupled_map_lattice"]().simulate(start, columns(**changes), num_timesteps=num_timesteps)[0, :, 0]


@pytest.mark.parametrize("name", list(MAPS))
def test_without_coupling_every_cell_is_a_map_of_its_own(name, start):
    states = run(start, map=name, coupling=0.0)
    formulas = {
        "logistic": lambda u: 1 - 1.8 * u * u,
        "tent": lambda u: 1 - 1.8 * abs(u),
        "cubic": lambda u: 27**0.5 / 4 * 1.8 * (u - u**3),
    }
    value = float(start[0, 0, 3, 5])
    for time in range(12):
        assert float(states[time, 3, 5]) == pytest.approx(value, abs=1e-9)
        value = formulas[name](value)


def test_the_logistic_map_at_two_is_the_doubling_of_an_angle(start):
    """With a = 2, u = cos φ goes to 1 − 2 cos² φ = −cos 2φ."""
    angle = torch.acos(start[0, 0])
    states = run(start, nonlinearity=2.0, coupling=0.0, num_timesteps=2)
    torch.testing.assert_close(states[1], -torch.cos(2 * angle))


@pytest.mark.parametrize("name", list(MAPS))
def test_a_synchronised_lattice_stays_synchronised_and_is_the_map(name):
    states = run(torch.full((1, 1, 16, 16), 0.37, dtype=torch.float64), map=name, drift=0.7)
    alone = run(torch.full((1, 1, 16, 16), 0.37, dtype=torch.float64), map=name, coupling=0.0)
    assert states.std((-2, -1)).max() < 1e-12
    torch.testing.assert_close(states, alone, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", list(MAPS))
@pytest.mark.parametrize("strength", [1.3, 2.0])
def test_a_map_keeps_its_interval(name, strength):
    u = torch.linspace(-1, 1, 10001, dtype=torch.float64)
    assert MAPS[name](u, torch.tensor(strength, dtype=torch.float64)).abs().max() <= 1 + 1e-12


def test_full_drift_sends_influence_one_way():
    start = torch.full((1, 1, 1, 16), 0.2, dtype=torch.float64)
    pushed = start.clone()
    pushed[..., 8] += 0.1
    difference = (run(pushed, drift=1.0) - run(start, drift=1.0)).abs()[:, 0]
    for time in range(8):
        assert difference[time, :8].max() == 0
        assert difference[time, 8 : 9 + time].max() > 0
        assert not difference[time, 9 + time :].any()


def test_a_line_is_a_square_whose_rows_are_alike():
    row = 2 * torch.rand(1, 1, 1, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    line = run(row, num_timesteps=2)
    square = SYSTEMS["coupled_map_lattice"]().simulate(
        row.expand(1, 1, 16, 16).contiguous(), columns(coupling=0.6), num_timesteps=2
    )[0, :, 0]
    # On the square half of the coupling is with cells above and below, which are alike: 0.6 there is 0.3 here.
    torch.testing.assert_close(square[1], line[1].expand(16, 16), rtol=0, atol=1e-12)


def test_noise_keeps_states_in_the_interval(start):
    parameters = columns() | {"noise_scale": (0.5,), "noise_length": (0.05,), "noise_kind": ("additive",)}
    generator = torch.Generator().manual_seed(0)
    states = SYSTEMS["coupled_map_lattice"]().simulate(
        start.float(), parameters, num_timesteps=10, white=lambda: torch.randn(1, 1, 16, 16, generator=generator)
    )
    assert states.abs().max() == 1
