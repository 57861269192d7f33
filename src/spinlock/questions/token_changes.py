"""How often coarse tokens occur in two sets of draws."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from scipy.stats import false_discovery_control
from torch import Tensor

from spinlock.core.tokens import TokenTable
from spinlock.questions.draws import draw_means, permuted

FEWEST_CARRIERS = 5
"""Draws that must carry a token for it to be tested."""
NUM_PERMUTATIONS = 9_999


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenChange:
    """How often a coarse token occurs in two sets.

    Attributes:
        category, token: which.
        first, second: shares, a draw's the share of its rows.
        h: Cohen's 2 asin √second - 2 asin √first; .2 is called small, .8 large.
        low, high: 95 % interval of h, for this many draws.
        q: of a permutation test, as of columns; NaN for a token of fewer than 5 draws, which is not tested.
    """

    category: str
    token: int
    first: float
    second: float
    h: float
    low: float
    high: float
    q: float


def token_changes(first: TokenTable, second: TokenTable, *, seed: int = 0) -> tuple[TokenChange, ...]:
    """How often every coarse token occurs in two sets, the largest change first.

    Args:
        first, second: tokens of one tokenizer.
        seed: of the permutations of draws.
    """
    names = [
        (category, token)
        for category, sizes in zip(first.category_names, first.codebook_sizes.tolist(), strict=True)
        for token in range(sizes[0])
    ]
    one, other = (draw_means(_one_hot(table), table.groups) for table in (first, second))
    shares = torch.cat([one, other])
    m, n = len(one), len(other)
    is_first = torch.arange(m + n) < m
    carriers = (shares > 0).sum(dim=0)
    tested = carriers >= FEWEST_CARRIERS
    p = _permutation_p(shares[:, tested], is_first, seed=seed)
    q = torch.full((len(names),), torch.nan, dtype=torch.float64)
    if len(p):
        q[tested] = torch.from_numpy(false_discovery_control(p.numpy()))
    means = torch.stack([one.mean(dim=0), other.mean(dim=0)])
    angles = 2 * means.clamp(0, 1).sqrt().asin()
    h, half = angles[1] - angles[0], 1.96 * math.sqrt(1 / m + 1 / n)
    changes = [
        TokenChange(
            category=category,
            token=token,
            first=float(means[0, place]),
            second=float(means[1, place]),
            h=float(h[place]),
            low=float(h[place]) - half,
            high=float(h[place]) + half,
            q=float(q[place]),
        )
        for place, (category, token) in enumerate(names)
        if carriers[place]
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.h)))


def _one_hot(table: TokenTable) -> Float[Tensor, "sample token"]:
    """1 for the coarse token of each category; 0 for all of them where the category is absent."""
    sizes = table.codebook_sizes[:, 0].tolist()
    coarse = table.codes[:, :, 0]
    return torch.cat(
        [(coarse[:, place, None] == torch.arange(size)).float() for place, size in enumerate(sizes)], dim=1
    )


def _permutation_p(
    shares: Float[Tensor, "draw token"], is_first: Bool[Tensor, " draw"], *, seed: int
) -> Float[Tensor, " token"]:
    """How often the means of two sets differ as much when draws change sides by chance."""
    m, n = int(is_first.sum()), int((~is_first).sum())
    totals = shares.sum(dim=0)

    def differences(labels: Float[Tensor, "draw permutation"]) -> Float[Tensor, "permutation token"]:
        sums = labels.mT @ shares
        return (sums / m - (totals - sums) / n).abs()

    found = differences(is_first.double()[:, None])
    as_large = torch.zeros(shares.shape[1], dtype=torch.float64)
    for labels in permuted(is_first, NUM_PERMUTATIONS, seed=seed, what="tokens"):
        as_large += (differences(labels) >= found - 1e-9).sum(dim=0)
    return (as_large + 1) / (NUM_PERMUTATIONS + 1)
