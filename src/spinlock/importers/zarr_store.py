"""Zarr folders (formats 2 and 3) from strangers, read without following or believing anything unchecked.

The description of every array is read as plain JSON first: object types, which Zarr 2 may pickle, unknown codecs, links
that lead out of the folder and sizes that the folder cannot hold are refused before the `zarr` package sees any of it.
"""

import base64
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.importers.labelled import ArrayPlace, Attributes, LabelledArray, labelled
from spinlock.store.atomic import human_size
from spinlock.store.guarded_hdf5 import COMPRESSED, check_claim
from spinlock.store.guarded_zarr import GuardedZarr
from spinlock.store.json_file import read_json

_DESCRIPTIONS = (".zarray", ".zgroup", "zarr.json")
_CODECS = {"bytes", "endian", "transpose", "sharding_indexed", "crc32c"} | {
    prefix + name for prefix in ("", "numcodecs.") for name in ("blosc", "gzip", "zlib", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset")
}  # fmt: skip
_MOST_FILES = 5_000_000


def is_zarr(path: Path) -> bool:
    """Whether a path is the folder of a Zarr array or group."""
    return path.is_dir() and any((path / name).is_file() for name in _DESCRIPTIONS)


class ZarrPlace(ArrayPlace):
    """A folder of Zarr, checked as a whole when it is opened."""

    def __init__(self, chunks: GuardedZarr) -> None:
        self.path, self.name = chunks.path, str(chunks.path)
        self._chunks = chunks

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

    def names(self) -> Sequence[str]:
        """Paths of the arrays inside the folder, sorted; "." for the folder itself."""
        return sorted(self._sizes)

    def array(self, name: str) -> LabelledArray:
        """An array of the folder, opened; nothing but its description is read.

        Raises:
            InputError: if it breaks a rule of this module.
            UsageError: if the package `zarr` is not installed.
        """
        place = f"{self.path}: {name}"
        folder = self.path / name
        is_second = (folder / ".zarray").is_file()
        about = read_json(folder / (".zarray" if is_second else "zarr.json"))
        with reading_errors(place):
            _check_description(about, place)
        array = self._chunks.array(name)
        stored = self._sizes[name]  # chunks that were never written take no room
        words = f"{human_size(stored)} are stored"
        check_claim(place, array.shape, array.chunk, array.dtype, most=COMPRESSED * stored, stored=words)
        attributes = _attributes(folder, about, is_second=is_second)
        dims = attributes.pop("_ARRAY_DIMENSIONS", None) or about.get("dimension_names") or ()
        is_named = isinstance(dims, list | tuple) and len(dims) == len(array.shape)
        return labelled(
            array,
            place,
            key="" if name == "." else name,
            dims=[dim or "" for dim in dims] if is_named else (),
            attributes=attributes,
        )

    def attributes(self, group: str = "") -> Attributes:
        """Those of a group and of the store, its own first."""
        found: dict[str, Any] = {}
        for folder in (self.path, *([self.path / group.strip("/")] if group.strip("/.") else [])):
            if (folder / ".zattrs").is_file():
                found |= _mapping(read_json(folder / ".zattrs"))
            elif (folder / "zarr.json").is_file():
                found |= _mapping(_mapping(read_json(folder / "zarr.json")).get("attributes"))
        return found


def _attributes(folder: Path, about: Mapping[str, Any], *, is_second: bool) -> dict[str, Any]:
    """Attributes of an array; what xarray writes as fill value of Zarr 2 is its `_FillValue`.

    xarray takes every fill value of Zarr 2 as missing, which 0 is by default: here 0 counts only beside a scale or an offset,
    as an encoding states it.
    """
    if not is_second:
        found = dict(_mapping(about.get("attributes")))
        fill = found.get("_FillValue")
        if isinstance(fill, str):  # xarray keeps floats of Zarr 3 as eight bytes in base 64
            try:
                found["_FillValue"] = struct.unpack("<d", base64.standard_b64decode(fill))[0]
            except (ValueError, struct.error):
                found.pop("_FillValue")
        return found
    found = dict(_mapping(read_json(folder / ".zattrs"))) if (folder / ".zattrs").is_file() else {}
    fill = about.get("fill_value")
    is_encoded = "scale_factor" in found or "add_offset" in found
    if isinstance(fill, int | float) and "_ARRAY_DIMENSIONS" in found and (fill != 0 or is_encoded):
        found.setdefault("_FillValue", fill)
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


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
