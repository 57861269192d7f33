"""HDF5 files that a full disk does not harm: as bytes in memory, or on a disk of which the space is claimed before.

HDF5 does not survive a disk that fills while it writes. The bytes depend on the contents alone: no time stamps, fixed
chunks, words of fixed length.
"""

import errno
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from spinlock.core.errors import ResourceError, SpinlockError
from spinlock.store.atomic import AnyPath, check_free_space, replacing

CHUNK_BYTES = 2**20
WORD_BYTES = 64
"""Bytes of a system's or an initial condition's name in a file."""


def hdf5_image(write: Callable[[h5py.File], None]) -> bytes:
    """The bytes of the HDF5 file that `write` fills."""
    with h5py.File("image.h5", "w", driver="core", backing_store=False) as file:
        write(file)
        file.flush()
        return file.id.get_file_image()


@contextmanager
def hdf5_on_disk(path: AnyPath, num_bytes: int) -> Iterator[h5py.File]:
    """A file to fill, which takes the place of `path` whole or not at all.

    Args:
        path: the target.
        num_bytes: at least as many as the file will have; what is not needed is given back.

    Raises:
        ResourceError: if the disk has no room.
    """
    check_free_space(path, num_bytes)
    with replacing(path) as temporary:
        try:
            h5py.File(temporary, "w").close()
            _claim(temporary, num_bytes)
            with h5py.File(temporary, "r+") as file:  # at its claimed length, so that closing cuts what was not needed
                yield file
        except SpinlockError:
            raise
        except OSError as error:
            if error.errno is not None:
                raise
            raise ResourceError(f"{path} cannot be written: {' '.join(str(error).split())}.") from error


def _claim(path: Path, num_bytes: int) -> None:
    """Takes the disk space before HDF5 writes; a file system that cannot promise space is taken at the check's word."""
    if not hasattr(os, "posix_fallocate"):
        return
    handle = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(handle, 0, num_bytes)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    finally:
        os.close(handle)


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
