"""Rollouts from plain arrays: `.npy`, `.npz`, or a data set in an HDF5 file, with a letter for each axis."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError, UsageError, did_you_mean, listed
from spinlock.store.atomic import human_size
from spinlock.store.guarded_hdf5 import MAX_READ, GuardedFile, open_guarded
from spinlock.store.importers.source import Reader, RolloutSource, SampleFacts, rollout_of
from spinlock.store.npy_header import ARCHIVE_DAMAGE, DAMAGE

AXES = {"n": "sample", "m": "realization", "t": "time", "c": "channel", "h": "height", "w": "width"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayLayout:
    """How an array is to be read.

    Attributes:
        axes: a letter for each axis: n sample, m realization, t time, c channel, h height, w width; any order, t is needed.
        key: name of the array in its file; None where there is only one.
        group_key: name of an array of whole numbers, one a sample; None where each sample is on its own.
        dt: time between saved states.
        dx: grid spacing.
        periodic: whether the domain wraps around.
    """

    axes: str
    key: str | None = None
    group_key: str | None = None
    dt: float = 1.0
    dx: float = 1.0
    periodic: bool = True


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _LazyArray:
    """An array that is read a piece at a time."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[tuple[slice, ...]], np.ndarray]


def open_array(path: Path, layout: ArrayLayout) -> RolloutSource:
    """The rollouts of an array in a file.

    Raises:
        InputError: if there is no such array, it is not numbers, or its axes do not fit to it.
    """
    with _opened(path, layout.key) as array:
        _check_axes(layout.axes, array)
        num_samples = _num_samples(layout.axes, array.shape)
    groups = _groups(path, layout.group_key, num_samples)

    @contextmanager
    def opened() -> Iterator[Reader]:
        with _opened(path, layout.key) as array:
            yield lambda sample: rollout_of(
                _states(array, layout.axes, sample),
                SampleFacts(dt=layout.dt, dx=layout.dx, group=int(groups[sample]), periodic=layout.periodic),
            )

    return RolloutSource(path=path, format="array", num_samples=num_samples, opened=opened)


def _states(array: _LazyArray, axes: str, sample: int) -> np.ndarray:
    """States (realization, time, channel, height, width) of one sample."""
    selection = tuple(slice(sample, sample + 1) if letter == "n" else slice(None) for letter in axes)
    part = array.read(selection)
    if "n" in axes:
        part, axes = part.squeeze(axes.index("n")), axes.replace("n", "")
    part = part.transpose([axes.index(letter) for letter in "mtchw" if letter in axes])
    return np.expand_dims(part, [place for place, letter in enumerate("mtchw") if letter not in axes])


def _check_axes(axes: str, array: _LazyArray) -> None:
    letters = ", ".join(f"{letter} {word}" for letter, word in AXES.items())
    if "d" in axes:
        raise InputError(
            f"`axes` = '{axes}' names a third direction of space; spinlock reads up to two, so cut slices."
        )
    unknown = [letter for letter in axes if letter not in AXES]
    if unknown or len(set(axes)) != len(axes):
        raise InputError(f"`axes` must name each axis by another one of the letters {letters}; got '{axes}'.")
    if len(axes) != len(array.shape):
        raise InputError(f"`axes` = '{axes}' names {len(axes)} axes; {array.name} has the shape {array.shape}.")
    if "t" not in axes:
        raise InputError(f"`axes` must name the time, t; got '{axes}' for the shape {array.shape} of {array.name}.")
    if 0 in array.shape:
        raise InputError(f"{array.name} is empty: it has the shape {array.shape}.")


def _num_samples(axes: str, shape: tuple[int, ...]) -> int:
    return shape[axes.index("n")] if "n" in axes else 1


def _groups(path: Path, key: str | None, num_samples: int) -> np.ndarray:
    if key is None:
        return np.arange(num_samples)
    with _opened(path, key) as array:
        if array.shape != (num_samples,):
            raise InputError(
                f"{array.name} must hold a group for each of {num_samples} samples; got the shape {array.shape}."
            )
        groups = array.read((slice(None),))
    if groups.dtype.kind not in "iu":
        raise InputError(f"the groups in {array.name} must be whole numbers; they are {groups.dtype}.")
    return groups


@contextmanager
def _opened(path: Path, key: str | None) -> Iterator[_LazyArray]:
    if path.suffix == ".npy":
        if key is not None:
            raise UsageError(f"{path} holds one array without a name; got the name '{key}'.")
        yield _npy(path)
    elif path.suffix == ".npz":
        yield _npz(path, key)
    else:
        with open_guarded(path, expected="an HDF5 file with an array") as file:
            yield _hdf5(file, key)


def _hdf5(file: GuardedFile, key: str | None) -> _LazyArray:
    if key is None:
        arrays = array_names(file)
        if len(arrays) != 1:
            raise InputError(
                f"{file.path} holds {listed(arrays, most=12) or 'no array'}; name one of them as `dataset_key`."
            )
        key = arrays[0]
    array = file.numbers(key)
    return _LazyArray(name=array.name, shape=array.shape, read=lambda selection: array.read(*selection))


def array_names(file: GuardedFile, group: str = "", *, depth: int = 4) -> list[str]:
    """Paths of the data sets in a file, down to a few groups deep."""
    names: list[str] = []
    for name in file.names(group or "/")[:100]:
        path = f"{group}/{name}"
        try:
            kind = file.kind(path)
        except InputError:  # a link that is not followed is no array of this file
            continue
        if kind == "dataset":
            names.append(path)
        elif kind == "group" and depth > 1:
            names += array_names(file, path, depth=depth - 1)
    return names


def _npy(path: Path) -> _LazyArray:
    _check_file(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGE as error:
        raise InputError(f"{path} is not a .npy file of numbers: {' '.join(str(error).split())}.") from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is not a .npy file; an archive of arrays ends in .npz.")
    return _in_memory(array, str(path))


def _npz(path: Path, key: str | None) -> _LazyArray:
    """An archive is unpacked into memory: large data belong into .npy or HDF5."""
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        name = _choose(path, key, list(sizes))
        if sizes[name] > MAX_READ:
            raise InputError(f"{path}: {name} takes {human_size(sizes[name])} unpacked; keep it as .npy or HDF5.")
        with np.load(path, allow_pickle=False) as arrays:
            array = arrays[name]
    except InputError:
        raise
    except ARCHIVE_DAMAGE as error:
        raise InputError(f"{path} is not an .npz file of numbers: {' '.join(str(error).split())}.") from error
    return _in_memory(array, f"{path}: {name}")


def _choose(path: Path, key: str | None, names: list[str]) -> str:
    if key is None and len(names) == 1:
        return names[0]
    if key is None:
        raise InputError(f"{path} holds {listed(names, most=12) or 'nothing'}; name one of them as `dataset_key`.")
    if key not in names:
        raise InputError(f"{path} holds no array '{key}'. {did_you_mean(key, names)}")
    return key


def _in_memory(array: np.ndarray, name: str) -> _LazyArray:
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} must hold real numbers; it holds {array.dtype}.")
    return _LazyArray(name=name, shape=array.shape, read=lambda selection: np.asarray(array[selection]))


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} {'is not a plain file' if path.exists() else 'does not exist'}; expected an array.")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty (0 bytes); expected an array.")
