"""HDF5 files that no disk harms: as bytes in memory, or through a file that never fails in the middle of a call.

HDF5 does not survive a disk that fails while it writes: it crashes, or it loses the error and the data. So it never meets
one. The bytes depend on the contents alone: no time stamps, fixed chunks, words of fixed length.
"""

import logging
import math
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import h5py
import numpy as np

from spinlock.core.errors import InputError, ResourceError
from spinlock.store.atomic import AnyPath, check_free_space, replacing, write_at

log = logging.getLogger(__name__)

CHUNK_BYTES = 2**20
WORD_BYTES = 64
"""Bytes of a system's or an initial condition's name in a file."""


def hdf5_image(write: Callable[[h5py.File], None]) -> bytes:
    """The bytes of the HDF5 file that `write` fills."""
    with h5py.File("image.h5", "w", driver="core", backing_store=False) as file:
        write(file)
        file.flush()
        return file.id.get_file_image()


class _Enduring:
    """A new file for HDF5's driver of Python files: it keeps the first error of the disk, and everything after it succeeds.

    What is written after the error stays in memory, so that HDF5 reads what it wrote until it is closed. Whoever writes
    asks `check` now and then, so that this does not become much.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self._place = self._size = 0
        self._later: list[tuple[int, bytes]] = []
        self._error: OSError | None = None

    def check(self) -> None:
        """Raises the error that was kept."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Forces the file to disk and closes it; an error there counts as one of writing."""
        for end in (os.fsync, os.close):
            try:
                end(self._handle)
            except OSError as error:
                self._error = self._error or error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def write(self, data: Any) -> int:
        try:
            self.check()
            write_at(self._handle, memoryview(data), self._place)
        except OSError as error:
            self._error = error
            self._later.append((self._place, bytes(data)))
        self._place += len(data)
        self._size = max(self._size, self._place)
        return len(data)

    def readinto(self, buffer: Any) -> int:
        start, stop = self._place, self._place + len(buffer)
        try:
            data = os.pread(self._handle, len(buffer), start)
        except OSError as error:
            self._error, data = self._error or error, b""
        buffer[: len(data)] = data
        buffer[len(data) :] = bytes(len(buffer) - len(data))
        for place, later in self._later:
            first, last = max(start, place), min(stop, place + len(later))
            if first < last:
                buffer[first - start : last - start] = later[first - place : last - place]
        self._place = stop
        return len(buffer)

    def read(self, num_bytes: int) -> bytes:
        buffer = bytearray(num_bytes)
        self.readinto(memoryview(buffer))
        return bytes(buffer)

    def truncate(self, size: int | None = None) -> int:
        self._size = self._place if size is None else size
        try:
            self.check()
            os.ftruncate(self._handle, self._size)
        except OSError as error:
            self._error = error
        return self._size

    def flush(self) -> None: ...


@contextmanager
def hdf5_on_disk(
    path: AnyPath, num_bytes: int, *, verify: Callable[[Path], bool]
) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """A file to fill, which takes the place of `path` whole and read back, or not at all.

    Yields the file, and a function to call after every few megabytes: it raises what went wrong meanwhile.

    Args:
        path: the target.
        num_bytes: at least as many as the file will have.
        verify: whether the file at a path, closed and on disk, holds what was written.

    Raises:
        ResourceError: if the disk has no room, or fails.
    """
    check_free_space(path, num_bytes)
    with replacing(path) as temporary:
        disk = _Enduring(temporary)
        with _signals_wait() as signals:

            def check() -> None:
                disk.check()
                signals()

            try:
                with h5py.File(disk, "w") as file:
                    yield file, check
            finally:
                disk.close()
                disk.check()  # in place of what HDF5 made of it
            check()
        if not _reads_back(temporary, verify):
            raise ResourceError(
                f"{path} cannot be written: the disk does not give back what was written to it; nothing was replaced."
            )


def _reads_back(path: Path, verify: Callable[[Path], bool]) -> bool:
    try:
        return verify(path)
    except (InputError, OSError) as error:
        log.warning("%s", error)
        return False


@contextmanager
def _signals_wait() -> Iterator[Callable[[], None]]:
    """Lets Ctrl-C and its like wait until the block asks for them: inside HDF5's calls they would be failures of the disk."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
    before = {number: signal.getsignal(number) for number in numbers}
    own = {int(number): handler for number, handler in before.items() if callable(handler)}

    def tell() -> None:
        while came:
            number = came.pop(0)
            own[number](number, None)

    for number in own:
        signal.signal(number, note)
    try:
        yield tell
    finally:
        for number, handler in own.items():
            signal.signal(number, handler)
    tell()


def file_size(arrays: Iterable[tuple[tuple[int, ...], np.dtype]]) -> int:
    """An upper bound of a file's bytes: whole chunks, their index and checksums, and the attributes."""
    total = 4 * 2**20
    for shape, dtype in arrays:
        row = math.prod(shape[1:]) * dtype.itemsize
        total += math.ceil(1.02 * row * (shape[0] + rows_per_chunk(shape, dtype.itemsize))) + 4096
    return total


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The chunk of an array: at most about 1 MiB, whole along the last axes, the same for any number of rows.

    The first axis counts as endless, so that a data set has the same chunks however many samples it has; the chunk is cut
    to the array at the end, as HDF5 asks.
    """
    chunk, room = [1] * len(shape), max(1, CHUNK_BYTES // itemsize)
    for axis in reversed(range(len(shape))):
        length = shape[axis] if axis else max(shape[0], 1)
        chunk[axis] = max(1, min(length, room))
        room //= chunk[axis]
        if chunk[axis] < length:
            break
    return tuple(chunk)


def rows_per_chunk(shape: tuple[int, ...], itemsize: int) -> int:
    """Rows that lie in one chunk of an array."""
    return chunk_shape(shape, itemsize)[0] if math.prod(shape) else 1


def create_array(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype, *, compressed: bool = False
) -> h5py.Dataset:
    """A data set with checksums (fletcher32), optionally shuffled and deflated (level 1)."""
    if not math.prod(shape):
        return group.create_dataset(name, shape=shape, dtype=dtype)
    return group.create_dataset(
        name,
        shape=shape,
        dtype=dtype,
        chunks=chunk_shape(shape, dtype.itemsize),
        fletcher32=True,
        shuffle=compressed,
        compression="gzip" if compressed else None,
        compression_opts=1 if compressed else None,
    )


def word_dtype(num_bytes: int = WORD_BYTES) -> np.dtype:
    """UTF-8 words of a fixed number of bytes."""
    return h5py.string_dtype("utf-8", num_bytes)
