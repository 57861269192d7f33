"""Two-valued automata against known behaviour and brute force; Lenia against direct convolution."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from scipy.special import comb

from spinlock.core.errors import ConfigError
from spinlock.dynamics.automata.elementary import equivalent_rules
from spinlock.dynamics.automata.lenia import RINGS, kernels
from spinlock.dynamics.automata.life_like import RULES, tables
from spinlock.dynamics.automata.totalistic import looked_up
from spinlock.dynamics.initial_conditions.discrete import pattern
from spinlock.dynamics.systems import SYSTEMS


def soup(*shape, seed=0, share=0.4, dtype=torch.float32):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share).to(dtype)


def step(name, **parameters):
    return SYSTEMS[name]().step_operator(parameters)


@pytest.mark.parametrize("rule", range(0, 256, 5))
def test_an_elementary_rule_is_its_table_looked_up_cell_by_cell(rule):
    row = soup(1, 1, 1, 40, seed=rule)
    out = step("elementary_automaton", rule=rule)(row)[0, 0, 0].tolist()
    cells = [int(cell) for cell in row[0, 0, 0]]
    words = [f"{cells[x - 1]}{cells[x]}{cells[(x + 1) % 40]}" for x in range(40)]
    assert out == [float(f"{rule:08b}"[7 - int(word, 2)]) for word in words]


def test_rule_110_has_its_published_table():
    words = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    images = step("elementary_automaton", rule=110)(words[:, None, None].float())
    assert images[:, 0, 0, 1].tolist() == [0, 1, 1, 0, 1, 1, 1, 0]


def test_rule_90_from_one_cell_is_pascals_triangle_modulo_two():
    size, times = 64, 32
    state = torch.zeros(1, 1, 1, size)
    state[..., size // 2] = 1
    states = SYSTEMS["elementary_automaton"]().simulate(state, {"rule": (90,)}, num_timesteps=times)
    for time in range(times):
        expected = np.zeros(size)
        for k in range(time + 1):
            expected[(size // 2 - time + 2 * k) % size] += comb(time, k, exact=True) % 2
        np.testing.assert_array_equal(states[0, time, 0, 0].numpy(), expected % 2)


def test_the_square_of_an_elementary_automaton_is_the_window_of_its_last_generations():
    line, square = soup(1, 1, 1, 24), soup(1, 1, 16, 24, seed=1)
    square[..., -1, :] = line[..., 0, :]
    system, rule = SYSTEMS["elementary_automaton"](), {"rule": (110,)}
    generations = system.simulate(line, rule, num_timesteps=40)[0, :, 0, 0]
    windows = system.simulate(square, rule, num_timesteps=40)[0, :, 0]
    for time in range(16, 40):
        assert torch.equal(windows[time], generations[time - 15 : time + 1])
    assert torch.equal(windows[3, :13], square[0, 0, 3:])


def test_there_are_88_elementary_automata_that_do_not_look_alike():
    assert len({equivalent_rules(rule) for rule in range(256)}) == 88
    assert equivalent_rules(110) == {110, 124, 137, 193}


def life(stamp, *, size=24, generations, rule="B3/S23"):
    state = torch.zeros(1, 1, size, size)
    state[0, 0, 4 : 4 + stamp.shape[0], 4 : 4 + stamp.shape[1]] = torch.from_numpy(stamp).float()
    return SYSTEMS["life_like_automaton"]().simulate(state, {"rule": (rule,)}, num_timesteps=generations + 1)[0, :, 0]


def test_a_glider_moves_by_one_and_one_in_four_generations():
    states = life(pattern("glider"), generations=96)
    assert torch.equal(states[4], states[0].roll((1, 1), (0, 1)))
    assert not torch.equal(states[2], states[0].roll((1, 1), (0, 1)))
    assert torch.equal(states[96], states[0]), "around the whole grid"


def period(states):
    return next(time for time in range(1, len(states)) if torch.equal(states[time], states[0]))


def test_a_blinker_has_period_two_and_a_pulsar_three():
    assert period(life(pattern("blinker"), generations=4)) == 2
    quarter = np.zeros((7, 7), int)
    quarter[[0, 5], 2:5] = quarter.T[[0, 5], 2:5] = 1
    arm = quarter[:6, :6]
    pulsar = np.zeros((13, 13), int)
    pulsar[:6, :6], pulsar[:6, 7:] = arm, arm[:, ::-1]
    pulsar[7:, :6], pulsar[7:, 7:] = arm[::-1], arm[::-1, ::-1]
    assert pulsar.sum() == 48
    assert period(life(pulsar, generations=6)) == 3


def test_a_lightweight_spaceship_moves_two_cells_in_four_generations():
    states = life(pattern("lightweight_spaceship"), generations=4)
    moves = [states[0].roll((dy, dx), (0, 1)) for dy, dx in ((0, 2), (0, -2), (2, 0), (-2, 0))]
    assert any(torch.equal(states[4], moved) for moved in moves)


def test_a_replicator_of_highlife_is_not_one_of_life():
    high, plain = (life(pattern("r_pentomino"), generations=30, rule=rule) for rule in ("B36/S23", "B3/S23"))
    assert not torch.equal(high[-1], plain[-1])


@pytest.mark.parametrize("rule", list(RULES))
def test_a_life_like_rule_is_what_counting_neighbours_gives(rule):
    cells = soup(1, 1, 20, 20, seed=3)
    out = step("life_like_automaton", rule=rule)(cells)[0, 0].numpy()
    own = cells[0, 0].numpy()
    count = sum(np.roll(own, shift, (0, 1)) for shift in np.ndindex(3, 3) if shift != (1, 1))
    count = np.roll(count, (-1, -1), (0, 1))
    born, stay = (set(part[1:]) for part in rule.split("/"))
    expected = [[str(int(n)) in (stay if alive else born) for n, alive in zip(*pair, strict=True)] for pair in zip(count, own, strict=True)]  # fmt: skip
    np.testing.assert_array_equal(out, np.array(expected, float))


def test_a_rule_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"a Life-like rule has the form B3/S23, with digits from 0 to 8; got 'B9/S'"):
        tables("B9/S")


@pytest.mark.parametrize("radius", [2, 3, 5])
def test_larger_than_life_is_what_counting_squares_gives(radius):
    cells = soup(1, 1, 16, 16, seed=radius)
    low, width, stay_low, stay_width = 0.3, 0.12, 0.25, 0.3
    rule = {"birth_low": low, "birth_width": width, "survival_low": stay_low, "survival_width": stay_width}
    out = step("larger_than_life", radius=radius, **rule)(cells)[0, 0]
    own = cells[0, 0].numpy().astype(int)
    for row, column in np.ndindex(16, 16):
        reach = np.arange(-radius, radius + 1)
        count = own[np.ix_((row + reach) % 16, (column + reach) % 16)].sum()
        share = count / (2 * radius + 1) ** 2
        expected = stay_low <= share <= stay_low + stay_width if own[row, column] else low <= share <= low + width
        assert out[row, column] == expected


def test_bosco_of_larger_than_life_crawls():
    """Radius 5, births at 34 to 45 and survival at 34 to 58 of 121 cells: a soup becomes bugs that never freeze."""
    edges = {"birth_low": 33.5 / 121, "birth_width": 12 / 121, "survival_low": 33.5 / 121, "survival_width": 25 / 121}
    columns = {name: (value,) for name, value in {"radius": 5, **edges}.items()}
    states = SYSTEMS["larger_than_life"]().simulate(soup(1, 1, 64, 64, share=0.5), columns, num_timesteps=80)[0]
    assert 0.01 < states[-1].mean() < 0.5
    assert not torch.equal(states[-1], states[-2])


def test_a_table_is_exact_at_integers_and_has_the_mean_difference_as_its_slope():
    table = torch.tensor([[0.0, 1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    count = torch.arange(5, dtype=torch.float64).view(1, 1, 1, 5).requires_grad_()
    values = looked_up(table, count)
    assert values.flatten().tolist() == [0, 1, 0, 0, 1]
    (slope,) = torch.autograd.grad(values.sum(), count)
    assert slope.flatten().tolist()[1:4] == [0.0, -0.5, 0.5]


def test_the_derivative_of_an_elementary_rule_is_its_boolean_derivative():
    cells = soup(1, 1, 1, 12, dtype=torch.float64)
    advance = step("elementary_automaton", rule=30)
    jacobian = torch.autograd.functional.jacobian(advance, cells)[0, 0, 0, :, 0, 0, 0]
    for cell in range(12):
        flipped = cells.clone()
        flipped[..., cell] = 1 - flipped[..., cell]
        changed = advance(flipped) != advance(cells)
        assert torch.equal(jacobian[:, cell].abs() > 0.5, changed[0, 0, 0])


@pytest.mark.parametrize("name", ["elementary_automaton", "life_like_automaton", "larger_than_life"])
def test_two_valued_automata_stay_two_valued_and_flip_with_their_probability(name, middle_draw):
    system = SYSTEMS[name]()
    parameters = {key: (value,) * 4 for key, value in (middle_draw(system) | {"flip_probability": 0.05}).items()}
    generator = torch.Generator().manual_seed(0)
    start = soup(4, 1, 32, 32)
    noisy = system.simulate(start, parameters, num_timesteps=2, white=lambda: torch.randn(4, 1, 32, 32, generator=generator))  # fmt: skip
    quiet = system.simulate(start, parameters, num_timesteps=2)
    assert set(noisy.unique().tolist()) <= {0.0, 1.0}
    differ = (noisy[:, 1] != quiet[:, 1]).float()
    if name == "elementary_automaton":
        assert differ[..., :-1, :].sum() == 0
        differ = differ[..., -1:, :]
    assert differ.mean().item() == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / differ.numel()))


LENIA = {"radius": 4.5, "rings": "two", "center": 0.2, "tolerance": 0.3, "rate": 0.1, "update": "growth"}


@pytest.mark.parametrize("update", ["growth", "asymptotic"])
def test_lenia_is_what_direct_convolution_gives(update):
    fields = torch.randn(1, 1, 24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    state = (0.3 + 0.3 * fields).clamp(0, 1)
    out = step("lenia", **(LENIA | {"update": update}))(state)[0, 0].numpy()
    reach = np.arange(-5, 6)
    distance = np.hypot(reach[:, None], reach[None, :]) / 4.5
    kernel = np.zeros((11, 11))
    for place in np.argwhere((distance < 1) & (distance > 0)):
        ring, across = divmod(distance[tuple(place)] * 2, 1)
        kernel[tuple(place)] = RINGS["two"][int(ring)] * (math.exp(4 - 1 / (across * (1 - across))) if across else 0)
    kernel /= kernel.sum()
    cells = state[0, 0].numpy()
    for _ in range(2):
        target = np.exp(-((convolve(cells, kernel, mode="wrap") - 0.2) ** 2) / (2 * 0.06**2))
        grown = np.clip(cells + 0.1 * (2 * target - 1), 0, 1)
        cells = grown if update == "growth" else cells + 0.1 * (target - cells)
    np.testing.assert_allclose(out, cells, atol=1e-9)


@pytest.mark.parametrize("rings", list(RINGS))
def test_a_kernel_of_lenia_has_sum_one_and_as_many_rings_as_it_says(rings):
    kernel = kernels({"radius": (30.0,), "rings": (rings,)}, torch.zeros(1, 1, 96, 96))[0, 0]
    assert kernel.sum().item() == pytest.approx(1)
    profile = kernel[0, :31]
    peaks = [i for i in range(1, 30) if profile[i] > profile[i - 1] and profile[i] >= profile[i + 1]]
    assert len(peaks) == len(RINGS[rings])
    heights = profile[peaks].numpy() / profile.max().item()
    np.testing.assert_allclose(heights, np.array(RINGS[rings]) / max(RINGS[rings]), atol=0.02)


def test_an_entry_at_no_place_of_a_table_is_nan():
    count = torch.tensor([1.0, float("nan"), 2.0]).view(1, 1, 1, 3)
    table = torch.tensor([[0.0, 1.0, 0.0]])
    found = looked_up(table, count).flatten()
    assert found.isnan().tolist() == [False, True, False]
    assert found[[0, 2]].tolist() == [1.0, 0.0]
