"""Planes of two parameters in which neighbours have the same word."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

NUM_NEIGHBOURS = 5
FEWEST_DRAWS = 16
FEWEST_OTHERS = 3
"""Draws that have another word than the most frequent, below which there is nothing to tell apart."""
MOST_DRAWS = 400
"""That are looked at and drawn of one system."""
NUM_SHUFFLES = 199


class Plane(NamedTuple):
    """Two parameters of a system, and the category of words that they say most about.

    Attributes:
        across, up: numbers of the parameters, that which says more alone first.
        category: by its number.
        same: share of the 5 nearest draws in the plane that have a draw's own word.
        chance: the same of any two draws.
        p: probability that the best of all planes and categories is as good where words know of no parameters.
    """

    across: int
    up: int
    category: int
    same: float
    chance: float
    p: float


def find_plane(
    parameters: Float[np.ndarray, "draw parameter"], tokens: Int[np.ndarray, "draw category"], *, seed: int
) -> Plane | None:
    """The plane and the category in which neighbours agree most above chance: (same - chance) / (1 - chance).

    Neighbours are near by rank in both parameters, so that units and logarithms do not matter. Since the best of many is
    taken, it is held against the best of many under shuffled words.

    Args:
        parameters: of a system's draws, finite.
        tokens: of the same; -1 where a category is absent.
        seed: of the shuffles.

    Returns:
        None where there are fewer than 16 draws, two parameters that vary, or a category with a choice of words.
    """
    draws = len(parameters)
    if draws < FEWEST_DRAWS:
        return None
    varying = [column for column in range(parameters.shape[1]) if np.ptp(parameters[:, column]) > 0]
    categories = [column for column in range(tokens.shape[1]) if _has_choice(tokens[:, column])]
    if len(varying) < 2 or not categories:
        return None
    ranks = {column: rankdata(parameters[:, column]) / draws for column in varying}
    pairs = list(combinations(varying, 2))
    near = np.stack([_nearest(np.stack([ranks[one], ranks[other]], axis=1)) for one, other in pairs])
    labels = tokens[:, categories]
    chance = np.array([_same_by_chance(column) for column in labels.T])
    same = _same(labels, near)
    gains = (same - chance) / (1 - chance)
    pair, place = np.unravel_index(int(gains.argmax()), gains.shape)
    random = np.random.default_rng(seed)
    best = [((_same(random.permutation(labels), near) - chance) / (1 - chance)).max() for _ in range(NUM_SHUFFLES)]
    alone = [_same(labels[:, [place]], _nearest(ranks[column][:, None])[None])[0, 0] for column in pairs[pair]]
    across, up = pairs[pair] if alone[0] >= alone[1] else pairs[pair][::-1]
    return Plane(
        across=across,
        up=up,
        category=categories[place],
        same=float(same[pair, place]),
        chance=float(chance[place]),
        p=float((1 + np.sum(np.array(best) >= gains.max())) / (1 + NUM_SHUFFLES)),
    )


def _has_choice(labels: Int[np.ndarray, " draw"]) -> bool:
    return bool(labels.min() >= 0 and len(labels) - np.bincount(labels).max() >= FEWEST_OTHERS)


def _nearest(places: Float[np.ndarray, "draw axis"]) -> Int[np.ndarray, "draw neighbour"]:
    squares = np.square(places[:, None] - places[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    return np.argsort(squares, axis=1, kind="stable")[:, :NUM_NEIGHBOURS]


def _same(
    labels: Int[np.ndarray, "draw category"], near: Int[np.ndarray, "pair draw neighbour"]
) -> Float[np.ndarray, "pair category"]:
    return (labels[near] == labels[:, None]).mean(axis=(1, 2))


def _same_by_chance(labels: Int[np.ndarray, " draw"]) -> float:
    counts, draws = np.bincount(labels), len(labels)
    return float((counts * (counts - 1)).sum() / (draws * (draws - 1)))
