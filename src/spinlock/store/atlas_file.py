"""Runs in a plane with everything that is said of them, as a Parquet file that embedding-atlas opens."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from spinlock.core.errors import InputError
from spinlock.store.atomic import replacing
from spinlock.store.formats import ParquetRows, pyarrow
from spinlock.store.guard import guarded
from spinlock.store.outputs import Kind

_FORMAT = "spinlock atlas"

Column = list[str] | Float[np.ndarray, " row"] | Int[np.ndarray, " row"] | Float[np.ndarray, "row axis"]
"""Texts, numbers (NaN is written as nothing), or lists of numbers."""


def _is_atlas(path: Path) -> bool:
    try:
        with guarded(ParquetRows, path) as rows:
            return rows.about()["texts"].get("format") == _FORMAT
    except (InputError, OSError):
        return False


ATLAS = Kind(word="an atlas of spinlock", endings=(".parquet",), is_one=_is_atlas)


def check_atlas_can_be_written() -> None:
    """Refuses before any work what would fail after it.

    Raises:
        UsageError: without pyarrow, saying how to install it.
    """
    pyarrow("pyarrow.parquet", otherwise="leave --export-atlas out")


def save_atlas(columns: Mapping[str, Column], path: Path) -> None:
    """Writes columns of equally many rows, the same bytes for the same columns and version of pyarrow.

    Raises:
        ResourceError: out of disk.
    """
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    arrays = {}
    for name, column in columns.items():
        if isinstance(column, list):
            arrays[name] = arrow.array(column, arrow.string())
        elif column.ndim == 2:
            flat = arrow.array(np.ascontiguousarray(column, dtype=np.float32).reshape(-1))
            arrays[name] = arrow.FixedSizeListArray.from_arrays(flat, column.shape[1])
        else:
            arrays[name] = arrow.array(column, from_pandas=True)
    table = arrow.table(arrays).replace_schema_metadata({"format": _FORMAT, "format_version": "1"})
    with replacing(path) as temporary, temporary.open("wb") as file:
        parquet.write_table(table, file)
