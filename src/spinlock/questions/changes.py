"""When a run changes what it does: the place along time where what came before and what comes after are least alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.seeds import torch_stream
from spinlock.core.views import numbered

WINDOW, STRIDE = 16, 4
"""Saved states of a window, and from one window to the next."""
FALSE_ALARMS = 0.05
SHRINKAGE = 0.05
FEWEST_FITTED = 10
"""Runs that the metric is fitted to, at least."""
MOST_RUNS = 4_000
"""Runs that a detector is fitted to and calibrated on, at most."""
CLIP = 3.0
"""Normal scores beyond which a column does not count as any farther."""
_QUANTILES = 1_000
_AT_ONCE = 500


class Changes(NamedTuple):
    """The most likely change of each run.

    Attributes:
        at: the first state after it; -1 where a run is too short, or has no value, to be looked at.
        scores: how many times as far apart the two sides are as those of usual runs are at this time; NaN where there is none.
        p: share of the calibration's runs, this one added, whose score is as high: at most the rate of false alarms where
            `beyond`.
        beyond: whether the score is above the detector's threshold.
    """

    at: Int[Tensor, " run"]
    scores: Float[Tensor, " run"]
    p: Float[Tensor, " run"]
    beyond: Bool[Tensor, " run"]


def window_columns(
    series: Float[Tensor, "run time feature"], *, window: int = WINDOW, stride: int = STRIDE
) -> Float[Tensor, "run window column"]:
    """Windows of runs described by mean, standard deviation, slope and standard deviation of steps of every feature, float64.

    Window k holds the states from k · `stride` on. A column is NaN where a feature has values at fewer than half of a window's
    states.

    Args:
        series: features of saved states; NaN where there is none.
        window: states of one.
        stride: states from one to the next.
    """
    x = series.double().unfold(1, window, stride)  # (run, window, feature, step)
    known = x.isfinite()
    count = known.sum(dim=-1)
    few = count < max(2, window / 2)
    filled = torch.where(known, x, 0.0)
    mean = filled.sum(-1) / count.clamp(min=1)
    away = torch.where(known, x - mean[..., None], 0.0)
    times = torch.arange(window, dtype=torch.float64)
    lag = torch.where(known, times, 0.0)
    lag = torch.where(known, lag - (lag.sum(-1) / count.clamp(min=1))[..., None], 0.0)
    slope = (lag * away).sum(-1) / lag.square().sum(-1).clamp(min=1e-300)
    steps = x.diff(dim=-1)
    stepped = steps.isfinite()
    taken = stepped.sum(dim=-1).clamp(min=1)
    mean_step = torch.where(stepped, steps, 0.0).sum(-1) / taken
    jumps = torch.where(stepped, steps - mean_step[..., None], 0.0)
    deviation, restless = (
        (part.square().sum(-1) / n).sqrt() for part, n in ((away, count.clamp(min=1)), (jumps, taken))
    )
    columns = torch.stack([mean, deviation, slope, restless], dim=-1)
    return columns.masked_fill(few[..., None], torch.nan).flatten(2)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ChangeDetector:
    """Finds where runs change, with a stated rate of false alarms; made by `fit` from runs that are taken for unchanged.

    A window becomes normal scores of its columns, see `window_columns`, and D(c) is the distance of the window that ends at c from
    the one that starts at c, in units of how windows of one run differ: D² = dᵀ M⁻¹ d with M = (1 - λ) S_w + λ diag(S), S_w the
    covariance of windows within the last two thirds of a run and S that of all windows. A run's score is its largest D(c) over what is
    usual at c, because early on most runs change.

        detector = spinlock.ChangeDetector.fit(series, groups)
        at, scores, p, beyond = detector.changes(others)

    Attributes:
        window, stride: in saved states.
        false_alarms: share of runs without a change that are beyond the threshold, at most.
        quantiles: of each column over windows, which tell scores; NaN where no two windows differ.
        whitening: scores → coordinates whose Euclidean distance is D.
        usual: median D at the k-th place, the state `window` + k · `stride`, at least 1; the last one holds for longer runs.
        calibration: scores of runs that the metric was not fitted to, ascending.
    """

    window: int
    stride: int
    false_alarms: float
    quantiles: Float[Tensor, "column quantile"]
    whitening: Float[Tensor, "column axis"]
    usual: Float[Tensor, " place"]
    calibration: Float[Tensor, " calibrated"]

    @classmethod
    def fit(  # noqa: PLR0913 runs, three numbers that say what is looked for, and two of the fit
        cls,
        series: Float[Tensor, "run time feature"],
        groups: Sequence[str] = (),
        *,
        window: int = WINDOW,
        stride: int = STRIDE,
        false_alarms: float = FALSE_ALARMS,
        shrinkage: float = SHRINKAGE,
        seed: int = 0,
    ) -> "ChangeDetector":
        """A detector of changes that the given runs do not make.

        The metric is fitted to half of the draws, and the threshold found on the others: runs that the metric was fitted to look more
        alike along time than others do. Of more than 4000 runs so many are looked at.

        Args:
            series: features of saved states, NaN behind the end of a run.
            groups: the draw of each run; runs are draws of their own when not given.
            window: states that are compared on each side.
            stride: states from one place at which a change is looked for to the next, at most `window`.
            false_alarms: share of runs without a change that may be called changed.
            shrinkage: λ, in (0, 1].
            seed: of the halves.

        Raises:
            InputError: if runs are too few for the rate of false alarms, too short for the window, or have no values.
        """
        first, second = _halves(series, groups, window=window, stride=stride, false_alarms=false_alarms, seed=seed)
        metric = _fit_metric(series[first], window=window, stride=stride, shrinkage=shrinkage)
        return cls._calibrated(metric, series[second], false_alarms)

    @classmethod
    def _calibrated(
        cls, metric: "_Metric", series: Float[Tensor, "run time feature"], false_alarms: float
    ) -> "ChangeDetector":
        apart = metric.apart(series)
        known = apart.isfinite()
        # Few runs are so long that a place is theirs alone: what is usual is told by at least half of them.
        places = int((known.sum(dim=0) * 2 >= known.any(dim=1).sum()).nonzero().max()) + 1
        usual = apart[:, :places].nanmedian(dim=0).values.clamp(min=1.0)
        scores, _ = _largest(apart, usual)
        return cls(
            window=metric.window,
            stride=metric.stride,
            false_alarms=false_alarms,
            quantiles=metric.quantiles,
            whitening=metric.whitening,
            usual=usual,
            calibration=scores[scores.isfinite()].sort().values,
        )

    @property
    def threshold(self) -> float:
        """The score that at most a share `false_alarms` of runs without a change exceeds."""
        count = len(self.calibration)
        return float(self.calibration[count - int(self.false_alarms * (count + 1) + 1e-9)])

    def changes(self, series: Float[Tensor, "run time feature"]) -> Changes:
        """The most likely change of each run; those of a run depend on no other.

        Args:
            series: the features of saved states that the detector was fitted to, NaN behind the end of a run.

        Raises:
            InputError: if there are other numbers of features.
        """
        return self._judged(series, own=0)

    def _judged(self, series: Float[Tensor, "run time feature"], *, own: int) -> Changes:
        """Changes of runs of which each is (`own` 1) or is not (0) one of the calibration's."""
        _check_series(series)
        if 4 * series.shape[2] != len(self.quantiles):
            raise InputError(
                f"`series` must have the {len(self.quantiles) // 4} features that the detector was fitted to; got {series.shape[2]}."
            )
        metric = _Metric(self.window, self.stride, self.quantiles, self.whitening)
        scores, place = _largest(metric.apart(series), self.usual)
        known = scores.isfinite()
        at = torch.where(known, self.window + place * self.stride, -1)
        higher = len(self.calibration) - torch.searchsorted(self.calibration, scores.contiguous())
        p = (higher + 1 - own).double() / (len(self.calibration) + 1 - own)
        p[~known] = torch.nan
        return Changes(at, scores, p, p <= self.false_alarms + 1e-12)


