"""Features by name: what each column is, and a table of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import TensorDataset

from spinlock.core import exports
from spinlock.core.errors import InputError, NamesDifferError, listed
from spinlock.core.needs import NOTHING, Needs
from spinlock.core.shown import shown

Aggregation = Literal["none", "mean", "std", "cv"]
Scope = Literal["per_timestep", "per_trajectory", "per_sample"]
Scale = Literal["length of the run", "grid spacing", "number of channels", "level of the field"]
AGGREGATIONS: tuple[Aggregation, ...] = ("mean", "std", "cv")
STORED = ("name", "category", "unit", "source", "definition", "scope", "aggregation")
"""Fields of a spec that files hold; the others are facts of the package's own definitions and have defaults when read."""

BLOCK_ROWS = 4096
"""Rows that are in memory at a time where all rows are gone through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpec:
    """What one column means.

    Attributes:
        name: `<feature>` or, aggregated over realizations, `<feature>__<aggregation>`; unique in its registry.
        category: the semantic category, for example "temporal".
        unit: physical unit in words, for example "1/time"; "1" for a pure number.
        source: where the definition comes from (author, year, section), or "definition".
        definition: one sentence.
        scope: one value a time step, a trajectory (realization) or a sample.
        aggregation: how realizations were brought to one value.
        needs: the least that a rollout must have for the feature to have a value. As those below it is not stored in
            files, but looked up by name in the registry that defines the feature (`features.sdf.SDF`).
        undefined: the states that have no value even so, in words ("where the frame is constant"); "" where all have one.
        scale: settings that the value depends on beside what it describes.
        measured_with: columns of the same word are parts of one thing in one unit, so that a tokenizer weighs them by how much they
            vary; "" for a column that counts as much as any other.
    """

    name: str
    category: str
    unit: str = "1"
    source: str = "definition"
    definition: str = ""
    scope: Scope = "per_sample"
    aggregation: Aggregation = "none"
    needs: Needs = field(default=NOTHING, compare=False)
    undefined: str = field(default="", compare=False)
    scale: tuple[Scale, ...] = field(default=(), compare=False)
    measured_with: str = field(default="", compare=False)

    @property
    def missing(self) -> str:
        """When there is no value, in words, of what it needs and of the states; "" where there always is one."""
        parts = [*self.needs.words, *filter(None, [self.undefined])]
        return ", or ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))

    @property
    def feature(self) -> str:
        """The name without the aggregation."""
        return self.name if self.aggregation == "none" else self.name.removesuffix(f"__{self.aggregation}")

    @property
    def is_of_a_run(self) -> bool:
        """Whether a single run has it: what describes the spread over realizations needs several."""
        return self.aggregation in ("none", "mean")

    def stored(self) -> dict[str, str]:
        """What files hold of it."""
        return {name: getattr(self, name) for name in STORED}

    @classmethod
    def from_stored(cls, entry: Mapping[str, Any]) -> "FeatureSpec":
        """Read what `stored` gave; keys that are missing have their defaults.

        Raises:
            TypeError: if there is a key that is none of `STORED`, or no name or category.
        """
        unknown = [key for key in entry if key not in STORED]
        if unknown:
            raise TypeError(f"unknown {listed(unknown)}")
        return cls(**entry)


@shown
@dataclass(frozen=True, kw_only=True)
class FeatureRegistry:
    """The ordered specs of a table's columns; the order is the column order."""

    specs: tuple[FeatureSpec, ...]
    version: str = "user"

    def __post_init__(self) -> None:
        seen: set[str] = set()
        twice = [spec.name for spec in self.specs if spec.name in seen or seen.add(spec.name)]
        if twice:
            raise InputError(f"feature names must be unique; {listed(twice)} came twice.")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(spec.name for spec in self.specs)

    @cached_property
    def categories(self) -> dict[str, tuple[int, ...]]:
        """Category → its columns, categories in the order of their first column."""
        columns: dict[str, list[int]] = {}
        for column, spec in enumerate(self.specs):
            columns.setdefault(spec.category, []).append(column)
        return {category: tuple(indices) for category, indices in columns.items()}

    def __len__(self) -> int:
        return len(self.specs)

    def __getitem__(self, name: str) -> FeatureSpec:
        try:
            return self.specs[self.names.index(name)]
        except ValueError:
            raise InputError(f"no feature is called '{name}' in the registry (version {self.version}).") from None

    def _facts(self) -> dict[str, object]:
        return {"version": self.version, "features": len(self), "categories": _counts(self), "names": self.names}

    def with_scope(self, scope: Scope) -> "FeatureRegistry":
        """The specs of one scope."""
        return replace(self, specs=tuple(spec for spec in self.specs if spec.scope == scope))

    def aggregated(self) -> "FeatureRegistry":
        """The columns that the per-trajectory features become: `<feature>__mean`, `__std`, `__cv`, feature by feature."""
        return replace(
            self,
            specs=tuple(
                replace(spec, name=f"{spec.name}__{aggregation}", scope="per_sample", aggregation=aggregation)
                for spec in self.specs
                if spec.scope == "per_trajectory"
                for aggregation in AGGREGATIONS
            ),
        )

    def to_json(self) -> str:
        """The registry as text, readable by `from_json`."""
        return json.dumps(self.to_plain())

    def to_plain(self) -> dict[str, Any]:
        """The registry as lists and words, readable by `from_plain`."""
        return {"version": self.version, "features": [spec.stored() for spec in self.specs]}

    @classmethod
    def from_json(cls, text: str) -> "FeatureRegistry":
        """Read what `to_json` wrote.

        Raises:
            InputError: if the text is not a feature registry.
        """
        try:
            data: Any = json.loads(text)
        except ValueError as error:
            raise InputError(f"the feature registry is not readable: {error}.") from error
        return cls.from_plain(data)

    @classmethod
    def from_plain(cls, data: Any) -> "FeatureRegistry":
        """The registry of what JSON holds; see `from_json`."""
        try:
            specs = tuple(FeatureSpec.from_stored(entry) for entry in data["features"])
            return cls(specs=specs, version=str(data["version"]))
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"the feature registry is not readable: {error}.") from error

    def check_same_names(self, names: Sequence[str], *, whose: str) -> None:
        """Refuse columns that are not these, in this order, naming the ones that differ.

        Args:
            names: the columns that came.
            whose: who brought them, for the message: "the table", "the category map".

        Raises:
            NamesDifferError: naming the columns.
        """
        check_same_names(self.names, names, whose=whose)


