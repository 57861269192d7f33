"""netCDF-3 and MATLAB 5 through scipy, parsed where files of strangers are read."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from spinlock.core.errors import InputError, reading_errors
from spinlock.store.atomic import human_size
from spinlock.store.guard import Guarded, asked
from spinlock.store.guard_child import allow

MAX_FILE = 2**30
"""Bytes of a file of these formats, and of what a compressed one may unpack to: it is read whole."""


class ScipyFile(Guarded):
    """A file that is in memory as a whole; made by `guarded(ScipyFile, path)`."""

    def __init__(self, path: Path, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
        self.path, self._arrays, self.about = path, arrays, about

    @classmethod
    def opened(cls, path: Path) -> "ScipyFile":
        """A file, by its first bytes.

        Raises:
            InputError: if it is damaged, or larger than 1 GiB.
        """
        size = path.stat().st_size
        if size > MAX_FILE:
            raise InputError(
                f"{path} holds {human_size(size)}, and its format is read whole: at most {human_size(MAX_FILE)}; write it as "
                "netCDF-4 (nccopy -k nc4) or by save -v7.3."
            )
        with path.open("rb") as file:
            is_classic = file.read(3) == b"CDF"
        allow(3 * size if is_classic else 2 * size + MAX_FILE, size + 100_000_000)
        with reading_errors(path):
            return cls._classic(path) if is_classic else cls._matlab(path)

    @classmethod
    def _classic(cls, path: Path) -> "ScipyFile":
        with scipy.io.netcdf_file(str(path), "r", mmap=False) as file:
            arrays = {name: np.array(variable.data) for name, variable in file.variables.items()}
            about = {
                "attributes": _plain(file._attributes),  # scipy has no public list of them
                "variables": {name: _plain(variable._attributes) for name, variable in file.variables.items()},
                "dimensions": {name: tuple(variable.dimensions) for name, variable in file.variables.items()},
            }
        return cls(path, arrays, about)

    @classmethod
    def _matlab(cls, path: Path) -> "ScipyFile":
        read = scipy.io.loadmat(str(path))
        arrays = {
            name: value
            for name, value in read.items()
            if isinstance(value, np.ndarray) and name[:2] != "__" and not value.dtype.hasobject
        }
        return cls(path, arrays, {})

    def facts(self) -> dict[str, Any]:
        """Attributes and dimensions; names, shapes and types of the arrays."""
        shapes = {name: (array.shape, array.dtype) for name, array in self._arrays.items()}
        return {"where": str(self.path), "about": self.about, "shapes": shapes}

    @classmethod
    def standing_for(cls, remote: Any, facts: dict[str, Any]) -> "ScipyFile":
        """The file in this process for one in the child."""
        return super().standing_for(remote, {**facts, "path": Path(facts["where"])})

    @property
    def arrays(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Name of each array → its shape and type."""
        return self.facts()["shapes"] if self.remote is None else self.shapes  # pyright: ignore[reportAttributeAccessIssue]

    @asked
    def _read(self, name: str, *selection: slice) -> np.ndarray:
        array = np.asarray(self._arrays[name][selection])
        return array.astype(array.dtype.newbyteorder("="), copy=False)

    def read(self, name: str, selection: tuple[slice, ...]) -> np.ndarray:
        """A slice of every axis of an array."""
        return self._read(name, *selection)


def _plain(attributes: Any) -> dict[str, Any]:
    return {
        str(name): value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in attributes.items()
    }
