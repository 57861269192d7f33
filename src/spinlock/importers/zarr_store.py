"""Zarr folders (formats 2 and 3) from strangers, read without following or believing anything unchecked.

The description of every array is read as plain JSON first: object types, which Zarr 2 may pickle, unknown codecs, links
that lead out of the folder and sizes that the folder cannot hold are refused before the `zarr` package sees any of it.
"""

import base64
import math
import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.importers.labelled import ArrayPlace, Attributes, LabelledArray, labelled
from spinlock.store.atomic import human_size
from spinlock.store.guarded_zarr import GuardedZarr, ZarrChunks
from spinlock.store.hdf5_checks import COMPRESSED, check_claim
from spinlock.store.json_file import read_json
from spinlock.store.remote import RemotePath
from spinlock.store.remote_zarr import RemoteZarr, remote_zarr

_DESCRIPTIONS = (".zarray", ".zgroup", "zarr.json")
_CODECS = {"bytes", "endian", "transpose", "sharding_indexed", "crc32c"} | {
    prefix + name for prefix in ("", "numcodecs.") for name in ("blosc", "gzip", "zlib", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset")
}  # fmt: skip
_MOST_FILES = 5_000_000


def is_zarr(path: Path) -> bool:
    """Whether a path is the folder of a Zarr array or group; on a server it is told by its ending."""
    if isinstance(path, RemotePath):
        return path.suffix.lower() == ".zarr"
    return path.is_dir() and any((path / name).is_file() for name in _DESCRIPTIONS)


class Descriptions(ABC):
    """What the descriptions of a store say, wherever it lies."""

    @abstractmethod
    def arrays(self) -> Mapping[str, int | None]:
        """Name of each array, "." for the store itself → bytes that are stored of it; None where that is not known."""

    @abstractmethod
    def json(self, key: str) -> Any:
        """A description by its key, as "u/.zarray"; None where there is none."""


class OnServer(Descriptions):
    """Those of a store on a server."""

    def __init__(self, store: RemoteZarr) -> None:
        self._all = store.descriptions

    def arrays(self) -> Mapping[str, None]:
        """Names of the arrays."""
        found = [
            key.rpartition("/")[0] or "."
            for key, about in self._all.items()
            if key.endswith(".zarray") or (key.endswith("zarr.json") and _mapping(about).get("node_type") == "array")
        ]
        return dict.fromkeys(found)

    def json(self, key: str) -> Any:
        """A description."""
        return self._all.get(key)


class InFolder(Descriptions):
    """Those of a store in a folder, which is looked through as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def json(self, key: str) -> Any:
        """A description, read now."""
        return read_json(self.path / key) if (self.path / key).is_file() else None

    def arrays(self) -> Mapping[str, int]:
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


class ZarrPlace(ArrayPlace):
    """A store of Zarr, its descriptions checked before anything else is done with it."""

    def __init__(self, path: Path, chunks: GuardedZarr) -> None:
        self.path, self.name = path, str(path)
        self._chunks = chunks
        self._about = OnServer(remote_zarr(path)) if isinstance(path, RemotePath) else InFolder(path)

    @cached_property
    def _sizes(self) -> Mapping[str, int | None]:
        return self._about.arrays()

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
        prefix = "" if name == "." else f"{name}/"
        about = self._about.json(f"{prefix}.zarray")
        is_second = about is not None
        about = about if is_second else self._about.json(f"{prefix}zarr.json")
        with reading_errors(place):
            _check_description(about, place)
        array = self._chunks.array(name)
        self._check_claim(name, place, array)
        attributes = _attributes(about, self._about.json(f"{prefix}.zattrs"), is_second=is_second)
        dims = attributes.pop("_ARRAY_DIMENSIONS", None) or about.get("dimension_names") or ()
        is_named = isinstance(dims, list | tuple) and len(dims) == len(array.shape)
        return labelled(
            array,
            place,
            key="" if name == "." else name,
            dims=[dim or "" for dim in dims] if is_named else (),
            attributes=attributes,
        )

    def _check_claim(self, name: str, place: str, array: ZarrChunks) -> None:
        """Refuses what is larger than what is stored of it, where that is known: on a server, more chunks than a folder may have files."""
        stored = self._sizes[name]  # chunks that were never written take no room
        if stored is not None:
            most, words = COMPRESSED * stored, f"{human_size(stored)} are stored"
        else:
            count = math.prod(-(-length // chunk) for length, chunk in zip(array.shape, array.chunk, strict=True))
            if count > _MOST_FILES:
                raise InputError(f"{place} is cut into {count} chunks; at most {_MOST_FILES} are read.")
            most, words = math.prod(array.shape) * array.dtype.itemsize, "as much may be stored"
        check_claim(place, array.shape, array.chunk, array.dtype, most=most, stored=words)

    def attributes(self, group: str = "") -> Attributes:
        """Those of a group and of the store, its own first."""
        found: dict[str, Any] = {}
        for prefix in ("", *([f"{group.strip('/')}/"] if group.strip("/.") else [])):
            attributes = self._about.json(f"{prefix}.zattrs")
            if attributes is None:
                attributes = _mapping(self._about.json(f"{prefix}zarr.json")).get("attributes")
            found |= _mapping(attributes)
        return found


def _attributes(about: Mapping[str, Any], beside: Any, *, is_second: bool) -> dict[str, Any]:
    """Attributes of an array; what xarray writes as fill value of Zarr 2 is its `_FillValue`.

    Args:
        about: its description.
        beside: what stands in its `.zattrs`, which Zarr 2 has.
        is_second: whether it is Zarr 2.

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
    found = dict(_mapping(beside))
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
