"""How the features of a data set are: which have no value and why, how noisy, heavy-tailed and stable they are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch

from spinlock.core.views import FIT_ROWS, View, choose_rows
from spinlock.features.documentation import is_fixed_in_one_dimension
from spinlock.features.sdf import PER_TIMESTEP
from spinlock.metrics.column_health import HEAVY_TAIL, UNSTABLE_RATIO, noise_shares, spread_ratios, tail_weights
from spinlock.pipeline.missing_values import BY_VALUE, circumstances, count_reasons, reasons
from spinlock.store.dataset import Dataset

ROWS_AT_ONCE = 256
ROWS_A_REASON = 32_768
"""Samples at a time whose missing values are sorted by reason: every reason is looked up anew for each of these blocks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnHealth:
    """One column of the aggregated table.

    Attributes:
        column, category: its name and kind.
        missing: share of the samples without a value.
        because: reason → samples that are missing for it, by documentation.
        undocumented: samples that are missing without a documented reason.
        noise: of its feature, the share of the variance that lies between realizations of one sample.
        tail: share of the spread that the hundredth of the values carries that lies farthest out.
        spread_ratio: of the standard deviations in two halves of the draws.
    """

    column: str
    category: str
    missing: float
    because: dict[str, int]
    undocumented: int
    noise: float
    tail: float
    spread_ratio: float

    @property
    def excuse(self) -> str | None:
        """Why the column has no value at all, where that is by documentation and not by the states alone."""
        structural = {reason: count for reason, count in self.because.items() if reason != BY_VALUE}
        if self.missing < 1 or self.undocumented or not structural:
            return None
        return max(structural, key=lambda reason: structural[reason])

    @property
    def is_heavy_tailed(self) -> bool:
        """Whether a hundredth of the values carries half of the spread."""
        return self.tail > HEAVY_TAIL

    @property
    def is_unstable(self) -> bool:
        """Whether the spread in one half of the draws is more than twice that in the other."""
        return self.spread_ratio > UNSTABLE_RATIO


def column_health(dataset: Dataset) -> tuple[ColumnHealth, ...]:
    """The health of every column of a data set's aggregated table, all of whose rows are looked at.

    What is missing is counted block by block; tails, halves and noise are of at most 50 000 samples, chosen by draw.
    """
    view = dataset.view()
    missing = _missing(dataset, view)
    chosen = choose_rows(view, FIT_ROWS, seed=0)
    names = dataset.registry().with_scope("per_trajectory").names
    runs = torch.from_numpy(dataset.array("per_trajectory").take(chosen.numpy()))
    noise = dict(zip(names, noise_shares(runs), strict=True))
    table = view.rows(chosen)
    tails, ratios = tail_weights(table.values), spread_ratios(table.values, table.groups)
    return tuple(
        ColumnHealth(
            column=spec.name,
            category=spec.category,
            missing=(sum(because.values()) + undocumented) / len(view),
            because=because,
            undocumented=undocumented,
            noise=float(noise[spec.feature]),
            tail=float(tails[column]),
            spread_ratio=float(ratios[column]),
        )
        for column, (spec, (because, undocumented)) in enumerate(zip(view.registry.specs, missing, strict=True))
    )


def _missing(dataset: Dataset, view: View) -> list[tuple[dict[str, int], int]]:
    """For every column how many samples are missing by each reason, and how many without one."""
    specs = view.registry.specs
    operator = [column for column, spec in enumerate(specs) if spec.category == "operator_sensitivity"]
    about = circumstances(dataset, has_operator=np.zeros(len(view), dtype=bool))
    found: list[dict[str, int]] = [{} for _ in specs]
    without = [0] * len(specs)
    start = 0
    for block in view.blocks(ROWS_A_REASON):
        rows, present = slice(start, start := start + len(block)), block.mask.numpy()
        own = {entry.name: getattr(about, entry.name) for entry in fields(about)}
        own = {name: value[rows] for name, value in own.items() if isinstance(value, np.ndarray)}
        here = replace(about, **own | {"has_operator": present[:, operator].any(1)})
        for column, spec in enumerate(specs):
            because = reasons(spec, here)
            counts, left = count_reasons(~present[:, column], because)
            found[column] = {reason: found[column].get(reason, 0) + counts.get(reason, 0) for reason in because}
            without[column] += left
    return [
        ({reason: count for reason, count in counts.items() if count}, left)
        for counts, left in zip(found, without, strict=True)
    ]


def category_rows(columns: Sequence[ColumnHealth]) -> list[dict[str, object]]:
    """One line a category: columns, shares that are missing, noise of its middle feature, and how many stand out."""
    rows = []
    for category in dict.fromkeys(column.category for column in columns):
        own = [column for column in columns if column.category == category]
        noise = [column.noise for column in own if np.isfinite(column.noise)]
        rows.append(
            {
                "category": category,
                "columns": len(own),
                "missing": round(float(np.mean([column.missing for column in own])), 4),
                "undocumented": sum(column.undocumented > 0 for column in own),
                "median_noise": round(float(np.median(noise)), 3) if noise else None,
                "heavy_tailed": sum(column.is_heavy_tailed for column in own),
                "unstable": sum(column.is_unstable for column in own),
            }
        )
    return rows


class FrameFeatures(NamedTuple):
    """Features of each frame that say nothing in a whole data set, and frames without a value by reason."""

    missing: tuple[str, ...]
    constant: tuple[str, ...]
    missing_by_definition: Counter[str]


def frame_features(dataset: Dataset) -> FrameFeatures:
    """Look at the features with one value a saved state, some rows at a time."""
    names = dataset.registry().with_scope("per_timestep").names
    count, low, high = np.zeros(len(names), dtype=int), np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for part in _rows(dataset):
        flat = part.reshape(-1, len(names))
        count += (~np.isnan(flat)).sum(0)
        low, high = np.fmin(low, np.nanmin(flat, 0, initial=np.inf)), np.fmax(high, np.nanmax(flat, 0, initial=-np.inf))
    about = circumstances(dataset, has_operator=np.zeros(len(dataset), dtype=bool))
    excused: Counter[str] = Counter()
    missing, constant = [], []
    features = {feature.name: feature for feature in PER_TIMESTEP}
    for name, number, least, most in zip(names, count, low, high, strict=True):
        if number == 0:
            because = {r: held for r, held in reasons(dataset.registry()[name], about).items() if r != BY_VALUE}
            reason = next((reason for reason, holds in because.items() if holds.all()), None)
            excused.update([reason] if reason else [])
            missing += [] if reason else [name]
        elif most - least <= 1e-6 * max(abs(most), abs(least)):
            in_one_dimension = (
                bool(about.is_narrow.all()) and name in features and is_fixed_in_one_dimension(features[name])
            )
            constant += [] if in_one_dimension else [name]
    return FrameFeatures(tuple(missing), tuple(constant), excused)


def _rows(dataset: Dataset) -> Iterator[np.ndarray]:
    for start in range(0, len(dataset), ROWS_AT_ONCE):
        yield dataset.numbers("per_timestep", slice(start, min(start + ROWS_AT_ONCE, len(dataset))))
