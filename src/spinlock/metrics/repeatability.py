"""Decoded columns against a replicate: how much of what a row says comes again at other realizations of the same sample.

A and B are descriptions of one sample by disjoint realizations, in standardised columns. A column is signal plus noise, of variances
S and N: its variance is V = S + N, half the squared difference of A and B is N, and their covariance is S.
"""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from operator import add
from statistics import median

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from spinlock.core.feature_table import FeatureRegistry
from spinlock.core.repeatability import Replicates
from spinlock.metrics.reconstruction import ErrorSums

NUM_PARTS = 50
"""Parts that draws are dealt into; leaving each out in turn gives standard errors to 10 %."""
_ROUND_OFF = 1e-12


def replicate_errors(
    first: tuple[Float[Tensor, "sample column"], Bool[Tensor, "sample column"]],
    second: tuple[Float[Tensor, "sample column"], Bool[Tensor, "sample column"]],
    decoded: Sequence[tuple[Float[Tensor, "sample column"], Float[Tensor, "sample column"]]],
) -> tuple[ErrorSums, ErrorSums]:
    """The sums of each description's decodings against itself, and against the other, over columns that both have.

    In the second, prediction 0 is the other description as it is, without coding: its sum is twice that of the noise. In both, knowing
    nothing and 1, 2, … levels follow.

    Args:
        first: A and where it has values, standardised.
        second: B likewise.
        decoded: A and B decoded from 1, 2, … levels.
    """
    (a, has_a), (b, has_b) = first, second
    both = torch.cat([has_a & has_b] * 2)
    own, other = torch.cat([a, b]), torch.cat([b, a])
    predictions = [torch.zeros_like(own), *(torch.cat(pair) for pair in decoded)]
    return ErrorSums.of(own, predictions, both), ErrorSums.of(other, [own, *predictions], both)


def replicate_r2(against: ErrorSums) -> Float64[Tensor, " prediction"]:
    """R²_rep: the explained share of the signal in a replicate, pooled over columns, with 0, 1, 2, … levels decoded.

        R²_rep = 1 - (E|x̂(A) - x(B)|² - N) / (V - N),    N = E|x(A) - x(B)|² / 2

    summed over rows and over columns with signal; a column with N >= V has none and is left out. As B's noise is independent of
    x̂(A), the numerator is the error E|x̂(A) - signal|² and the denominator S. So, for one column of variances S and N:

        x̂ = signal           1            no coder that sees A alone reaches it
        x̂ = S/(S + N) A      S/(S + N)    the best linear one of this column: its reliability
        x̂ = A                1 - N/S      keeps everything, noise too; below 0 where noise is more than signal
        x̂ = the mean         0

    Spending bits on noise moves from the second line to the third: it lowers the error of the row itself, and R²_rep falls.

    Returns:
        NaN where no column has signal.
    """
    noise, signal = _noise_and_signal(against)
    kept = signal > 0
    total = signal[kept].sum()
    left = against.errors[1:, kept].sum(1) - noise[kept].sum()
    return torch.where(total > 0, 1.0 - left / total, torch.nan)


def _noise_and_signal(against: ErrorSums) -> tuple[Float64[Tensor, " column"], Float64[Tensor, " column"]]:
    """Σ N and Σ S of each column; a signal that is nothing but round-off is 0."""
    noise = against.errors[0] / 2
    signal = against.spread - noise
    is_round_off = signal.abs() <= _ROUND_OFF * (against.spread + against.count * against.mean.square())
    return noise, torch.where(is_round_off, 0.0, signal)


def useful_levels(gains: Sequence[float], errors: Sequence[float]) -> int:
    """The first number of levels whose next one adds no more to R²_rep than its standard error; -1 where an error is unknown.

    Args:
        gains: what each level adds.
        errors: their standard errors.
    """
    if any(map(math.isnan, errors)):
        return -1
    rises = (gain > error for gain, error in zip(gains, errors, strict=True))
    return next((level for level, rises_more in enumerate(rises) if not rises_more), len(gains))


def gain_errors(parts: Sequence[ErrorSums]) -> tuple[float, ...]:
    """Standard error over draws of what each level adds to R²_rep: the delete-a-group jackknife.

    √((G - 1)/G Σ_g (d_g - d̄)²), with d_g the gain when part g of G is left out: both levels on the same samples, so that what
    they share cancels. Samples of one draw are in one part, as they are not independent.
    Source: Kott 2001, J. Off. Stat. 17, 521.

    Returns:
        NaN with fewer than two parts.
    """
    num_levels = len(parts[0].errors) - 2
    if len(parts) < 2:
        return (math.nan,) * num_levels
    before, after = list(accumulate(parts, add)), list(accumulate(parts[::-1], add))[::-1]
    without = [after[1], *map(add, before, after[2:]), before[-2]]
    gains = torch.stack([replicate_r2(rest).diff() for rest in without])
    return tuple(((len(parts) - 1) * gains.var(0, correction=0)).sqrt().tolist())


def replicate_figures(own: ErrorSums, parts: Sequence[ErrorSums], registry: FeatureRegistry) -> Replicates:
    """All figures of a split against its replicates.

    Args:
        own: sums of each description against itself.
        parts: sums against the other description, whole draws a part.
        registry: of the columns.
    """
    against = reduce(add, parts)
    noise, signal = _noise_and_signal(against)
    measured, kept = against.count > 0, signal > 0
    share = torch.where(against.spread > 0, noise / against.spread, torch.nan)
    by_column = 1.0 - (against.errors[-1] - noise) / torch.where(kept, signal, torch.nan)
    r2, errors = replicate_r2(against), gain_errors(parts)
    total = signal[kept].sum()
    ceiling = (signal[kept].square() / against.spread[kept]).sum() / total if total > 0 else torch.tensor(torch.nan)
    by_aggregation: dict[str, list[float]] = {}
    for spec, value in zip(registry.specs, share.tolist(), strict=True):
        by_aggregation.setdefault(spec.aggregation, []).extend([] if math.isnan(value) else [value])
    return Replicates(
        num_samples=against.num_rows // 2,
        own_r2=tuple((1.0 - own.errors[:, kept].sum(1) / own.spread[kept].sum()).tolist()),
        r2=tuple(r2.tolist()),
        gain_errors=errors,
        useful_levels=useful_levels(r2.diff().tolist(), errors),
        ceiling=float(ceiling),
        column_noise=dict(zip(registry.names, share.tolist(), strict=True)),
        column_r2=dict(zip(registry.names, by_column.tolist(), strict=True)),
        noise_by_aggregation={name: median(found) if found else math.nan for name, found in by_aggregation.items()},
        num_columns=int(measured.sum()),
        num_without_signal=int((measured & ~kept).sum()),
    )
