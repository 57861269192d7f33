"""pyarrow, which is an extra, and its errors as ours."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, SpinlockError, UsageError


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


def open_parquet(path: Path) -> Any:
    """A Parquet file; its description is read, its rows are not."""
    with _parquet_errors(path):
        return pyarrow("pyarrow.parquet").ParquetFile(path)


def read_parquet_rows(file: Any, num_rows: int, *, path: Path) -> Iterator[Any]:
    """The rows of a file that `open_parquet` opened, at most so many at a time."""
    with _parquet_errors(path):
        yield from file.iter_batches(num_rows)


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    arrow = pyarrow()
    try:
        yield
    except SpinlockError:
        raise
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file that can be read: {' '.join(str(error).split())}.") from error
