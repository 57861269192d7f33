"""Fourteen regimes of one reaction-diffusion system:  ∂u/∂t = D ∇²u - u v² + F (1 - u),  ∂v/∂t = D/2 ∇²v + u v² - (F + k) v.

Source: J. E. Pearson, Complex patterns in a simple system, Science 261 (1993) 189: classes alpha to mu, and D = 2e-5 on a grid spacing of
0.01, which is 0.2 in its units. Classes nu and pi, and the points (F, k) of all: R. Munafo, Pearson's classification (extended),
mrob.com/pub/comp/xmorphia/pearson-classes.html, the two that stand for each class there, or the one. His classes xi, rho and sigma need
larger domains or finer grids and are left out.
"""

import numpy as np
from films import CELLS, STEPS, Films, joined, named

REGIMES = {
    "alpha": ((0.010, 0.047), (0.014, 0.053)),
    "beta": ((0.014, 0.039), (0.026, 0.051)),
    "gamma": ((0.022, 0.051), (0.026, 0.055)),
    "delta": ((0.030, 0.055), (0.042, 0.059)),
    "epsilon": ((0.018, 0.055), (0.022, 0.059)),
    "zeta": ((0.022, 0.061), (0.026, 0.059)),
    "eta": ((0.034, 0.063), (0.034, 0.063)),
    "theta": ((0.030, 0.057), (0.038, 0.061)),
    "iota": ((0.046, 0.0594), (0.046, 0.0594)),
    "kappa": ((0.050, 0.063), (0.058, 0.063)),
    "lambda": ((0.026, 0.061), (0.034, 0.065)),
    "mu": ((0.046, 0.065), (0.058, 0.065)),
    "nu": ((0.046, 0.067), (0.054, 0.067)),
    "pi": ((0.062, 0.061), (0.062, 0.061)),
}
UNENDING = ("alpha", "beta", "gamma", "epsilon", "zeta")
"""Those that never settle; the others reach a steady state."""
DRAWS, FILMS = 5, 4
FINE = 2
"""Cells that are solved for along a cell of the film."""
SIDE = 96
"""Of the torus that is solved, whose first 64 x 64 cells are filmed: on a smaller one most unending regimes die by chance."""
SUBSTEPS = 80
"""Steps of 1 from one saved state to the next: a film is 7600 units of time."""
LEAD_IN = 400
"""Steps before the film, in which the seeds spread."""
DIFFUSIVITY = 0.2


def points(ends: tuple[tuple[float, float], tuple[float, float]], chance: np.random.Generator) -> np.ndarray:
    """(F, k) of each draw: evenly along the line between a class's two points; around its point where it has one."""
    first, last = np.array(ends)
    if (first == last).all():
        return first + chance.uniform(-0.0003, 0.0003, size=(DRAWS, 2))
    return first + np.linspace(0, 1, DRAWS)[:, None] * (last - first)


def first_frames(count: int, chance: np.random.Generator) -> np.ndarray:
    """u and v (2, film, height, width): (1, 0), and 8 to 20 squares of (1/2, 1/4), with 1 % noise to break the symmetry."""
    frames = np.stack([np.ones((count, SIDE, SIDE)), np.zeros((count, SIDE, SIDE))])
    for film in range(count):
        for _ in range(chance.integers(8, 21)):
            y, x = chance.integers(SIDE, size=2)
            rows, columns = (np.arange(start, start + chance.integers(5, 13)) % SIDE for start in (y, x))
            frames[0, film][np.ix_(rows, columns)], frames[1, film][np.ix_(rows, columns)] = 0.5, 0.25
    return (frames * chance.normal(1, 0.01, size=frames.shape)).astype(np.float32)


def laplacian(field: np.ndarray) -> np.ndarray:
    """Five-point Laplacian on a torus, in units of the spacing."""
    around = np.roll(field, 1, -1) + np.roll(field, -1, -1)
    around += np.roll(field, 1, -2)
    around += np.roll(field, -1, -2)
    return around - 4 * field


def run(feed: np.ndarray, kill: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """u of each film (film, time, height, width), mean over the cells that one of the film covers; Euler steps of 1, as Pearson's."""
    feed, kill = (values.astype(np.float32)[:, None, None] for values in (feed, kill))
    u, v = frames
    saved = []
    for step in range(LEAD_IN + (STEPS - 1) * SUBSTEPS + 1):
        if step >= LEAD_IN and (step - LEAD_IN) % SUBSTEPS == 0:
            saved.append(u[:, : CELLS * FINE, : CELLS * FINE].reshape(-1, CELLS, FINE, CELLS, FINE).mean((2, 4)))
        reaction = u * v * v
        u, v = (
            u + DIFFUSIVITY * laplacian(u) - reaction + feed * (1 - u),
            v + DIFFUSIVITY / 2 * laplacian(v) + reaction - (feed + kill) * v,
        )
    return np.stack(saved, 1)


def gray_scott(chance: np.random.Generator) -> Films:
    """Label: Pearson's class; a draw is a point (F, k); kind: whether it settles. The film shows u."""
    parts = []
    for name, ends in REGIMES.items():
        feed, kill = np.repeat(points(ends, chance), FILMS, axis=0).T
        states = run(feed, kill, first_frames(len(feed), chance))
        kind = "unending" if name in UNENDING else "steady"
        parts.append(named(states, name, films=FILMS, kind=kind, periodic=False))
    return joined(parts)
