"""Agreement of tokens between runs: whether they say something about the system, or about one of its runs."""

import math

import torch

from spinlock.core.errors import InputError
from spinlock.core.report import TokenAgreement
from spinlock.core.tokens import TokenTable
from spinlock.metrics.usage import code_counts


def token_agreements(first: TokenTable, second: TokenTable) -> tuple[TokenAgreement, ...]:
    """The agreement of every codebook between two descriptions of the same samples, row by row.

    Both are to come from disjoint realizations of each sample, so that what they share is the system and its parameters.
    `between` is exact, over all ordered pairs of different samples: (Σ_k n_k m_k - agreeing samples) / (n (n - 1)), with
    n_k and m_k how often code k came in the first and the second description.

    Raises:
        InputError: if the two are of other rows, categories or codebooks.
    """
    same = (first.ids == second.ids, first.category_names == second.category_names)
    if not all(same) or not torch.equal(first.codebook_sizes, second.codebook_sizes):
        raise InputError("the two descriptions must be of the same rows, categories and codebooks, in the same order.")
    found = []
    for category, name in enumerate(first.category_names):
        for level in range(first.codes.shape[2]):
            one, other = first.codes[:, category, level], second.codes[:, category, level]
            both = (one >= 0) & (other >= 0)
            found.append(_agreement(one[both], other[both], int(first.codebook_sizes[category, level]), name, level))
    return tuple(found)


def _agreement(one: torch.Tensor, other: torch.Tensor, num_codes: int, name: str, level: int) -> TokenAgreement:
    rows = len(one)
    agreeing = int((one == other).sum())
    by_chance = int((code_counts(one, num_codes) * code_counts(other, num_codes)).sum()) - agreeing
    within = agreeing / rows if rows else math.nan
    between = by_chance / (rows * (rows - 1)) if rows > 1 else math.nan
    corrected = (within - between) / (1 - between) if between < 1 else math.nan
    return TokenAgreement(
        category=name, level=level, num_samples=rows, within=within, between=between, corrected=corrected
    )
