"""Losses of the learned quantiser, each a pure function with a gradient; means are over the rows of all processes."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core import ranks

EPSILON = 1e-6


def masked_mean_square(
    errors: Float[Tensor, "category row width"], mask: Bool[Tensor, "category row width"]
) -> Float[Tensor, ""]:
    """Mean of errors² over the entries that are present."""
    kept = (errors * mask).flatten()
    squares, entries = ranks.summed(kept.dot(kept), mask.sum())
    return squares / entries.clamp(min=1)


def reconstruction(
    decoded: Float[Tensor, "category row width"],
    target: Float[Tensor, "category row width"],
    mask: Bool[Tensor, "category row width"],
) -> Float[Tensor, ""]:
    """Mean squared error of the entries that are present; 1 is what the column means reach."""
    return masked_mean_square(decoded - target, mask)


def informativeness(
    partial: Sequence[Float[Tensor, "category row width"]],
    target: Float[Tensor, "category row width"],
    mask: Bool[Tensor, "category row width"],
) -> Float[Tensor, ""]:
    """Mean over the prefixes (coarse; coarse and medium; …) of what their partial decoders still miss.

    It is small where the first levels alone say most of what there is to say. 0 where there is one level only.
    """
    if not partial:
        return target.new_zeros(())
    return torch.stack([reconstruction(decoded, target, mask) for decoded in partial]).mean()


def orthogonality(embeddings: Float[Tensor, "row category latent"]) -> Float[Tensor, ""]:
    """Mean squared correlation between coordinates of different categories, over the rows.

        Σ_{c≠d} Σ_ij corr(embedding_ci, embedding_dj)² / (pairs of categories x latent²)

    0 where categories say unrelated things, 1 where each says the same. A coordinate that does not vary correlates with
    nothing. 0 where there are fewer than two categories.
    """
    rows, categories, latent = embeddings.shape
    if categories < 2:
        return embeddings.new_zeros(())
    centred = embeddings - ranks.row_mean(embeddings, 0)
    standard = centred * torch.rsqrt(ranks.row_mean(centred.square(), 0) + EPSILON)
    flat = standard.flatten(1)  # (row, category x latent)
    (products,) = ranks.summed(flat.mT @ flat)
    squares = (products / ranks.num_rows(rows)).square()
    by_category = squares.view(categories, latent, categories, latent).sum(dim=(1, 3))
    between = by_category.sum() - by_category.diagonal().sum()
    return between / (categories * (categories - 1) * latent**2)
