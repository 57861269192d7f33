"""Arrays in files, read a piece at a time: `.npy`, `.npz`, HDF5, and Zarr through its extra."""

import fnmatch
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError, UsageError, did_you_mean, listed
from spinlock.importers.zarr_store import ZarrArray, ZarrStore, is_zarr
from spinlock.store.atomic import human_size
from spinlock.store.formats import ARCHIVE_DAMAGE, DAMAGE
from spinlock.store.guarded_hdf5 import MAX_LINKS, MAX_READ, GuardedFile, open_guarded

Selection = tuple[slice, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LazyArray:
    """An array that is read a piece at a time.

    Attributes:
        name: of the file and the place in it, for messages.
        shape: of the whole array.
        read_piece: reads a slice of every axis.
    """

    name: str
    shape: tuple[int, ...]
    read_piece: Callable[[Selection], np.ndarray]

    def read(self, selection: Selection) -> np.ndarray:
        """A slice of every axis, as it is stored.

        Raises:
            InputError: if it is too large for memory.
        """
        count = math.prod(len(range(n)[part]) for n, part in zip(self.shape, selection, strict=True))
        if 4 * count > MAX_READ:
            raise InputError(
                f"{self.name}: one sample takes {human_size(4 * count)} as float32; at most {human_size(MAX_READ)} are read at once."
            )
        return self.read_piece(selection)


@contextmanager
def opened_arrays(path: Path, key: str | None, *, what: str = "dataset_key") -> Iterator[tuple[LazyArray, ...]]:
    """The arrays of a file that a key names: one, or with `*` in the key every one that fits, numbers in their order.

    Args:
        path: `.npy`, `.npz`, a folder of Zarr, else HDF5.
        key: a path inside the file; None where it holds one array only.
        what: the argument that the key came in, for messages.

    Raises:
        InputError: if there is no such array, or it holds no real numbers.
        UsageError: if a file of one array without a name is given a key.
    """
    if is_zarr(path):
        store = ZarrStore(path)
        names = _chosen(path, key, store.names(), what=what)
        yield tuple(_numeric(store.read(name), f"{path}: {name}") for name in names)
    elif path.suffix == ".npy":
        if key is not None:
            raise UsageError(f"{path} holds one array without a name; got the name '{key}'.")
        yield (_npy(path),)
    elif path.suffix == ".npz":
        yield _npz(path, key, what=what)
    else:
        with open_guarded(path, expected="an HDF5 file with an array") as file:
            yield tuple(_hdf5(file, name) for name in _hdf5_names(file, key, what=what))


def _hdf5_names(file: GuardedFile, key: str | None, *, what: str) -> Sequence[str]:
    if key is not None and "*" not in key:
        return (key,)  # the guarded file says best what is there instead
    return _chosen(file.path, key, array_names(file, most=MAX_LINKS), what=what)


def _hdf5(file: GuardedFile, name: str) -> LazyArray:
    array = file.numbers(name)
    return LazyArray(name=array.name, shape=array.shape, read_piece=lambda selection: array.read(*selection))


def array_names(file: GuardedFile, group: str = "", *, depth: int = 4, most: int = 100) -> list[str]:
    """Paths of the data sets in a file, down to a few groups deep, at most so many of a group."""
    names: list[str] = []
    for name in file.names(group or "/")[:most]:
        path = f"{group}/{name}"
        try:
            kind = file.kind(path)
        except InputError:  # a link that is not followed is no array of this file
            continue
        if kind == "dataset":
            names.append(path)
        elif kind == "group" and depth > 1:
            names += array_names(file, path, depth=depth - 1, most=most)
    return names


def _chosen(path: Path, key: str | None, names: Sequence[str], *, what: str) -> Sequence[str]:
    """The names that a key stands for."""
    if not names:
        raise InputError(f"{path} holds no array.")
    if key is None:
        if len(names) != 1:
            raise InputError(f"{path} holds {listed(names, most=12)}; name one of them as `{what}`.")
        return names
    plain = key.strip("/")
    found = [name for name in names if fnmatch.fnmatchcase(name.strip("/"), plain) or name.strip("/") == plain]
    if not found:
        raise InputError(f"{path} holds no array '{key}'. {did_you_mean(key, names)}")
    return sorted(found, key=_in_order)


def _in_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts run_2 before run_10."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def _npy(path: Path) -> LazyArray:
    _check_file(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGE as error:
        with path.open("rb") as file:
            is_npy = file.read(6) == b"\x93NUMPY"
        reason = _reason(error) if is_npy else "it does not begin as one"
        raise InputError(f"{path} is not a .npy file of numbers: {reason}.") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is not a .npy file; an archive of arrays ends in .npz.")
    return _numeric(array, str(path))


def _npz(path: Path, key: str | None, *, what: str) -> tuple[LazyArray, ...]:
    """Arrays of an archive, unpacked into memory: large data belong into .npy, HDF5 or Zarr."""
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        names = _chosen(path, key, list(sizes), what=what)
        total = sum(sizes[name] for name in names)
        if total > MAX_READ:
            raise InputError(f"{path}: {listed(names)} takes {human_size(total)} unpacked; keep it as .npy or HDF5.")
        with np.load(path, allow_pickle=False) as arrays:
            return tuple(_numeric(arrays[name], f"{path}: {name}") for name in names)
    except InputError:
        raise
    except ARCHIVE_DAMAGE as error:
        raise InputError(f"{path} is not an .npz file of numbers: {_reason(error)}.") from error


def _numeric(array: np.ndarray | ZarrArray, name: str) -> LazyArray:
    """An array of numpy's manner, if it holds real numbers of a width that every machine has."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "fiub" or size > 8:
        hint = "; give real and imaginary part as two channels" if kind == "c" else ""
        raise InputError(f"{name} must hold real numbers of at most 8 bytes; it holds {array.dtype}{hint}.")
    return LazyArray(name=name, shape=array.shape, read_piece=lambda selection: np.asarray(array[selection]))


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} {'is not a plain file' if path.exists() else 'does not exist'}; expected an array.")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty (0 bytes); expected an array.")


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    objects = "it holds Python objects, which are never unpickled; save numbers of one shape, or one file a sample"
    return objects if re.search("pickle|[Pp]ython objects", words) else words
