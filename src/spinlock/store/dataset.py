"""A data-set file, read lazily and checked as it is read."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError, did_you_mean, reading_errors
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.rollout import Rollout
from spinlock.core.views import in_memory
from spinlock.store.atomic import AnyPath
from spinlock.store.checksums import CONTENT, array_line, description_problem
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.store.dataset_paths import (
    AGGREGATED,
    ARRAYS,
    DESCRIBED,
    FAMILY,
    FORMAT,
    FORMAT_VERSION,
    METADATA,
    family_path,
)
from spinlock.store.file_table import FileTable
from spinlock.store.guarded_array import GuardedArray
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.json_file import parse_json
from spinlock.store.registry_reader import read_registry, registry_of_columns

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Callable[..., Any])


def _reading(method: M) -> M:
    """Whatever the contents of a file make a method raise is an `InputError` that names the file."""

    @wraps(method)
    def run(self: "Dataset", *args: Any, **named: Any) -> Any:
        with reading_errors(self.path):
            return method(self, *args, **named)

    return run  # pyright: ignore[reportReturnType]


class Quality(NamedTuple):
    """Which realizations can be used, when the others left, and which of those that stayed died or froze; -1 for never."""

    valid: Bool[np.ndarray, "sample realization"]
    diverged_at: Int[np.ndarray, "sample realization"]
    dead_at: Int[np.ndarray, "sample realization"]
    frozen_at: Int[np.ndarray, "sample realization"]
    redraws: Int[np.ndarray, " sample"]


class ParameterTable(NamedTuple):
    """Physical parameter values; NaN where a column belongs to another system."""

    columns: tuple[ParameterColumn, ...]
    values: Float[np.ndarray, "sample parameter"]

    def of_sample(self, sample: int) -> dict[str, float | str]:
        """The parameters of one sample by their own names; a choice as its word."""
        found: dict[str, float | str] = {}
        for column, value in zip(self.columns, self.values[sample].tolist(), strict=True):
            if np.isfinite(value):
                place = int(value)
                named = column.choices[place] if 0 <= place < len(column.choices) else value
                found[column.parameter] = named
        return found


class Dataset:
    """One open data-set file; made by `open_dataset`. What is not asked for is not read."""

    def __init__(self, file: GuardedFile) -> None:
        self._file = file

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    @property
    def file(self) -> GuardedFile:
        """The guarded view below."""
        return self._file

    @cached_property
    @_reading
    def metadata(self) -> dict[str, Any]:
        """The attributes of `/metadata`: numbers, texts and what was stored as JSON; empty in a file of others."""
        found: dict[str, Any] = {}
        for name in self._file.attribute_names("/metadata"):
            if name in ("configuration", "software", "sampling_report", "channel_names", "extra"):
                found[name] = parse_json(
                    self._file.text("/metadata", name) or "", path=f"{self.path}: /metadata@{name}"
                )
            elif name in ("format", "created", "content_sha256", "description_sha256"):
                found[name] = self._file.text("/metadata", name)
            elif name in ("format_version", "num_samples", "num_realizations", "num_timesteps", "seed", "periodic"):
                values = self._file.attribute_numbers("/metadata", name)
                if values is None or values.size != 1:
                    raise InputError(f"{self.path}: attribute {name!r} of /metadata must be one number.")
                found[name] = int(values.reshape(-1)[0])
        return found

    @cached_property
    @_reading
    def description_problem(self) -> str:
        """What is wrong with the attributes, by their checksum, in a sentence; "" for nothing."""
        return description_problem(self._file, DESCRIBED, stated_at=METADATA)

    @cached_property
    @_reading
    def families(self) -> tuple[str, ...]:
        """Names of the feature families."""
        return self._file.names("/features")

    @_reading
    def __len__(self) -> int:
        if self._file.kind(AGGREGATED) == "dataset":
            return len(self._file.numbers(AGGREGATED))
        return len(self._file.numbers(ARRAYS["index"].path))

    @cached_property
    @_reading
    def systems(self) -> tuple[str, ...]:
        """The system of each sample."""
        return self._file.words(ARRAYS["system"].path)

    @cached_property
    @_reading
    def initial_conditions(self) -> tuple[str, ...]:
        """What made the initial condition of each sample."""
        return self._file.words(ARRAYS["initial_condition"].path)

    @cached_property
    @_reading
    def groups(self) -> Int[np.ndarray, " sample"]:
        """The parameter draw of each sample."""
        return self._file.numbers(ARRAYS["group"].path).read()

    @cached_property
    @_reading
    def parameters(self) -> ParameterTable:
        """The physical parameters."""
        return ParameterTable(self.parameter_columns, self.numbers("params"))

    @cached_property
    @_reading
    def parameter_columns(self) -> tuple[ParameterColumn, ...]:
        """What the columns of the physical parameters are."""
        path = ARRAYS["params"].path
        array, where = self._file.numbers(path), f"{self.path}: {path}"
        names = self._words_or_none(path, "names")
        units = self._words_or_none(path, "units")
        ranges = self._file.attribute_numbers(path, "ranges")
        choices = parse_json(self._file.text(path, "choices") or "{}", path=where)
        if len(array.shape) != 2 or ranges is None or not len(names) == len(units) == len(ranges) == array.shape[1]:
            raise InputError(f"{where} must have one of `names`, `units` and `ranges` for each of its columns.")
        return tuple(
            ParameterColumn(name=n, unit=u, low=float(r[0]), high=float(r[1]), choices=tuple(choices.get(n, ())))
            for n, u, r in zip(names, units, ranges, strict=True)
        )

    def _words_or_none(self, path: str, attribute: str) -> tuple[str, ...]:
        return self._file.attribute_words(path, attribute) or ()

    @cached_property
    @_reading
    def quality(self) -> Quality:
        """What screening found of each realization."""
        read = {name: self._file.numbers(ARRAYS[name].path).read() for name in Quality._fields}
        return Quality(**{**read, "valid": read["valid"].astype(bool)})

    def array(self, name: str) -> GuardedArray:
        """An array of the layout by its field name ("dt", "dx", "per_timestep", …), of which nothing is read yet."""
        if name not in ARRAYS or ARRAYS[name].dtype == "word":
            raise InputError(f"a data set has no array '{name}'. {did_you_mean(name, ARRAYS)}")
        return self._file.numbers(ARRAYS[name].path)

    def numbers(self, name: str, *selection: slice | int) -> np.ndarray:
        """The numbers of an array, or of a part of it along the first axes."""
        return self.array(name).read(*selection)

    @_reading
    def registry(self, family: str = FAMILY) -> FeatureRegistry:
        """The features of a family, as its attribute `feature_registry` has them.

        Raises:
            InputError: if the family or its registry is not there.
        """
        registry = self._registry_of(family_path(family))
        if registry is None:
            raise InputError(
                f"{self.path}: {family_path(family)} has no `feature_registry`. {did_you_mean(family, self.families)}"
            )
        return registry

    def _registry_of(self, group: str) -> FeatureRegistry | None:
        text = self._file.text(group, "feature_registry")
        return None if text is None else read_registry(text, where=f"{self.path}: {group}@feature_registry")

    def feature_table(self, feature_path: str = AGGREGATED) -> FeatureTable:
        """All rows of `view` in memory."""
        return in_memory(self.view(feature_path))

    @_reading
    def view(self, feature_path: str = AGGREGATED) -> FileTable:
        """The features at a path, read block by block: ids are the samples' names, or their numbers; groups the parameter draws.

        In a file made by others, the attribute `column_names` of the data set, or a `feature_registry` on it or on a group
        above it, must name the columns; ids and groups are row numbers where the file says nothing.

        Raises:
            InputError: if there is no such array of two axes, or nothing names its columns.
        """
        array = self._file.numbers(feature_path)
        where = f"{self.path}: {feature_path}"
        if len(array.shape) != 2 or 0 in array.shape:
            raise InputError(
                f"{where} must have the axes (sample, feature), neither empty; got the shape {array.shape}."
            )
        above = [feature_path.rsplit("/", n)[0] for n in range(feature_path.count("/"))]
        found = (self._registry_of(group) for group in above)
        registry = registry_of_columns(
            next((registry for registry in found if registry is not None), None),
            self._file.attribute_words(feature_path, "column_names"),
            array.shape[1],
            where=where,
        )
        ids, groups = self.ids_and_groups(len(array), where=where)
        return FileTable(path=self.path, feature_path=feature_path, registry=registry, ids=ids, groups=groups)

    @_reading
    def ids_and_groups(self, rows: int, *, where: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The name of each sample, or its number, and its parameter draw; row numbers where the file says nothing.

        Args:
            rows: samples.
            where: of what, for messages.

        Raises:
            InputError: if the file names another number of samples, or two alike.
        """
        ids, groups = self._per_row("index", rows), self._per_row("group", rows)
        if len(np.unique(ids)) != len(ids):
            raise InputError(f"{where or self.path}: `ids` must be unique: one name a row.")
        words = self._names_of(ids)
        return words, (_words(ids) if np.array_equal(ids, groups) else _words(groups))

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The name of each sample, where they have names that differ."""
        path = ARRAYS["name"].path
        names = self._file.words(path) if self._file.kind(path) == "dataset" else ()
        return names if names and len(set(names)) == len(names) == len(self) else None

    def _names_of(self, numbers: np.ndarray) -> tuple[str, ...]:
        return self.names if self.names is not None and len(self.names) == len(numbers) else _words(numbers)

    def _per_row(self, name: str, rows: int) -> np.ndarray:
        if self._file.kind(ARRAYS[name].path) is None:
            return np.arange(rows) if name == "index" else self._per_row("index", rows)
        values = self._file.numbers(ARRAYS[name].path).read()
        if values.shape != (rows,):
            raise InputError(
                f"{self.path}: {ARRAYS[name].path} must have {rows} entries; got the shape {values.shape}."
            )
        return values

    @property
    def has_states(self) -> bool:
        """Whether the states were kept."""
        return self._file.kind(ARRAYS["outputs"].path) == "dataset"

    @_reading
    def states(self, sample: int) -> Float[Tensor, "realization time channel height width"]:
        """All states of a sample, its own channels only; NaN from where a realization diverged.

        Raises:
            InputError: if the states were not kept, or there is no such sample.
        """
        if not self.has_states:
            raise InputError(f"{self.path} holds features only; generate it with the states kept to read them.")
        return self._fields("outputs", sample)

    @_reading
    def inputs(self, sample: int) -> Float[Tensor, "channel height width"]:
        """The initial condition of a sample, its own channels only."""
        return self._fields("inputs", sample)

    def _fields(self, name: str, sample: int) -> Tensor:
        if not 0 <= sample < len(self):
            raise InputError(f"{self.path} has the samples 0 to {len(self) - 1}; got {sample}.")
        array = self._file.numbers(ARRAYS[name].path).read(slice(sample, sample + 1))[0]
        own = self.extent_of(sample)
        part = array[tuple(slice(length) for length in (own if name == "outputs" else own[2:]))]
        return torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))

    @property
    def cut(self) -> Int[np.ndarray, " sample"]:
        """Saved times without any value that were cut off at each sample's ends; 0 where the file does not say."""
        return np.zeros(len(self), dtype=int) if self.file.kind(ARRAYS["cut"].path) is None else self.numbers("cut")

    @_reading
    def extent_of(self, sample: int) -> tuple[int | None, ...]:
        """Realizations, times, channels, height and width of one sample; None where the whole axis is its own."""
        if self._file.kind(ARRAYS["extent"].path) is None:
            return (None, None, int(self.numbers("num_channels", slice(sample, sample + 1))[0]), None, None)
        return tuple(int(length) for length in self.numbers("extent", slice(sample, sample + 1))[0])

    @_reading
    def rollout(self, sample: int) -> Rollout:
        """A sample whose states were kept, as it was simulated, without its step operator."""
        states, system = self.states(sample), self.systems[sample]
        names = self.metadata.get("channel_names", {}).get(system)
        return Rollout(
            states=states,
            system=system,
            parameters=self.parameters.of_sample(sample),
            dt=float(self.numbers("dt", slice(sample, sample + 1))[0]),
            dx=float(self.numbers("dx", slice(sample, sample + 1))[0]),
            channel_names=tuple(names) if names else tuple(f"channel_{c}" for c in range(states.shape[2])),
            seed=int(self.metadata.get("seed", -1)),
            group=int(self.groups[sample]),
            periodic=bool(self.metadata.get("periodic", True)),
            diverged_at=tuple(self.quality.diverged_at[sample, : len(states)].tolist()),
            dead_at=tuple(self.quality.dead_at[sample, : len(states)].tolist()),
            frozen_at=tuple(self.quality.frozen_at[sample, : len(states)].tolist()),
            redraws=int(self.quality.redraws[sample]),
            initial_condition=self.initial_conditions[sample],
            name="" if self.names is None else self.names[sample],
        )


