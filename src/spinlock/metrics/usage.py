"""Use of a codebook, said so that a small held-out set cannot make it look worse, nor dead codes better."""

import hashlib
import math

import numpy as np
import torch
from jaxtyping import Float, Int, Int64, Shaped
from torch import Tensor

from spinlock.core.report import QuantizerUsage
from spinlock.core.tokens import TokenTable


def code_counts(codes: Int[Tensor, " sample"], num_codes: int) -> Int[Tensor, " code"]:
    """Number of times that each code came; absent tokens (-1) are left out."""
    return torch.bincount(codes[codes >= 0].long(), minlength=num_codes)


def entropy_bits(counts: Int[Tensor, " code"]) -> float:
    """Entropy -Σ p log₂ p of the frequencies p = counts / total, in bits; NaN where nothing was counted."""
    total = int(counts.sum())
    if not total:
        return math.nan
    p = counts[counts > 0].double() / total
    return abs(float((p * p.log2()).sum()))


def perplexity(counts: Int[Tensor, " code"]) -> float:
    """2^entropy: the number of equally frequent codes that would be as hard to guess; K for uniform use of K codes."""
    return 2.0 ** entropy_bits(counts)


def expected_codes_used(train_counts: Int[Tensor, " code"], num_rows: int) -> float:
    """Distinct codes to expect among `num_rows` rows whose codes follow the training frequencies.

    E[used] = Σ_k 1 - (1 - p_k)^n  with p_k = training count of code k / all training counts and n = `num_rows`:
    code k is missed by all n rows with probability (1 - p_k)^n. NaN where nothing was counted in training.
    """
    total = int(train_counts.sum())
    if not total:
        return math.nan
    p = train_counts.double() / total
    return float(-torch.expm1(num_rows * torch.log1p(-p)).sum()) if num_rows else 0.0


def corrected_utilization(train_counts: Int[Tensor, " code"], held_out_counts: Int[Tensor, " code"]) -> float:
    """Distinct codes that the held-out rows use, over the number to expect of so many rows.

    200 rows can use at most 39 % of 512 codes, so the raw fraction measures the size of the held-out set. This ratio,
    used / E[used] with E[used] = Σ_k 1 - (1 - p_k)^n and p_k from the training counts, is about 1 where held-out tokens
    are distributed as training tokens are, and smaller where codes were memorised for single training rows. It may
    exceed 1 and is not capped. It says nothing about codes that training itself never used: read it beside `used_train`.
    """
    expected = expected_codes_used(train_counts, int(held_out_counts.sum()))
    return int((held_out_counts > 0).sum()) / expected if expected else math.nan


def quantizer_usage(train: TokenTable, held_out: TokenTable) -> tuple[QuantizerUsage, ...]:
    """The use of every codebook, category by category, coarse to fine.

    Args:
        train: tokens of the training rows, whose frequencies say what to expect.
        held_out: tokens of the rows that are judged; may be the training rows themselves.
    """
    usages = []
    for category, name in enumerate(train.category_names):
        for level in range(train.codes.shape[2]):
            num_codes = int(train.codebook_sizes[category, level])
            seen = code_counts(train.codes[:, category, level], num_codes)
            judged = code_counts(held_out.codes[:, category, level], num_codes)
            used = int((seen > 0).sum())
            usages.append(
                QuantizerUsage(
                    category=name,
                    level=level,
                    num_codes=num_codes,
                    rows_per_code=int(seen.sum()) / num_codes,
                    dead_codes=num_codes - used,
                    used_train=used / num_codes,
                    perplexity=perplexity(seen),
                    used_held_out=int((judged > 0).sum()) / num_codes,
                    corrected=corrected_utilization(seen, judged),
                )
            )
    return tuple(usages)


def collisions(codes: Int[Tensor, "sample category level"], x: Shaped[Tensor, "sample column"]) -> float:
    """Share of distinct rows whose whole tuple of tokens is also that of a row with other columns; NaN without rows.

    Copies of a row must share their tokens, so only one of them is counted.

    Args:
        codes: tokens of the rows.
        x: the rows themselves, the same value wherever one is missing, or their `row_digests`.
    """
    if not len(codes):
        return math.nan
    _, number = torch.unique(x, dim=0, return_inverse=True)
    firsts = torch.unique(torch.cat([codes.flatten(1), number[:, None].to(codes)], dim=1), dim=0)
    _, counts = torch.unique(firsts[:, :-1], dim=0, return_counts=True)
    return int(counts[counts > 1].sum()) / len(firsts)


def row_digests(x: Float[Tensor, "sample column"]) -> Int64[Tensor, "sample 2"]:
    """128 bits that tell rows apart in place of their columns: equal for equal rows, different for others."""
    rows = (x + 0.0).numpy()  # -0 equals 0
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows)
    return torch.from_numpy(np.frombuffer(digests, dtype=np.int64).reshape(len(rows), 2).copy())


def level_gains(errors: Float[Tensor, " prefix"]) -> Float[Tensor, " level"]:
    """Share of the error that was left which each level takes off: 1 - e_l / e_(l-1).

    A level that gains under 1 % on held-out rows memorises; a negative gain makes them worse.

    Args:
        errors: mean squared error with 0, 1, 2, … levels decoded.
    """
    return 1.0 - errors[1:] / errors[:-1]
