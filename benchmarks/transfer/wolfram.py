"""The 88 elementary automata that are not mirror images or complements of each other: every row of a film is a copy of its own.

Source: S. Wolfram, Statistical mechanics of cellular automata, Rev. Mod. Phys. 55 (1983) 601; the classes as listed by G. J. Martínez,
A note on elementary cellular automata classification, arXiv:1306.5577, table 1.
"""

import numpy as np
from films import STEPS, WORLD, Films, joined, named, window

CLASSES = {
    "class_1": (0, 8, 32, 40, 128, 136, 160, 168),
    "class_3": (18, 22, 30, 45, 60, 90, 105, 122, 126, 146, 150),
    "class_4": (41, 54, 106, 110),
}
"""Those that are in none of these are in class 2."""
SHARES = (0.25, 0.5, 0.5, 0.75)
"""Of cells that are 1 at the start: a draw each; the third starts from single cells, one a row."""
FILMS = 2


def representatives() -> list[int]:
    """The smallest number of each rule among its mirror image, its complement and both."""
    found = []
    for rule in range(256):
        bits = [rule >> place & 1 for place in range(8)]
        mirror = [bits[(place & 1) << 2 | place & 2 | place >> 2] for place in range(8)]
        flipped = [[1 - row[7 - place] for place in range(8)] for row in (bits, mirror)]
        numbers = [sum(bit << place for place, bit in enumerate(row)) for row in (mirror, *flipped)]
        if rule <= min(numbers):
            found.append(rule)
    return found


def run(rule: int, frames: np.ndarray) -> np.ndarray:
    """Films (film, time, height, width), each row a ring that the rule runs on."""
    table = np.array([rule >> place & 1 for place in range(8)], dtype=np.uint8)
    states = [frames]
    for _ in range(STEPS - 1):
        left, right = np.roll(states[-1], 1, 2), np.roll(states[-1], -1, 2)
        states.append(table[left << 2 | states[-1] << 1 | right])
    return window(np.stack(states, 1))


def wolfram(chance: np.random.Generator) -> Films:
    """Label: the rule; a draw is a share of ones at the start; kind: Wolfram's class."""
    of_rule = {rule: name for name, rules in CLASSES.items() for rule in rules}
    parts = []
    for rule in representatives():
        shares = np.repeat(SHARES, FILMS)[:, None, None]
        frames = (chance.uniform(size=(len(shares), WORLD, WORLD)) < shares).astype(np.uint8)
        frames[2 * FILMS : 3 * FILMS] = np.arange(WORLD) == chance.integers(WORLD, size=(FILMS, WORLD, 1))
        kind = of_rule.get(rule, "class_2")
        parts.append(named(run(rule, frames), f"rule_{rule}", films=FILMS, kind=kind, periodic=False))
    return joined(parts)
