"""A likely value for what is missing from a row, from what is present: conditional means of a Gaussian."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.vqvae.packing import Packing
from spinlock.vqvae.part import Part

ROWS_AT_ONCE = 256
RIDGE = 0.1
"""Added to the variance of every standardised column, so that few rows do not make the regression explode."""


@dataclass(kw_only=True, eq=False, repr=False)
class CategoryImputer(Part):
    """Conditional mean of the missing columns of a Gaussian with the training rows' covariance.

    For present columns p and missing columns m of one category:  x_m = Σ_mp (Σ_pp + r I)⁻¹ x_p, which is 0, the mean,
    where the category is absent. It uses no other category, so that a category's tokens depend on its columns alone.
    """

    packing: Packing
    covariance: Float[Tensor, "category width width"]

    @classmethod
    def fit(
        cls, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"], *, packing: Packing
    ) -> "CategoryImputer":
        """Covariances of the training rows, each over the rows where both columns are present.

        Args:
            x: standardised training rows, 0 where missing.
            mask: True where present.
            packing: of the categories.
        """
        values, present = packing.pack(x).double(), packing.pack(mask).double()
        products = torch.einsum("scv,scw->cvw", values, values)
        counts = torch.einsum("scv,scw->cvw", present, present)
        covariance = products / counts.clamp(min=1.0)
        return cls(packing=packing, covariance=positive_part(covariance))

    def forward(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """`x` with its missing entries replaced by their conditional mean given the same row's category."""
        filled = x.clone()
        for columns, covariance in zip(self.packing.columns, self.covariance, strict=True):
            columns = columns[columns >= 0]
            patterns, which = torch.unique(mask[:, columns], dim=0, return_inverse=True)
            for number, present in enumerate(patterns):
                if present.all():
                    continue
                rows = (which == number).nonzero().squeeze(1)
                slopes = conditional_slopes(covariance[: len(columns), : len(columns)], present).mT.contiguous()
                given, missing = columns[present], columns[~present]
                for part in rows.split(ROWS_AT_ONCE):
                    # A sum for every row by itself: a matrix product would round differently alone and among others.
                    terms = x[part[:, None], given].double()[:, None, :] * slopes
                    filled[part[:, None], missing] = terms.sum(dim=2).to(x.dtype)
        return filled


def covariance_of_present(
    x: Float[Tensor, "row column"], weight: Float[Tensor, "row column"]
) -> Float[Tensor, "column column"]:
    """Second moments of centred columns, of each pair over the rows that have both.

    Args:
        x: 0 where missing.
        weight: 1 where present and 0 where missing, or less where a row counts as part of one.
    """
    return positive_part((x.mT @ x) / (weight.mT @ weight).clamp(min=1))


def positive_part(covariance: Float[Tensor, "*group column column"]) -> Float[Tensor, "*group column column"]:
    """Covariances without their negative part: those of pairs of columns, each over other rows, may have one."""
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    return (vectors * eigenvalues.clamp(min=0.0)[..., None, :]) @ vectors.mT


def fill_absent(
    e: Float[Tensor, "sample column"],
    present: Bool[Tensor, "sample column"],
    covariance: Float[Tensor, "column column"],
) -> Float[Tensor, "sample column"]:
    """`e` with absent columns at their conditional mean given the present ones:  e_m = Σ_mp (Σ_pp + r I)⁻¹ e_p.

    Rows with the same columns absent are solved together, each by itself: the result does not depend on other rows.

    Args:
        e: columns decoded from each category's own codes; anything where absent.
        present: False for the columns of an absent category.
        covariance: of `e` over training rows.
    """
    if present.all():
        return e
    filled = torch.where(present, e, 0.0)
    patterns, which = torch.unique(present, dim=0, return_inverse=True)
    sigma = covariance.double()
    for number, pattern in enumerate(patterns):
        if pattern.all() or not pattern.any():
            continue
        slopes = conditional_slopes(sigma, pattern)
        rows = (which == number).nonzero().squeeze(1)
        likely = filled[rows][:, pattern].double() @ slopes
        filled[rows[:, None], (~pattern).nonzero().squeeze(1)] = likely.to(e.dtype)
    return filled


def conditional_slopes(
    covariance: Float[Tensor, "column column"], present: Bool[Tensor, " column"]
) -> Float[Tensor, "present missing"]:
    """(Σ_pp + r I)⁻¹ Σ_pm, the slopes of the conditional mean  x_m = x_p (Σ_pp + r I)⁻¹ Σ_pm  of centred rows.

    Args:
        covariance: of all columns.
        present: which of them are known; at least one is and one is not.
    """
    among = covariance[present][:, present]
    among.diagonal().add_(RIDGE)
    return torch.linalg.solve(among, covariance[present][:, ~present])
