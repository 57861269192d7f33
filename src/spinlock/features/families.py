"""Other views of a run than its summary: the course of its features over time, its beginning, and its rates of change.

All are functions of the features of saved states, so that what keeps these has every family; `FAMILIES` lists them by name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.feature_table import FeatureRegistry, FeatureSpec
from spinlock.features.sdf import SDF, VERSION

SERIES = SDF.with_scope("per_timestep")
NUM_KNOTS = 32
"""Parts of equal length that a run is cut into, each told by the mean of a series in it."""
NUM_WAVES = 8
"""Cosines that a series' course over the parts is told by, beside its level: what is faster than four periods a run is left out."""

RATED = (
    "spatial_std",
    "gradient_magnitude",
    "interface_length",
    "occupied_fraction",
    "correlation_length_x",
    "spectral_centroid",
    "spectral_entropy",
    "value_entropy",
)
"""Series whose rates of change are described."""
LAGS = (1, 4, 16, 32)
"""Saved states between two values that are compared."""
NUM_SPANS = 4
"""Parts of equal length whose pace is described."""
TINY = 1e-12

Series = Float[Tensor, "sample time series"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A view of runs, as columns.

    Attributes:
        about: what it describes, in words.
        registry: of the columns.
        describe: from the features of saved states, in the order of `SERIES` and NaN behind the end of a run, to the columns; of
            the family of initial states from these.
    """

    about: str
    registry: FeatureRegistry
    describe: Callable[[Tensor], Float[Tensor, "sample column"]]


def num_states(series: Series) -> Int[Tensor, " sample"]:
    """Saved states of each run: those up to the last that has a feature."""
    times = torch.arange(1, series.shape[1] + 1, device=series.device)
    return torch.where((~series.isnan()).any(dim=2), times, 0).amax(dim=1)


def parts(series: Series, count: int) -> Float[Tensor, "sample part series"]:
    """Means of `count` parts of equal length of each run, from its own first to its own last state, NaN where a part has no value.

    Where a run has fewer states than parts, neighbouring parts are of the same state.
    """
    lengths = num_states(series)[:, None]
    edges = torch.arange(count + 1, device=series.device)[None] * lengths // count
    first, last = edges[:, :-1], torch.maximum(edges[:, 1:], edges[:, :-1] + 1).clamp(max=series.shape[1])
    return _means(series, first, last)


def _means(
    series: Series, first: Int[Tensor, "sample part"], last: Int[Tensor, "sample part"]
) -> Float[Tensor, "sample part series"]:
    """Means of the present values at the times first ≤ t < last."""
    there = ~series.isnan()
    sums, counts = (
        torch.nn.functional.pad(values.double().cumsum(dim=1), (0, 0, 1, 0))
        for values in (torch.where(there, series, 0.0), there)
    )
    width = series.shape[2]
    at_first, at_last = (edge[..., None].expand(-1, -1, width) for edge in (first, last))
    number = counts.gather(1, at_last) - counts.gather(1, at_first)
    total = sums.gather(1, at_last) - sums.gather(1, at_first)
    return torch.where(number > 0, total / number.clamp(min=1.0), torch.nan)


def trajectory(series: Series) -> Float[Tensor, "sample column"]:
    """Each series' level, then its waves, series by series:  x(s) = level + Σₖ waveₖ √2 cos(π k s),  s from 0 to 1 along the run.

    The level is the mean over `NUM_KNOTS` parts of the run, a wave the root mean square of its cosine, so that level² + Σ waveₖ²
    is the mean square of the course. A part without a value is taken to be at the level.
    """
    knots = parts(series, NUM_KNOTS)
    level = knots.nanmean(dim=1)
    around = torch.nan_to_num(knots - level[:, None])
    waves = torch.einsum("wk,nks->nsw", _cosines(NUM_KNOTS), around) / NUM_KNOTS
    waves = torch.where(level.isnan()[..., None], torch.nan, waves)
    return torch.cat([level, waves.flatten(1)], dim=1).float()


def course(
    columns: Float[Tensor, "sample column"], num_points: int = NUM_KNOTS
) -> Float[Tensor, "sample point series"]:
    """The courses that columns of the family "trajectory" stand for, in the middles of `num_points` equal parts of the run; NaN for a
    series without a level.
    """
    level, waves = columns[:, : len(SERIES)], columns[:, len(SERIES) :].unflatten(1, (len(SERIES), NUM_WAVES))
    return level[:, None] + torch.einsum("wp,nsw->nps", _cosines(num_points).to(columns.dtype), waves)


def _cosines(num_points: int) -> Float[Tensor, "wave {num_points}"]:
    """√2 cos(π k s) for k = 1, …, `NUM_WAVES` in the middles of equal parts; of mean square 1, orthogonal where points are more than waves."""
    middles = (torch.arange(num_points, dtype=torch.float64) + 0.5) / num_points
    number = torch.arange(1, NUM_WAVES + 1, dtype=torch.float64)
    return math.sqrt(2) * torch.cos(math.pi * number[:, None] * middles)


def initial(series: Series) -> Float[Tensor, "sample column"]:
    """The features of the initial state."""
    return series[:, 0].float()


def time_series(series: Series) -> Float[Tensor, "sample column"]:
    """Of every series of `RATED` the moments of its changes over `LAGS`, then its pace and spread in `NUM_SPANS` parts of the run."""
    chosen = series[:, :, [SERIES.names.index(name) for name in RATED]].double()
    by_lag = [_changes(chosen, lag) for lag in LAGS]  # each (sample, moment, series)
    paces = parts(_difference(chosen, 1).abs(), NUM_SPANS)
    means = parts(chosen, NUM_SPANS)
    spreads = (parts(chosen.square(), NUM_SPANS) - means.square()).clamp(min=0.0).sqrt()
    logs = [torch.log10(values + TINY) for values in (paces, spreads)]
    return torch.cat([*by_lag, *logs], dim=1).transpose(1, 2).flatten(1).float()


def _difference(series: Series, lag: int) -> Float[Tensor, "sample change series"]:
    """Changes over `lag` states; one row of NaN where the series is not longer."""
    if series.shape[1] <= lag:
        return torch.full_like(series[:, :1], torch.nan)
    return series[:, lag:] - series[:, :-lag]


def _changes(series: Series, lag: int) -> Float[Tensor, "sample moment series"]:
    """What `CHANGES` names, of the changes over a lag."""
    change = _difference(series, lag)
    second, mean = _difference(change, lag), change.nanmean(dim=1)
    from_mean = change - mean[:, None]
    spread = from_mean.square().nanmean(dim=1).sqrt()
    there = ~change.isnan()
    standard = torch.where(spread > TINY, spread, torch.nan)
    turns = torch.where(change[:, 1:].isnan() | change[:, :-1].isnan(), torch.nan, change[:, 1:] * change[:, :-1] < 0)
    moments = (
        spread,
        mean,
        second.square().nanmean(dim=1).sqrt(),
        from_mean.abs().nanmean(dim=1) / standard,
        turns.nanmean(dim=1) if turns.shape[1] else torch.full_like(mean, torch.nan),
        (from_mean / standard[:, None]).pow(3).nanmean(dim=1),
    )
    enough = (there.sum(dim=1) >= MOST_MOMENT)[:, None]
    return torch.where(enough, torch.stack(moments, dim=1), torch.nan)


MOST_MOMENT = 4
"""Changes that moments are taken of, at least."""
CHANGES = (
    ("spread", "pace", "Standard deviation of the changes"),
    ("mean", "pace", "Mean of the changes"),
    ("bend", "pace", "Root mean square of the changes of the changes"),
    ("evenness", "manner", "Mean absolute deviation of the changes over their standard deviation"),
    ("turns", "manner", "Share of neighbouring changes of opposite sign"),
    ("asymmetry", "manner", "Skewness of the changes"),
)


def _trajectory_specs() -> Sequence[FeatureSpec]:
    levels = [
        FeatureSpec(
            name=f"{spec.name}__level",
            category="level",
            unit=spec.unit,
            definition=f"Mean over the run of: {spec.definition}",
            measured_with=spec.name,
        )
        for spec in SERIES.specs
    ]
    waves = [
        FeatureSpec(
            name=f"{spec.name}__wave_{wave}",
            category="shape",
            unit=spec.unit,
            definition=f"Root mean square of the cosine with {wave} half-periods over the run, positive where it begins high, of: "
            f"{spec.definition}",
            measured_with=spec.name,
        )
        for spec in SERIES.specs
        for wave in range(1, NUM_WAVES + 1)
    ]
    return [*levels, *waves]


def _initial_specs() -> Sequence[FeatureSpec]:
    return [
        FeatureSpec(name=spec.name, category=spec.category, unit=spec.unit, definition=spec.definition)
        for spec in SERIES.specs
    ]


def _time_series_specs() -> Sequence[FeatureSpec]:
    units = {name: SERIES[name].unit for name in RATED}
    specs = []
    for name in RATED:
        for lag in LAGS:
            for word, category, text in CHANGES:
                unit = units[name] if category == "pace" else "1"
                specs.append(
                    FeatureSpec(
                        name=f"{name}__{word}_{lag}",
                        category=category,
                        unit=unit,
                        definition=f"{text} of {name} over {lag} saved states.",
                    )
                )
        for word, text in (("pace", "mean absolute change from state to state"), ("spread", "standard deviation")):
            for span in range(NUM_SPANS):
                specs.append(
                    FeatureSpec(
                        name=f"{name}__{word}_in_span_{span}",
                        category="timing",
                        unit="decades",
                        definition=f"Decimal logarithm of the {text} of {name} in part {span} of {NUM_SPANS} of the run.",
                    )
                )
    return specs


def _family(about: str, specs: Sequence[FeatureSpec], describe: Callable[[Series], Tensor]) -> Family:
    return Family(about=about, registry=FeatureRegistry(specs=tuple(specs), version=VERSION), describe=describe)


FAMILIES = {
    "trajectory": _family("the course of its features over time", _trajectory_specs(), trajectory),
    "initial": _family("its initial state", _initial_specs(), initial),
    "time_series": _family("its rates of change", _time_series_specs(), time_series),
}
"""Families beside the summary, by name."""
FIELD = "field"
"""The family of the initial states themselves, for encoders that see a field."""


def field_family(num_channels: int, height: int, width: int) -> Family:
    """The initial state cell by cell, channel after channel and row after row; all cells count in one unit."""
    specs = [
        FeatureSpec(
            name=f"{FIELD}__{channel}__{y}__{x}",
            category=FIELD,
            definition=f"Channel {channel} of the initial state in row {y}, column {x}.",
            measured_with=FIELD,
        )
        for channel in range(num_channels)
        for y in range(height)
        for x in range(width)
    ]
    return _family("its initial state cell by cell", specs, lambda states: states.flatten(1))
