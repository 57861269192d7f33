"""How far apart two windows of a run are, in units of how windows of one run differ."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.windows import lengths_of, window_columns

SHRINKAGE = 0.05
CLIP = 3.0
"""Normal scores beyond which a column does not count as any farther."""
_QUANTILES = 1_000
_AT_ONCE = 500


class WindowMetric(NamedTuple):
    """How far apart two windows are: D² = dᵀ M⁻¹ d of their normal scores, see `fit`.

    Attributes:
        window, stride: in saved states.
        quantiles: of each column over windows, which tell scores; NaN where no two windows differ.
        whitening: scores → coordinates whose Euclidean distance is D.
    """

    window: int
    stride: int
    quantiles: Float[Tensor, "column quantile"]
    whitening: Float[Tensor, "column axis"]

    def apart(self, series: Float[Tensor, "run time feature"]) -> Float[Tensor, "run place"]:
        """D at each place; NaN where a run has ended, or the two windows have no column in common."""
        places = max(0, (series.shape[1] - 2 * self.window) // self.stride + 1)
        found = torch.full((len(series), places), torch.nan, dtype=torch.float64)
        if not places:
            return found
        states = self.window + torch.arange(places) * self.stride
        for start in range(0, len(series), _AT_ONCE):
            some = series[start : start + _AT_ONCE]
            before, after = (
                normal_scores(window_columns(part, window=self.window, stride=self.stride)[:, :places], self.quantiles)
                for part in (some, some[:, self.window :])
            )
            away = after - before
            distance = (away.nan_to_num(0.0) @ self.whitening).norm(dim=2)
            unknown = away.isnan().all(dim=2) | (states + self.window > lengths_of(some)[:, None])
            found[start : start + _AT_ONCE] = distance.masked_fill(unknown, torch.nan)
        return found

    @classmethod
    def fit(
        cls, series: Float[Tensor, "run time feature"], *, window: int, stride: int, shrinkage: float
    ) -> "WindowMetric":
        """Quantiles, and the whitening by windows of one run."""
        columns = torch.cat([window_columns(part, window=window, stride=stride) for part in series.split(_AT_ONCE)])
        lengths = lengths_of(series)[:, None]
        starts = torch.arange(columns.shape[1]) * stride
        inside = starts + window <= lengths
        quantiles = _quantiles(columns[inside])
        scores = normal_scores(columns, quantiles)
        z = scores.nan_to_num(0.0)
        late = inside & (starts >= lengths / 3)
        share = late / late.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.einsum("rw,rwc->rc", share.double(), z)
        within = (z - mean[:, None])[late]
        spare = int(late.sum()) - int(late.any(dim=1).sum())
        spread = z[inside].var(dim=0).clamp(min=1e-6)
        noise = (1 - shrinkage) * (within.mT @ within) / spare + shrinkage * torch.diag(spread)
        # M = L Lᵀ, so dᵀ M⁻¹ d = |L⁻¹ d|².
        factor = torch.linalg.cholesky(noise)
        identity = torch.eye(len(noise), dtype=torch.float64)
        return cls(window, stride, quantiles, torch.linalg.solve_triangular(factor, identity, upper=False).mT)


def normal_scores(
    columns: Float[Tensor, "run window column"], quantiles: Float[Tensor, "column quantile"]
) -> Float[Tensor, "run window column"]:
    """Normal scores of windows' columns by their rank among quantiles, within ±3; NaN where missing or without quantiles."""
    flat = columns.flatten(0, 1).mT.contiguous()  # (column, run and window)
    count = quantiles.shape[1]
    below, upto = (torch.searchsorted(quantiles, flat, right=right) for right in (False, True))
    rank = ((below + upto).double() / (2 * count)).clamp(0.5 / count, 1 - 0.5 / count)
    scores = torch.special.ndtri(rank).clamp(-CLIP, CLIP)
    scores = scores.masked_fill(flat.isnan() | quantiles[:, :1].isnan(), torch.nan)
    return scores.mT.unflatten(0, columns.shape[:2])


def _quantiles(columns: Float[Tensor, "window column"]) -> Float[Tensor, "column quantile"]:
    """At most 1000 values of each column, evenly by rank; NaN for a column in which no two windows differ."""
    count = min(_QUANTILES, len(columns))
    found = torch.full((columns.shape[1], count), torch.nan, dtype=torch.float64)
    for place, column in enumerate(columns.mT):
        values = column[column.isfinite()].sort().values
        if len(values) > 1 and values[0] < values[-1]:
            found[place] = values[torch.linspace(0, len(values) - 1, count).round().long()]
    return found
