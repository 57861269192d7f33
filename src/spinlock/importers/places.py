"""Files that hold arrays, each as an `ArrayPlace`: `.npy`, `.npz`, HDF5 and netCDF-4, and through scipy netCDF-3 and MATLAB 5.

Zarr folders have a module of their own, and so have objects in memory.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, did_you_mean, listed
from spinlock.importers.labelled import NETCDF_FILL, ArrayPlace, Attributes, LabelledArray, labelled, text
from spinlock.importers.remote_npy import RemoteNpyPlace
from spinlock.importers.signatures import refuse_foreign
from spinlock.importers.zarr_store import ZarrPlace, is_zarr
from spinlock.store.atomic import human_size
from spinlock.store.formats import ARCHIVE_DAMAGE, DAMAGE, MAX_ARCHIVE
from spinlock.store.guard import guarded
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.guarded_scipy import ScipyFile
from spinlock.store.guarded_zarr import GuardedZarr
from spinlock.store.remote import RemotePath

WHOLE = {
    "npz": "an archive of arrays",
    "netcdf3": "a netCDF file of the classic format",
    "matlab5": "a MATLAB file of version 5 to 7.2",
}
"""Kinds of files that are unpacked or read as one piece."""
_STRUCTURE = {
    "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates",
    "_NCProperties", "_nc3_strict", "MATLAB_fields", "MATLAB_empty", "MATLAB_int_decode", "H5PATH",
}  # fmt: skip
"""Attributes that libraries keep for themselves."""


@contextmanager
def open_place(path: Path) -> Iterator[ArrayPlace]:
    """What a file or folder holds.

    Raises:
        InputError: if it is damaged, or of a kind that is not read, with the line that converts it.
    """
    kind = _kind(path)
    if kind == "zarr":
        with guarded(GuardedZarr, path) as chunks:
            yield ZarrPlace(path, chunks)
    elif isinstance(path, RemotePath) and kind in WHOLE:
        raise InputError(
            f"{path} is {WHOLE[kind]}, of which no ranges are read: download it first, or keep its arrays as .npy, HDF5 or netCDF-4."
        )
    elif kind == "npy":
        yield RemoteNpyPlace(path) if isinstance(path, RemotePath) else NpyPlace(path)
    elif kind == "npz":
        with NpzPlace.opened(path) as place:
            yield place
    elif kind == "netcdf3":
        with guarded(ScipyFile, path) as file:
            yield ClassicPlace(file)
    elif kind == "matlab5":
        with guarded(ScipyFile, path) as file:
            yield MatlabPlace(file)
    else:
        with open_guarded(path, expected="rollouts in HDF5, netCDF, .npy, .npz, Zarr or MATLAB") as file:
            yield Hdf5Place(file)


def _kind(path: Path) -> str:
    """What a path is, by its first bytes; by its ending where these say nothing."""
    if is_zarr(path):
        return "zarr"
    if path.is_dir() or not path.is_file():
        return "hdf5"  # which says best what is wrong
    with _reading(path), path.open("rb") as file:
        head = file.read(512)
    if head[:6] == b"\x93NUMPY":
        return "npy"
    if head[:3] == b"CDF" and head[3:4] in (b"\x01", b"\x02"):
        return "netcdf3"
    if head[:19] == b"MATLAB 5.0 MAT-file":
        return "matlab5"
    ending = path.suffix.lower()
    if ending in (".npy", ".npz"):
        return ending[1:]
    if path.name.lower().endswith(".zip") is False and head[:4] == b"PK\x03\x04" and _is_npz(path):
        return "npz"
    refuse_foreign(path, head)
    return "hdf5"


def _is_npz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist()) and bool(archive.namelist())
    except ARCHIVE_DAMAGE:
        return False


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def chosen(place: ArrayPlace, key: str | None, names: Sequence[str], *, what: str = "dataset_key") -> list[str]:
    """The names that a key stands for: itself, or with `*`, `?` or `[…]` all that fit, numbers in their order."""
    if not names:
        raise InputError(f"{place.name} holds no array.")
    if key is None:
        if len(names) != 1:
            several = (
                f", or several as channels ('{listed((n.strip('/') for n in names[:2]), most=2).replace(', ', ',')}')"
            )
            option = f"`{what}` (--{what.replace('_', '-')})"
            raise InputError(f"{place.name} holds {listed(names, most=12)}; name one of them as {option}{several}.")
        return list(names)
    plain = key.strip("/")
    known = {name.strip("/"): name for name in names}
    if plain in known:
        return [known[plain]]
    pattern = re.compile(_as_expression(plain))
    found = [name for short, name in known.items() if pattern.fullmatch(short)]
    if not found:
        raise InputError(f"{place.name} holds no array '{key}'. {did_you_mean(plain, list(known))}")
    return sorted(found, key=in_order)


def _as_expression(pattern: str) -> str:
    """A pattern of a command line as a regular expression; every other character stands for itself."""
    parts = re.split(r"(\*|\?|\[[^\]]+\])", pattern)
    meaning = {"*": ".*", "?": "."}
    return "".join(
        meaning.get(part, part.replace("[!", "[^").replace("\\", "\\\\") if part.startswith("[") else re.escape(part))
        for part in parts
    )


def in_order(name: object) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts run_2 before run_10."""
    parts = [part for part in re.split(r"(\d+)", str(name)) if part]
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


