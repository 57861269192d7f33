"""From columns in physical units to bounded, standardised ones, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.vqvae.column_warp import ColumnWarp
from spinlock.vqvae.part import Part

QUANTILE = 0.005
"""Values below this quantile of the training rows, or above its complement, are set to it."""
RELATIVE_RESOLUTION = 1e-6
"""A column whose spread is below this fraction of its magnitude is constant up to float32 rounding."""


@dataclass(kw_only=True, eq=False, repr=False)
class ColumnTransform(Part):
    """Winsorise, warp, then standardise:  z = (w(min(max(x, low), high)) - center) / scale.

    Columns that are measured together keep their spreads among each other: the variances of z are in the ratio of those of x,
    and 1 in their mean.

    `low` and `high` are the 0.5 % and 99.5 % quantiles of the training rows' present values, w a monotone map of each
    column, `center` and `scale` mean and standard deviation of what that left. Heavy tails are the rule among such columns:
    without winsorising a few rows decide every distance, without warping a few hundredths of them do. The inverse is
    x = w⁻¹(center + scale z), within the quantiles: what was beyond them comes back as the quantile at best.

    Attributes:
        warp: the map of each column.
        scale: 1 where the column is constant in the training rows, which makes z = 0 there.
        observed: False where no training row has a value; such a column decodes to NaN.
    """

    warp: ColumnWarp
    low: Float[Tensor, " column"]
    high: Float[Tensor, " column"]
    center: Float[Tensor, " column"]
    scale: Float[Tensor, " column"]
    observed: Bool[Tensor, " column"]

    @classmethod
    def fit(
        cls,
        values: Float[Tensor, "sample column"],
        mask: Bool[Tensor, "sample column"] | None = None,
        *,
        warp: str = "auto",
        together: Sequence[str] = (),
    ) -> "ColumnTransform":
        """Quantiles, maps, mean and spread of the training rows.

        Args:
            values: training rows; NaN where missing.
            mask: False where a value is to be ignored.
            warp: one map for all columns, or "auto"; see `ColumnWarp.fit`.
            together: of each column, what it is measured with; "" for alone, as all are when not given.

        Raises:
            InputError: if there is no row, or no value at all.
        """
        present = ~torch.isnan(values) if mask is None else mask & ~torch.isnan(values)
        if not present.any():
            raise InputError(f"a column transform needs at least one value; got {len(values)} rows without any.")
        observed = present.any(dim=0)
        kept = torch.where(present, values.double(), torch.nan)
        # A column without values gets zeros, so that no quantile of an empty set is taken.
        kept = torch.where(observed, kept, 0.0)
        low, high = (_quantile(kept, q) for q in (QUANTILE, 1.0 - QUANTILE))
        clipped = kept.clamp(low, high)
        mean = torch.nanmean(clipped, dim=0)
        spread = torch.nanmean((clipped - mean) ** 2, dim=0).sqrt()
        varies = spread > RELATIVE_RESOLUTION * torch.maximum(low.abs(), high.abs())
        low, high = (torch.where(varies, edge, mean) for edge in (low, high))
        maps = ColumnWarp.fit(torch.where(varies | clipped.isnan(), clipped, mean), choice=warp)
        warped = maps(kept.clamp(low, high))
        center = torch.nanmean(warped, dim=0)
        own = torch.nanmean((warped - center) ** 2, dim=0).sqrt() / _shares(spread, together)
        scale = torch.where(varies, own, 1.0)
        return cls(warp=maps, low=low, high=high, center=center, scale=scale, observed=observed)

    @property
    def is_constant(self) -> Bool[Tensor, " column"]:
        """Columns that say nothing: constant or never seen in the training rows."""
        return self.low == self.high

    def forward(
        self, values: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> tuple[Float[Tensor, "sample column"], Bool[Tensor, "sample column"]]:
        """Standardised columns, 0 where missing, and the mask without columns that training never saw."""
        mask = mask & ~torch.isnan(values) & self.observed
        z = (self.warp(self._winsorised(values.double())) - self.center) / self.scale
        return torch.where(mask, z, 0.0).to(values.dtype), mask

    def invert(self, z: Float[Tensor, "sample column"]) -> Float[Tensor, "sample column"]:
        """Columns in their own units, within the training rows' quantiles; NaN where training saw no value."""
        low, high = (self.warp(edge[None]) for edge in (self.low, self.high))
        w = (self.center + self.scale * z.double()).clamp(low, high)
        x = self._winsorised(self.warp.invert(w))
        return torch.where(self.observed, x, torch.nan).to(z.dtype)

    def _winsorised(self, x: Float[Tensor, "sample column"]) -> Float[Tensor, "sample column"]:
        return x.clamp(self.low, self.high)


def _shares(spread: Float[Tensor, " column"], together: Sequence[str]) -> Float[Tensor, " column"]:
    """Each column's spread over the root mean square of those that it is measured with; 1 alone, and where none varies."""
    shares = torch.ones_like(spread)
    for name in {name for name in together if name}:
        columns = torch.tensor([place for place, other in enumerate(together) if other == name], device=spread.device)
        joint = spread[columns].square().mean().sqrt()
        shares[columns] = torch.where(joint > 0, spread[columns] / joint, 1.0)
    return shares


def _quantile(values: Float[Tensor, "sample column"], q: float) -> Float[Tensor, " column"]:
    """Quantile of each column's values that are not NaN, linear between neighbours.

    `torch.nanquantile` refuses tables above 16 million entries, and numpy's loops over columns.
    """
    ordered = values.sort(dim=0).values  # NaN last
    place = q * ((~torch.isnan(values)).sum(dim=0) - 1).double()
    below = ordered.gather(0, place.floor().long()[None])[0]
    above = ordered.gather(0, place.ceil().long()[None])[0]
    return below + (place - place.floor()) * (above - below)
