"""Health of the columns of a feature table: tails, halves that disagree, and noise against signal."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64
from torch import Tensor

TAIL_SHARE = 0.01
HEAVY_TAIL = 0.5
UNSTABLE_RATIO = 2.0
FEWEST_ROWS = 20
"""Fewer values than this are not judged: a hundredth of them would be one value, and two halves differ by chance."""


def tail_weights(values: Float[Tensor, "row column"]) -> Float64[np.ndarray, " column"]:
    """Share of a column's spread that the hundredth of its values carries that lies farthest out.

    Σ (x - median)² over the most distant 1 % of the values (at least one of them) over the sum over all; in (0, 1]: .08 for a
    Gaussian, near 1 where a few values make the column. Above `HEAVY_TAIL` a mean or a standard deviation is about those few.

    Args:
        values: NaN where one is missing.

    Returns:
        NaN with fewer than 20 values or where they agree.
    """
    return np.array([_tail_weight(column[~np.isnan(column)]) for column in values.double().numpy().T])


def _tail_weight(x: np.ndarray) -> float:
    if len(x) < FEWEST_ROWS:
        return np.nan
    squares = np.sort((x - np.median(x)) ** 2)
    total = squares.sum()
    few = max(1, round(TAIL_SHARE * len(x)))
    return float(squares[-few:].sum() / total) if total > 0 else np.nan


def spread_ratios(values: Float[Tensor, "row column"], groups: Sequence[str]) -> Float64[np.ndarray, " column"]:
    """The standard deviation of a column in one half of the draws over that in the other, the larger over the smaller; >= 1.

    Halves are every second group in the order of their first row. Near 1 where a scale that was learned on some draws holds on
    others, above `UNSTABLE_RATIO` where it does not.

    Args:
        values: NaN where one is missing.
        groups: one a row.

    Returns:
        NaN with fewer than 20 values in a half; infinite where one half alone varies.
    """
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    is_first = np.array([order[group] % 2 == 0 for group in groups])
    return np.array([_spread_ratio(column, is_first) for column in values.double().numpy().T])


def _spread_ratio(column: np.ndarray, is_first: Bool[np.ndarray, " row"]) -> float:
    halves = [column[chosen & ~np.isnan(column)] for chosen in (is_first, ~is_first)]
    if min(map(len, halves)) < FEWEST_ROWS:
        return np.nan
    low, high = sorted(float(half.std()) for half in halves)
    return high / low if low > 0 else np.nan if high == 0 else np.inf


def noise_shares(per_run: Float[Tensor, "sample realization feature"]) -> Float64[np.ndarray, " feature"]:
    """The share of a feature's variance that lies between realizations of one sample, and not between samples.

    On the ranks of all values, so that tails do not decide: W / (W + B), W the mean variance between the realizations of a
    sample, B the variance of the samples' means less the W/M that their noise adds, at least 0 (the components of a one-way
    analysis of variance; 1 - W / (W + B) is the intraclass correlation: Shrout & Fleiss 1979, case 1).

    Args:
        per_run: NaN where a value is missing.

    Returns:
        In [0, 1]: 0 where realizations agree, 1 where they differ as much as samples do; NaN with fewer than 20 samples of two or
        more realizations, or where all values agree.
    """
    return np.array([_noise_share(per_run[:, :, feature].double().numpy()) for feature in range(per_run.shape[2])])


def _noise_share(values: Float64[np.ndarray, "sample realization"]) -> float:
    present = ~np.isnan(values)
    values, present = values[present.sum(1) >= 2], present[present.sum(1) >= 2]
    if len(values) < FEWEST_ROWS:
        return np.nan
    ranks = np.full(values.shape, np.nan)
    found, inverse, counts = np.unique(values[present], return_inverse=True, return_counts=True)
    if len(found) < 2:
        return np.nan
    ranks[present] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # ties share their mean rank
    count = present.sum(1)
    within = float(np.nanvar(ranks, axis=1, ddof=1).mean())
    between = max(0.0, float(np.nanmean(ranks, axis=1).var(ddof=1)) - within * float((1 / count).mean()))
    return within / (within + between)
