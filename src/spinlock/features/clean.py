"""Columns that say nothing: without a value, constant, or the twin of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import listed
from spinlock.core.views import View

MAX_CORRELATION = 0.99
MIN_COMMON_ROWS = 10
"""Pairs with fewer rows in common are not judged: by chance alone they correlate."""


class Twin(NamedTuple):
    """Two columns that say the same: Pearson's r of the rows where both are present."""

    first: str
    second: str
    correlation: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DegenerateReport:
    """The columns of a table that say nothing, by name and in column order.

    Attributes:
        num_columns: that were looked at.
        missing: no row has a value.
        constant: all values that are there agree (to 1e-6 of the largest).
        twins: pairs with |r| above the limit, strongest first; none with a missing or constant column.
    """

    num_columns: int
    missing: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    twins: tuple[Twin, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether no column is degenerate."""
        return not (self.missing or self.constant or self.twins)

    def kept(self, names: Sequence[str]) -> tuple[str, ...]:
        """`names` without missing and constant columns and without the second column of each pair of twins."""
        dropped = {*self.missing, *self.constant}
        for first, second, _ in self.twins:
            if first not in dropped:
                dropped.add(second)
        return tuple(name for name in names if name not in dropped)

    def __str__(self) -> str:
        if self.is_clean:
            return f"{self.num_columns} columns: none without a value, none constant, no twins."
        twins = [f"{twin.first} ~ {twin.second} (r = {twin.correlation:+.3f})" for twin in self.twins]
        parts = (("without a value", self.missing), ("constant", self.constant), ("twins", twins))
        words = "; ".join(f"{len(names)} {what}: {listed(names)}" for what, names in parts if names)
        return f"{self.num_columns} columns; {words}."


def degenerate_columns(view: View, *, max_correlation: float = MAX_CORRELATION) -> DegenerateReport:
    """Find the columns without a value, the constant ones and the twins.

    Pearson's r of each pair is taken over the rows where both are present, from four matrix products; pairs with fewer
    than 10 rows in common, or constant over them, are not judged. The rows are gone through three times, block by block:
    for the means, for the scales and for the products.

    Args:
        view: the table.
        max_correlation: |r| above which two columns are twins.
    """
    names = view.registry.names
    count = torch.zeros(len(names), dtype=torch.int64)
    total, largest, farthest, square = torch.zeros(4, len(names), dtype=torch.float64)
    for block in view.blocks():
        filled = torch.where(block.mask, block.values.double(), 0)
        count += block.mask.sum(0)
        total += filled.sum(0)
        largest = torch.maximum(largest, filled.abs().amax(0))
    mean = total / count.clamp_min(1)
    for block in view.blocks():
        centred = torch.where(block.mask, block.values.double() - mean, 0)
        farthest = torch.maximum(farthest, centred.abs().amax(0))
        square += centred.square().sum(0)
    is_missing = count == 0
    is_constant = ~is_missing & (farthest <= 1e-6 * largest)
    judged = (~is_missing & ~is_constant).nonzero().squeeze(1)
    correlation = _pairwise_correlation(view, judged, mean=mean[judged], scale=(square[judged] / len(view)).sqrt())
    first, second = (correlation.abs() > max_correlation).triu(diagonal=1).nonzero().unbind(1)
    twins = [
        Twin(names[int(judged[i])], names[int(judged[j])], float(correlation[i, j]))
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return DegenerateReport(
        num_columns=len(names),
        missing=_chosen(names, is_missing),
        constant=_chosen(names, is_constant),
        twins=tuple(sorted(twins, key=lambda twin: -abs(twin.correlation))),
    )


def _chosen(names: Sequence[str], which: Bool[Tensor, " feature"]) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(names, which.tolist(), strict=True) if is_chosen)


def _pairwise_correlation(
    view: View, columns: Int[Tensor, " column"], *, mean: Float[Tensor, " column"], scale: Float[Tensor, " column"]
) -> Float[Tensor, "column column"]:
    """Pearson's r of every pair of columns over its common rows; 0 where it is not judged."""
    common, total, square, product = torch.zeros(4, len(columns), len(columns), dtype=torch.float64)
    for block in view.blocks():
        present = block.mask[:, columns]
        x = torch.where(present, block.values[:, columns].double() - mean, 0) / scale
        rows = present.to(x.dtype)
        common += rows.T @ rows
        total += x.T @ rows  # [i, j]: of column i over the rows where j is present too
        square += (x * x).T @ rows
        product += x.T @ x
    covariance = product - total * total.T / common.clamp_min(1)
    variance = square - total.square() / common.clamp_min(1)
    # Columns are scaled to 1: less than 1e-9 over the common rows is rounding.
    varies = variance > 1e-9 * common
    judged = (common >= MIN_COMMON_ROWS) & varies & varies.T
    return torch.where(judged, covariance / (variance * variance.T).clamp_min(1e-300).sqrt(), 0)
