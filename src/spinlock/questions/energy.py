"""Whether two sets of draws lie in different places of an embedding, by energy distance."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.core.views import numbered
from spinlock.questions.draws import AT_ONCE, permuted

MOST_DRAWS = 2_000
"""Draws of a side whose embeddings are compared, at most: every pair is."""
NUM_PERMUTATIONS = 999


class EnergyTest(NamedTuple):
    """Whether two sets of draws lie in different places of an embedding.

    Attributes:
        distance: 2 E|a - b| - E|a - a'| - E|b - b'|, over pairs of different draws; 0 on average where there is no difference.
        p: share of permutations of the draws with a distance that is as large.
    """

    distance: float
    p: float


def energy_of_sides(
    first: Float[Tensor, "row axis"],
    second: Float[Tensor, "other_row axis"],
    *,
    groups: tuple[Sequence[str], Sequence[str]],
    seed: int,
) -> EnergyTest | None:
    """The test of two embeddings and their rows' draws; None where a side has fewer than two draws that are known."""
    sides = []
    for side, (embedding, own) in enumerate(zip((first, second), groups, strict=True)):
        draws = numbered(own)
        order = torch.randperm(int(draws.max()) + 1, generator=torch_stream(seed, "draws", side))
        kept = torch.isin(draws, order[:MOST_DRAWS]) & ~embedding.isnan().any(dim=1)
        draws = draws[kept].unique(return_inverse=True)[1]
        if not len(draws) or int(draws.max()) < 1:
            return None
        sides.append((embedding[kept], draws))
    (one, draws), (other, others) = sides
    numbers = torch.cat([draws, others + int(draws.max()) + 1])
    is_first = torch.arange(int(numbers.max()) + 1) <= int(draws.max())
    return energy_test(torch.cat([one, other]), numbers, is_first, seed=seed)


def energy_test(
    rows: Float[Tensor, "row axis"],
    draws: Int[Tensor, " row"],
    is_first: Bool[Tensor, " draw"],
    *,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = 0,
) -> EnergyTest:
    """The energy distance of two sets of draws, and how often it is as large when draws change sides by chance.

    The distance of two draws is the mean over pairs of their rows, so draws count alike however many rows they have.

    Args:
        rows: embeddings.
        draws: the number of each row's draw.
        is_first: whether a draw is of the first set; at least two of each.
        num_permutations: of the draws.
        seed: of the permutations.

    Source: Szekely & Rizzo 2013, J. Stat. Plan. Inference 143; here without the pairs of a draw with itself.
    """
    num_draws = len(is_first)
    counts = draws.bincount(minlength=num_draws).double()
    apart = torch.zeros((num_draws, num_draws), dtype=torch.float64)
    for some, own in zip(rows.split(AT_ONCE), draws.split(AT_ONCE), strict=True):
        to_draws = torch.zeros((num_draws, len(some)), dtype=torch.float64)
        to_draws.index_add_(0, draws, torch.cdist(rows, some).double())
        apart.index_add_(0, own, to_draws.mT)
    apart /= counts[:, None] * counts
    apart.fill_diagonal_(0.0)
    m, n = int(is_first.sum()), int((~is_first).sum())
    sums, total = apart.sum(dim=1), float(apart.sum())

    def distances(labels: Float[Tensor, "draw permutation"]) -> Float[Tensor, " permutation"]:
        within = (apart @ labels * labels).sum(dim=0)
        of_first = sums @ labels
        others = total - 2 * of_first + within
        return 2 * (of_first - within) / (m * n) - within / (m * (m - 1)) - others / (n * (n - 1))

    found = float(distances(is_first.double()[:, None]))
    slack = 1e-9 * (abs(found) + total / num_draws**2)
    as_large = sum(
        int((distances(labels) >= found - slack).sum())
        for labels in permuted(is_first, num_permutations, seed=seed, what="energy")
    )
    return EnergyTest(found, (as_large + 1) / (num_permutations + 1))
