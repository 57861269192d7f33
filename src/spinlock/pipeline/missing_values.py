"""Why the features of a data set are missing: by documentation, or without a word."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from spinlock.core.feature_table import FeatureSpec
from spinlock.features.documentation import (
    fewest_steps,
    needs_channels,
    needs_space,
    needs_square,
    needs_wrap,
    words_on_missing,
)
from spinlock.features.sdf import SDF_FEATURES
from spinlock.store.dataset import Dataset

BY_VALUE = "as its definition says of some states"
"""The reason where a docstring names a kind of states without a value: a constant frame, a field that is zero."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Circumstances:
    """What the samples of a data set are, as far as features are missing for it.

    Attributes:
        runs: realizations that stayed finite.
        steps: saved times.
        channels: of the state.
        is_narrow: whether height or width is one cell.
        is_square: whether height and width are equal.
        has_operator: whether any feature of the step operator has a value.
        wraps: whether the domains wrap around.
    """

    runs: np.ndarray
    steps: np.ndarray
    channels: np.ndarray
    is_narrow: np.ndarray
    is_square: np.ndarray
    has_operator: np.ndarray
    wraps: bool


def circumstances(dataset: Dataset, *, has_operator: np.ndarray) -> Circumstances:
    """What is known of each sample; of a file that does not state every sample's extent, from the shapes of its arrays."""
    samples = len(dataset)
    if dataset.file.kind("/parameters/extent") == "dataset":
        _, steps, channels, height, width = dataset.numbers("extent").T
    else:
        frame = dataset.file.numbers("/inputs/fields").shape
        steps = np.full(samples, dataset.metadata.get("num_timesteps", 1))
        channels, height, width = (
            dataset.numbers("num_channels"),
            np.full(samples, frame[2]),
            np.full(samples, frame[3]),
        )
    return Circumstances(
        runs=dataset.numbers("valid").astype(bool).sum(1),
        steps=steps,
        channels=channels,
        is_narrow=(height == 1) | (width == 1),
        is_square=height == width,
        has_operator=has_operator,
        wraps=bool(dataset.metadata.get("periodic", True)),
    )


def reasons(spec: FeatureSpec, about: Circumstances) -> Mapping[str, Bool[np.ndarray, " sample"]]:
    """Reason → the samples in which a column is missing for it, by documentation; the first that holds is a sample's reason."""
    feature = next((feature for feature in SDF_FEATURES if feature.name == spec.feature), None)
    found: dict[str, np.ndarray] = {"every realization diverged": about.runs == 0}
    if spec.aggregation in ("std", "cv"):
        found["one realization"] = about.runs < 2
    if spec.category == "operator_sensitivity":
        found["no step operator"] = ~about.has_operator
    if feature is None:
        return found
    if needs_channels(feature):
        found["one channel"] = about.channels < 2
    steps = fewest_steps(feature)
    if steps > 1:
        found["too few steps"] = about.steps < steps
    if needs_space(feature):
        found["no extent in space along an axis"] = about.is_narrow
    if needs_wrap(feature):
        found["the domain does not wrap around"] = np.full(len(about.runs), not about.wraps)
    if needs_square(feature):
        found["height and width differ"] = ~about.is_square
    if words_on_missing(feature):
        found[BY_VALUE] = np.ones(len(about.runs), dtype=bool)
    return found


def count_reasons(
    missing: Bool[np.ndarray, " sample"], because: Mapping[str, np.ndarray]
) -> tuple[dict[str, int], int]:
    """Samples by the reason of their missing value, and how many are missing without one."""
    counts: dict[str, int] = {}
    left = missing.copy()
    for reason, holds in because.items():
        counts[reason] = int((left & holds).sum())
        left &= ~holds
    return {reason: count for reason, count in counts.items() if count}, int(left.sum())
