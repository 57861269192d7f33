"""Windows of runs: stretches of saved states, each described by numbers, as rows of a table like any other."""

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry, FeatureTable

WINDOW, STRIDE = 16, 4
"""Saved states of a window, and from one window to the next."""
STATISTICS: dict[str, tuple[str | None, str, str]] = {
    "level": (None, "", "Mean over a window's states of: {}"),
    "swing": ("unrest", "", "Standard deviation over a window's states of: {}"),
    "trend": ("trend", "/state", "Slope of the least-squares line through a window's states of: {}"),
    "unrest": ("unrest", "", "Standard deviation over a window's steps from state to state of: {}"),
}
"""What a window's columns are made of, in this order for every feature: the end of the name → its category (the feature's own for the
level), what it adds to the unit, its definition."""
FACTS = ("first_state", "last_state", "first_time", "last_time")
"""What a table, and tokens, say beside each window."""
_VERSION = "windows of {} states"
_AT_ONCE = 500


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


def lengths_of(series: Float[Tensor, "run time feature"]) -> Int[Tensor, " run"]:
    """States of each run up to the last one with a value."""
    known = series.isfinite().any(dim=2)
    return ((torch.arange(series.shape[1]) + 1) * known).amax(dim=1)


def check_window(window: int, stride: int) -> None:
    """Refuse windows that have no slope, or that leave states out.

    Raises:
        InputError: with the rule.
    """
    if window < 4 or not 1 <= stride <= window:
        raise InputError(
            f"`window` must be at least 4 states and `stride` from 1 to `window`; got a window of {window} every {stride}."
        )


def window_registry(registry: FeatureRegistry, window: int) -> FeatureRegistry:
    """The columns of windows of some features of saved states: `<feature>__level`, `__swing`, `__trend` and `__unrest`."""
    specs = tuple(
        replace(
            spec,
            name=f"{spec.name}__{statistic}",
            category=category or spec.category,
            unit=f"{spec.unit}{ending}",
            definition=definition.format(spec.definition or spec.name),
            scope="per_sample",
        )
        for spec in registry.specs
        for statistic, (category, ending, definition) in STATISTICS.items()
    )
    return FeatureRegistry(specs=specs, version=_VERSION.format(window))


def window_of(registry: FeatureRegistry) -> int | None:
    """How many states the windows have whose columns these are; None for columns of something else."""
    found = re.fullmatch(_VERSION.format("([0-9]{1,9})"), registry.version)
    return int(found[1]) if found else None


def window_table(  # noqa: PLR0913 the runs, what is known of each, and the two numbers of a window
    series: Float[Tensor, "run time feature"],
    registry: FeatureRegistry,
    *,
    ids: Sequence[str],
    groups: Sequence[str],
    dt: Sequence[float],
    window: int = WINDOW,
    stride: int = STRIDE,
) -> FeatureTable:
    """One row a window, run by run, in the order of time; only windows that a run fills to its end.

    A row is called `<run>@<first state>`, belongs to its run's draw, and says in `facts` where it begins and ends: in saved states, and
    in time (NaN where `dt` is).

    Args:
        series: features of saved states; NaN behind the end of a run.
        registry: of the features.
        ids, groups, dt: of each run its name, its draw, and the time between saved states.
        window: states of one.
        stride: states from the beginning of one to that of the next.

    Raises:
        InputError: if no run is as long as a window, or the two numbers are no window.
    """
    check_window(window, stride)
    lengths = lengths_of(series)
    num_windows = ((lengths - window) // stride + 1).clamp(min=0)
    if not num_windows.any():
        raise InputError(
            f"no run has the {window} saved states of a window; the longest of {len(series)} has {int(lengths.max())} with a value: "
            "take a smaller window."
        )
    parts = []
    for part, counts in zip(series.split(_AT_ONCE), num_windows.split(_AT_ONCE), strict=True):
        columns = window_columns(part, window=window, stride=stride).float()
        parts.append(columns[torch.arange(columns.shape[1]) < counts[:, None]])
    values = torch.cat(parts)
    runs: list[int] = torch.arange(len(series)).repeat_interleave(num_windows).tolist()
    first = [place * stride for count in num_windows.tolist() for place in range(count)]
    return FeatureTable(
        values=values.masked_fill(values.isinf(), torch.nan),
        registry=window_registry(registry, window),
        ids=tuple(f"{ids[run]}@{state}" for run, state in zip(runs, first, strict=True)),
        groups=tuple(groups[run] for run in runs),
        facts={
            "first_state": tuple(first),
            "last_state": tuple(state + window - 1 for state in first),
            "first_time": tuple(state * float(dt[run]) for run, state in zip(runs, first, strict=True)),
            "last_time": tuple((state + window - 1) * float(dt[run]) for run, state in zip(runs, first, strict=True)),
        },
    )


def rows_of_runs(ids: Sequence[str]) -> dict[str, list[int]]:
    """The rows of each run, in their order, by the names of windows.

    Raises:
        InputError: if a name is not one of a window.
    """
    found: dict[str, list[int]] = {}
    for row, name in enumerate(ids):
        run, at, state = name.rpartition("@")
        if not at or not (state.isascii() and state.isdigit()):
            raise InputError(f"windows are called <run>@<first state>; got '{name}'.")
        found.setdefault(run, []).append(row)
    return found
