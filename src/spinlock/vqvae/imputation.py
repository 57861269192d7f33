"""A likely value for what is missing in a category, from what is present in the same category."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.vqvae.conditional_mean import conditional_slopes
from spinlock.vqvae.packing import Packing

ROWS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CategoryImputer:
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
        """
        values, present = packing.pack(x).double(), packing.pack(mask).double()
        products = torch.einsum("scv,scw->cvw", values, values)
        counts = torch.einsum("scv,scw->cvw", present, present)
        covariance = products / counts.clamp(min=1.0)
        # Pairwise covariances need not be positive: their negative part is removed.
        eigenvalues, vectors = torch.linalg.eigh(covariance)
        covariance = (vectors * eigenvalues.clamp(min=0.0)[:, None, :]) @ vectors.mT
        return cls(packing=packing, covariance=covariance)

    def fill(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """`x` with its missing entries replaced by their conditional mean given the same row's category."""
        filled = x.clone()
        for columns, covariance in zip(self.packing.columns.to(x.device), self.covariance, strict=True):
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

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        return {"covariance": self.covariance}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], *, packing: Packing) -> "CategoryImputer":
        """The imputer that `tensors` came from."""
        return cls(packing=packing, covariance=tensors["covariance"])
