"""An array with what is known of it: the names of its dimensions and its attributes, whatever keeps it.

Every reader gives its arrays in this form, and everything that is read passes through `decoded`: numbers of a netCDF file,
of Zarr, of a masked array or of xarray mean the same to all that follows.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from spinlock.core.errors import InputError
from spinlock.store.atomic import human_size
from spinlock.store.guarded_array import MAX_READ

Selection = tuple[slice, ...]
Attributes = Mapping[str, Any]
"""Name → a number, an array of numbers, or a text."""

NETCDF_FILL: Mapping[str, float] = {
    "i2": -32767, "u2": 65535, "i4": -2147483647, "u4": 4294967295, "i8": -9223372036854775806,
    "u8": 18446744073709551614, "f4": 9.969209968386869e36, "f8": 9.969209968386869e36,
}  # fmt: skip
"""What netCDF leaves in cells that were never written, by type (netcdf.h, NC_FILL_*); bytes have none."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LabelledArray:
    """An array that is read a piece at a time.

    Attributes:
        name: of the file and the place in it, for messages.
        key: its own name in the file, with the groups above it; "" where it has none.
        shape: of the whole array.
        read_piece: reads a slice of every axis, as it is stored.
        dims: names of the dimensions, one an axis; () where the file has none.
        attributes: what the file says of it.
        is_text: whether it holds words.
    """

    name: str
    shape: tuple[int, ...]
    read_piece: Callable[[Selection], np.ndarray]
    key: str = ""
    dims: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    is_text: bool = False

    def read(self, selection: Selection | None = None) -> np.ndarray:
        """A slice of every axis (everything when not given), decoded: NaN where there is no value.

        Raises:
            InputError: if it is too large for memory.
        """
        selection = tuple(slice(0, length) for length in self.shape) if selection is None else selection
        count = math.prod(len(range(n)[part]) for n, part in zip(self.shape, selection, strict=True))
        if 4 * count > MAX_READ:
            raise InputError(
                f"{self.name}: one sample takes {human_size(4 * count)} as float32; at most {human_size(MAX_READ)} are read at once."
            )
        return decoded(self.read_piece(selection), self.attributes)

    def transposed(self) -> "LabelledArray":
        """The same with its axes reversed, as languages that count columns first see it."""
        return LabelledArray(
            name=self.name,
            key=self.key,
            shape=self.shape[::-1],
            dims=self.dims[::-1],
            attributes=self.attributes,
            read_piece=lambda selection: self.read_piece(selection[::-1]).transpose(),
        )

    def as_list(self) -> "LabelledArray":
        """A matrix of one row or column as the list that MATLAB, which has no lists, means by it; anything else as it is."""
        if len(self.shape) != 2 or 1 not in self.shape:
            return self
        axis, other = int(self.shape[0] == 1), slice(0, 1)
        return replace(
            self,
            shape=(self.shape[axis],),
            dims=self.dims[axis : axis + 1],
            read_piece=lambda selection: self.read_piece((other, *selection) if axis else (*selection, other)).reshape(
                -1
            ),
        )


def labelled(
    array: Any, name: str, *, key: str = "", dims: Sequence[str] = (), attributes: Attributes | None = None
) -> LabelledArray:
    """Anything with numpy's manners (`shape`, `dtype`, slices) that holds real numbers of a width that every machine has, or words.

    Raises:
        InputError: if it holds something else.
    """
    dtype = np.dtype(array.dtype)
    if dtype.kind in "SU":
        return text(name, np.asarray(array[tuple(map(slice, array.shape))]), key=key)
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        hint = "; give real and imaginary part as two channels" if dtype.kind == "c" else ""
        raise InputError(f"{name} must hold real numbers of at most 8 bytes; it holds {dtype}{hint}.")
    return LabelledArray(
        name=name,
        key=key,
        shape=tuple(int(length) for length in array.shape),
        dims=tuple(str(dim) for dim in dims),
        attributes=attributes or {},
        read_piece=lambda selection: np.asanyarray(array[selection]),
    )


def text(name: str, array: np.ndarray, *, key: str) -> LabelledArray:
    """Words that are in memory; bytes are UTF-8."""
    words = np.array(
        [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in array.reshape(-1)],
        object,
    ).reshape(array.shape)
    return LabelledArray(name=name, key=key, shape=words.shape, read_piece=lambda piece: words[piece], is_text=True)


