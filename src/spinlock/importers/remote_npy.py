"""A `.npy` file on a server: its head is read, then the ranges that a sample needs."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from spinlock.core.errors import InputError, reading_errors
from spinlock.importers.labelled import ArrayPlace, LabelledArray, Selection, labelled
from spinlock.store.guarded_array import PIECE_BYTES
from spinlock.store.remote import BLOCK, RangeFile, RemotePath

_MOST_HEAD = 10_000
"""Bytes of a head that numpy reads of its own accord."""


class RemoteNpyPlace(ArrayPlace):
    """A `.npy` file on a server: one array without a name."""

    is_labelled = False

    def __init__(self, path: RemotePath) -> None:
        self.path, self.name = path, str(path)

    def names(self) -> Sequence[str]:
        """One, without a name."""
        return ("",)

    def array(self, name: str) -> LabelledArray:  # noqa: ARG002  it has none
        """The array.

        Raises:
            InputError: if its head is none of numpy, it holds objects, or the file has another size than the head says.
        """
        file = self.path.open()
        with reading_errors(self.path):
            version = np.lib.format.read_magic(file)
            read_head = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if read_head is None:
                raise InputError(f"{self.path} is a .npy file of version {version}; write it again with numpy.save.")
            shape, is_fortran, dtype = read_head(file, max_header_size=_MOST_HEAD)
        if dtype.hasobject:
            raise InputError(
                f"{self.path} holds Python objects, which are never unpickled; save numbers of one shape, or one file a sample."
            )
        stored, claimed = file.size - file.tell(), math.prod(shape) * dtype.itemsize
        if stored != claimed:
            raise InputError(
                f"{self.path} says that it holds {claimed} bytes in the shape {shape}; there are {stored}: it was cut short or is damaged."
            )
        found = labelled(_Ranges(file, file.tell(), shape[::-1] if is_fortran else shape, dtype), str(self.path))
        return found.transposed() if is_fortran else found


class _Ranges:
    """Numbers that lie in a file from some place on, the last axis fastest, with the manners of numpy for slices that go forward."""

    def __init__(self, file: RangeFile, start: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._file, self._start = file, start
        self.shape, self.dtype = shape, dtype

    def __getitem__(self, selection: Selection) -> np.ndarray:
        parts = [range(length)[part] for length, part in zip(self.shape, selection, strict=True)]
        if not all(parts):
            return np.empty([len(part) for part in parts], self.dtype)
        axis = self._axis(parts)
        pieces = [self._piece(place, parts[axis:]) for place in itertools.product(*parts[:axis])]
        return np.stack(pieces).reshape([len(part) for part in parts])

    def _axis(self, parts: Sequence[range]) -> int:
        """The axis along which one piece of the file is read at once, for every place on the axes before it.

        What lies between the numbers that are asked for is read too where these are near each other: it comes in the same block.
        """
        axis = len(parts)
        while axis and (axis == len(parts) or self._is_whole(parts, axis) or self._piece_bytes(parts, axis) < BLOCK):
            if self._piece_bytes(parts, axis - 1) > PIECE_BYTES and not self._is_whole(parts, axis):
                break
            axis -= 1
        return axis

    def _is_whole(self, parts: Sequence[range], axis: int) -> bool:
        """Whether everything is taken along an axis and those behind it."""
        pairs = zip(parts[axis:], self.shape[axis:], strict=True)
        return all(part == range(length) for part, length in pairs)

    def _piece_bytes(self, parts: Sequence[range], axis: int) -> int:
        span = _span(parts[axis]) if axis < len(parts) else range(1)
        return len(span) * math.prod(self.shape[axis + 1 :]) * self.dtype.itemsize

    def _piece(self, place: tuple[int, ...], parts: Sequence[range]) -> np.ndarray:
        """What is taken along the last axes, at a place on the axes before them."""
        shape = self.shape[len(place) :]
        span = _span(parts[0]) if parts else range(1)
        row = math.prod(shape[1:])
        first = int(np.ravel_multi_index((*place, span[0]), self.shape[: len(place) + 1])) if self.shape else 0
        self._file.seek(self._start + first * row * self.dtype.itemsize)
        piece = np.frombuffer(self._file.read(len(span) * row * self.dtype.itemsize), self.dtype)
        if not parts:
            return piece.reshape(())
        inner = [slice(part.start, part.stop, part.step) for part in parts[1:]]
        return piece.reshape(len(span), *shape[1:])[(slice(None, None, parts[0].step), *inner)]


def _span(part: range) -> range:
    """From the first to the last."""
    return range(part[0], part[-1] + 1)