class Hdf5Place(ArrayPlace):
    """HDF5, netCDF-4 and MATLAB 7.3."""

    def __init__(self, file: GuardedFile) -> None:
        self.file = file
        self.name = str(file.path)

    @cached_property
    def _all(self) -> list[str]:
        return list(self.file.array_paths())

    @cached_property
    def _names(self) -> list[str]:
        return [name for name in self._all if not self._is_bare_dimension(name)] if self._is_netcdf else self._all

    def names(self) -> Sequence[str]:
        """Paths of the data sets, a few groups deep; dimensions of netCDF without coordinates are none."""
        return self._names

    @cached_property
    def _is_netcdf(self) -> bool:
        return "_NCProperties" in self._root or any(
            "_Netcdf4Dimid" in self.file.attribute_names(name) for name in self._all[:32] if len(self._all) > 1
        )

    @cached_property
    def _root(self) -> dict[str, Any]:
        return self.file.attributes("/")

    def _is_bare_dimension(self, name: str) -> bool:
        """Whether a data set stands for a dimension that has no coordinates, as netCDF-4 marks it."""
        words = self.file.described(name)["attributes"].get("NAME", "")
        return str(words).startswith("This is a netCDF dimension but not a netCDF variable")

    def array(self, name: str) -> LabelledArray:
        """A data set, its axes as whoever wrote it counted them: MATLAB's are stored reversed, and one of one row is a list."""
        about = self.file.described(name)
        if about["is_text"]:
            words = self.file.words(name)
            return text(f"{self.name}: {name}", np.array(words, dtype=object), key=name)
        array = self.file.numbers(name)
        attributes = {key: value for key, value in about["attributes"].items() if key not in _STRUCTURE}
        if self._is_netcdf and "_FillValue" not in attributes and array.dtype.str[1:] in NETCDF_FILL:
            attributes["_FillValue"] = np.array(NETCDF_FILL[array.dtype.str[1:]])
        found = LabelledArray(
            name=array.name,
            key=name,
            shape=array.shape,
            dims=about["dims"],
            attributes=attributes,
            read_piece=lambda selection: array.read(*selection),
        )
        return found.transposed().as_list() if "MATLAB_class" in attributes else found

    def attributes(self, group: str = "") -> Attributes:
        """Those of a group and of the file, its own first."""
        found = self._root | (self.file.attributes(group) if group.strip("/") else {})
        return {name: value for name, value in found.items() if name not in _STRUCTURE}


class NpyPlace(ArrayPlace):
    """A `.npy` file: one array without a name, mapped into memory."""

    is_labelled = False

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def names(self) -> Sequence[str]:
        """One, without a name."""
        return ("",)

    def array(self, name: str) -> LabelledArray:  # noqa: ARG002  it has none
        """The array."""
        path = self.path
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
        return labelled(array, str(path))


