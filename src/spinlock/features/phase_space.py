"""Everything that compares a series with itself: neighbours, recurrences, divergence; one distance matrix a series.

A series x is unfolded into vectors v(i) = (x(i), x(i+τ), x(i+2τ)) (Takens 1981), τ = the lag where its autocorrelation
first falls below 1/e (`correlation_delay`). Distances are the largest difference of a coordinate, in units
of the series' standard deviation; pairs no farther apart in time than the Theiler window 2τ do not count. Of series
longer than 512 the last 512 values are compared, so that a matrix never exceeds 512 x 512.

One series at a time in numpy: its matrix of 250 x 250 float32 stays in the second-level cache, and numpy compares,
takes logarithms and finds row minima five to ten times faster than torch on a CPU.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from spinlock.features.fields import Fields, once
from spinlock.features.series_kernels import correlation_delay, has_series, local_series, missing

SHORTEST = 24
"""Fewest saved times that are unfolded."""

LONGEST = 512
"""Most values of a series that are compared with each other: the last ones."""

NEAR = 0.5
"""Radius of a recurrence, in standard deviations."""

TEMPLATE_RADIUS = 0.2
"""Radius of sample entropy, in standard deviations (Richman & Moorman 2000)."""

SMALLEST = 1e-6
"""Distances count as at least this: below lies the rounding of float32 states."""

LINE = 4
"""Fewest points of a diagonal or vertical line of the recurrence plot."""


class PhaseSpace(NamedTuple):
    """What the distance matrices of a realization's local series say; the features tell the formulas."""

    divergence_rate: Float[Tensor, " batch"]
    forecast_error: Float[Tensor, " batch"]
    error_growth: Float[Tensor, " batch"]
    recurrence_rate: Float[Tensor, " batch"]
    correlation_dimension: Float[Tensor, " batch"]
    determinism: Float[Tensor, " batch"]
    laminarity: Float[Tensor, " batch"]
    sample_entropy: Float[Tensor, " batch"]


class RowNumbers(NamedTuple):
    """What one matrix gives: sums, pooled over the series of a realization, and the nearest neighbours.

    Attributes:
        num_pairs: pairs of vectors outside the Theiler window.
        num_near: those within the radius of a recurrence.
        log_distance: sum over them of log(distance / radius).
        num_diagonal, num_vertical: those on diagonal and on vertical lines.
        num_twos, num_threes: pairs of templates that match for 2 values, and for a third as well.
        nearest: the nearest neighbour of each vector, among those that can be followed for 4τ.
    """

    num_pairs: int
    num_near: int
    log_distance: float
    num_diagonal: int
    num_vertical: int
    num_twos: int
    num_threes: int
    nearest: Int[np.ndarray, " vector"]


