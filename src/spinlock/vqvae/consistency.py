"""Decoded columns moved, where needed, to where the encoder would have given them the codes they were decoded from."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.vqvae.beam_search import Codebook, codeword_sums
from spinlock.vqvae.category_metric import CategoryMetric

Search = Callable[
    [Float[Tensor, "row category width"], Int[Tensor, "row category"] | None], Int[Tensor, "row category level"]
]
"""From columns, and the words of the rows where there are words, to codes."""
OVERSHOOT = 0.03
"""How far beyond the boundary a row is moved, as a share of the distance between the two sums of codewords: so far that the rounding
of a table in original units does not take it back."""
MOST_ROUNDS = 60


def project_to_cells(
    y: Float[Tensor, "sample category width"],
    codes: Int[Tensor, "sample category level"],
    codebooks: Sequence[Codebook],
    *,
    search: Search,
    low: Float[Tensor, "*sample category width"],
    high: Float[Tensor, "*sample category width"],
    metric: CategoryMetric | None = None,
    words: Int[Tensor, "sample category"] | None = None,
) -> Float[Tensor, "sample category width"]:
    """Rows that encode to `codes`, near `y` and between `low` and `high`.

    Where encoding gives other codes, with codewords that add up to w' instead of w, the row is projected onto the
    half-space of what lies nearer to w than to w':  y ← y - max(0, y·n - b) n / |n|²  with n = w' - w and
    b = (|w'|² - |w|²) / 2; and again, until the codes agree. The row that was encoded lies in all of these half-spaces,
    so a projection brings `y` nearer to it. What is not there after `MOST_ROUNDS` becomes w itself, between `low` and `high`,
    whose codes these are wherever `settled_search` gave them.

    Source: consistent reconstruction, Goyal, Vetterli & Thao 1998, IEEE Trans. Inf. Theory 44, section II; alternating
    projections, Bregman 1965.

    With a metric, w and w' are of coordinates x A, and n = A (w' - w).

    Args:
        y: decoded columns, 0 in padding.
        codes: what they were decoded from; a row is left alone in a category that is absent (-1).
        codebooks: of the encoder.
        search: the encoder's, of rows and, where there are words, theirs.
        low, high: range of each column.
        metric: what the encoder's coordinates are; the columns themselves when not given.
        words: the first level's codes, where they are words and lie in their range.
    """
    low, high = (edge.expand(y.shape) for edge in (low, high))
    result = y.double().clamp(low, high)
    books = [book.double() for book in codebooks]
    sums = codeword_sums(codes, books)
    stand_for = sums if metric is None else metric.columns(sums, words)
    open_rows = torch.arange(len(y), device=y.device)
    wrong = torch.zeros(codes.shape[:2], dtype=torch.bool, device=y.device)
    for _ in range(MOST_ROUNDS):
        own = None if words is None else words[open_rows]
        found = search(result[open_rows], own)
        wrong = (found != codes[open_rows]).any(dim=2) & (codes[open_rows, :, 0] >= 0)  # (open row, category)
        rows = wrong.any(dim=1)
        open_rows, wrong, found = open_rows[rows], wrong[rows], found[rows]
        if len(open_rows) == 0:
            break
        away = codeword_sums(found, books) - sums[open_rows]
        own = None if words is None else words[open_rows]
        at = result[open_rows] if metric is None else metric(result[open_rows], own)
        normal = away if metric is None else metric.normals(away, own)
        shift = _shift(at - sums[open_rows], away, normal)
        moved = result[open_rows] - torch.where(wrong[..., None], shift * normal, 0.0)
        result[open_rows] = moved.clamp(low[open_rows], high[open_rows])
    else:
        plain = stand_for[open_rows].clamp(low[open_rows], high[open_rows])
        result[open_rows] = torch.where(wrong[..., None], plain, result[open_rows])
    return result


def _shift(
    at: Float[Tensor, "sample category latent"],
    away: Float[Tensor, "sample category latent"],
    normal: Float[Tensor, "sample category width"],
) -> Float[Tensor, "sample category 1"]:
    """Multiples of the normals that take rows to the boundary and a little beyond; `at` is from w, `away` is w' - w."""
    beyond = ((at - away / 2) * away).sum(dim=2, keepdim=True).clamp(min=0.0)
    length, apart = (part.square().sum(dim=2, keepdim=True) for part in (normal, away))
    return torch.where(length > 0, (beyond + OVERSHOOT * apart) / length.clamp(min=1e-30), 0.0)