class NpzPlace(ArrayPlace):
    """An archive of arrays, each unpacked into memory when it is asked for: large data belong into .npy, HDF5 or Zarr."""

    def __init__(self, path: Path, sizes: Mapping[str, int], arrays: Any) -> None:
        self.path, self.name = path, str(path)
        self._sizes, self._arrays = sizes, arrays
        self._unpacked: dict[str, LabelledArray] = {}
        self.is_labelled = not any(name.startswith("arr_") for name in sizes)

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator["NpzPlace"]:
        """The archive, opened."""
        _check_file(path)
        with _archive_errors(path):
            with zipfile.ZipFile(path) as archive:
                sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
            arrays = np.load(path, allow_pickle=False)
        with arrays:
            yield cls(path, sizes, arrays)

    def names(self) -> Sequence[str]:
        """Names of the arrays."""
        return tuple(self._sizes)

    def array(self, name: str) -> LabelledArray:
        """An array; all that were asked for are in memory together."""
        if name not in self._unpacked:
            total = sum(self._sizes[entry] for entry in (*self._unpacked, name))
            if total > MAX_ARCHIVE:
                names = listed((*self._unpacked, name))
                raise InputError(f"{self.path}: {names} takes {human_size(total)} unpacked; keep it as .npy or HDF5.")
            with _archive_errors(self.path):
                array = self._arrays[name]
            if not isinstance(array, np.ndarray):
                raise InputError(f"{self.path}: {name} is not an array as numpy stores them.")
            self._unpacked[name] = labelled(array, f"{self.path}: {name}", key=name)
        return self._unpacked[name]


@contextmanager
def _archive_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except ARCHIVE_DAMAGE as error:
        raise InputError(f"{path} is not an .npz file of numbers: {_reason(error)}.") from error


class ClassicPlace(ArrayPlace):
    """A netCDF-3 file, in the classic format or with 64-bit offsets, through scipy."""

    def __init__(self, file: ScipyFile) -> None:
        self.name, self._file = str(file.path), file

    def names(self) -> Sequence[str]:
        """Names of the variables."""
        return tuple(self._file.arrays)

    def array(self, name: str) -> LabelledArray:
        """A variable."""
        attributes = dict(self._file.about["variables"][name])
        _, dtype = self._file.arrays[name]
        if "_FillValue" not in attributes and dtype.str[1:] in NETCDF_FILL:
            attributes["_FillValue"] = np.array(NETCDF_FILL[dtype.str[1:]])
        dims = self._file.about["dimensions"][name]
        return labelled(_Lazy(self._file, name), f"{self.name}: {name}", key=name, dims=dims, attributes=attributes)

    def attributes(self, group: str = "") -> Attributes:  # noqa: ARG002  the format has no groups
        """Those of the file."""
        return self._file.about["attributes"]


class MatlabPlace(ArrayPlace):
    """A MATLAB file of version 5 to 7.2, read whole through scipy."""

    def __init__(self, file: ScipyFile) -> None:
        self.name, self._file = str(file.path), file

    def names(self) -> Sequence[str]:
        """Names of the matrices."""
        return tuple(self._file.arrays)

    def array(self, name: str) -> LabelledArray:
        """A matrix; one of one row or column is a list."""
        return labelled(_Lazy(self._file, name), f"{self.name}: {name}", key=name).as_list()


class _Lazy:
    """An array of such a file with the manners of numpy."""

    def __init__(self, file: ScipyFile, name: str) -> None:
        self._file, self._name = file, name
        self.shape, self.dtype = file.arrays[name]

    def __getitem__(self, selection: tuple[slice, ...]) -> np.ndarray:
        return self._file.read(self._name, selection)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} {'is not a plain file' if path.exists() else 'does not exist'}; expected an array.")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty (0 bytes); expected an array.")


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    objects = "it holds Python objects, which are never unpickled; save numbers of one shape, or one file a sample"
    return objects if re.search("pickle|[Pp]ython objects", words) else words or type(error).__name__
