"""All codewords of a category fitted together, with the codes held fixed."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.beam_search import Codebook

STRENGTH = 1.0
"""Pull of every codeword to where it was, in rows: a code that one row chose moves half of the way."""


def refit_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    codes: Int[Tensor, "row category level"],
    codebooks: Sequence[Codebook],
    *,
    strength: float = STRENGTH,
) -> tuple[Codebook, ...]:
    """Codewords W that minimise Σ_rows |target - Σ_levels W[code]|² + strength |W - W_before|².

    Residual k-means fits each level to what the ones before leave over; this lets the coarse levels know of the fine
    ones. With B the one-hot codes of all levels side by side:  (BᵀB + strength I) W = Bᵀ targets + strength W_before.

    Source: Babenko & Lempitsky 2014, CVPR (additive quantisation), section 3.2.

    Args:
        targets: what the codewords are to add up to.
        present: False for rows that count for nothing.
        codes: of these rows.
        codebooks: the present codewords, coarse to fine.
        strength: see above.
    """
    sizes = [book.codewords.shape[1] for book in codebooks]
    total = sum(sizes)
    firsts = torch.tensor([sum(sizes[:level]) for level in range(len(sizes))], device=codes.device)
    place = (codes.transpose(0, 1).clamp(min=0) + firsts).movedim(2, 0)  # (level, category, row)
    weights = present.double()
    rows = targets.double() * weights[..., None]
    before = torch.cat([book.codewords for book in codebooks], dim=1).double()
    gram = weights.new_zeros((len(targets), total * total))
    sums = strength * before
    for one in place:
        sums.scatter_add_(1, one[..., None].expand_as(rows), rows)
        for other in place:
            gram.scatter_add_(1, one * total + other, weights)
    system = gram.view(-1, total, total)
    system.diagonal(dim1=1, dim2=2).add_(strength)
    # One category after the other: solved as a batch by several threads, systems of some 150 unknowns and more come out wrong
    # with torch's CPU builds (pytorch issue 142815).
    fitted = torch.stack([torch.linalg.solve(*one) for one in zip(system, sums, strict=True)]).to(targets.dtype)
    parts = fitted.split(sizes, dim=1)
    return tuple(Codebook(part, book.is_used) for part, book in zip(parts, codebooks, strict=True))
