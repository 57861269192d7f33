"""Zarr folders (formats 2 and 3) from strangers, read without following or believing anything unchecked.

The description of every array is read as plain JSON first: object types, which Zarr 2 may pickle, unknown codecs, links
that lead out of the folder and sizes that the folder cannot hold are refused before the `zarr` package sees any of it.
"""

import importlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.store.atomic import human_size
from spinlock.store.guarded_hdf5 import COMPRESSED, check_claim, reading_errors
from spinlock.store.json_file import read_json

_DESCRIPTIONS = (".zarray", ".zgroup", "zarr.json")
_CODECS = {"bytes", "endian", "transpose", "sharding_indexed", "crc32c"} | {
    prefix + name for prefix in ("", "numcodecs.") for name in ("blosc", "gzip", "zlib", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset")
}  # fmt: skip
_MOST_FILES = 5_000_000


def is_zarr(path: Path) -> bool:
    """Whether a path is the folder of a Zarr array or group."""
    return path.is_dir() and any((path / name).is_file() for name in _DESCRIPTIONS)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ZarrArray:
    """One array with the manners of numpy: `shape`, `dtype`, and a read by slices that raises our errors alone."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    array: Any

    def __getitem__(self, selection: tuple[slice, ...]) -> np.ndarray:
        with reading_errors(self.name):
            return np.asarray(self.array[selection])


class ZarrStore:
    """A folder of Zarr, checked as a whole when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Folder of each array → bytes stored below it."""
        sizes: dict[str, int] = {}
        count = 0
        for folder, folders, files in os.walk(self.path):
            links = [name for name in (*folders, *files) if os.path.islink(os.path.join(folder, name))]
            if links:
                raise InputError(f"{folder}/{links[0]} is a link; spinlock follows none inside a Zarr folder.")
            count += len(files)
            if count > _MOST_FILES:
                raise InputError(f"{self.path} holds more than {_MOST_FILES} files; write larger chunks.")
            if _is_array(Path(folder), files):
                sizes[Path(folder).relative_to(self.path).as_posix()] = 0
            owner = _owner(Path(folder).relative_to(self.path).as_posix(), sizes)
            if owner is not None:
                sizes[owner] += sum(os.path.getsize(os.path.join(folder, name)) for name in files)
        return sizes

    def names(self) -> list[str]:
        """Paths of the arrays inside the folder, sorted; "." for the folder itself."""
        return sorted(self._sizes)

    def read(self, name: str) -> ZarrArray:
        """An array of the folder, opened; nothing but its description is read.

        Raises:
            InputError: if it breaks a rule of this module.
            UsageError: if the package `zarr` is not installed.
        """
        place = f"{self.path}: {name}"
        folder = self.path / name
        about = read_json(folder / (".zarray" if (folder / ".zarray").is_file() else "zarr.json"))
        _check_description(about, place)
        package = _zarr()
        with reading_errors(place):
            array = package.open_array(str(folder), mode="r")
            shape, dtype = tuple(int(length) for length in array.shape), np.dtype(array.dtype)
            chunk = tuple(getattr(array, "shards", None) or array.chunks)
        stored = self._sizes[name]  # chunks that were never written take no room
        words = f"{human_size(stored)} are stored"
        check_claim(place, shape, chunk, dtype, most=COMPRESSED * stored, stored=words)
        return ZarrArray(name=place, shape=shape, dtype=dtype, array=array)


def _is_array(folder: Path, files: list[str]) -> bool:
    if ".zarray" in files:
        return True
    if "zarr.json" not in files:
        return False
    about = read_json(folder / "zarr.json")
    return isinstance(about, Mapping) and about.get("node_type") == "array"


def _owner(folder: str, arrays: Mapping[str, int]) -> str | None:
    """The array that a folder of chunks belongs to."""
    while folder not in arrays:
        if folder in (".", ""):
            return "." if "." in arrays else None
        folder = folder.rpartition("/")[0] or "."
    return folder


def _check_description(about: Any, place: str) -> None:
    if not isinstance(about, Mapping):
        raise InputError(f"{place} has a description that is no JSON object.")
    unknown = [name for name in _codec_names(about) if name not in _CODECS]
    if unknown:
        raise InputError(f"{place} was written through the codec {listed(unknown)}, which spinlock does not run.")
    kind = about.get("dtype", about.get("data_type"))
    if not isinstance(kind, str) or kind.startswith("|O"):
        raise InputError(f"{place} must hold real numbers; it holds {kind if isinstance(kind, str) else 'objects'}.")


def _codec_names(about: Mapping[str, Any]) -> Iterator[str]:
    """Names of all codecs of a description, inner ones of shards too."""
    entries = [about.get("compressor"), *(about.get("filters") or ()), *(about.get("codecs") or ())]
    for entry in entries:
        if entry is None:
            continue
        if not isinstance(entry, Mapping):
            yield str(entry)
            continue
        yield str(entry.get("id", entry.get("name")))
        inner = entry.get("configuration")
        if isinstance(inner, Mapping):
            yield from _codec_names({"codecs": [*(inner.get("codecs") or ()), *(inner.get("index_codecs") or ())]})


def _zarr() -> Any:
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        raise UsageError(
            "reading Zarr needs its package: pip install 'spinlock[zarr]', or write the array as .npy or HDF5."
        ) from error
