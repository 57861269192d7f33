"""How well labels are told from numbers: by neighbours, from one draw a class, and by a linear probe; each with a standard error.

A probe never sees the draw that it is tested on. For a label, draws are settings of one rule; for a kind, all films of a label are one
draw, so a kind has to be told from other labels of it.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

NEIGHBOURS = 5
DRAWINGS = 30
FOLDS = 5
PENALTIES = np.logspace(-6, 1, 15)
"""Of ridges, of which leave-one-out takes one; columns are scaled so that a row's mean square is 1."""
FEW_PENALTY = 0.1


class Score(NamedTuple):
    """A share of films (or R²) and its standard error over draws, or, from one draw a class, its deviation over drawings."""

    value: float
    error: float


def neighbours(near: np.ndarray, label: np.ndarray, draw: np.ndarray) -> Score:
    """Most votes of the 5 nearest films of other draws; films at the same distance share the last votes, and labels a tie."""
    names, number = np.unique(label, return_inverse=True)
    distance = cdist(near, near).round(9)
    distance[draw[:, None] == draw[None]] = np.inf
    last = np.partition(distance, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1 : NEIGHBOURS]
    nearer, tied = distance < last, distance == last
    weight = nearer + tied * (NEIGHBOURS - nearer.sum(1, keepdims=True)) / tied.sum(1, keepdims=True)
    votes = (weight @ np.eye(len(names))[number]).round(9)
    best = votes == votes.max(1, keepdims=True)
    return over_draws(best[np.arange(len(label)), number] / best.sum(1), draw)


def linear(values: np.ndarray, label: np.ndarray, draw: np.ndarray) -> Score:
    """A ridge classifier, five folds over draws."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    values, right = scaled(values), np.zeros(len(label))
    for train, test in folds.split(values, label, draw):
        probe = RidgeClassifierCV(alphas=PENALTIES * len(train)).fit(values[train], label[train])
        right[test] = probe.predict(values[test]) == label[test]
    return over_draws(right, draw)


def regression(values: np.ndarray, target: np.ndarray, draw: np.ndarray) -> Score:
    """R² of a ridge, five folds over draws; its error by leaving out one draw after the other."""
    values, found = scaled(values), np.zeros(len(target))
    for train, test in GroupKFold(FOLDS).split(values, groups=draw):
        found[test] = RidgeCV(alphas=PENALTIES * len(train)).fit(values[train], target[train]).predict(values[test])
    missed, spread = (found - target) ** 2, (target - target.mean()) ** 2
    without = np.array([1 - missed[draw != one].sum() / spread[draw != one].sum() for one in np.unique(draw)])
    jackknife = np.sqrt((len(without) - 1) * without.var())
    return Score(float(1 - missed.sum() / spread.sum()), float(jackknife))


def few_shot(values: np.ndarray, label: np.ndarray, draw: np.ndarray, *, seed: int = 0) -> Score:
    """A ridge of fixed penalty from the films of one draw a class, on all other draws; mean and deviation over drawings."""
    names, number = np.unique(label, return_inverse=True)
    chance, values = np.random.default_rng(seed), scaled(values)
    gram = values @ values.T
    draws = [np.unique(draw[number == one]) for one in range(len(names))]
    shares = []
    for _ in range(DRAWINGS):
        chosen = np.isin(draw, [chance.choice(one) for one in draws])
        train, test = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        inner, across = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
        mean = inner.mean(0)  # both centred on the training films
        across = across - across.mean(1, keepdims=True) - mean + mean.mean()
        inner = inner - inner.mean(1, keepdims=True) - mean + mean.mean()
        wanted = np.eye(len(names))[number[train]]
        weights = np.linalg.solve(inner + FEW_PENALTY * np.eye(len(train)), wanted - wanted.mean(0))
        shares.append(np.mean((across @ weights + wanted.mean(0)).argmax(1) == number[test]))
    return Score(float(np.mean(shares)), float(np.std(shares, ddof=1)))


def over_draws(right: np.ndarray, draw: np.ndarray) -> Score:
    """Share of films, and its error where whole draws are right or wrong together."""
    value = right.mean()
    sums = np.array([(right[draw == one] - value).sum() for one in np.unique(draw)])
    return Score(float(value), float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(right)))


def scaled(values: np.ndarray) -> np.ndarray:
    """Centred, with a mean square of 1 a row."""
    values = values - values.mean(0)
    return values / np.sqrt((values**2).sum(1).mean())
