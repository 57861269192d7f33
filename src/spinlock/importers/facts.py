"""What a place says of an array beside its numbers: dt and dx with where they came from, names, parameters, groups."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from spinlock.core.errors import InputError, listed
from spinlock.importers.dimensions import coordinates_of, grid_step, time_step
from spinlock.importers.labelled import ArrayPlace, LabelledArray
from spinlock.importers.options import ReadOptions
from spinlock.importers.places import chosen

_NO_PARAMETERS = {
    "dt", "dx", "missing_value", "_FillValue", "valid_min", "valid_max", "scale_factor", "add_offset", "periodic",
}  # fmt: skip


class Fact(NamedTuple):
    """What a fact was taken to be, and where that came from."""

    value: float
    origin: str

    def __str__(self) -> str:
        return f"{self.value:.6g}, {self.origin}"


def numbers_or_none(place: ArrayPlace, name: str) -> LabelledArray | None:
    """An array of numbers; None where there is something else under the name."""
    try:
        array = place.array(name)
    except InputError:
        return None
    return None if array.is_text else array


class Times(NamedTuple):
    """Times of the saved states.

    Attributes:
        values: one a state.
        where: they come from, for messages.
        said: the same for people, with their unit.
    """

    values: np.ndarray
    where: str
    said: str


def times_of(array: LabelledArray, axes: str, place: ArrayPlace) -> Times | None:
    """Times of the saved states; of a single state that which stands beside it."""
    if "t" in axes:
        found = coordinates_of("t", axes, array, place)
        if found is None or found.is_text:
            return None
        unit = str(found.attributes.get("units", "")).partition(" since ")[0]
        return Times(found.read(), found.name, f"'{found.key.strip('/')}'{f' in {unit}' if unit else ''}")
    for name in ("time", "t"):
        found = place.find(array, name)
        value = found.read() if found is not None and found.shape in ((), (1,)) else array.attributes.get(name)
        value = place.attributes(_group_of(array)).get(name) if value is None else value
        if value is not None and np.size(value) == 1 and np.asarray(value).dtype.kind in "fiumM":
            return Times(np.asarray(value).reshape(1), array.name, f"'{name}'")
    return None


def time_step_of(array: LabelledArray, place: ArrayPlace, options: ReadOptions, times: Times | None) -> Fact:
    """The time between saved states: as given, by coordinates, by an attribute, else 1."""
    if options.dt is not None:
        return Fact(options.dt, "as given")
    if times is not None and len(times.values) > 1 and options.join != "time":
        return Fact(time_step(times.values, where=times.where), f"from the coordinates {times.said}")
    return _attribute(array, place, "dt") or Fact(
        1.0, "assumed, since nothing says what the time between saved states is"
    )


def grid_step_of(array: LabelledArray, axes: str, place: ArrayPlace, options: ReadOptions) -> Fact:
    """The grid spacing: as given, by coordinates, by an attribute, else 1."""
    if options.dx is not None:
        return Fact(options.dx, "as given")
    kept = [letter for letter in axes if letter in "hw"]
    found = [coordinates_of(letter, axes, array, place) for letter in kept]
    known = [entry for entry in found if entry is not None and entry.shape[0] > 1 and not entry.is_text]
    if known:
        names = listed(entry.key.strip("/") for entry in known)
        return Fact(grid_step(known), f"from the coordinates '{names}'")
    if not kept:
        return Fact(1.0, "without a meaning, as there is no space")
    return _attribute(array, place, "dx") or Fact(1.0, "assumed, since nothing says what the grid spacing is")


def _attribute(array: LabelledArray, place: ArrayPlace, name: str) -> Fact | None:
    """A number above 0 that the array, or the place as a whole, states as an attribute or as an array of one number."""
    beside = place.find(array, name) if place.is_labelled else None
    held = beside.read() if beside is not None and beside.shape in ((), (1,)) and not beside.is_text else None
    for value in (array.attributes.get(name), place.attributes(_group_of(array)).get(name), held):
        number = np.asarray(value).reshape(-1) if value is not None else np.empty(0)
        if number.size == 1 and number.dtype.kind in "fiu" and 0 < float(number[0]) < np.inf:
            return Fact(float(number[0]), f"from '{name}' in the file")
    return None


def _group_of(array: LabelledArray) -> str:
    return array.key.strip("/").rpartition("/")[0]


def channel_names_of(
    arrays: Sequence[LabelledArray], axes: str, place: ArrayPlace, options: ReadOptions
) -> tuple[str, ...]:
    """The name of each channel: the variable's, the words along its dimension, or both."""
    count = arrays[0].shape[axes.index("c")] if "c" in axes else 1
    has_pattern = isinstance(options.dataset_key, str) and any(mark in options.dataset_key for mark in "*?[")
    is_named = place.is_labelled and not place.are_samples and not (has_pattern and len(arrays) == 1)
    own = [array.key.strip("/").rpartition("/")[2] if is_named else "" for array in arrays]
    found = coordinates_of("c", axes, arrays[0], place) if "c" in axes else None
    parts = (
        [str(word) for word in found.read().tolist()]
        if found is not None and found.is_text
        else list(map(str, range(count)))
    )
    if count == 1 and (len(arrays) > 1 or own[0]):
        return tuple(name or f"channel_{number}" for number, name in enumerate(own))
    if len(arrays) == 1:
        return tuple(parts) if found is not None and found.is_text else tuple(f"channel_{part}" for part in parts)
    return tuple(f"{name}_{part}" for name in own for part in parts)


