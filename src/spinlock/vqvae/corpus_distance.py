"""How far a row lies from what a tokenizer was fitted to, and from where on it is called foreign."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.tokens import MISSING
from spinlock.vqvae.part import Part

MOST = 3.0
"""Standard deviations at which the error of one column stops to count more: a foreign row is wrong in many columns."""
PRIOR_ROWS = 5.0
"""Rows of the category's mean error that every coarse code is given on top of its own."""


def category_errors(
    errors: Float[Tensor, "sample category width"], mask: Bool[Tensor, "sample category width"]
) -> Float[Tensor, "sample category"]:
    """Mean over a category's present columns of min(error², 9); NaN where none is present.

    The truncation keeps a single wild column from making a row foreign.

    Args:
        errors: row minus decoded row, in standard deviations of each column, with what winsorising cut off.
        mask: True where a value is present.

    Source: Hinich & Talwar 1975, J. Am. Stat. Assoc. 70, 113 (truncated quadratic).
    """
    squares = torch.where(mask, errors.double(), 0.0).square().clamp(max=MOST**2)
    return squares.sum(dim=2) / mask.sum(dim=2)


def usual_errors(
    errors: Float[Tensor, "sample category"], coarse: Int[Tensor, "sample category"], *, num_tokens: int
) -> Float[Tensor, "category token"]:
    """What the training rows of each coarse code leave over on average, drawn towards the category's mean by 5 rows."""
    known = (coarse != MISSING) & ~torch.isnan(errors)
    place = coarse.clamp(min=0).T
    totals = errors.new_zeros((coarse.shape[1], num_tokens))
    sums = totals.scatter_add(1, place, torch.where(known, errors, 0.0).T)
    counts = totals.scatter_add(1, place, known.T.to(errors))
    mean = sums.sum(dim=1, keepdim=True) / counts.sum(dim=1, keepdim=True).clamp(min=1)
    usual = (sums + PRIOR_ROWS * mean) / (counts + PRIOR_ROWS)
    # A category that is reproduced exactly has an error of 0; any error is then much.
    return usual.clamp(min=1e-6)


@dataclass(kw_only=True, eq=False, repr=False)
class CorpusBoundary(Part):
    """What rows of the corpus leave over, and from which distance on a row is called foreign.

    Attributes:
        usual: mean squared error of the training rows of every coarse code.
        threshold: the distance that is exceeded.
        quantile: share of rows of the same corpus that is to stay below.
        num_rows: validation rows that the threshold comes from.
    """

    usual: Float[Tensor, "category token"]
    threshold: float
    quantile: float
    num_rows: int

    @classmethod
    def fit(
        cls, usual: Float[Tensor, "category token"], distances: Float[Tensor, " sample"], *, quantile: float
    ) -> "CorpusBoundary":
        """The threshold is the ⌈(n + 1) q⌉-th smallest of n distances of rows that nothing was fitted to.

        A new row of the same corpus exceeds it with probability at most 1 - q, whatever the distribution (split conformal
        prediction). With fewer than q / (1 - q) rows no such distance exists; then it is the largest, without that promise.

        Args:
            usual: of `usual_errors`.
            distances: of validation rows.
            quantile: q, in (0, 1].

        Raises:
            InputError: if `quantile` is out of range or no distance is known.

        Source: Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World, section 4.2.
        """
        if not 0 < quantile <= 1:
            raise InputError(f"`quantile` must be above 0 and at most 1; got {quantile}.")
        known = distances[~torch.isnan(distances)].double().sort().values
        if not len(known):
            raise InputError("the boundary of a corpus needs at least one validation row with a value; got none.")
        rank = min(math.ceil((len(known) + 1) * quantile), len(known))
        return cls(usual=usual, threshold=float(known[rank - 1]), quantile=quantile, num_rows=len(known))

    def is_outside(self, distances: Float[Tensor, " sample"]) -> Bool[Tensor, " sample"]:
        """True where a distance exceeds the threshold; False where it is not known."""
        return distances > self.threshold


def corpus_distance(
    errors: Float[Tensor, "sample category"],
    coarse: Int[Tensor, "sample category"],
    usual: Float[Tensor, "category token"],
) -> Float[Tensor, " sample"]:
    """√(mean over present categories of error / usual error of the coarse code); NaN where none is present.

    About 1 for training rows. What is usual differs from code to code, so the same error may be much for a code of calm
    systems and little for one of turbulent ones.

    Args:
        errors: of `category_errors`.
        coarse: the first level's codes.
        usual: of `usual_errors`.
    """
    expected = usual.gather(1, coarse.clamp(min=0).T).T
    return (errors / expected).nanmean(dim=1).sqrt()
