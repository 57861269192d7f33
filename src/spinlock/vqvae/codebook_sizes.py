"""Which codebooks a number of bits buys: one category's bits over its levels, and a total over the categories."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

ROWS_PER_TOKEN = 1.5
"""Least training rows a code, when only the held-out error counts: codes of rows mixed with their neighbours are worth having
even then. One codebook of 256 codes beats two of 16 by a quarter at 700 rows."""
MOST_BITS = 10
"""Of any codebook: a larger one takes long to fit and gains next to nothing."""


def most_bits(num_rows: int, *, rows_per_token: float = ROWS_PER_TOKEN) -> int:
    """Bits of the largest codebook that `num_rows` can fill; at least 1, at most `MOST_BITS`.

    Args:
        num_rows: training rows.
        rows_per_token: least number of them for each code.
    """
    return min(MOST_BITS, max(1, int(math.log2(max(2.0, num_rows / rows_per_token)))))


def level_bits(bits: int, *, most: int) -> tuple[int, ...]:
    """Bits of each level, coarse to fine: the first as large as can be, what is left in as few and equal levels as can be.

    Few large codebooks code better than many small ones with as many bits, and the first profits most: 10 and 2 bits
    code with 15 % less error than 6 and 6 where there are thousands of rows.

    Args:
        bits: of the category, at least 0.
        most: bits of a codebook.
    """
    first = min(bits, most)
    left = bits - first
    count = math.ceil(left / most)
    return (first, *(left // count + (level < left % count) for level in range(count)))


def codebook_sizes(bits: Sequence[int], *, most: int) -> Int[Tensor, "category level"]:
    """Number of codes of each codebook; a category that needs fewer levels than others has codebooks of one code there."""
    split = [level_bits(one, most=most) for one in bits]
    sizes = torch.ones((len(bits), max(map(len, split))), dtype=torch.long)
    for row, levels in zip(sizes, split, strict=True):
        row[: len(levels)] = 2 ** torch.tensor(levels)
    return sizes


def spread_bits(
    total: int, *, num_categories: int, error: Callable[[tuple[int, ...]], float], step: int = 2, most_moves: int = 40
) -> tuple[int, ...]:
    """Bits of every category that make `error` small, by exchange.

    From an even spread, again and again `step` bits go from the category that loses least by it to the one that gains
    most, for as long as the error falls.

    Args:
        total: bits of all categories together.
        num_categories: among which they are spread.
        error: of a spread, which need not add up to `total`.
        step: bits moved at once.
        most_moves: before it stops in any case.
    """
    even, rest = divmod(total, num_categories)
    bits = tuple(even + (category < rest) for category in range(num_categories))
    best = error(bits)
    for _ in range(most_moves):
        gains = [error(_changed(bits, category, step)) for category in range(num_categories)]
        losses = [
            error(_changed(bits, category, -step)) if bits[category] >= step else math.inf
            for category in range(num_categories)
        ]
        pairs = [
            (gains[to] + losses[giver], to, giver) for to in range(num_categories) for giver in range(num_categories)
        ]
        _, to, giver = min(pair for pair in pairs if pair[1] != pair[2]) if num_categories > 1 else (0.0, 0, 0)
        moved = _changed(_changed(bits, to, step), giver, -step) if bits[giver] >= step else bits
        found = error(moved)
        if moved == bits or found >= best:
            break
        bits, best = moved, found
    return bits


def _changed(bits: tuple[int, ...], category: int, by: int) -> tuple[int, ...]:
    return (*bits[:category], bits[category] + by, *bits[category + 1 :])