def check_same_names(expected: Sequence[str], names: Sequence[str], *, whose: str) -> None:
    """Refuse `names` that are not `expected`, in the same order, naming the ones that differ."""
    if tuple(names) == tuple(expected):
        return
    known, given = set(expected), set(names)
    missing = [name for name in expected if name not in given]
    unknown = [name for name in names if name not in known]
    if missing or unknown:
        parts = [f"lacks {listed(missing)}"] * bool(missing) + [f"has {listed(unknown)} on top"] * bool(unknown)
        raise NamesDifferError(
            f"{whose} was made for other columns: of {len(expected)} expected and {len(names)} found it {' and '.join(parts)}."
        )
    place = next(i for i, (a, b) in enumerate(zip(expected, names, strict=False)) if a != b)
    raise NamesDifferError(
        f"{whose} has the expected columns in another order: column {place} is '{names[place]}', expected '{expected[place]}'."
    )


def _counts(registry: FeatureRegistry) -> dict[str, int]:
    return {category: len(columns) for category, columns in registry.categories.items()}


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureTable:
    """One row a sample, one column a feature; what is missing is masked, never zero.

    Attributes:
        values: NaN exactly where `mask` is False.
        registry: one spec a column.
        mask: True where a value is present; found from NaN when it is not given.
        ids: one name a row, unique; the row number when it is not given.
        groups: the parameter draw of each row, for splits; the row number when it is not given.
        facts: what else is known of the rows, for example their `system` and parameters: name → one entry a row.
    """

    values: Float[Tensor, "sample feature"]
    registry: FeatureRegistry
    mask: Bool[Tensor, "sample feature"] = field(default=None)  # pyright: ignore[reportArgumentType, reportAssignmentType]
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    facts: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, columns = self.values.shape
        if columns != len(self.registry):
            raise InputError(f"a table of {columns} columns needs {columns} feature specs; got {len(self.registry)}.")
        infinite = torch.isinf(self.values)
        if infinite.any():
            row, column = (int(i) for i in infinite.nonzero()[0])
            raise InputError(
                f"feature '{self.registry.names[column]}' is infinite in row {self.ids[row] if self.ids else row}; replace it by NaN to mark it as missing."
            )
        present = ~torch.isnan(self.values)
        mask = present if self.mask is None else self.mask & present
        values = self.values if bool((mask == present).all()) else torch.where(mask, self.values, torch.nan)
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "ids", tuple(self.ids) or tuple(map(str, range(rows))))
        object.__setattr__(self, "groups", tuple(self.groups) or tuple(self.ids))
        for what, entries in (("ids", self.ids), ("groups", self.groups), *self.facts.items()):
            if len(entries) != rows:
                raise InputError(f"`{what}` must have one entry for each of the {rows} rows; got {len(entries)}.")
        if len(set(self.ids)) != rows:
            raise InputError("`ids` must be unique: one name a row.")

    @classmethod
    def from_array(
        cls,
        values: Any,
        *,
        names: Sequence[str] | None = None,
        categories: Sequence[str] | Mapping[str, str] | str = "all",
        ids: Iterable[object] = (),
        groups: Iterable[object] = (),
    ) -> "FeatureTable":
        """A table from any array of features.

        Args:
            values: numbers, (sample, feature); NaN where one is missing. A DataFrame of pandas brings its column names, and its
                index as ids where that has names; one of polars its column names; `pd.NA` and null are missing.
            names: one a column; those of a DataFrame, else "feature_0", … when not given.
            categories: one a column, or name → category, or one word for all.
            ids: one a row, unique; those of a DataFrame, else the row number when not given.
            groups: one a row; rows of one group stay on one side of every split.

        Raises:
            InputError: if the array is not two-dimensional and numeric, or a count does not match.
        """
        if hasattr(values, "columns") and hasattr(values, "to_numpy"):
            numbers, own_names, own_ids = _of_frame(values)
            names, ids = own_names if names is None else names, tuple(ids) or own_ids
            values = numbers
        try:
            tensor = torch.as_tensor(np.asarray(values, dtype=np.float32))
        except (TypeError, ValueError) as error:
            raise InputError(f"`values` must be an array of numbers, (sample, feature): {error}.") from error
        if tensor.ndim != 2 or 0 in tensor.shape:
            raise InputError(
                f"`values` must have the axes (sample, feature), neither empty; got the shape {tuple(tensor.shape)}."
            )
        columns = tensor.shape[1]
        names = [f"feature_{column}" for column in range(columns)] if names is None else [str(name) for name in names]
        if len(names) != columns:
            raise InputError(f"`names` must name {columns} columns; got {len(names)}.")
        if isinstance(categories, str):
            categories = [categories] * columns
        elif isinstance(categories, Mapping):
            without = [name for name in names if name not in categories]
            if without:
                raise InputError(f"{len(without)} of {columns} features are in no category: {listed(without)}.")
            categories = [categories[name] for name in names]
        if len(categories) != columns:
            raise InputError(f"`categories` must name a category for each of {columns} columns; got {len(categories)}.")
        specs = tuple(FeatureSpec(name=n, category=str(c)) for n, c in zip(names, categories, strict=True))
        return cls(
            values=tensor,
            registry=FeatureRegistry(specs=specs),
            ids=tuple(str(entry) for entry in ids),
            groups=tuple(str(entry) for entry in groups),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return self.registry.names

    def __len__(self) -> int:
        return self.values.shape[0]

    def columns(self, names: Sequence[str]) -> "FeatureTable":
        """The table of some columns, by name, in the order of `names`.

        Raises:
            InputError: if one of them is not there.
        """
        place = {name: column for column, name in enumerate(self.names)}
        missing = [name for name in names if name not in place]
        if missing:
            raise InputError(f"the table has no column {listed(missing)}.")
        chosen = [place[name] for name in names]
        registry = replace(self.registry, specs=tuple(self.registry.specs[column] for column in chosen))
        return replace(self, values=self.values[:, chosen], mask=self.mask[:, chosen], registry=registry)

    def to_pandas(self) -> Any:
        """A pandas DataFrame: `id` the index, then `group`, the facts (system, parameters), and a column a feature; NaN is missing.

        Raises:
            UsageError: if pandas is not installed.
        """
        return exports.to_pandas(self._columns(), self._about())

    @classmethod
    def from_frame(cls, frame: Any, *, registry: FeatureRegistry | None = None) -> "FeatureTable":
        """The table that became a DataFrame or an Arrow table, exactly: values, what is missing, ids, groups, facts.

        Args:
            frame: what `to_pandas` gave, `polars.DataFrame(table)`, `pyarrow.table(table)` or anything that hands out Arrow's stream;
                rows and facts may have been removed or added.
            registry: the columns that are features; what pandas and Arrow kept beside the columns when not given. polars keeps
                nothing of the kind.

        Raises:
            InputError: if nothing says which columns are features, or one of them is not there.
            UsageError: if the frame is not of pandas, and pyarrow is not installed.
        """
        read = exports.from_frame(frame)
        if registry is None:
            if "feature_registry" not in read.about:
                raise InputError(
                    "nothing says which columns of the frame are features: give `registry`, for example that of the table that it "
                    "came from, or leave other columns out and take FeatureTable.from_array."
                )
            registry = FeatureRegistry.from_plain(read.about["feature_registry"])
        return cls(
            values=torch.from_numpy(
                read.numbers(registry.names, "float64" if read.about.get("dtype") == "float64" else "float32")
            ),
            registry=registry,
            ids=read.words("id"),
            groups=read.words("group"),
            facts=read.facts(("id", "group", *registry.names)),
        )

    def to_torch(self, *facts: str) -> TensorDataset:
        """A data set of torch, for its `DataLoader`: each item has the values of a sample, NaN where one is missing, and its facts.

        Args:
            facts: names of facts, for example "system": words as the number of their place among all of the fact, in order.

        Raises:
            InputError: if a fact is not there.
        """
        return exports.to_torch((self.values,), self.facts, facts)

    def to_xarray(self) -> Any:
        """An xarray DataArray (sample, feature) with id, group, facts and categories as coordinates.

        Raises:
            UsageError: if xarray is not installed.
        """
        beside = {"id": self.ids, "group": self.groups, **self.facts}
        coords = {
            "feature": list(self.names),
            "category": ("feature", [spec.category for spec in self.registry.specs]),
        }
        return exports.to_xarray(
            self.values.cpu().numpy(), ("sample", "feature"), beside=beside, coords=coords, name="features"
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The same columns for everything that reads Arrow's capsule: `pyarrow.table(table)`, `polars.DataFrame(table)`; what is
        missing is null.
        """
        return exports.to_arrow(self._columns(), self._about()).__arrow_c_stream__(requested_schema)

    def _about(self) -> dict[str, Any]:
        return {"feature_registry": self.registry.to_plain(), "dtype": str(self.values.dtype).removeprefix("torch.")}

    def _columns(self) -> dict[str, Any]:
        numbers = self.values.detach().cpu().numpy()
        features = {name: numbers[:, column] for column, name in enumerate(self.names)}
        return exports.together({"id": self.ids, "group": self.groups}, self.facts, features)

    def _facts(self) -> dict[str, object]:
        missing = 1 - float(self.mask.double().mean()) if self.mask.numel() else 0.0
        return {
            "rows": len(self),
            "columns": len(self.registry),
            "missing": f"{missing:.1%}",
            "categories": _counts(self.registry),
            "ids": self.ids,
            "facts": tuple(self.facts),
        }

    def _head(self) -> list[Sequence[object]]:
        few = self.rows(range(min(5, len(self))))
        rows = [(id_, *values[:6]) for id_, values in zip(few.ids, few.values.tolist(), strict=True)]
        return [("id", *self.names[:6]), *rows]

    def rows(self, index: Tensor | np.ndarray | Sequence[int]) -> "FeatureTable":
        """The table of some rows, in the order of `index`."""
        index = torch.as_tensor(np.asarray(index))
        index = index.nonzero().squeeze(1) if index.dtype == torch.bool else index.long()
        chosen = index.tolist()
        return replace(
            self,
            values=self.values[index],
            mask=self.mask[index],
            ids=tuple(self.ids[i] for i in chosen),
            groups=tuple(self.groups[i] for i in chosen),
            facts={name: tuple(entries[i] for i in chosen) for name, entries in self.facts.items()},
        )

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator["FeatureTable"]:
        """All rows in order, at most `size` at a time."""
        if len(self) <= size:
            yield self
            return
        for numbers in torch.arange(len(self)).split(size):
            yield self.rows(numbers)


def _of_frame(frame: Any) -> tuple[np.ndarray, list[str] | None, tuple[str, ...]]:
    """Numbers, names of the columns and of the rows of a DataFrame; None and () where they are only counted.

    Raises:
        InputError: if a column does not hold numbers, or the index names rows twice.
    """
    columns, index = list(frame.columns), getattr(frame, "index", None)
    if len(set(map(str, columns))) != len(columns):
        raise InputError("the columns of a DataFrame must have different names to be told apart.")
    numbers = []
    for place, name in enumerate(columns):
        column = frame.iloc[:, place] if index is not None else frame[name]
        try:
            kept = column.to_numpy(dtype=np.float64, na_value=np.nan) if index is not None else column.to_numpy()
            numbers.append(np.asarray(kept, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"column '{name}' of the DataFrame must hold numbers; its dtype is {column.dtype}. Leave it out, or give it as "
                "`ids` or `groups`."
            ) from error
    names = None if columns == list(range(len(columns))) else [str(name) for name in columns]
    ids: tuple[str, ...] = ()
    if index is not None and type(index).__name__ != "RangeIndex":
        ids = tuple(str(entry) for entry in index)
        if len(set(ids)) != len(ids):
            raise InputError(
                "the index of the DataFrame must name each row once; leave it out by reset_index(drop=True)."
            )
    with np.errstate(over="ignore"):
        return np.stack(numbers, axis=1).astype(np.float32) if numbers else np.empty((len(frame), 0)), names, ids
