"""File formats of other libraries, their errors as ours: Parquet (pyarrow is an extra), `.npy` and `.npz` without their numbers."""

import importlib
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, UsageError, reading_errors
from spinlock.store.atomic import human_size
from spinlock.store.guard import Guarded, asked
from spinlock.store.guard_child import allow, is_limited

DAMAGE = ARCHIVE_DAMAGE = (Exception,)
"""What numpy raises on a file that is damaged or of another kind: whatever its parsers come upon."""
MAX_ARCHIVE = 2**30
"""Bytes that the arrays of an `.npz` may take unpacked: all are in memory at once."""
MAX_GROUP = 2**30
"""Bytes of memory that one group of rows of a Parquet file may take."""
_HEADER_BYTES = 2**17


def pyarrow(module: str = "pyarrow", *, otherwise: str = "write the tokens as .h5 or .csv") -> Any:
    """A module of pyarrow, imported when Parquet is first used.

    Args:
        module: its name.
        otherwise: what to do without.

    Raises:
        UsageError: saying how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"Parquet needs pyarrow: pip install 'spinlock[parquet]', or {otherwise}.") from error


class ParquetRows(Guarded):
    """A Parquet file, read some rows at a time; made by `guarded(ParquetRows, path)`."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file
        self._batches: Any = None

    @classmethod
    def opened(cls, path: Path) -> "ParquetRows":
        """A file, of which the description alone is read."""
        with reading_errors(path), path.open("rb") as file:
            if file.read(4) != b"PAR1":
                raise InputError(f"{path} is not a Parquet file.")
        allow(unpacked=10**8)  # the package has to be imported
        parquet = pyarrow("pyarrow.parquet")
        with reading_errors(path):
            return cls(path, parquet.ParquetFile(path, memory_map=False))

    def close(self) -> None:
        """Closes the file, where it was opened."""
        self._file.close()

    @asked
    def about(self) -> dict[str, Any]:
        """Names and kinds of the columns ("word", "whole", "number", "other"), number of rows, and the texts beside them.

        Raises:
            InputError: if it says that it holds more rows than can be in a file of its size.
        """
        with reading_errors(self.path):
            schema, rows, types = self._file.schema_arrow, self._file.metadata.num_rows, pyarrow().types
            kinds = tuple(
                "word"
                if types.is_string(kind) or types.is_large_string(kind)
                else "whole"
                if types.is_integer(kind)
                else "number"
                if types.is_floating(kind) or types.is_boolean(kind)
                else "other"
                for kind in schema.types
            )
            texts = {
                key.decode(errors="replace"): value.decode(errors="replace")
                for key, value in (schema.metadata or {}).items()
            }
            names = tuple(str(name) for name in schema.names)
        size = self.path.stat().st_size
        if rows > max(1_000_000, 2 * size) and is_limited():
            raise InputError(
                f"{self.path} says that it holds {rows} rows in {human_size(size)}; if you made it, --trusted (trusted=True) "
                "reads it all the same."
            )
        return {"names": names, "kinds": kinds, "rows": rows, "texts": texts}

    @asked
    def _next(self, num_rows: int) -> tuple[Any, ...] | None:
        with reading_errors(self.path):
            groups = self._file.metadata
            largest = max((groups.row_group(n).total_byte_size for n in range(groups.num_row_groups)), default=0)
            allow(2 * min(largest, MAX_GROUP), largest)
            if self._batches is None:
                self._batches = self._file.iter_batches(num_rows, use_threads=False)
            batch = next(self._batches, None)
            if batch is None:
                return None
            if any(column.null_count for column in batch.columns):
                raise InputError(f"{self.path} has rows with empty cells; an absent category has the token -1.")
            is_word = pyarrow().types.is_string
            return tuple(
                tuple(column.to_pylist()) if is_word(column.type) else column.to_numpy(zero_copy_only=False)
                for column in batch.columns
            )

    def rows(self, num_rows: int) -> Iterator[tuple[Any, ...]]:
        """All rows, at most so many at a time, as columns: words, or arrays."""
        while (batch := self._next(num_rows)) is not None:
            yield batch


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