def changes_among(  # noqa: PLR0913 runs, three numbers that say what is looked for, and two of the fit
    series: Float[Tensor, "run time feature"],
    groups: Sequence[str] = (),
    *,
    window: int = WINDOW,
    stride: int = STRIDE,
    false_alarms: float = FALSE_ALARMS,
    shrinkage: float = SHRINKAGE,
    seed: int = 0,
) -> Changes:
    """The most likely change of each run, compared with the others of the same set.

    The runs of each half of the draws are looked at in the metric of the other half, and each is called changed where its score is among
    the highest of its half. So a share `false_alarms` of all is, whether or not any run changes: these are the most changed ones.

    Args and errors: see `ChangeDetector.fit`; of any number of runs all are judged.
    """
    halves = _halves(series, groups, window=window, stride=stride, false_alarms=false_alarms, seed=seed, most=None)
    found = Changes(
        at=torch.full((len(series),), -1),
        scores=torch.full((len(series),), torch.nan, dtype=torch.float64),
        p=torch.full((len(series),), torch.nan, dtype=torch.float64),
        beyond=torch.zeros(len(series), dtype=torch.bool),
    )
    for fitted, judged in (halves, halves[::-1]):
        metric = _fit_metric(series[fitted[:MOST_RUNS]], window=window, stride=stride, shrinkage=shrinkage)
        detector = ChangeDetector._calibrated(metric, series[judged], false_alarms)
        for every, own in zip(found, detector._judged(series[judged], own=1), strict=True):
            every[judged] = own
    return found


