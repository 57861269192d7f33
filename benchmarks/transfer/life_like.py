"""22 two-dimensional automata with known rules: a cell is born or survives by how many of its eight neighbours live.

Source: names, rules and characters as in the lexicon of M. Wójtowicz, Mirek's Cellebration (life rules), where each is "stable",
"chaotic" or "exploding"; the rules also in D. Eppstein, Growth and decay in life-like cellular automata, arXiv:0911.2890. What is
called expanding there (Flakes) counts as exploding.
"""

import numpy as np
from films import STEPS, WORLD, Films, joined, named, window

RULES = {
    "2x2": ("B36/S125", "chaotic"),
    "34_life": ("B34/S34", "exploding"),
    "amoeba": ("B357/S1358", "chaotic"),
    "assimilation": ("B345/S4567", "stable"),
    "coagulations": ("B378/S235678", "exploding"),
    "coral": ("B3/S45678", "exploding"),
    "day_and_night": ("B3678/S34678", "stable"),
    "diamoeba": ("B35678/S5678", "chaotic"),
    "flakes": ("B3/S012345678", "exploding"),
    "gnarl": ("B1/S1", "exploding"),
    "high_life": ("B36/S23", "chaotic"),
    "life": ("B3/S23", "chaotic"),
    "long_life": ("B345/S5", "stable"),
    "maze": ("B3/S12345", "exploding"),
    "mazectric": ("B3/S1234", "exploding"),
    "move": ("B368/S245", "stable"),
    "pseudo_life": ("B357/S238", "chaotic"),
    "replicator": ("B1357/S1357", "exploding"),
    "seeds": ("B2/S", "exploding"),
    "serviettes": ("B234/S", "exploding"),
    "stains": ("B3678/S235678", "stable"),
    "walled_cities": ("B45678/S2345", "stable"),
}
STARTS = ((0.4, WORLD), (0.5, WORLD), (0.6, WORLD), (0.5, 20), (0.65, 14))
"""Share of living cells, and the side of the central square that they are in: one draw each."""
FILMS = 4


def first_frames(chance: np.random.Generator) -> np.ndarray:
    """Starts (draw * film, height, width), 0 and 1."""
    frames = np.zeros((len(STARTS), FILMS, WORLD, WORLD), dtype=np.uint8)
    for frame, (share, side) in zip(frames, STARTS, strict=True):
        near = (WORLD - side) // 2
        square = slice(near, near + side)
        frame[:, square, square] = chance.uniform(size=(FILMS, side, side)) < share
    return frames.reshape(-1, WORLD, WORLD)


def run(rule: str, frames: np.ndarray) -> np.ndarray:
    """Films (film, time, height, width) of a rule, from the whole world's `frames`."""
    born, survives = (np.isin(np.arange(9), [int(digit) for digit in part[1:]]) for part in rule.split("/"))
    states = [frames]
    for _ in range(STEPS - 1):
        rows = sum(np.roll(states[-1], shift, 1) for shift in (-1, 0, 1))
        neighbours = sum(np.roll(rows, shift, 2) for shift in (-1, 0, 1)) - states[-1]
        states.append(np.where(states[-1] == 1, survives[neighbours], born[neighbours]).astype(np.uint8))
    return window(np.stack(states, 1))


def life_like(chance: np.random.Generator) -> Films:
    """Label: the rule; a draw is a kind of start; kind: stable, chaotic, exploding."""
    return joined(
        [
            named(run(rule, first_frames(chance)), name, films=FILMS, kind=kind, periodic=False)
            for name, (rule, kind) in RULES.items()
        ]
    )
