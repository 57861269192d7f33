"""Cost of tokens in bits: by the size of the codebooks, and by how often each code comes."""

import math
from dataclasses import replace

from jaxtyping import Int
from torch import Tensor

from spinlock.core.tokens import TokenTable
from spinlock.metrics.usage import code_counts, entropy_bits


def nominal_bits(codebook_sizes: Int[Tensor, "category level"]) -> float:
    """Σ log₂ K over all codebooks: bits a sample when every code costs the same."""
    return float(codebook_sizes.double().log2().sum())


def empirical_entropy_bits(tokens: TokenTable) -> float:
    """Σ of each codebook's entropy on these rows: bits a sample, every token coded by its own frequencies and alone.

    A plug-in estimate: it cannot exceed log₂(rows) a codebook and is too low where rows are few. Codebooks of a
    category that no row has count as 0.
    """
    return float(sum(value for value in map(entropy_bits, _counts(tokens)) if not math.isnan(value)))


def nominal_bits_by_level(codebook_sizes: Int[Tensor, "category level"]) -> tuple[float, ...]:
    """Nominal bits a sample of 0, 1, 2, … levels."""
    bits = codebook_sizes.double().log2().sum(0).cumsum(0)
    return (0.0, *bits.tolist())


def entropy_bits_by_level(tokens: TokenTable) -> tuple[float, ...]:
    """`empirical_entropy_bits` of the first 0, 1, 2, … levels."""
    levels = range(tokens.codes.shape[2] + 1)
    first = (
        replace(tokens, codes=tokens.codes[:, :, :level], codebook_sizes=tokens.codebook_sizes[:, :level])
        for level in levels
    )
    return tuple(empirical_entropy_bits(part) for part in first)


def code_length_bits(train: TokenTable, held_out: TokenTable) -> float:
    """Bits a sample to write the held-out tokens with code lengths fixed on the training tokens.

    -Σ_k q_k log₂ p_k, summed over codebooks, with q the held-out frequencies and p_k = (training count + 1/2) /
    (total + K/2) (Krichevsky-Trofimov), so that a code that training never used has a finite length. It exceeds the
    held-out entropy by the divergence between the two.
    """
    bits = 0.0
    for seen, judged in zip(_counts(train), _counts(held_out), strict=True):
        p = (seen.double() + 0.5) / (seen.sum() + 0.5 * len(seen))
        q = judged.double() / judged.sum().clamp(min=1)
        bits -= float((q * p.log2()).sum())
    return bits


def _counts(tokens: TokenTable) -> list[Tensor]:
    sizes = tokens.codebook_sizes
    return [
        code_counts(tokens.codes[:, category, level], int(sizes[category, level]))
        for category in range(sizes.shape[0])
        for level in range(sizes.shape[1])
    ]
