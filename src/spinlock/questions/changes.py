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
from spinlock.core.windows import STRIDE, WINDOW, check_window, lengths_of
from spinlock.questions.window_metric import SHRINKAGE, WindowMetric

FALSE_ALARMS = 0.05
FEWEST_FITTED = 10
"""Runs that the metric is fitted to, at least."""
MOST_RUNS = 4_000
"""Runs that a detector is fitted to and calibrated on, at most."""


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
        metric = WindowMetric.fit(series[first], window=window, stride=stride, shrinkage=shrinkage)
        return cls._calibrated(metric, series[second], false_alarms)

    @classmethod
    def _calibrated(
        cls, metric: WindowMetric, series: Float[Tensor, "run time feature"], false_alarms: float
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
        metric = WindowMetric(self.window, self.stride, self.quantiles, self.whitening)
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
        metric = WindowMetric.fit(series[fitted[:MOST_RUNS]], window=window, stride=stride, shrinkage=shrinkage)
        detector = ChangeDetector._calibrated(metric, series[judged], false_alarms)
        for every, own in zip(found, detector._judged(series[judged], own=1), strict=True):
            every[judged] = own
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
    check_window(window, stride)
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
