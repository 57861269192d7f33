"""pyarrow, which is an extra, and its errors as ours."""

import importlib
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, UsageError


def pyarrow(module: str = "pyarrow") -> Any:
    """A module of pyarrow, imported when Parquet is first used.

    Raises:
        UsageError: saying how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow: pip install 'spinlock[parquet]', or write the tokens as .h5 or .csv."
        ) from error


def read_parquet(path: Path) -> Any:
    """The table in a Parquet file."""
    return _read(path, "read_table")


def read_parquet_metadata(path: Path) -> Any:
    """The description of a Parquet file, without its rows."""
    return _read(path, "read_metadata")


def _read(path: Path, function: str) -> Any:
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    try:
        return getattr(parquet, function)(path)
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file that can be read: {' '.join(str(error).split())}.") from error