def _words(numbers: np.ndarray) -> tuple[str, ...]:
    """Numbers as words, equal ones as one object: a million rows of a few draws take 8 MB."""
    found, places = np.unique(numbers, return_inverse=True)
    words = np.array([str(number) for number in found.tolist()], dtype=object)
    return tuple(words[places])


@contextmanager
def open_dataset(path: AnyPath) -> Iterator[Dataset]:
    """Opens a data-set file; its arrays are read when they are asked for.

    Raises:
        InputError: if it is no HDF5 file, or one of a later format. Attributes that do not have their checksum, as where somebody
            edited them, are a warning here and a failure of `validate`.
    """
    with open_guarded(path, expected="a data set (HDF5)") as file:
        dataset = Dataset(file)
        version = dataset.metadata.get("format_version")
        if dataset.metadata.get("format") == FORMAT and (version is None or version > FORMAT_VERSION):
            raise InputError(
                f"{path} has format version {version}; this spinlock reads versions up to {FORMAT_VERSION}, update it."
            )
        if dataset.description_problem:
            log.warning("%s", dataset.description_problem)
        yield dataset


def damage_of(dataset: Dataset) -> str:
    """What is wrong with a data set by its checksums, for which all of it is read; "" where nothing is."""
    try:
        if content_sha256(dataset) != dataset.metadata.get(CONTENT):
            return "its checksum differs"
    except InputError as error:
        return str(error)
    return "its attributes do not have their checksum" if dataset.description_problem else ""


def content_sha256(dataset: Dataset) -> str:
    """The checksum of the data that `/metadata` states, computed from the arrays that are there."""
    digest = hashlib.sha256()
    for spec in sorted(ARRAYS.values(), key=lambda spec: spec.path):
        if dataset.file.kind(spec.path) is None:
            continue
        if spec.dtype == "word":
            dtype = spec.stored_dtype()
            words = np.array([word.encode() for word in dataset.file.words(spec.path)], dtype=dtype)
            line = array_line(spec.path, words.shape, dtype, [words])
        else:
            array = dataset.file.numbers(spec.path)
            line = array_line(spec.path, array.shape, array.dtype, array.pieces())
        digest.update(line.encode())
    return digest.hexdigest()
