"""What the codes of all categories say about each column beyond its own category's codes, by ridge regression."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class Moments(NamedTuple):
    """Sums over rows from which the regressions of every strength follow."""

    inputs: Float[Tensor, "input input"]
    products: Float[Tensor, "input output"]


def moments_of(
    embedding: Float[Tensor, "category row embedding"],
    errors: Float[Tensor, "category row width"],
    mask: Bool[Tensor, "category row width"],
) -> Moments:
    """Second moments of the embeddings, and of the embeddings with what the decoders still miss.

    Args:
        embedding: summed codewords.
        errors: target minus decoded.
        mask: True where the target is present; elsewhere the error counts as 0.
    """
    flat = embedding.double().transpose(0, 1).flatten(1)
    missed = torch.where(mask, errors.double(), 0.0).transpose(0, 1).flatten(1)
    return Moments(flat.mT @ flat / len(flat), flat.mT @ missed / len(flat))


def ridge(
    moments: Moments, *, strength: float, num_categories: int = 1, dropout: float = 0.0
) -> Float[Tensor, "input output"]:
    """Weights W that minimise mean |errors - E W|² + strength |W|², where E may lack categories.

    With `dropout` p, the mean is also over all ways in which every other category than the one that is predicted is absent
    (its part of E is 0) with chance p, independently. That mean has a closed form: moments between inputs of two other
    categories count (1 - p)², within one other category or with the predicted one 1 - p, and products with errors likewise.

    Args:
        moments: inputs and outputs category by category, as many of each for every category.
        strength: of the ridge.
        num_categories: that the inputs and outputs belong to.
        dropout: p; 0 for the plain ridge.

    Source: van der Maaten et al. 2013, ICML (marginalized corrupted features), for the idea.
    """
    size, width = len(moments.inputs) // num_categories, moments.products.shape[1] // num_categories
    owner = torch.arange(num_categories, device=moments.inputs.device).repeat_interleave(size)
    eye = torch.eye(len(owner), dtype=moments.inputs.dtype, device=moments.inputs.device)
    if not dropout:
        return torch.linalg.solve(moments.inputs + strength * eye, moments.products).float()
    solved = []
    for category, products in enumerate(moments.products.split(width, dim=1)):
        kept = torch.where(owner == category, 1.0, 1.0 - dropout).to(moments.inputs)
        together = torch.where(owner[:, None] == owner[None, :], kept[:, None], kept[:, None] * kept[None, :])
        solved.append(torch.linalg.solve(moments.inputs * together + strength * eye, products * kept[:, None]))
    return torch.cat(solved, dim=1).float()
