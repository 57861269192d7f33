"""Why the features of a data set are missing: by what they need, by what their definition says of some states, or without a word."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool

from spinlock.core.feature_table import FeatureSpec
from spinlock.core.needs import Setting
from spinlock.features.sdf import SDF
from spinlock.store.dataset import Dataset

BY_VALUE = "as its definition says of some states"
"""The reason where a feature names a kind of states without a value: a constant frame, a field that is zero."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Circumstances:
    """What the samples of a data set are, as far as features are missing for it.

    Attributes:
        runs: realizations that stayed finite.
        setting: of each sample; it has an operator where any feature of one has a value.
    """

    runs: np.ndarray
    setting: Setting

    def of_rows(self, rows: slice, *, has_operator: np.ndarray) -> "Circumstances":
        """Those of consecutive samples, of which features of an operator have just been looked at."""
        own = {field.name: getattr(self.setting, field.name)[rows] for field in fields(self.setting)}
        return Circumstances(runs=self.runs[rows], setting=Setting(**own | {"operator": has_operator}))


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
        setting=Setting(
            steps=steps,
            channels=channels,
            height=height,
            width=width,
            wraps=np.full(samples, bool(dataset.metadata.get("periodic", True))),
            operator=has_operator,
        ),
    )


def definition_of(spec: FeatureSpec) -> FeatureSpec:
    """The package's own spec of the feature behind a column; the column's where the package has no such feature."""
    return SDF[spec.feature] if spec.feature in SDF.names else spec


def reasons(spec: FeatureSpec, about: Circumstances) -> Mapping[str, Bool[np.ndarray, " sample"]]:
    """Reason → the samples in which a column is missing for it; the first that holds is a sample's reason."""
    found = {"every realization diverged": about.runs == 0}
    if spec.aggregation in ("std", "cv"):
        found["one realization"] = about.runs < 2
    definition = definition_of(spec)
    found |= {reason: np.asarray(unmet) for reason, unmet in definition.needs.unmet(about.setting).items()}
    if definition.undefined:
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
