"""The content of a data-set file: blocks of consecutive samples as arrays, and what the file says of itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from spinlock.core.errors import InputError, listed
from spinlock.core.feature_table import FeatureRegistry
from spinlock.store.dataset_paths import ARRAYS
from spinlock.store.hdf5_image import WORD_BYTES


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DatasetBlock:
    """Consecutive samples of a data set, as arrays; the first axis is the sample.

    Attributes:
        index: numbers of the samples in the data set, consecutive.
        system: name of each sample's system.
        group: parameter draw; a split keeps a draw on one side.
        params: physical values, a column `<system>.<parameter>` each; NaN where it belongs to another system; a choice is
            its place in the column's `choices`.
        initial_condition: name of what made the initial condition.
        dt: time between saved states.
        dx: grid spacing.
        num_channels: channels that the sample really has; the rest of `inputs` and `outputs` is NaN.
        inputs: the initial condition.
        per_timestep: features of each saved state, mean over the valid realizations.
        per_trajectory: features of each realization; NaN where it diverged.
        aggregated: mean, std and cv of those over realizations.
        valid: whether the realization stayed finite and bounded.
        diverged_at: first time index at which it did not; -1 where it did.
        dead_at: time index from which on it is constant in space; -1 where it is not.
        frozen_at: time index from which on it no longer changes; -1 where it does.
        redraws: how often the sample was drawn again before it came out like this.
        outputs: all states, float32 or float16, where they are kept.
        name: of each sample, for people: the file that it comes from, or its place in one.
        extent: realizations, times, channels, height and width that the sample really has; beyond them arrays are padded.
        cut: saved times without any value that were cut off at its ends; None where nobody looked, as where it was simulated.
    """

    index: Int[np.ndarray, " sample"]
    system: tuple[str, ...]
    group: Int[np.ndarray, " sample"]
    params: Float[np.ndarray, "sample parameter"]
    initial_condition: tuple[str, ...]
    dt: Float[np.ndarray, " sample"]
    dx: Float[np.ndarray, " sample"]
    num_channels: Int[np.ndarray, " sample"]
    inputs: Float32[np.ndarray, "sample channel height width"]
    per_timestep: Float32[np.ndarray, "sample time timestep_feature"]
    per_trajectory: Float32[np.ndarray, "sample realization trajectory_feature"]
    aggregated: Float32[np.ndarray, "sample column"]
    valid: Bool[np.ndarray, "sample realization"]
    diverged_at: Int[np.ndarray, "sample realization"]
    dead_at: Int[np.ndarray, "sample realization"]
    frozen_at: Int[np.ndarray, "sample realization"]
    redraws: Int[np.ndarray, " sample"]
    outputs: Float[np.ndarray, "sample realization time channel height width"] | None = None
    extent: Int[np.ndarray, "sample axis"] | None = None
    name: tuple[str, ...] | None = None
    cut: Int[np.ndarray, " sample"] | None = None

    def __post_init__(self) -> None:
        rows = len(self.index)
        if not rows:
            raise InputError("a block needs at least one sample.")
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None and len(value) != rows:
                raise InputError(f"`{entry.name}` must have one entry for each of {rows} samples; got {len(value)}.")
        if not np.array_equal(self.index, np.arange(self.first, self.first + rows)) or self.first < 0:
            raise InputError(
                f"`index` must be consecutive sample numbers from 0 on; got {listed(self.index.tolist())}."
            )
        for what in ("system", "initial_condition", "name"):
            words = getattr(self, what) or ()
            check_words(words, what=what)
        if not (
            np.isfinite(self.dt).all() and np.isfinite(self.dx).all() and (self.dt > 0).all() and (self.dx > 0).all()
        ):
            raise InputError("`dt` and `dx` must be finite and greater than 0 in every sample.")
        if not np.array_equal(self.valid, self.diverged_at < 0):
            raise InputError("`valid` must say of each realization whether its `diverged_at` is -1.")
        if (np.maximum(self.dead_at, self.frozen_at)[~self.valid] >= 0).any():
            raise InputError("a realization that diverged must have -1 as `dead_at` and `frozen_at`.")

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, object]]) -> "DatasetBlock":
        """The block of some samples.

        Args:
            rows: one a sample, in order: field → its word, number or array, all fields of the block that are kept.
        """
        return cls(**{name: _stacked(name, [row[name] for row in rows]) for name in rows[0]})

    @property
    def first(self) -> int:
        """Number of the first sample."""
        return int(self.index[0])

    def __len__(self) -> int:
        return len(self.index)

    def arrays(self) -> dict[str, np.ndarray]:
        """Field → the array as it is stored; a field that is not kept is left out."""
        stored: dict[str, np.ndarray] = {}
        for name, spec in ARRAYS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if spec.dtype == "word":
                stored[name] = np.array([word.encode() for word in value], dtype=spec.stored_dtype())
            else:
                half = name == "outputs" and value.dtype == np.float16
                stored[name] = np.ascontiguousarray(value, dtype="<f2" if half else spec.stored_dtype())
        return stored


def _stacked(name: str, values: Sequence[object]) -> Any:
    """One field of several samples; arrays of other lengths are filled up to the longest."""
    spec = ARRAYS[name]
    if spec.dtype == "word":
        return tuple(values)
    arrays = [np.asarray(value) for value in values]
    widest = tuple(max(lengths) for lengths in zip(*(array.shape for array in arrays), strict=True))
    return np.concatenate([spec.widened(array[None], widest) for array in arrays])


def check_words(words: tuple[str, ...], *, what: str) -> None:
    """Refuses names that do not fit where a file keeps them."""
    for word in words:
        if len(word.encode()) > WORD_BYTES or "\0" in word:
            raise InputError(f"`{what}` must be a name of at most {WORD_BYTES} bytes; got {word!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterColumn:
    """One column of `/parameters/params`.

    Attributes:
        name: `<system>.<parameter>`.
        unit: in words; "1" for a pure number.
        low, high: ends of the range that it was drawn from; NaN where there is none.
        choices: the words that the values 0, 1, … stand for; empty for a number.
    """

    name: str
    unit: str = "1"
    low: float = float("nan")
    high: float = float("nan")
    choices: tuple[str, ...] = ()

    @property
    def system(self) -> str:
        """The system that the column belongs to; "" for a column of all."""
        return self.name.rpartition(".")[0]

    @property
    def parameter(self) -> str:
        """The parameter's own name."""
        return self.name.rpartition(".")[2]

    @property
    def is_of_initial_condition(self) -> bool:
        """Whether it describes the initial condition, as `initial_length` does."""
        return self.parameter.startswith("initial_")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetDescription:
    """The words of a data set about itself, beside its arrays.

    Attributes:
        registry: the features (per time step and per trajectory); the aggregated columns follow from it.
        parameters: one a column of `params`.
        configuration: everything that it was made from.
        seed: of all random streams; -1 where there is none.
        software: package → version.
        sampling_report: how well the parameter space was covered.
        channel_names: system → names of its channels.
        periodic: whether the domains wrap around.
        extra: further facts, stored as JSON.
    """

    registry: FeatureRegistry
    parameters: tuple[ParameterColumn, ...] = ()
    configuration: Mapping[str, object] = field(default_factory=dict)
    seed: int = -1
    software: Mapping[str, str] = field(default_factory=dict)
    sampling_report: Mapping[str, object] = field(default_factory=dict)
    channel_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    periodic: bool = True
    extra: Mapping[str, object] = field(default_factory=dict)

    def column_names(self) -> dict[str, tuple[str, ...]]:
        """Array of features → the names of its columns."""
        return {
            "per_timestep": self.registry.with_scope("per_timestep").names,
            "per_trajectory": self.registry.with_scope("per_trajectory").names,
            "aggregated": self.registry.aggregated().names,
        }

    def check_widths(self, widths: Mapping[str, int]) -> None:
        """Refuses arrays of another width than the registry and the parameter columns say.

        Args:
            widths: field of a block → length of its last axis.
        """
        expected = {name: len(columns) for name, columns in self.column_names().items()} | {
            "params": len(self.parameters)
        }
        for name, width in expected.items():
            if widths[name] != width:
                raise InputError(f"`{name}` must have {width} columns, as its registry says; got {widths[name]}.")

    def choices_json(self) -> str:
        """JSON of column → words, for the columns that hold choices."""
        return json.dumps({column.name: list(column.choices) for column in self.parameters if column.choices})
