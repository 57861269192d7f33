"""File formats of other libraries, their errors as ours: Parquet (pyarrow is an extra), `.npy` and `.npz` without their numbers."""

import importlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, SpinlockError, UsageError

DAMAGE = (ValueError, OSError, EOFError, SyntaxError, TypeError, MemoryError)
"""What numpy raises on a file that is damaged or of another kind."""
ARCHIVE_DAMAGE = (*DAMAGE, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)
_HEADER_BYTES = 2**17


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


def array_shapes(path: Path) -> dict[str, str]:
    """Name of each array (the file's own for `.npy`) → its shape and type in words.

    Raises:
        InputError: if the file is damaged or of another kind.
    """
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return {path.stem: _header(file.read(_HEADER_BYTES))}
        with zipfile.ZipFile(path) as archive:
            shapes = {}
            for name in archive.namelist()[:100]:
                with archive.open(name) as file:
                    shapes[name.removesuffix(".npy")] = _header(file.read(_HEADER_BYTES))
            return shapes
    except ARCHIVE_DAMAGE as error:
        raise InputError(f"{path} is not a file of arrays: {' '.join(str(error).split())}.") from error


def _header(start: bytes) -> str:
    file = BytesIO(start)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return f"{' x '.join(map(str, shape)) or 'one number'}, {dtype}"
