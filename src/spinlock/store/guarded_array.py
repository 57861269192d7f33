"""An array of a stranger's HDF5 file that passed the checks, read a part at a time."""

import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from jaxtyping import Int

from spinlock.core.errors import InputError, reading_errors
from spinlock.store.atomic import human_size
from spinlock.store.guard import Guarded, asked
from spinlock.store.guard_child import allow, is_limited

MAX_READ = 4 * 2**30
"""Most bytes that one read may bring into memory."""
UNPACKED = 2**30
"""Bytes that one read may bring into memory, however little of them is stored."""
MUCH_COMPRESSED = 64
"""Times that a larger read may be larger than what is stored of it: no honest states shrink by more."""
PIECE_BYTES = 32 * 2**20
"""Bytes that are in memory at a time where an array is gone through."""
_GAP_BYTES = 2**20  # what is cheaper to read through than to jump over: the size of a chunk


class GuardedArray(Guarded):
    """A data set that passed the checks; nothing is in memory until `read`."""

    def __init__(self, name: str, dataset: h5py.Dataset) -> None:
        self.name = name
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype = dataset.dtype
        self._dataset = dataset

    def facts(self) -> dict[str, Any]:
        """Name, shape and type."""
        return {"name": self.name, "shape": self.shape, "dtype": self.dtype}

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 1

    def read(self, *selection: slice | int) -> np.ndarray:
        """The numbers or words, or the part along the first axes, in the machine's byte order.

        Raises:
            InputError: if the part is too large for memory, or its checksum does not match.
        """
        chosen = [
            len(range(n)[part]) if isinstance(part, slice) else 1
            for n, part in zip(self.shape, selection, strict=False)
        ]
        num_bytes = math.prod([*chosen, *self.shape[len(selection) :]]) * self.dtype.itemsize
        if num_bytes > MAX_READ:
            raise InputError(
                f"{self.name} would take {human_size(num_bytes)} in one read; at most {human_size(MAX_READ)} are read at once."
            )
        values = self._read(num_bytes, *selection)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    @asked
    def _read(self, num_bytes: int, *selection: slice | int) -> np.ndarray:
        with reading_errors(self.name):
            stored = self._dataset.id.get_storage_size()
            if num_bytes > UNPACKED and num_bytes > MUCH_COMPRESSED * stored and is_limited():
                raise InputError(
                    f"{self.name} would take {human_size(num_bytes)} in one read, of which {human_size(stored)} are stored; if "
                    "you made it, --trusted (trusted=True) reads it all the same."
                )
            chunk_bytes = math.prod(self._dataset.chunks or ()) * self.dtype.itemsize
            allow(2 * num_bytes + 4 * chunk_bytes, self._unpacked(selection))
            return np.asarray(self._dataset[selection])

    def _unpacked(self, selection: tuple[slice | int, ...]) -> int:
        """Bytes of the chunks that a selection touches."""
        if self._dataset.chunks is None:
            return 0
        cells = 1
        for axis, (length, chunk) in enumerate(zip(self.shape, self._dataset.chunks, strict=True)):
            part = selection[axis] if axis < len(selection) else slice(None)
            taken = range(length)[part] if isinstance(part, slice) else range(part, part + 1)
            if len(taken):
                first, last = min(taken[0], taken[-1]), max(taken[0], taken[-1])
                cells *= (last // chunk - first // chunk + 1) * chunk
        return cells * self.dtype.itemsize

    def pieces(self) -> Iterator[np.ndarray]:
        """All rows in order, at most 32 MiB at a time."""
        rows = max(1, PIECE_BYTES // self._row_bytes)
        return (self.read(slice(start, min(start + rows, len(self)))) for start in range(0, len(self), rows))

    def take(self, rows: Int[np.ndarray, " row"]) -> np.ndarray:
        """Some rows, in the order of their numbers here, which may come in any order.

        Rows near each other are read at once, with those between them, at most 32 MiB at a time.
        """
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        taken = np.empty((len(rows), *self.shape[1:]), self.dtype.newbyteorder("="))
        most, gap = (max(1, num_bytes // self._row_bytes) for num_bytes in (PIECE_BYTES, _GAP_BYTES))
        far = np.flatnonzero(np.diff(ascending) > gap) + 1
        first = 0
        while first < len(rows):
            last = int(np.searchsorted(ascending, ascending[first] + most))
            jump = int(np.searchsorted(far, first, side="right"))
            last = min(last, int(far[jump])) if jump < len(far) else last
            start = int(ascending[first])
            span = self.read(slice(start, int(ascending[last - 1]) + 1))
            taken[order[first:last]] = span[ascending[first:last] - start]
            first = last
        return taken

    @property
    def _row_bytes(self) -> int:
        return max(1, math.prod(self.shape[1:]) * self.dtype.itemsize)