class ArrayPlace(ABC):
    """A file, a folder or an object in memory that holds arrays.

    Attributes:
        name: for messages.
        is_labelled: whether names of arrays mean something; those of `arr_0` or of a file of one array do not.
        are_samples: whether its arrays follow each other as samples, as those of a list do.
        are_channels: whether its arrays of one shape are the channels of one.
    """

    name: str
    is_labelled: bool = True
    are_samples: bool = False
    are_channels: bool = False

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Paths of the arrays."""

    @abstractmethod
    def array(self, name: str) -> LabelledArray:
        """One of them.

        Raises:
            InputError: if there is no such array, or it holds neither real numbers nor words.
        """

    def attributes(self, group: str = "") -> Attributes:  # noqa: ARG002  for places that say something
        """What is said of everything in a group; nothing where the format has no room for it."""
        return {}

    @cached_property
    def _by_plain_name(self) -> dict[str, str]:
        return {name.strip("/"): name for name in self.names()}

    def find(self, array: LabelledArray, name: str) -> LabelledArray | None:
        """An array of some name in the group of another one, or in the groups above it; None where there is none."""
        group, known = array.key.strip("/"), self._by_plain_name
        while group:
            group = group.rpartition("/")[0]
            place = f"{group}/{name}" if group else name
            if place in known:
                try:
                    return self.array(known[place])
                except InputError:  # something that is no array of numbers or words says nothing here
                    return None
        return None


def decoded(values: np.ndarray, attributes: Attributes) -> np.ndarray:
    """Numbers as they are meant: NaN where there is no value, scaled where they were packed; unchanged where nothing is said.

    Without a value are cells under the mask of a numpy masked array, those that equal `_FillValue` or `missing_value`, and
    those outside of `valid_min`, `valid_max` or `valid_range`. Infinity is a value. `scale_factor` and `add_offset` are
    applied in double precision, after `_Unsigned`.

    Source: the netCDF User's Guide, appendix A, and the CF conventions 1.11, sections 2.5.1 and 8.1: a valid range is
    measured in the unpacked unit where its type is a floating one and that of the packed numbers is not.

    Args:
        values: as they are stored.
        attributes: of the array.
    """
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    values = np.ma.getdata(values)
    if values.dtype.kind not in "iuf":
        return values.astype(np.float64) if mask is not None and mask.any() and values.dtype.kind == "b" else values
    unsigned = str(attributes.get("_Unsigned", "")).lower()
    if values.dtype.kind == "i" and unsigned == "true":
        values = values.view(values.dtype.str.replace("i", "u"))
    elif values.dtype.kind == "u" and unsigned == "false":
        values = values.view(values.dtype.str.replace("u", "i"))
    missing = np.zeros(values.shape, bool) if mask is None else mask.copy()
    for name in ("_FillValue", "missing_value"):
        for fill in _numbers(attributes.get(name), of=values.dtype):
            missing |= np.isnan(values) if np.isnan(fill) else values == fill
    scale, offset = (_number(attributes.get(name)) for name in ("scale_factor", "add_offset"))
    is_packed = (scale, offset) != (None, None)
    meant = values
    if is_packed:
        unpacked = values.astype(np.float64) * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)
        meant = np.asarray(unpacked)  # of a single number it is none
    missing |= _out_of_range(values, meant, attributes, is_packed=is_packed)
    if not missing.any():
        return meant
    meant = np.array(meant, dtype=None if meant.dtype.kind == "f" else np.float64)
    meant[missing] = np.nan
    return meant


def _out_of_range(stored: np.ndarray, meant: np.ndarray, attributes: Attributes, *, is_packed: bool) -> np.ndarray:
    low, high = (attributes.get(name) for name in ("valid_min", "valid_max"))
    both = np.atleast_1d(np.asarray(attributes.get("valid_range", ())))
    if both.size == 2:
        low, high = both[0], both[1]
    outside = np.zeros(stored.shape, bool)
    for bound, is_low in ((low, True), (high, False)):
        number = _number(bound)
        if number is None:
            continue
        is_unpacked = is_packed and np.asarray(bound).dtype.kind == "f" and stored.dtype.kind != "f"
        values = meant if is_unpacked else stored
        outside |= (values < number) if is_low else (values > number)  # False for NaN
    return np.asarray(outside & ~np.isinf(meant)) if stored.dtype.kind == "f" else outside


def _numbers(value: Any, *, of: np.dtype) -> list[Any]:
    """The numbers of an attribute in the type of an array; those that it cannot hold are left out."""
    if value is None:
        return []
    try:
        given = np.atleast_1d(np.asarray(value)).reshape(-1)
        if given.dtype.kind in "SU":
            given = given.astype(np.float64)
        if given.dtype.kind not in "iufb":
            return []
    except ValueError:
        return []
    if of.kind == "f":
        return list(given.astype(of))
    if given.dtype.kind == "f":
        given = given[np.isfinite(given)]
    if of.kind == "u" and given.dtype.kind == "i":  # a byte -1 that `_Unsigned` made 255
        given = np.where(
            given < 0, given.astype(np.int64) + 2 ** (8 * of.itemsize) if of.itemsize < 8 else given, given
        )
    limits = np.iinfo(of)
    return [
        of.type(int(number))
        for number in given.tolist()
        if limits.min <= number <= limits.max and number == int(number)
    ]


def _number(value: Any) -> float | None:
    """An attribute that is one finite number."""
    try:
        number = float(np.asarray(value).reshape(-1)[0]) if np.asarray(value).size == 1 else math.nan
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