class _Metric(NamedTuple):
    """How far apart two windows are; the fields are those of the detector."""

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


def lengths_of(series: Float[Tensor, "run time feature"]) -> Int[Tensor, " run"]:
    """States of each run up to the last one with a value."""
    known = series.isfinite().any(dim=2)
    return ((torch.arange(series.shape[1]) + 1) * known).amax(dim=1)


def _fit_metric(series: Float[Tensor, "run time feature"], *, window: int, stride: int, shrinkage: float) -> _Metric:
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
    return _Metric(window, stride, quantiles, torch.linalg.solve_triangular(factor, identity, upper=False).mT)


def _quantiles(columns: Float[Tensor, "window column"]) -> Float[Tensor, "column quantile"]:
    """At most 1000 values of each column, evenly by rank; NaN for a column in which no two windows differ."""
    count = min(_QUANTILES, len(columns))
    found = torch.full((columns.shape[1], count), torch.nan, dtype=torch.float64)
    for place, column in enumerate(columns.mT):
        values = column[column.isfinite()].sort().values
        if len(values) > 1 and values[0] < values[-1]:
            found[place] = values[torch.linspace(0, len(values) - 1, count).round().long()]
    return found


def _largest(
    apart: Float[Tensor, "run place"], usual: Float[Tensor, " usual"]
) -> tuple[Float[Tensor, " run"], Int[Tensor, " run"]]:
    """The largest D over what is usual, and its place; NaN and 0 for a run without any."""
    if not apart.shape[1]:
        return apart.new_full((len(apart),), torch.nan), torch.zeros(len(apart), dtype=torch.long)
    ratio = apart / usual[torch.arange(apart.shape[1]).clamp(max=len(usual) - 1)]
    best = ratio.nan_to_num(-torch.inf).max(dim=1)
    return best.values.masked_fill(best.values.isinf(), torch.nan), best.indices


def _halves(  # noqa: PLR0913 what `fit` is given
    series: Float[Tensor, "run time feature"],
    groups: Sequence[str],
    *,
    window: int,
    stride: int,
    false_alarms: float,
    seed: int,
    most: int | None = MOST_RUNS,
) -> tuple[Int[Tensor, " first"], Int[Tensor, " second"]]:
    """Rows of two halves of the draws, by chance; of runs that are long enough, whole draws up to about `most` rows.

    Raises:
        InputError: see `ChangeDetector.fit`.
    """
    if window < 4 or not 1 <= stride <= window:
        raise InputError(
            f"`window` must be at least 4 states and `stride` from 1 to `window`; got a window of {window} every {stride}."
        )
    if not 0 < false_alarms < 1:
        raise InputError(f"`false_alarms` must lie between 0 and 1; got {false_alarms}.")
    _check_series(series)
    if groups and len(groups) != len(series):
        raise InputError(f"`groups` must have one entry for each of the {len(series)} runs; got {len(groups)}.")
    lengths = lengths_of(series)
    rows = (lengths >= 3 * window).nonzero().squeeze(1)
    if not len(rows):
        raise InputError(
            f"runs must have 3 windows of {window} states; the longest of {len(series)} has {int(lengths.max())} states with a value: "
            "take a smaller window."
        )
    draws = (numbered(groups) if groups else torch.arange(len(series)))[rows]
    order = torch.randperm(int(draws.max()) + 1, generator=torch_stream(seed, "halves of draws"))[draws]
    rows, order = rows[order.argsort(stable=True)][:most], order.sort().values[:most]
    # A draw is in one half as a whole.
    first, second = rows[order < order[len(rows) // 2]], rows[order >= order[len(rows) // 2]]
    needed = max(FEWEST_FITTED, math.ceil(1 / false_alarms - 1e-9))
    if min(len(first), len(second)) < needed:
        raise InputError(
            f"a rate of false alarms of {false_alarms:g} needs two halves of {needed} runs with {3 * window} states or more; got "
            f"{len(first)} and {len(second)}: take more runs, or a higher rate."
        )
    return first, second


def _check_series(series: Float[Tensor, "run time feature"]) -> None:
    if 0 in series.shape:
        raise InputError(
            f"`series` must have the axes (run, time, feature), none empty; got the shape {tuple(series.shape)}."
        )
