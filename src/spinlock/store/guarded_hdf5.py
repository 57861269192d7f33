"""HDF5 files from strangers, read without following or believing anything unchecked.

HDF5 can read other files in a stranger's name (external links, external storage, virtual data sets), run filter plug-ins,
and claim terabytes in a few kilobytes. Here every path is walked component by component over hard links only; a data set
must be plain numbers or words, stored in this file, through filters that every HDF5 has; its size is checked against the
bytes that are really there before anything is read. All of it happens in a child process, unless the file is trusted
(`store.guard`).
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from h5py.h5l import TYPE_HARD  # pyright: ignore[reportMissingImports]

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.store.atomic import AnyPath
from spinlock.store.guard import Guarded, asked, guarded
from spinlock.store.guard_child import allow, from_parent, is_limited
from spinlock.store.guarded_array import GuardedArray
from spinlock.store.hdf5_checks import NUMBER_CLASSES, check_class, check_storage, check_type
from spinlock.store.remote import RangeFile, RemotePath, path_of

MAX_LINKS = 100_000
MAX_ATTRIBUTES = 1000
MAX_WORDS = 16_384
"""Most words of varying length in one attribute: such words may all point at the same large text."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class GuardedFile(Guarded):
    """A read-only view of an HDF5 file; made by `open_guarded`."""

    def __init__(self, path: Path, file: h5py.File, size: int) -> None:
        self.path = path
        self._file = file
        self._size = size

    @classmethod
    def opened(cls, path: Path) -> "GuardedFile":
        """The view of a file that begins like HDF5."""
        if isinstance(path, RemotePath):
            file = RangeFile(from_parent(None), lambda *part: from_parent(part)) if is_limited() else path.open()
            with reading_errors(path):
                return cls(path, h5py.File(file, "r"), file.size)
        with reading_errors(path):
            return cls(path, h5py.File(path, "r", locking="best-effort"), os.path.getsize(path))

    def facts(self) -> dict[str, Any]:
        """Where the file is."""
        return {"path": str(self.path)}

    @classmethod
    def standing_for(cls, remote: Any, facts: dict[str, Any]) -> "GuardedFile":
        """The view in this process for one in the child."""
        return super().standing_for(remote, {"path": path_of(facts["path"])})

    def close(self) -> None:
        """Closes the file, where it was opened."""
        self._file.close()

    @asked
    def kind(self, name: str) -> Literal["group", "dataset"] | None:
        """What is at a path inside the file; None where nothing is.

        Raises:
            InputError: if the way there passes a link that is not hard.
        """
        node = self._walk(name)
        return None if node is None else "group" if isinstance(node, h5py.Group) else "dataset"

    @asked
    def names(self, group: str = "/") -> tuple[str, ...]:
        """Names in a group, sorted; none where there is no such group."""
        node = self._walk(group)
        if not isinstance(node, h5py.Group):
            return ()
        with reading_errors(self._place(group)):
            if len(node) > MAX_LINKS:
                raise InputError(f"{self._place(group)} holds {len(node)} names; at most {MAX_LINKS} are read.")
            return tuple(sorted(node.keys()))

    @asked
    def array_paths(self, depth: int = 4, most: int = MAX_LINKS) -> tuple[str, ...]:
        """Paths of the data sets, down to so many groups deep; a group that has several names is entered once.

        Raises:
            InputError: if there are more than `most` names on the way, in all groups together.
        """
        allow(unpacked=100_000_000)  # 100 000 names take seconds
        found: list[str] = []
        entered: set[Any] = set()
        waiting = [("", 1)]
        num_names = 0
        for group, level in waiting:
            names = self.names(group or "/")
            num_names += len(names)
            if num_names > most:
                raise InputError(f"{self.path} holds more than {most} names; keep what belongs together in one array.")
            for name in names:
                path = f"{group}/{name}"
                try:
                    node = self._walk(path)
                except InputError:  # a link that is not followed is no array of this file
                    continue
                if isinstance(node, h5py.Dataset):
                    found.append(path)
                elif node is not None and level < depth and node.id not in entered:
                    entered.add(node.id)
                    waiting.append((path, level + 1))
        return tuple(sorted(found))

    @asked
    def same_object(self, first: str, second: str) -> bool:
        """Whether two paths are two names of one object."""
        a, b = self._walk(first), self._walk(second)
        return a is not None and b is not None and bool(a.id == b.id)

    @asked
    def numbers(self, name: str) -> GuardedArray:
        """A data set of integers, floats or booleans.

        Raises:
            InputError: if there is none, or it breaks a rule of this module.
        """
        dataset = self._dataset(name)
        check_type(dataset, self._place(name), NUMBER_CLASSES)
        check_storage(dataset, self._place(name), file_size=self._size)
        return GuardedArray(self._place(name), dataset)

    def words(self, name: str, *, most: int = 10_000_000) -> tuple[str, ...]:
        """A data set of words along one axis."""
        found = self._words(name, most)
        return found if isinstance(found, tuple) else self._decoded(found, name)

    @asked
    def _words(self, name: str, most: int) -> np.ndarray | tuple[str, ...]:
        dataset = self._dataset(name)
        check_type(dataset, self._place(name), (h5py.h5t.STRING,))
        check_storage(dataset, self._place(name), file_size=self._size)
        if len(dataset.shape) != 1 or dataset.shape[0] > most:
            raise InputError(
                f"{self._place(name)} must be a list of at most {most} words; got the shape {dataset.shape}."
            )
        if dataset.id.get_type().is_variable_str() and dataset.shape[0] > MAX_WORDS:
            raise InputError(f"{self._place(name)} must hold words of fixed length: it has {dataset.shape[0]} of them.")
        values = GuardedArray(self._place(name), dataset).read()
        return self._decoded(values, name) if values.dtype.hasobject else values

    @asked
    def described(self, name: str) -> dict[str, Any]:
        """What a data set says of itself, in one answer: whether it holds words ("is_text"), its dimensions ("dims"), its attributes."""
        dataset = self._dataset(name)
        with reading_errors(self._place(name)):
            is_text = dataset.id.get_type().get_class() == h5py.h5t.STRING
        return {"is_text": is_text, "dims": self.dimension_names(name), "attributes": self.attributes(name)}

    @asked
    def attributes(self, name: str) -> dict[str, Any]:
        """Those attributes of a group or data set that are numbers or words; one word is a text."""
        found: dict[str, Any] = {}
        for attribute in self.attribute_names(name)[:MAX_ATTRIBUTES]:
            try:
                found[attribute] = self.attribute_numbers(name, attribute)
            except InputError:
                try:
                    words = self.attribute_words(name, attribute) or ("",)
                    found[attribute] = words[0] if len(words) == 1 else words
                except InputError:  # neither numbers nor words
                    continue
        return found

    @asked
    def dimension_names(self, name: str) -> tuple[str, ...]:
        """Name of every dimension of a data set: that of its scale (netCDF-4, HDF5's dimension scales), or its label.

        () where an axis has neither.
        """
        dataset = self._dataset(name)
        with reading_errors(self._place(name)):
            if not {"DIMENSION_LIST", "DIMENSION_LABELS"} & set(dataset.attrs.keys()):
                return (name.rpartition("/")[2],) if "CLASS" in dataset.attrs and len(dataset.shape) == 1 else ()
            found = []
            for axis in dataset.dims:
                scale = axis[0].name if len(axis) else None
                found.append(str(scale).rpartition("/")[2] if scale else str(axis.label))
        return tuple(found) if all(found) else ()

    @asked
    def attribute_names(self, name: str) -> tuple[str, ...]:
        """Names of the attributes of a group or data set."""
        node = self._walk(name)
        if node is None:
            return ()
        with reading_errors(self._place(name)):
            return tuple(node.attrs.keys()) if len(node.attrs) <= MAX_LINKS else ()

    def text(self, name: str, attribute: str) -> str | None:
        """An attribute that is one text; None where there is none.

        Raises:
            InputError: if it is there and is no text.
        """
        words = self.attribute_words(name, attribute)
        if words is None:
            return None
        if len(words) != 1:
            raise InputError(f"attribute '{attribute}' of {self._place(name)} must be one text; got {len(words)}.")
        return words[0]

    @asked
    def attribute_words(self, name: str, attribute: str) -> tuple[str, ...] | None:
        """An attribute that is a list of words; None where there is none."""
        values = self._attribute(name, attribute, (h5py.h5t.STRING,))
        return None if values is None else self._decoded(values, f"{name}@{attribute}")

    @asked
    def attribute_numbers(self, name: str, attribute: str) -> np.ndarray | None:
        """An attribute of numbers; None where there is none."""
        return self._attribute(name, attribute, NUMBER_CLASSES)

    def _attribute(self, name: str, attribute: str, classes: tuple[int, ...]) -> np.ndarray | None:
        node = self._walk(name)
        place = f"attribute '{attribute}' of {self._place(name)}"
        if node is None:
            return None
        with reading_errors(place):
            if attribute not in node.attrs:
                return None
            handle = node.attrs.get_id(attribute)
            if handle.shape is None or 0 in handle.shape:
                return np.empty(0)  # an empty list has no type that could be checked
            check_class(handle.get_type(), place, classes)
            if math.prod(handle.shape) > MAX_WORDS:
                raise InputError(f"{place} has the shape {handle.shape}; at most {MAX_WORDS} entries are read.")
            return np.asarray(node.attrs[attribute])

    def _decoded(self, values: np.ndarray, name: str) -> tuple[str, ...]:
        try:
            flat = values.reshape(-1).tolist()
            words = tuple(entry.decode() if isinstance(entry, bytes) else str(entry) for entry in flat)
            "".join(words).encode()  # h5py hands out what is not UTF-8 as halves of characters
            return words
        except UnicodeError:
            raise InputError(f"{self._place(name)} holds words that are not UTF-8.") from None

    def _walk(self, name: str) -> h5py.Group | h5py.Dataset | None:
        node: Any = self._file
        parts = [part for part in name.split("/") if part and part != "."]
        for number, part in enumerate(parts):
            here = "/" + "/".join(parts[: number + 1])
            if not isinstance(node, h5py.Group):
                return None
            with reading_errors(self._place(here)):
                key = part.encode()
                if not node.id.links.exists(key):
                    return None
                if node.id.links.get_info(key).type != TYPE_HARD:
                    raise InputError(
                        f"{self._place(here)} is a soft or external link; spinlock follows hard links only."
                    )
                node = node[part]
            if not isinstance(node, h5py.Group | h5py.Dataset):
                raise InputError(f"{self._place(here)} is neither a group nor a data set.")
        return node

    def _dataset(self, name: str) -> h5py.Dataset:
        node = self._walk(name)
        if isinstance(node, h5py.Dataset):
            return node
        parent = name.rstrip("/").rpartition("/")[0] or "/"
        found = self.names(parent)
        beside = f"{parent} holds {listed(found, most=12)}" if found else f"there is no group {parent}"
        if not found and parent != "/":
            beside += f" (the file's first names: {listed(self.names(), most=12)})"
        what = "is a group" if node is not None else "is not there"
        raise InputError(f"{self.path}: the data set {name} {what}; {beside}.")

    def _place(self, name: str) -> str:
        return f"{self.path}: {name}"


@contextmanager
def open_guarded(path: AnyPath, *, expected: str = "an HDF5 file") -> Iterator[GuardedFile]:
    """Opens an HDF5 file for guarded reading.

    Args:
        path: the file.
        expected: what it should be, for messages.

    Raises:
        InputError: if it is missing, a folder, empty, of another kind, cut short, or being written.
    """
    path = path_of(path)
    check_is_hdf5(path, expected=expected)
    with guarded(GuardedFile, path) as file:
        yield file


def check_is_hdf5(path: Path, *, expected: str) -> None:
    """Refuses what does not begin like an HDF5 file, saying what it is."""
    if not path.exists():
        raise InputError(f"{path} does not exist; expected {expected}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected {expected}.")
    if not path.is_file():
        raise InputError(f"{path} is not a plain file; expected {expected}.")
    try:
        with path.open("rb") as file:
            heads = [file.read(8)]
            for offset in (512, 1024, 2048):  # a user block may come first
                file.seek(offset)
                heads.append(file.read(8))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not heads[0]:
        raise InputError(f"{path} is empty (0 bytes); expected {expected}.")
    if _SIGNATURE not in heads:
        raise InputError(f"{path} is not an HDF5 file (it begins with {heads[0]!r}); expected {expected}.")
