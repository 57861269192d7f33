"""A likely value for what is missing in a category, from what is present in the same category."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.vqvae.packing import Packing

RIDGE = 0.1
"""Added to the variance of every standardised column, so that few rows do not make the regression explode."""


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
        rows = (~mask).any(dim=1).nonzero().squeeze(1)
        if len(rows) == 0:
            return x
        filled = x.clone()
        for chunk in rows.split(256):
            filled[chunk] = self._fill_rows(x[chunk], mask[chunk])
        return filled

    def _fill_rows(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        values = self.packing.pack(torch.where(mask, x, 0.0)).double()
        present = self.packing.pack(mask).double()
        among = self.covariance * present[..., :, None] * present[..., None, :]
        # Absent columns get a unit diagonal and nothing else: the system stays regular and their solution is 0.
        system = among + torch.diag_embed(RIDGE * present + (1.0 - present))
        solved = torch.linalg.solve(system, values[..., None])
        guess = (self.covariance @ solved).squeeze(-1)
        return torch.where(mask, x, self.packing.unpack(guess).to(x.dtype))

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        return {"covariance": self.covariance}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], *, packing: Packing) -> "CategoryImputer":
        """The imputer that `tensors` came from."""
        return cls(packing=packing, covariance=tensors["covariance"])
