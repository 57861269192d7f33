"""HDF5 as bytes in memory: HDF5 itself never writes to a disk, which it would not survive being full.

The bytes depend on the contents alone: no time stamps, fixed chunks, words of fixed length.
"""

import math
from collections.abc import Callable

import h5py
import numpy as np

CHUNK_BYTES = 2**20
WORD_BYTES = 64
"""Bytes of a system's or an initial condition's name in a file."""


def hdf5_image(write: Callable[[h5py.File], None]) -> bytes:
    """The bytes of the HDF5 file that `write` fills."""
    with h5py.File("image.h5", "w", driver="core", backing_store=False) as file:
        write(file)
        file.flush()
        return file.id.get_file_image()


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