def sample_names_of(array: LabelledArray, axes: str, place: ArrayPlace, *, stem: str) -> tuple[str, ...]:
    """The name of each sample: the words along its dimension, else its number; of an array of one sample its own name or its file's."""
    own = array.key.strip("/")
    if "n" not in axes:
        return (own if place.are_samples or (own and len(place.names()) > 1 and own != stem) else stem or own,)
    found = coordinates_of("n", axes, array, place)
    if found is not None and found.is_text:
        words = tuple(str(word) for word in found.read().reshape(-1).tolist())
        if len(set(words)) == len(words):
            return words
    return tuple(map(str, range(array.shape[axes.index("n")])))


def parameters_of(array: LabelledArray, axes: str, place: ArrayPlace) -> dict[str, float | Sequence[float]]:
    """Numbers that a place states beside its arrays: its attributes, single numbers, and one a sample along its dimension."""
    found: dict[str, float | Sequence[float]] = {}
    for name, value in place.attributes(_group_of(array)).items():
        if name not in _NO_PARAMETERS and np.size(value) == 1 and np.asarray(value).dtype.kind in "fiu":
            found[name] = float(np.asarray(value).reshape(-1)[0])
    sample = array.dims[axes.index("n")] if array.dims and "n" in axes else None
    for name in place.names()[:200] if place.is_labelled else ():
        if "/" in name.strip("/") or name.strip("/") in (*_NO_PARAMETERS, "time", "t"):
            continue
        entry = numbers_or_none(place, name) if name != array.key else None
        if entry is None:
            continue
        is_one = entry.shape in ((), (1,)) and not any(entry.dims)
        if not is_one and (sample is None or entry.dims != (sample,)):
            continue
        values = entry.read().reshape(-1 if not is_one else ())
        own = name.strip("/")
        if values.dtype.kind not in "fiu" or (own == sample and _is_counting(values)):
            continue
        found[own] = [float(value) for value in values] if values.shape else float(values)
    return found


def _is_counting(values: np.ndarray) -> bool:
    return bool(values.dtype.kind in "iu" and np.array_equal(values - values[:1], np.arange(len(values))))


def groups_of(place: ArrayPlace, key: str | None, counts: Sequence[int]) -> np.ndarray:
    """The group of each sample: its own where no key is given; from one array, or from one an array of samples."""
    if key is None:
        return np.arange(sum(counts))
    arrays = [place.array(name) for name in chosen(place, key, list(place.names()), what="group_key")]
    expected = [sum(counts)] if len(arrays) == 1 else list(counts)
    if len(arrays) != len(expected):
        raise InputError(
            f"{place.name}: '{key}' names {len(arrays)} arrays of groups for {len(counts)} arrays of samples."
        )
    return np.concatenate([_group_numbers(array, count) for array, count in zip(arrays, expected, strict=True)])


def _group_numbers(array: LabelledArray, count: int) -> np.ndarray:
    """Whole numbers as they are; of anything else a number that is the same for equal words or numbers in every file."""
    if array.shape != (count,) and not (count == 1 and array.shape == ()):
        raise InputError(f"{array.name} must hold a group for each of {count} samples; got the shape {array.shape}.")
    groups = array.read().reshape(-1)
    if groups.dtype.kind in "iu" and (not groups.size or int(groups.max()) <= np.iinfo(np.int64).max):
        return groups.astype(np.int64)
    if groups.dtype.kind == "f" and not np.isfinite(groups).all():
        raise InputError(f"the groups in {array.name} must have a value for every sample; some are missing.")
    hashed = [int.from_bytes(sha256(str(group).encode()).digest()[:8]) >> 1 for group in groups.tolist()]
    return np.array(hashed, dtype=np.int64)
