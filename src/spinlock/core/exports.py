"""Tables to and from other libraries: pandas, Arrow and all that speaks it, xarray, torch. None but torch is needed until it is asked for."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import TensorDataset

from spinlock.core.errors import InputError, UsageError, listed

Columns = Mapping[str, "np.ndarray | Sequence[object]"]
ABOUT = "spinlock"
"""Where a frame keeps what its columns do not say: the entry of `attrs` in pandas, of the schema's metadata in Arrow."""


class Frame(NamedTuple):
    """A frame of another library, read.

    Attributes:
        columns: one array each; floats have NaN where a value is missing, all else None.
        about: what `ABOUT` held; empty where the library dropped it, as polars does.
    """

    columns: dict[str, np.ndarray]
    about: dict[str, Any]

    def facts(self, used: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """The columns that are none of `used`: name → one entry a row, None where it is missing."""
        return {name: _entries(values) for name, values in self.columns.items() if name not in used}

    def words(self, name: str) -> tuple[str, ...]:
        """A column as words; none where it is not there."""
        return tuple(map(str, self.columns[name].tolist())) if name in self.columns else ()

    def numbers(self, names: Sequence[str], dtype: str) -> np.ndarray:
        """Columns of numbers side by side, (row, column); NaN where one is missing.

        Raises:
            InputError: if a column is not there, or holds something else than numbers.
        """
        lacking = [name for name in names if name not in self.columns]
        if lacking:
            raise InputError(f"the frame lacks {len(lacking)} of {len(names)} columns: {listed(lacking)}.")
        found = np.empty((len(next(iter(self.columns.values()))), len(names)), dtype=dtype)
        for place, name in enumerate(names):
            values = self.columns[name]
            try:
                if values.dtype.kind == "f" and found.dtype.kind in "iub" and not np.isin(values % 1, 0).all():
                    raise ValueError("a value is missing, or none of the whole numbers")
                found[:, place] = values
            except (TypeError, ValueError) as error:
                kind = "number" if found.dtype.kind == "f" else "whole number"
                raise InputError(f"column '{name}' of the frame must hold a {kind} in every row: {error}.") from error
        return found


def library(name: str, *, what: str) -> Any:
    """An optional library.

    Raises:
        UsageError: if it is not installed, with the command that does it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"{what} needs {name}: pip install {name}.") from error


def together(*parts: Columns) -> dict[str, Any]:
    """Columns of several kinds side by side.

    Raises:
        InputError: if two have one name.
    """
    found: dict[str, Any] = {}
    twice = [name for part in parts for name in part if name in found or found.update({name: part[name]})]
    if twice:
        raise InputError(
            f"a table cannot have two columns of one name: {listed(twice)}; rename the feature or the fact."
        )
    return found


def to_pandas(columns: Columns, about: Mapping[str, Any]) -> Any:
    """A DataFrame with the column `id` as its index, and `about` in its `attrs`."""
    pandas = library("pandas", what="to_pandas()")
    index = pandas.Index(columns["id"], name="id", dtype=object)
    kept = {name: _nullable(values, pandas) for name, values in columns.items() if name != "id"}
    frame = pandas.DataFrame(kept, index=index)
    frame.attrs[ABOUT] = json.dumps(about)
    return frame


def to_arrow(columns: Columns, about: Mapping[str, Any]) -> Any:
    """A table of pyarrow; what is missing is null."""
    arrow = library("pyarrow", what="Arrow's stream")
    found = {}
    for name, values in columns.items():
        try:
            found[name] = arrow.array(values, from_pandas=True)
        except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
            raise InputError(
                f"'{name}' holds values of several types, of which a column of Arrow has one; make them words first: {error}."
            ) from error
    return arrow.table(found).replace_schema_metadata({ABOUT: json.dumps(about)})


def from_frame(frame: Any) -> Frame:
    """Read a DataFrame of pandas or of polars, a table of pyarrow, or anything that hands out Arrow's stream.

    Raises:
        InputError: if it is nothing of the kind.
        UsageError: if it is not of pandas, and pyarrow is not installed.
    """
    if hasattr(frame, "attrs") and hasattr(frame, "reset_index"):
        has_ids = "id" not in frame.columns and type(frame.index).__name__ != "RangeIndex"
        columns = {"id": frame.index.to_series(), **frame} if has_ids else dict(frame)
        return Frame({str(name): _of_pandas(column) for name, column in columns.items()}, _read(frame.attrs.get(ABOUT)))
    if not hasattr(frame, "__arrow_c_stream__"):
        raise InputError(
            f"a frame is a DataFrame of pandas or polars, or a table of pyarrow; got {type(frame).__name__}."
        )
    arrow = library("pyarrow", what="reading Arrow's stream")
    table = arrow.table(frame)
    about = (table.schema.metadata or {}).get(ABOUT.encode())
    return Frame({name: _of_arrow(table.column(name), arrow) for name in table.column_names}, _read(about))


def to_torch(tensors: Sequence[torch.Tensor], facts: Columns, names: Sequence[str]) -> TensorDataset:
    """A data set of torch: the tensors, then a tensor for each of the facts that are named, a row a sample.

    Words become the number of their place among all words of the fact in order, -1 where one is missing; numbers float32, NaN
    where one is missing.

    Raises:
        InputError: if a fact is not there.
    """
    lacking = [name for name in names if name not in facts]
    if lacking:
        raise InputError(f"the table has no fact {listed(lacking)}; it has {listed(list(facts)) or 'none'}.")
    labels = []
    for name in names:
        entries = list(facts[name])
        if any(isinstance(entry, str) for entry in entries):
            place = {word: number for number, word in enumerate(sorted({str(e) for e in entries if e is not None}))}
            labels.append(torch.tensor([-1 if entry is None else place[str(entry)] for entry in entries]))
        else:
            labels.append(torch.from_numpy(np.array(entries, dtype=np.float32)))
    return TensorDataset(*tensors, *labels)


def _nullable(values: Any, pandas: Any) -> Any:
    """Whole numbers and truth values with some missing, which pandas would make floats and objects of."""
    kinds = set() if isinstance(values, np.ndarray) else {type(value) for value in values}
    whole = {frozenset({int, type(None)}): "Int64", frozenset({bool, type(None)}): "boolean"}.get(frozenset(kinds))
    return values if whole is None else pandas.array(values, dtype=whole)


def _of_pandas(column: Any) -> np.ndarray:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    kept, missing = column.to_numpy(dtype=object, copy=True), column.isna().to_numpy()
    kept[missing] = None
    return kept


def _of_arrow(column: Any, arrow: Any) -> np.ndarray:
    kind = arrow.types
    numeric = kind.is_integer(column.type) or kind.is_boolean(column.type)
    if kind.is_floating(column.type) or (numeric and not column.null_count):
        return column.to_numpy()
    kept = np.empty(len(column), dtype=object)
    kept[:] = column.to_pylist()
    return kept


def _entries(values: np.ndarray) -> tuple[Any, ...]:
    return tuple(None if value is None or value != value else value for value in values.tolist())


def _read(about: str | bytes | None) -> dict[str, Any]:
    return {} if about is None else json.loads(about)


def to_xarray(values: np.ndarray, dims: Sequence[str], *, beside: Columns, coords: Mapping[str, Any], name: str) -> Any:
    """A DataArray.

    Args:
        values: sample first.
        dims: names of its axes.
        beside: one entry a sample, each a coordinate of its own.
        coords: of the other axes.
        name: of the array.
    """
    xarray = library("xarray", what="to_xarray()")
    of_samples = {name: ("sample", np.asarray(entries)) for name, entries in beside.items()}
    return xarray.DataArray(values, dims=dims, coords={**of_samples, **coords}, name=name)
