"""What is done to the values of a column before they are standardised: nothing, a signed logarithm, or their ranks made normal."""

from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.vqvae.part import Part
from spinlock.vqvae.spec import Warp

WARPS: tuple[str, ...] = get_args(Warp)
HEAVY = 15.0
"""Excess kurtosis beyond which a column is warped: that of values of which one in eighteen makes up all the spread."""
UNITS = 3.0
"""Unit of the logarithm, in median distances from the median: usual values stay nearly as they are, far ones are drawn in."""
NUM_KNOTS = 129
MANY_EQUAL = 0.01
"""Median over mean distance from the median below which half of a column counts as one value."""
RESOLUTION = 1e-5
"""Differences below this fraction of a column's magnitude are not spread any further: float32 would not bring them back."""


@dataclass(kw_only=True, eq=False, repr=False)
class ColumnWarp(Part):
    """A monotone map of each column, and its inverse.

    linear        x
    signed_log    s log(1 + |x - m| / u), s the sign of x - m, m the median, u three times the median of |x - m|, of
                  its mean where half of the values are all but equal
    rank_gauss    the normal quantile of the share of training values below x (van der Waerden's scores), linear between 129
                  knots, equal values at the mean of theirs; beyond the outermost knots with its mean slope

    Attributes:
        kind: place in `WARPS` of each column's map.
        middle, unit: m and u.
        knots, heights: values of a column and what they become, ascending; one knot where no column needs them.
    """

    kind: Int[Tensor, " column"]
    middle: Float[Tensor, " column"]
    unit: Float[Tensor, " column"]
    knots: Float[Tensor, "column knot"]
    heights: Float[Tensor, "column knot"]

    @classmethod
    def fit(cls, values: Float[Tensor, "sample column"], *, choice: str) -> "ColumnWarp":
        """The map of every column.

        Args:
            values: training rows after winsorising; NaN where missing.
            choice: a word of `WARPS` for all columns that vary; or "auto": of each column the first of `WARPS` that leaves an excess
                kurtosis of at most 15, rank_gauss where none does.
        """
        columns = values.shape[1]
        middle = values.nanmedian(0).values.nan_to_num()
        distance = (values - middle).abs()
        median, mean = distance.nanmedian(0).values.nan_to_num(), distance.nanmean(0).nan_to_num()
        unit = UNITS * torch.where(median > MANY_EQUAL * mean, median, torch.where(mean > 0, mean, 1.0))
        flat = values.new_zeros((columns, 1))
        kind = torch.full((columns,), WARPS.index("signed_log"), device=values.device)
        warp = cls(kind=kind, middle=middle, unit=unit, knots=flat, heights=flat)
        if choice == "auto":
            heavy = excess_kurtosis(values) > HEAVY
            kind = heavy.long() + (heavy & (excess_kurtosis(warp(values)) > HEAVY)).long()
        else:
            varies = values.nan_to_num(-torch.inf).amax(0) > values.nan_to_num(torch.inf).amin(0)
            kind = WARPS.index(choice) * varies.long()
        ranked = (kind == WARPS.index("rank_gauss")).nonzero().flatten().tolist()
        knots, heights = (values.new_zeros((columns, NUM_KNOTS if ranked else 1)) for _ in range(2))
        for column in ranked:
            knots[column], heights[column] = _rank_knots(values[:, column])
        return cls(kind=kind, middle=middle, unit=unit, knots=knots, heights=heights)

    def forward(self, x: Float[Tensor, "sample column"]) -> Float[Tensor, "sample column"]:
        """The warped columns; NaN stays NaN."""
        away = x - self.middle
        logarithm = away.sign() * torch.log1p(away.abs() / self.unit)
        return self._chosen(x, logarithm, self.knots, self.heights)

    def invert(self, w: Float[Tensor, "sample column"]) -> Float[Tensor, "sample column"]:
        """The columns that were warped to `w`, which is within what the training rows became."""
        back = self.middle + w.sign() * torch.expm1(w.abs()) * self.unit
        return self._chosen(w, back, self.heights, self.knots)

    def _chosen(
        self,
        plain: Float[Tensor, "sample column"],
        logarithm: Float[Tensor, "sample column"],
        start: Float[Tensor, "column knot"],
        end: Float[Tensor, "column knot"],
    ) -> Float[Tensor, "sample column"]:
        result = torch.where(self.kind == WARPS.index("signed_log"), logarithm, plain)
        ranked = self.kind == WARPS.index("rank_gauss")
        if ranked.any():
            result[:, ranked] = interpolated(plain[:, ranked], start[ranked], end[ranked])
        return result

    def names(self, columns: tuple[str, ...]) -> dict[str, list[str]]:
        """Kind of map → the columns that it was chosen for; linear ones are left out."""
        return {
            warp: [name for name, kind in zip(columns, self.kind.tolist(), strict=True) if kind == place]
            for place, warp in enumerate(WARPS)
            if place
        }


def excess_kurtosis(values: Float[Tensor, "sample column"]) -> Float[Tensor, " column"]:
    """⟨(x - ⟨x⟩)⁴⟩ / ⟨(x - ⟨x⟩)²⟩² - 3 of each column's values that are not NaN; 0 where they do not vary."""
    squares = (values - values.nanmean(0)).square()
    spread = squares.nanmean(0)
    return torch.where(spread > 0, squares.square().nanmean(0) / spread.square() - 3, 0.0).nan_to_num(nan=0.0)


def _rank_knots(values: Float[Tensor, " sample"]) -> tuple[Float[Tensor, " knot"], Float[Tensor, " knot"]]:
    """Quantiles of the values that are not NaN, each with its normal score; equal ones have the mean of theirs."""
    present = values[~values.isnan()]
    share = (torch.arange(NUM_KNOTS, dtype=values.dtype, device=values.device) + 0.5) / NUM_KNOTS
    if not len(present):
        return torch.zeros_like(share), torch.zeros_like(share)
    quantiles = present.quantile(share)
    quantiles[0], quantiles[-1] = present.min(), present.max()
    step = RESOLUTION * quantiles.abs().amax()
    knots, heights, start = quantiles.clone(), torch.special.ndtri(share), 0
    for end in range(1, NUM_KNOTS + 1):  # runs of quantiles that float32 barely tells apart become one knot
        if end == NUM_KNOTS or quantiles[end] - quantiles[start] > step:
            knots[start:end], heights[start:end] = quantiles[start], heights[start:end].mean()
            start = end
    return knots, heights


def interpolated(
    x: Float[Tensor, "sample column"], start: Float[Tensor, "column knot"], end: Float[Tensor, "column knot"]
) -> Float[Tensor, "sample column"]:
    """Linear between the points (start, end) of each column, which ascend; beyond, with their mean slope; NaN stays NaN."""
    first, last = (edge.T for edge in (start[:, :1], start[:, -1:]))
    whole = last - first
    slope = torch.where(whole > 0, (end[:, -1:] - end[:, :1]).T / torch.where(whole > 0, whole, 1.0), 0.0)
    beyond = (x - x.clamp(first, last)) * slope
    place = torch.searchsorted(start.contiguous(), x.T.contiguous(), right=True).clamp(1, start.shape[1] - 1)
    left, right = (start.gather(1, place + offset) for offset in (-1, 0))
    low, high = (end.gather(1, place + offset) for offset in (-1, 0))
    gap = right - left
    part = torch.where(gap > 0, (x.T - left) / torch.where(gap > 0, gap, 1.0), 0.0)
    return (low + part.clamp(0, 1) * (high - low)).T + beyond
