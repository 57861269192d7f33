"""What a stranger's HDF5 may say of an array before anything of it is read: its type, where it is stored and how, how large it is."""

import math
from typing import Any

import h5py
import numpy as np

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.store.atomic import human_size
from spinlock.store.guard import is_trusting

MAX_CHUNK = 2**30
"""Most bytes of one chunk, which HDF5 must hold whole to read a part of it."""
SMALL = 64 * 2**20
"""Bytes that any array may claim, whatever is stored of it."""
COMPRESSED = 1100
"""Times that an array may be larger than what is stored of it: deflate cannot shrink by more than 1032."""
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "n-bit", 6: "scale-offset", 32000: "lzf"}
"""Filters that every HDF5 has, by number; szip only where it was built in."""
_KNOWN_FILTERS = {
    307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32017: "sz", 32024: "sz3",
    32026: "blosc2",
}  # fmt: skip
"""Filters of others, from the HDF Group's register of filter plug-ins."""
_RARE = {4, 5, 6}
"""Filters that are run for trusted files alone: few honest files have them, and few have looked for faults in them."""
_PACKING = {1, 4, 5, 6, 32000}
"""Filters that make an array smaller."""
NUMBER_CLASSES = (h5py.h5t.INTEGER, h5py.h5t.FLOAT)
_CLASS_WORDS = {
    h5py.h5t.STRING: "words",
    h5py.h5t.COMPOUND: "compound",
    h5py.h5t.REFERENCE: "references",
    h5py.h5t.VLEN: "varying length",
    h5py.h5t.OPAQUE: "opaque",
    h5py.h5t.BITFIELD: "bit field",
    h5py.h5t.ARRAY: "arrays",
    h5py.h5t.ENUM: "an enumeration",
    h5py.h5t.TIME: "times",
}


def check_claim(
    place: str, shape: tuple[int, ...], chunk: tuple[int, ...], dtype: np.dtype, *, most: int, stored: str
) -> None:
    """Refuses an array that says it is larger than what is stored of it can be, or whose chunks do not fit in memory.

    Args:
        place: where the array is, for messages.
        shape: that it claims.
        chunk: that must be read whole to read a part of it; () where there are none.
        dtype: of its numbers.
        most: bytes that can come out of what is stored; negative where more is said to be stored than there is.
        stored: what that is, in words.
    """
    claimed, num_bytes = math.prod(shape) * dtype.itemsize, math.prod(chunk) * dtype.itemsize
    if most < 0 or claimed > max(SMALL, most):
        raise InputError(f"{place} claims {human_size(claimed)} in the shape {shape}, of which {stored}.")
    if num_bytes > MAX_CHUNK:
        raise InputError(f"{place} has chunks of {human_size(num_bytes)}; at most {human_size(MAX_CHUNK)} are read.")


def check_class(kind: Any, place: str, classes: tuple[int, ...]) -> None:
    """Refuses an HDF5 type of another class than is asked for, or with numbers of more than eight bytes."""
    number = kind.get_class()
    if number == h5py.h5t.ENUM and h5py.h5t.INTEGER in classes and kind.dtype.kind == "b":
        return  # h5py's booleans
    if number not in classes:
        wanted = "words" if h5py.h5t.STRING in classes else "numbers"
        raise InputError(f"{place} must hold {wanted}; it holds {_CLASS_WORDS.get(number, 'numbers')}.")
    if h5py.h5t.STRING not in classes and kind.get_size() > 8:
        raise InputError(f"{place} holds numbers of {kind.get_size()} bytes; at most 8 are read.")


def check_type(dataset: h5py.Dataset, place: str, classes: tuple[int, ...]) -> None:
    """Refuses a data set of such a type, or without a shape."""
    with reading_errors(place):
        check_class(dataset.id.get_type(), place, classes)
        if dataset.id.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            raise InputError(f"{place} is empty.")


def check_storage(dataset: h5py.Dataset, place: str, *, file_size: int) -> None:
    """Refuses a data set that lies outside its file, goes through filters that are not run, or claims more than is stored."""
    with reading_errors(place):
        plan = dataset.id.get_create_plist()
        layout = plan.get_layout()
        if layout == h5py.h5d.VIRTUAL:
            raise InputError(
                f"{place} is a virtual data set, made of other files, which spinlock does not follow: copy its numbers into a "
                "file of their own, as h5py.File('copy.h5', 'w')['u'] = h5py.File('in.h5')['u'][:] does, or Dedalus' "
                "post.merge_virtual."
            )
        if layout != h5py.h5d.COMPACT and plan.get_external_count() > 0:
            raise InputError(f"{place} is stored outside its file; spinlock reads nothing from there.")
        codes = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
        runs = {code for code in _FILTERS if (is_trusting() or code not in _RARE) and h5py.h5z.filter_avail(code)}
        unknown = [code for code in codes if code not in runs]
        if unknown:
            rare = set(unknown) <= _RARE and not is_trusting()
            trust = " unless the file is trusted (--trusted, trusted=True)" if rare else ""
            names = listed(_FILTERS.get(code) or _KNOWN_FILTERS.get(code) or f"number {code}" for code in unknown)
            raise InputError(
                f"{place} was written through the HDF5 filter {names}, which spinlock does not run (it runs "
                f"{listed((_FILTERS[code] for code in sorted(runs)), most=9)}){trust}: write it anew, h5repack -f GZIP=4 in.h5 out.h5, or nccopy -F none in.nc "
                "out.nc."
            )
        stored = dataset.id.get_storage_size()
        ratio = COMPRESSED if _PACKING & set(codes) else 1
        check_claim(
            place,
            dataset.shape,
            plan.get_chunk() if layout == h5py.h5d.CHUNKED else (),
            dataset.dtype,
            most=ratio * stored if stored <= file_size else -1,
            stored=f"the file of {human_size(file_size)} holds {human_size(min(stored, file_size))}",
        )