@once
def phase_space(fields: Fields) -> PhaseSpace:
    """The phase-space numbers of a sample (rates per saved step); NaN with fewer than 24 saved times."""
    local = local_series(fields)
    if not has_series(fields, at_least=SHORTEST):
        return PhaseSpace(*(missing(fields) for _ in PhaseSpace._fields))
    z = local.z[:, -LONGEST:]
    delays = correlation_delay(fields).clamp_max(LONGEST // 16)
    matrices = Matrices(z.shape[1], max_delay=int(delays.max()))
    x = z.numpy().astype(np.float32)
    rows = [row_numbers(series, delay, matrices) for series, delay in zip(x, delays.tolist(), strict=True)]
    followed = z.new_empty((len(rows), 3))
    for delay in delays.unique():
        which = (delays == delay).nonzero()[:, 0]
        nearest = np.stack([rows[row].nearest for row in which.tolist()])
        followed[which] = torch.from_numpy(neighbour_numbers(x[which.numpy()], nearest, int(delay))).to(z)
    rate, error, growth = local.average(followed).unbind(1)
    sums = local.pooled(z.new_tensor([row[:-1] for row in rows]))
    pairs, near, log_distance, diagonal, vertical, twos, threes = sums.unbind(1)
    return PhaseSpace(
        divergence_rate=rate,
        forecast_error=error,
        error_growth=growth,
        recurrence_rate=ratio(near, pairs),
        correlation_dimension=ratio(near, -log_distance),
        determinism=ratio(diagonal, near),
        laminarity=ratio(vertical, near),
        sample_entropy=torch.where(threes > 0, ratio(twos, threes).log(), torch.nan),
    )


def ratio(part: Float[Tensor, " batch"], whole: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """`part` / `whole`; NaN where `whole` is 0."""
    return torch.where(whole > 0, part / torch.where(whole > 0, whole, 1.0), torch.nan)


class Matrices:
    """Buffers for the matrices of one series after another: fresh ones would cost more than the arithmetic.

    A matrix lies flat, rows `pitch` apart, with ∞ in front and at the end of every row. So a step along a diagonal is a
    shift by pitch + 1 of the whole flat array, and what is shifted in from beyond the matrix is ∞, never another row.
    """

    def __init__(self, num_times: int, *, max_delay: int) -> None:
        self.front = 2 * max_delay
        self.pitch = num_times + self.front
        self.gaps = np.full(self.front + num_times * self.pitch, np.inf, dtype=np.float32)
        self.distances = np.full_like(self.gaps, np.inf)
        self.near = np.empty(num_times * self.pitch, dtype=bool)

    def fill_gaps(self, x: Float32[np.ndarray, " time"]) -> Float32[np.ndarray, " place"]:
        """|x(i) - x(j)| at the place i pitch + j; the front is left out."""
        flat = self.gaps[self.front :]
        inner = flat.reshape(len(x), self.pitch)[:, : len(x)]
        np.subtract(x[:, None], x, out=inner)
        return np.abs(flat, out=flat)

    def fill_distances(self, size: int, delay: int) -> Float32[np.ndarray, " place"]:
        """Largest-coordinate distance of vectors i and j < `size` at i pitch + j; ∞ for |i - j| <= 2τ."""
        gaps, shift = self.gaps[self.front :], delay * (self.pitch + 1)
        flat = self.distances[self.front :][: size * self.pitch]
        last = len(gaps) - 2 * shift
        np.maximum(gaps[:last], gaps[shift:][:last], out=flat[:last])
        np.maximum(flat[:last], gaps[2 * shift :], out=flat[:last])
        flat[last:] = np.inf
        item, window = flat.itemsize, 2 * delay
        band = self.distances[self.front - window :]
        np.lib.stride_tricks.as_strided(band, (size, 2 * window + 1), ((self.pitch + 1) * item, item))[...] = np.inf
        return flat

    def fill_near(self, distance: Float32[np.ndarray, " place"]) -> Bool[np.ndarray, " place"]:
        """Where distances are below the radius of a recurrence."""
        return np.less(distance, NEAR, out=self.near[: len(distance)])


def row_numbers(x: Float32[np.ndarray, " time"], delay: int, matrices: Matrices) -> RowNumbers:
    """The numbers of one series."""
    size, window = len(x) - 2 * delay, 2 * delay
    count = size - 4 * delay
    twos, threes = template_matches(matrices.fill_gaps(x) < TEMPLATE_RADIUS, len(x), matrices.pitch)
    distance = matrices.fill_distances(size, delay)
    near = matrices.fill_near(distance)
    return RowNumbers(
        num_pairs=(size - window) * (size - window - 1),
        num_near=int(np.count_nonzero(near)),
        log_distance=log_distance_sum(distance[near]),
        num_diagonal=points_on_lines(near, matrices.pitch + 1),
        num_vertical=points_on_lines(near, 1),
        num_twos=twos,
        num_threes=threes,
        nearest=distance.reshape(size, -1)[:count, :count].argmin(1),
    )


def neighbour_numbers(
    x: Float32[np.ndarray, "row time"], nearest: Int[np.ndarray, "row vector"], delay: int
) -> Float[np.ndarray, "row 3"]:
    """Growth rate of the log distance to the nearest neighbour, per saved step; error of forecasting by it; its growth.

    Of series with the same τ. Vector i and its neighbour n are followed over k = 0 … 4τ in strides of τ/2; the rate is
    the slope of ⟨log d(i+k, n+k)⟩ over k. The forecast of x beyond vector i is the neighbour's: its error τ ahead, in
    units of what a random neighbour gives, and what is added to that 4τ ahead.
    """
    count, flat = nearest.shape[1], x.ravel()
    place = nearest + np.arange(len(x))[:, None] * x.shape[1]

    @cache
    def gap(ahead: int) -> Float32[np.ndarray, "row vector"]:
        return np.abs(x[:, ahead : ahead + count] - flat.take(place + ahead))

    steps = np.arange(0, 4 * delay + 1, max(1, delay // 2))
    curve = []
    for step in steps.tolist():
        distance = np.maximum(np.maximum(gap(step), gap(step + delay)), gap(step + 2 * delay))
        curve.append(np.log(np.maximum(distance, SMALLEST)).mean(1, dtype=np.float64))
    centred = steps - steps.mean()
    rate = centred @ np.stack(curve) / (centred @ centred)
    error, late_error = (np.sqrt(np.square(gap(ahead * delay)).mean(1, dtype=np.float64) / 2) for ahead in (3, 6))
    return np.stack((rate, error, late_error - error), 1)


def log_distance_sum(distances: Float32[np.ndarray, " pair"]) -> float:
    """Σ log(d / r) over the distances d below the radius r of a recurrence."""
    return float(np.log(np.maximum(distances, SMALLEST) / NEAR).sum(dtype=np.float64))


def points_on_lines(near: Bool[np.ndarray, " place"], stride: int) -> int:
    """Number of recurrences on lines of at least 4, a line being places `stride` apart in the flat matrix.

    A line of L points holds L - 3 runs of four and L - 4 runs of five, hence L = 4 (L - 3) - 3 (L - 4).
    """
    two = near[:-stride] & near[stride:]
    four = two[: -2 * stride] & two[2 * stride :]
    five = four[:-stride] & four[stride:]
    return LINE * int(np.count_nonzero(four)) - (LINE - 1) * int(np.count_nonzero(five))


def template_matches(close: Bool[np.ndarray, " place"], num_times: int, pitch: int) -> tuple[int, int]:
    """Ordered pairs of templates of 2 successive values that match, and of those the ones whose third values do.

    Templates start at all but the last two times, so matches in the last but one column are taken out again.
    """
    itself = num_times - 2
    two = close[: itself * pitch] & close[pitch + 1 :][: itself * pitch]
    shifted = close[2 * pitch + 2 :]
    three = two[: len(shifted)] & shifted
    surplus = np.count_nonzero(two[num_times - 2 :: pitch])
    return int(np.count_nonzero(two) - surplus) - itself, int(np.count_nonzero(three)) - itself
