"""Columns that say nothing: without a value, constant, or the twin of another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.errors import InputError, listed

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


def degenerate_columns(
    values: Float[Tensor, "sample feature"],
    names: Sequence[str],
    *,
    mask: Bool[Tensor, "sample feature"] | None = None,
    max_correlation: float = MAX_CORRELATION,
) -> DegenerateReport:
    """Find the columns without a value, the constant ones and the twins.

    Pearson's r of each pair is taken over the rows where both are present, from four matrix products; pairs with fewer
    than 10 rows in common, or constant over them, are not judged.

    Args:
        values: NaN where a value is missing.
        names: one a column.
        mask: True where a value is present, where that is more than not being NaN.
        max_correlation: |r| above which two columns are twins.

    Raises:
        InputError: if a name is missing or a value infinite.
    """
    if len(names) != values.shape[1]:
        raise InputError(f"`names` must name {values.shape[1]} columns; got {len(names)}.")
    if torch.isinf(values).any():
        column = int(torch.isinf(values).any(0).nonzero()[0])
        raise InputError(f"column '{names[column]}' holds an infinite value; a missing one is NaN.")
    present = ~values.isnan() if mask is None else mask & ~values.isnan()
    filled = torch.where(present, values.double(), 0)
    count = present.sum(0)
    mean = filled.sum(0) / count.clamp_min(1)
    centred = torch.where(present, filled - mean, 0)
    is_missing = count == 0
    is_constant = ~is_missing & (centred.abs().amax(0) <= 1e-6 * filled.abs().amax(0))
    judged = (~is_missing & ~is_constant).nonzero().squeeze(1)
    scale = centred[:, judged].square().mean(0).sqrt()
    correlation = _pairwise_correlation(centred[:, judged] / scale, present[:, judged])
    first, second = (correlation.abs() > max_correlation).triu(diagonal=1).nonzero().unbind(1)
    twins = [
        Twin(names[int(judged[i])], names[int(judged[j])], float(correlation[i, j]))
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return DegenerateReport(
        num_columns=values.shape[1],
        missing=_chosen(names, is_missing),
        constant=_chosen(names, is_constant),
        twins=tuple(sorted(twins, key=lambda twin: -abs(twin.correlation))),
    )


def _chosen(names: Sequence[str], which: Bool[Tensor, " feature"]) -> tuple[str, ...]:
    return tuple(name for name, is_chosen in zip(names, which.tolist(), strict=True) if is_chosen)


def _pairwise_correlation(
    x: Float[Tensor, "sample feature"], present: Bool[Tensor, "sample feature"]
) -> Float[Tensor, "feature feature"]:
    """Pearson's r of every pair over its common rows; 0 where it is not judged. `x` is 0 where it is missing."""
    rows = present.to(x.dtype)
    common = rows.T @ rows
    total, square = x.T @ rows, (x * x).T @ rows  # [i, j]: of column i over the rows where j is present too
    product = x.T @ x - total * total.T / common.clamp_min(1)
    variance = square - total.square() / common.clamp_min(1)
    # Columns are scaled to 1: less than 1e-9 over the common rows is rounding.
    varies = variance > 1e-9 * common
    judged = (common >= MIN_COMMON_ROWS) & varies & varies.T
    return torch.where(judged, product / (variance * variance.T).clamp_min(1e-300).sqrt(), 0)
