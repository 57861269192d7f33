"""Seventeen regimes of excitable media and of spins and epidemics on a lattice, all on a torus with one channel in 0..1.

Sources: R. Fisch, J. Gravner, D. Griffeath, Threshold-range scaling of excitable cellular automata, Stat. Comput. 1 (1991) 23
(Greenberg-Hastings and cyclic automata; names of the cyclic rules as in Mirek's Cellebration); R. J. Glauber, J. Math. Phys. 4 (1963) 294,
with T_c = 2.269 of L. Onsager, Phys. Rev. 65 (1944) 117; M. J. de Oliveira, J. Stat. Phys. 66 (1992) 273 (majority with noise, q_c = 0.075);
T. M. Liggett, Interacting particle systems (1985) (voter, contact process); B. Drossel, F. Schwabl, PRL 69 (1992) 1629 (forest fire).
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from films import CELLS, STEPS, Films, joined, named

DRAWS, FILMS = 5, 4
Step = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def around(marked: np.ndarray, *, reach: int = 1, diamond: bool = False) -> np.ndarray:
    """How many cells within `reach`, in a square or a diamond and without itself, are marked."""
    total = np.zeros(marked.shape, dtype=np.int16)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if (dy or dx) and not (diamond and abs(dy) + abs(dx) > reach):
                total += np.roll(marked, (dy, dx), (1, 2))
    return total


def film(step: Step, frames: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """States (film, time, height, width) of a rule that gives the next frame."""
    states = [frames]
    for _ in range(STEPS - 1):
        states.append(step(states[-1], chance))
    return np.stack(states, 1)


def patches(num_states: int, sides: range, chance: np.random.Generator) -> np.ndarray:
    """Starts of every draw: patches in any state, of so many cells along each side."""
    starts = []
    for side in sides:
        count = -(-CELLS // side)
        drawn = chance.integers(num_states, size=(FILMS, count, count))
        starts.append(drawn.repeat(side, 1).repeat(side, 2)[:, :CELLS, :CELLS])
    return np.concatenate(starts)


def greenberg_hastings(chance: np.random.Generator, *, reach: int, threshold: int, num_states: int) -> np.ndarray:
    """A cell at rest (0) is excited (1) by enough excited neighbours; all others go on to the next state."""

    def step(now: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        del chance
        excited = around(now == 1, reach=reach) >= threshold
        return np.where(now == 0, excited, (now + 1) % num_states)

    return film(step, patches(num_states, range(2, 2 + DRAWS), chance), chance) / (num_states - 1)


def cyclic(
    chance: np.random.Generator, *, reach: int, threshold: int, num_states: int, diamond: bool = False
) -> np.ndarray:
    """A cell goes on to the next state, cyclically, where enough neighbours are in that state."""

    def step(now: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        del chance
        following = (now + 1) % num_states
        ahead = np.zeros(now.shape, dtype=bool)
        for state in range(num_states):
            many = around(now == state, reach=reach, diamond=diamond) >= threshold
            ahead |= (following == state) & many
        return np.where(ahead, following, now)

    return film(step, patches(num_states, range(1, 1 + DRAWS), chance), chance) / (num_states - 1)


def spins(chance: np.random.Generator, *, ends: tuple[float, float], majority: bool = False) -> np.ndarray:
    """Heat-bath Ising spins at temperatures within `ends`, or majority spins with that noise; a sweep a saved state."""
    setting = np.repeat(np.linspace(*ends, DRAWS), FILMS)[:, None, None]
    board = np.add.outer(np.arange(CELLS), np.arange(CELLS)) % 2

    def step(now: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        for color in (0, 1):  # neighbours have the other colour, so half the board changes at once
            field = 2 * around(now, diamond=True) - 4
            if majority:
                up = np.where(field == 0, 0.5, np.where(field > 0, 1 - setting, setting))
            else:
                up = 1 / (1 + np.exp(-2 * field / setting))
            now = np.where(board == color, chance.uniform(size=now.shape) < up, now)
        return now

    return film(step, chance.integers(2, size=(DRAWS * FILMS, CELLS, CELLS)), chance)


def voter(chance: np.random.Generator) -> np.ndarray:
    """A share of the cells, one a draw, takes the state of a neighbour drawn at random."""
    share = np.repeat(np.linspace(0.2, 0.8, DRAWS), FILMS)[:, None, None]

    def step(now: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        asks = chance.uniform(size=now.shape) < share
        copied = chance.uniform(size=now.shape) * 4 < around(now, diamond=True)
        return np.where(asks, copied, now)

    return film(step, chance.integers(2, size=(DRAWS * FILMS, CELLS, CELLS)), chance)


def contact(chance: np.random.Generator, *, ends: tuple[float, float]) -> np.ndarray:
    """The ill recover with probability 0.4 a step, and each infects a neighbour with one within `ends`; a fifth are ill at first."""
    infects = np.repeat(np.linspace(*ends, DRAWS), FILMS)[:, None, None]

    def step(now: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        caught = chance.uniform(size=now.shape) < 1 - (1 - infects) ** around(now, diamond=True)
        stays = chance.uniform(size=now.shape) > 0.4
        return np.where(now == 1, stays, caught)

    return film(step, (chance.uniform(size=(DRAWS * FILMS, CELLS, CELLS)) < 0.2).astype(int), chance)


def forest_fire(chance: np.random.Generator) -> np.ndarray:
    """Empty 0, tree 1, fire 2: trees grow with a probability that is the draw, and lightning strikes 1 of 2000 a step."""
    grows = np.repeat(np.linspace(0.02, 0.1, DRAWS), FILMS)[:, None, None]

    def step(now: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        drawn = chance.uniform(size=now.shape)
        burns = (around(now == 2, diamond=True) > 0) | (drawn < 5e-4)
        return np.where(now == 0, drawn < grows, np.where(now == 1, np.where(burns, 2, 1), 0))

    return film(step, (chance.uniform(size=(DRAWS * FILMS, CELLS, CELLS)) < 0.5).astype(int), chance) / 2


REGIMES: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], str]] = {
    "gh_waves": (partial(greenberg_hastings, reach=1, threshold=1, num_states=6), "waves"),
    "gh_spirals": (partial(greenberg_hastings, reach=2, threshold=2, num_states=8), "waves"),
    "gh_dies": (partial(greenberg_hastings, reach=1, threshold=3, num_states=8), "dies"),
    "cyclic_313": (partial(cyclic, reach=1, threshold=3, num_states=3), "waves"),
    "cyclic_perfect_spirals": (partial(cyclic, reach=1, threshold=3, num_states=4), "waves"),
    "cyclic_squarish_spirals": (partial(cyclic, reach=2, threshold=2, num_states=6, diamond=True), "waves"),
    "cyclic_reach_2": (partial(cyclic, reach=2, threshold=4, num_states=8), "waves"),
    "cyclic_debris": (partial(cyclic, reach=1, threshold=2, num_states=12), "dies"),
    "ising_ordered": (partial(spins, ends=(1.0, 1.9)), "coarsens"),
    "ising_critical": (partial(spins, ends=(2.2, 2.34)), "fluctuates"),
    "ising_disordered": (partial(spins, ends=(3.5, 7.0)), "fluctuates"),
    "majority_ordered": (partial(spins, ends=(0.005, 0.05), majority=True), "coarsens"),
    "majority_disordered": (partial(spins, ends=(0.15, 0.3), majority=True), "fluctuates"),
    "voter": (voter, "coarsens"),
    "contact_dies": (partial(contact, ends=(0.05, 0.11)), "dies"),
    "contact_active": (partial(contact, ends=(0.25, 0.5)), "fluctuates"),
    "forest_fire": (forest_fire, "waves"),
}


def lattices(chance: np.random.Generator) -> Films:
    """Label: model and regime; a draw is a parameter, or a start where there is none; kind: waves, coarsens, fluctuates, dies."""
    return joined([named(make(chance), name, films=FILMS, kind=kind) for name, (make, kind) in REGIMES.items()])
