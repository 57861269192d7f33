"""A Zarr store on a server: its consolidated description, and its chunks by key, fetched where the user's credentials are."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from spinlock.core.errors import InputError
from spinlock.store.guarded_array import MAX_READ
from spinlock.store.hdf5_checks import MAX_CHUNK
from spinlock.store.remote import ALSO_FORGET, MissingError, RemotePath, remote_file

DESCRIPTIONS = (".zarray", ".zgroup", ".zattrs", "zarr.json")
"""Names of the files that describe an array or a group."""
_MOST_BYTES = 64 * 2**20
_KEY = re.compile(r"[\w.\-][\w.\- ]*(/[\w.\-][\w.\- ]*)*")


class RemoteZarr:
    """The descriptions and chunks of a store.

    Servers may not list what they have, so that one consolidated description must name all arrays; a store that is one array
    has its own.
    """

    def __init__(self, path: RemotePath) -> None:
        self.path = path
        self.descriptions = self._found()

    def _found(self) -> Mapping[str, Any]:
        """Key of each description → its content."""
        root = self._json("zarr.json")
        if root is not None:
            inner = _mapping(_mapping(root.get("consolidated_metadata")).get("metadata"))
            if inner or root.get("node_type") == "array":
                plain = {name: value for name, value in root.items() if name != "consolidated_metadata"}
                return {"zarr.json": plain} | {f"{name}/zarr.json": about for name, about in inner.items()}
        else:
            inner = _mapping(_mapping(self._json(".zmetadata")).get("metadata"))
            array = None if inner else self._json(".zarray")
            if inner:
                return {key: about for key, about in inner.items() if key.rpartition("/")[2] in DESCRIPTIONS}
            if array is not None:
                return {".zarray": array, ".zattrs": self._json(".zattrs") or {}}
        raise InputError(
            f"{self.path} has no consolidated description, which names its arrays where a server lists nothing: "
            "zarr.consolidate_metadata(store) writes one."
        )

    def _json(self, key: str) -> dict[str, Any] | None:
        file = remote_file(self.path / key)
        try:
            size = file.size
        except MissingError:
            return None
        if size > _MOST_BYTES:
            raise InputError(f"{self.path}/{key} has {size} bytes; at most {_MOST_BYTES} of description are read.")
        try:
            found = json.loads(file.read(0, size))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path}/{key} is no JSON: {error}.") from None
        return _mapping(found)

    def state(self) -> tuple[object, ...]:
        """Its address and a checksum of its descriptions; the chunks of a store are too many to ask for."""
        text = json.dumps(self.descriptions, sort_keys=True)
        return str(self.path), hashlib.sha256(text.encode()).hexdigest()

    def bytes_of(self, key: str, start: int | None, stop: int | None) -> bytes | None:
        """The bytes of a description, which are those that were checked, or of a chunk; None where there is none.

        Args:
            key: below the store.
            start: of the bytes; counted from the end where it is negative.
            stop: where they end.

        Raises:
            InputError: if the key leads out of the store, or the chunk is too large.
        """
        if key.rpartition("/")[2] in (*DESCRIPTIONS, ".zmetadata"):
            return json.dumps(self.descriptions[key]).encode() if key in self.descriptions else None
        if not _KEY.fullmatch(key) or ".." in key.split("/"):
            raise InputError(f"{self.path} asks for the chunk '{key[:80]}', which is no name below it.")
        file = remote_file(self.path / key)
        try:
            size = file.size
        except MissingError:
            return None
        first, last, _ = slice(start, stop).indices(size)
        if last - first > MAX_CHUNK:
            raise InputError(f"{self.path}/{key} has {last - first} bytes; chunks of at most {MAX_CHUNK} are read.")
        return file.read(first, last)


@lru_cache(maxsize=8)
def remote_zarr(path: RemotePath) -> RemoteZarr:
    """The store at an address, described once a process."""
    return RemoteZarr(path)


ALSO_FORGET.append(remote_zarr.cache_clear)


class ServedZarr:
    """Chunks of a store for the child that unpacks them, counted for each of its answers."""

    def __init__(self, path: RemotePath) -> None:
        self._store = remote_zarr(path)
        self._left = 0

    def begin(self) -> None:
        """A new answer."""
        self._left = MAX_READ

    def answer(self, asked: tuple[str, int | None, int | None]) -> bytes | bool:
        """The bytes of a key; False where there is none."""
        data = self._store.bytes_of(*asked)
        self._left -= 0 if data is None else len(data)
        if self._left < 0:
            raise InputError(
                f"{self._store.path} takes more than {MAX_READ} stored bytes for one sample; write smaller ones."
            )
        return False if data is None else data


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
