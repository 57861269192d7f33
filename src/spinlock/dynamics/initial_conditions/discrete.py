"""Two-valued fields: soups, patches, rectangles and known patterns; what is above 0 is a live cell."""

import numpy as np
from jaxtyping import Bool, Float

from spinlock.dynamics.initial_conditions.kind import Canvas, InitialCondition, count, density, size

Field = Float[np.ndarray, "height width"]
PATTERNS = {
    "glider": (".#.", "..#", "###"),
    "r_pentomino": (".##", "##.", ".#."),
    "acorn": (".#.....", "...#...", "##..###"),
    "lightweight_spaceship": (".#..#", "#....", "#...#", "####."),
    "blinker": ("###",),
    "pi_heptomino": ("###", "#.#", "#.#"),
    "thunderbird": ("###", "...", ".#.", ".#.", ".#."),
    "bunnies": ("#.....#.", "..#...#.", "..#..#.#", ".#.#...."),
}
"""Patterns of Conway's Life that move, oscillate or live long.

Source: Berlekamp, Conway & Guy (1982), Winning Ways, chapter 25; LifeWiki.
"""


def pattern(name: str) -> Bool[np.ndarray, "height width"]:
    """Live cells of a known pattern."""
    return np.array([[cell == "#" for cell in row] for row in PATTERNS[name]])


def _mixed(alive: np.ndarray) -> Field:
    """Live cells as a field; where all cells are alike, as one on a tiny grid may be, the first is changed."""
    field = alive.astype(np.float64)
    if field.min() == field.max():
        field[0, 0] = 1 - field[0, 0]
    return field


def _soup(canvas: Canvas) -> Field:
    return _mixed(canvas.rng.random(canvas.shape) < canvas.detail)


def _mirrored_soup(canvas: Canvas) -> Field:
    """A soup on the middle half of the domain with a mirror through its middle along both axes."""
    side = max(1, canvas.width // 4)
    quarter = canvas.rng.random((1 if canvas.is_line else side, side)) < canvas.detail
    half = np.concatenate((quarter, quarter[:, ::-1]), axis=1)
    whole = half if canvas.is_line else np.concatenate((half, half[::-1]))
    return _mixed(_placed(canvas, [whole]))


def _soup_patch(canvas: Canvas) -> Field:
    """Half of the cells in a square alive, none around it."""
    side = max(2, round(canvas.detail * canvas.width))
    patch = canvas.rng.random((1 if canvas.is_line else side, side)) < 0.5
    return _mixed(_placed(canvas, [patch]))


def _blocks(canvas: Canvas) -> Field:
    """Rectangles with sides of a twentieth to a quarter of the domain."""
    sides = np.maximum(1, np.rint(canvas.rng.uniform(0.05, 0.25, (int(canvas.detail), 2)) * canvas.width)).astype(int)
    return _mixed(_placed(canvas, [np.ones((1 if canvas.is_line else rows, columns), bool) for rows, columns in sides]))


def _life_seeds(canvas: Canvas) -> Field:
    """Known patterns of Life at random places in random positions; a line gets random words of five cells."""
    names = list(PATTERNS)
    stamps = []
    for _ in range(int(canvas.detail)):
        stamp = pattern(names[canvas.rng.integers(len(names))])
        stamp = np.rot90(stamp, int(canvas.rng.integers(4)))
        stamp = stamp[:, ::-1] if canvas.rng.random() < 0.5 else stamp
        stamps.append(canvas.rng.random((1, 5)) < 0.5 if canvas.is_line else stamp)
    return _mixed(_placed(canvas, stamps))


def _placed(canvas: Canvas, stamps: list[np.ndarray]) -> np.ndarray:
    """Cells that are alive in any of the stamps, each put at a random place on the periodic grid."""
    alive = np.zeros(canvas.shape, bool)
    for stamp in stamps:
        rows, columns = np.nonzero(stamp)
        row, column = canvas.rng.integers((canvas.height, canvas.width))
        alive[(rows + row) % canvas.height, (columns + column) % canvas.width] = True
    return alive


DISCRETE = {
    "soup": InitialCondition(
        draw=_soup, detail=density(0.08, 0.6, "Share of live cells."), description="cells alive at random"
    ),
    "mirrored_soup": InitialCondition(
        draw=_mirrored_soup,
        detail=density(0.2, 0.6, "Share of live cells in the square."),
        description="a square of random cells, mirrored along both axes",
    ),
    "soup_patch": InitialCondition(
        draw=_soup_patch,
        detail=size(0.1, 0.5, "Side of the square."),
        description="a square of random cells on empty ground",
    ),
    "blocks": InitialCondition(
        draw=_blocks, detail=count(3, 12, "Rectangles."), description="filled rectangles that overlap"
    ),
    "life_seeds": InitialCondition(
        draw=_life_seeds, detail=count(1, 8, "Patterns."), description="gliders, methuselahs and oscillators of Life"
    ),
}
"""Tier 4."""
