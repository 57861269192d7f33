"""Decoded columns moved, where needed, to where the encoder would have given them the codes they were decoded from."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.beam_search import Codebook, beam_search, codeword_sums

OVERSHOOT = 0.03
"""How far beyond the boundary a row is moved, as a share of the distance between the two sums of codewords: so far that the rounding
of a table in original units does not take it back."""
MOST_ROUNDS = 60


def project_to_cells(
    y: Float[Tensor, "sample category width"],
    codes: Int[Tensor, "sample category level"],
    codebooks: Sequence[Codebook],
    *,
    beam: int,
    low: Float[Tensor, "category width"],
    high: Float[Tensor, "category width"],
) -> Float[Tensor, "sample category width"]:
    """Rows that encode to `codes`, near `y` and between `low` and `high`.

    Where encoding gives other codes, with codewords that add up to w' instead of w, the row is projected onto the
    half-space of what lies nearer to w than to w':  y ← y - max(0, y·n - b) n / |n|²  with n = w' - w and
    b = (|w'|² - |w|²) / 2; and again, until the codes agree. The row that was encoded lies in all of these half-spaces,
    so a projection brings `y` nearer to it. What is not there after `MOST_ROUNDS` becomes w itself, between `low` and `high`,
    whose codes these are wherever `settled_search` gave them.

    Source: consistent reconstruction, Goyal, Vetterli & Thao 1998, IEEE Trans. Inf. Theory 44, section II; alternating
    projections, Bregman 1965.

    Args:
        y: decoded columns, 0 in padding.
        codes: what they were decoded from; a row is left alone in a category that is absent (-1).
        codebooks: of the encoder.
        beam: of the encoder.
        low, high: range of each column.
    """
    result = y.double().clamp(low, high)
    books = [book.double() for book in codebooks]
    sums = codeword_sums(codes, books)
    open_rows = torch.arange(len(y), device=y.device)
    wrong = torch.zeros(codes.shape[:2], dtype=torch.bool, device=y.device)
    for _ in range(MOST_ROUNDS):
        found = beam_search(result[open_rows], books, beam=beam)
        wrong = (found != codes[open_rows]).any(dim=2) & (codes[open_rows, :, 0] >= 0)  # (open row, category)
        rows = wrong.any(dim=1)
        open_rows, wrong, found = open_rows[rows], wrong[rows], found[rows]
        if len(open_rows) == 0:
            break
        moved = _moved(result[open_rows], sums[open_rows], codeword_sums(found, books), wrong)
        result[open_rows] = moved.clamp(low, high)
    else:
        result[open_rows] = torch.where(wrong[..., None], sums[open_rows].clamp(low, high), result[open_rows])
    return result


def _moved(
    y: Float[Tensor, "sample category width"],
    own: Float[Tensor, "sample category width"],
    other: Float[Tensor, "sample category width"],
    wrong: Bool[Tensor, "sample category"],
) -> Float[Tensor, "sample category width"]:
    """One projection of the categories whose codes are wrong; `own` and `other` are the sums w and w'."""
    normal = other - own
    length = normal.square().sum(dim=2, keepdim=True)
    beyond = (y * normal).sum(dim=2, keepdim=True) - (other.square() - own.square()).sum(dim=2, keepdim=True) / 2
    shift = torch.where(length > 0, (beyond / length.clamp(min=1e-30)).clamp(min=0.0) + OVERSHOOT, 0.0)
    return torch.where(wrong[..., None], y - shift * normal, y)
