"""Checksums of what a file says, whatever its chunks, its compression and its time of creation are."""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from spinlock.core.errors import InputError
from spinlock.store.guarded_hdf5 import GuardedFile

Attribute = tuple[str, ...] | np.ndarray
"""The value of an attribute: texts, or numbers."""

CONTENT, DESCRIPTION = "content_sha256", "description_sha256"
"""Names under which a file states the checksum of its values, and that of its attributes."""


def array_line(path: str, shape: tuple[int, ...], dtype: np.dtype, pieces: Iterable[np.ndarray]) -> str:
    """One line of a content checksum: path, type, shape and SHA-256 of the values in C order, little-endian.

    The pieces are hashed beside the work of whoever makes them, one behind.
    """
    digest = hashlib.sha256()
    with ThreadPoolExecutor(1) as beside:
        hashed: Future[None] | None = None
        for piece in pieces:
            if hashed is not None:
                hashed.result()
            hashed = beside.submit(digest.update, _bytes_of(piece))
    return _line(path, shape, dtype, digest.hexdigest())


def _line(path: str, shape: tuple[int, ...], dtype: np.dtype, sha256: str) -> str:
    return f"{path} {np.dtype(dtype).newbyteorder('<').str} {'x'.join(map(str, shape))} {sha256}\n"


def _bytes_of(values: np.ndarray) -> memoryview:
    """The values in C order, little-endian."""
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return values.reshape(-1).view(np.uint8).data


def description_sha256(attributes: Mapping[tuple[str, str], Attribute]) -> str:
    """The checksum of attributes, which does not depend on how they are stored.

    Args:
        attributes: (path of the object, name) → value.
    """
    digest = hashlib.sha256()
    for (path, name), value in sorted(attributes.items(), key=lambda entry: entry[0]):
        digest.update(_encoded(_attribute_line(f"{path}@{name}", value)))
    return digest.hexdigest()


def _encoded(words: str) -> bytes:
    """UTF-8; bytes of a damaged word that are none stay what they are."""
    return words.encode(errors="surrogateescape")


def _attribute_line(place: str, value: Attribute) -> str:
    if not isinstance(value, np.ndarray):
        words = _encoded("".join(f"{word}\0" for word in value))
        return f"{place} words {len(value)} {hashlib.sha256(words).hexdigest()}\n" if value else f"{place} empty\n"
    if not value.size:
        return f"{place} empty\n"
    return _line(place, value.shape, value.dtype, hashlib.sha256(_bytes_of(value)).hexdigest())


def attributes_of(file: GuardedFile, paths: Iterable[str]) -> dict[tuple[str, str], Attribute]:
    """All attributes of some objects of a file but the checksum itself; (path, name) → value."""
    return {
        (path, name): (value,) if isinstance(value, str) else value
        for path in paths
        for name, value in file.attributes(path).items()
        if name != DESCRIPTION
    }


def description_problem(file: GuardedFile, paths: Iterable[str], *, stated_at: str) -> str:
    """What is wrong with the attributes of a file, in a sentence; "" where they have the checksum that it states, or it states none.

    Args:
        file: open.
        paths: of the objects whose attributes count.
        stated_at: the object that has the checksum.
    """
    try:
        stated = file.text(stated_at, DESCRIPTION)
        if stated is None or description_sha256(attributes_of(file, paths)) == stated:
            return ""
    except InputError as error:
        return str(error)
    return (
        f"{file.path}: its attributes do not have the checksum that {stated_at} states ({DESCRIPTION}), so names, units or "
        f"settings may be damaged; whoever changed an attribute on purpose deletes the attribute {DESCRIPTION}."
    )
