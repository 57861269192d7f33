"""The chunks of Zarr folders, unpacked where files of strangers are read; who calls has checked the descriptions."""

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import UsageError, reading_errors
from spinlock.store.guard import Guarded, asked
from spinlock.store.guard_child import allow, from_parent, is_limited
from spinlock.store.remote import RemotePath, path_of
from spinlock.store.remote_zarr import ServedZarr


class GuardedZarr(Guarded):
    """A folder of Zarr; made by `guarded(GuardedZarr, path)`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def opened(cls, path: Path) -> "GuardedZarr":
        """A folder, of which nothing is read yet."""
        return cls(path)

    @classmethod
    def served(cls, path: RemotePath) -> ServedZarr:
        """Its chunks by key."""
        return ServedZarr(path)

    def facts(self) -> dict[str, Any]:
        """Where the folder is."""
        return {"path": str(self.path)}

    @classmethod
    def standing_for(cls, remote: Any, facts: dict[str, Any]) -> "GuardedZarr":
        """The folder in this process for one in the child."""
        return super().standing_for(remote, {"path": path_of(facts["path"])})

    @asked
    def array(self, name: str) -> "ZarrChunks":
        """An array of the folder; its description is read.

        Raises:
            InputError: if the package cannot read it.
            UsageError: if the package `zarr` is not installed.
        """
        allow(unpacked=10**8)  # the package has to be imported
        package = _zarr()
        with reading_errors(f"{self.path}: {name}"):
            if isinstance(self.path, RemotePath):
                keys = importlib.import_module("spinlock.store.zarr_keys")
                store = keys.KeyStore(from_parent if is_limited() else _asking(ServedZarr(self.path)))
                array = package.open_array(store, path="" if name == "." else name, mode="r")
            else:
                array = package.open_array(str(self.path / name), mode="r")
            return ZarrChunks(f"{self.path}: {name}", array)


class ZarrChunks(Guarded):
    """One array of numbers.

    Attributes:
        name: of the file and the place in it, for messages.
        shape, dtype: as the package has them.
        chunk: what is unpacked at once.
    """

    def __init__(self, name: str, array: Any) -> None:
        self.name = name
        self.shape = tuple(int(length) for length in array.shape)
        self.dtype = np.dtype(array.dtype)
        self.chunk = tuple(int(length) for length in (getattr(array, "shards", None) or array.chunks))
        self._array = array

    def facts(self) -> dict[str, Any]:
        """All that is known before it is read."""
        return {"name": self.name, "shape": self.shape, "dtype": self.dtype, "chunk": self.chunk}

    def __getitem__(self, selection: tuple[slice, ...]) -> np.ndarray:
        return self._read(*selection)

    @asked
    def _read(self, *selection: slice) -> np.ndarray:
        with reading_errors(self.name):
            ranges = [range(length)[part] for length, part in zip(self.shape, selection, strict=True)]
            chunk_bytes, cells = math.prod(self.chunk) * self.dtype.itemsize, self.dtype.itemsize
            for part, chunk in zip(ranges, self.chunk, strict=True):
                if len(part):
                    cells *= (max(part[0], part[-1]) // chunk - min(part[0], part[-1]) // chunk + 1) * chunk
            allow(2 * math.prod(map(len, ranges)) * self.dtype.itemsize + 32 * chunk_bytes, cells)
            values = np.asarray(self._array[selection])
        return values.astype(values.dtype.newbyteorder("="), copy=False)


def _asking(store: ServedZarr) -> Any:
    """Gives bytes in this process, where there is no limit to an answer."""

    def fetch(asked: tuple[str, int | None, int | None]) -> bytes | bool:
        store.begin()
        return store.answer(asked)

    return fetch


def _zarr() -> Any:
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        raise UsageError(
            "reading Zarr needs its package: pip install 'spinlock[zarr]', or write the array as .npy or HDF5."
        ) from error
