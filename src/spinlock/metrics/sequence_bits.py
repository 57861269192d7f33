"""Bits a token of the simplest models of sequences of windows: what a model of language has to be better than."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.core.windows import rows_of_runs

SMOOTHING = 0.5
"""Added to every count: what was never seen is not impossible."""


class SequenceBits(NamedTuple):
    """Mean -log₂ p of held-out tokens, over windows, categories and levels; windows lie in each other's way, so most repeat.

    Attributes:
        marginal: by how frequent a token is.
        sticky: the last token again with one probability, else another one by how frequent it is: what any model must beat.
        bigram: by the token before.
        same_as_before: share of tokens that are those of the window before.
        num_tokens: that this was measured by.
    """

    marginal: float
    sticky: float
    bigram: float
    same_as_before: float
    num_tokens: int


def sequence_bits(train: TokenTable, test: TokenTable, num_levels: int = 1) -> SequenceBits:
    """Bits a token of three models of each category and level alone, fitted to the windows of some runs and measured on others.

    The first window of a run is coded by the marginal in all three. The sticky model gives  p(x | y) = s for x = y, else
    (1 - s) q(x) / (1 - q(y)),  q the marginal and s the share of repeats.

    Args:
        train: tokens of windows that counts are taken from.
        test: of other runs.
        num_levels: coarse to fine.

    Raises:
        InputError: if the two have other codebooks, or `test` has no token.
    """
    if train.category_names != test.category_names or not torch.equal(train.codebook_sizes, test.codebook_sizes):
        raise InputError("the two tables of tokens must be of one tokenizer; their categories or codebooks differ.")
    total = torch.zeros(4, dtype=torch.float64)
    count = pairs = 0
    pair_rows = [_pairs(tokens) for tokens in (train, test)]
    for category in range(len(train.category_names)):
        for level in range(min(num_levels, train.codebook_sizes.shape[1])):
            seen, new = (tokens.codes[:, category, level] for tokens in (train, test))
            models = _models(seen, pair_rows[0], size=int(train.codebook_sizes[category, level]))
            before, after = (new[part] for part in pair_rows[1])
            known = (before != MISSING) & (after != MISSING)
            alone = torch.ones(len(new), dtype=torch.bool)
            alone[pair_rows[1][1][known]] = False
            first = -models[0][new[alone & (new != MISSING)]].log2().sum()
            before, after = before[known], after[known]
            later = (models[0][after], models[1][before, after], models[2][before, after])
            total[:3] += torch.stack([first - p.log2().sum() for p in later])
            total[3] += (before == after).sum()
            count += int((new != MISSING).sum())
            pairs += len(after)
    if not count:
        raise InputError("`test` has no token to measure by.")
    marginal, sticky, bigram = (total[:3] / count).tolist()
    return SequenceBits(marginal, sticky, bigram, float(total[3]) / max(1, pairs), count)


def _pairs(tokens: TokenTable) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """Rows of windows that follow each other in a run."""
    runs = rows_of_runs(tokens.ids).values()
    return tuple(
        torch.tensor([row for rows in runs for row in rows[part]], dtype=torch.long)
        for part in (slice(None, -1), slice(1, None))
    )  # pyright: ignore[reportReturnType] two of them


def _models(
    codes: Int[Tensor, " row"], pairs: tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]], *, size: int
) -> tuple[Float[Tensor, " code"], Float[Tensor, "code code"], Float[Tensor, "code code"]]:
    """Probabilities of a code; and of a code after another, by the sticky model and by counts."""
    q = torch.bincount(codes[codes != MISSING], minlength=size).double() + SMOOTHING
    q /= q.sum()
    before, after = (codes[part] for part in pairs)
    known = (before != MISSING) & (after != MISSING)
    counts = torch.bincount(before[known] * size + after[known], minlength=size * size).view(size, size).double()
    stay = (counts.trace() + SMOOTHING) / (counts.sum() + 2 * SMOOTHING)
    others = q[None] / (1 - q[:, None]).clamp(min=1e-12)
    same = torch.eye(size, dtype=torch.bool)
    sticky = torch.where(same, stay, (1 - stay) * others) if size > 1 else torch.ones(1, 1, dtype=torch.float64)
    bigram = counts + SMOOTHING * size * q[None]
    return q, sticky, bigram / bigram.sum(dim=1, keepdim=True)
