"""Tables for other libraries: pandas, Arrow, xarray. None of them is needed until it is asked for."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, UsageError, listed

Columns = Mapping[str, "np.ndarray | Sequence[object]"]


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


def to_pandas(columns: Columns) -> Any:
    """A DataFrame with the column `id` as its index."""
    pandas = library("pandas", what="to_pandas()")
    index = pandas.Index(columns["id"], name="id", dtype=object)
    return pandas.DataFrame({name: values for name, values in columns.items() if name != "id"}, index=index)


def arrow_stream(columns: Columns, requested_schema: object) -> object:
    """Arrow's capsule of a stream of record batches."""
    arrow = library("pyarrow", what="Arrow's stream")
    return arrow.table(dict(columns)).__arrow_c_stream__(requested_schema)


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
