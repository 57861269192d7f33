"""Rollouts from plain arrays: `.npy`, `.npz`, HDF5 or Zarr, with a letter for each axis."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError, UsageError
from spinlock.core.rollout import Rollout
from spinlock.importers.lazy_arrays import LazyArray, opened_arrays
from spinlock.importers.options import ReadOptions
from spinlock.importers.source import Reader, RolloutSource, SampleFacts, rollout_of
from spinlock.importers.volume import Depth, check_depth, planes, without_depth

AXES = {"n": "sample", "m": "realization", "t": "time", "c": "channel", "d": "depth", "h": "height", "w": "width"}


def open_array(path: Path, options: ReadOptions) -> RolloutSource:
    """The rollouts of the arrays in a file that a key names.

    Args:
        path: the file.
        options: with `axes`, a letter for each axis in any order, of which t is needed; with `*` in `dataset_key` for arrays
            that follow each other and may differ in shape.

    Raises:
        InputError: if there is no such array, it is not numbers, or its axes do not fit to it.
        UsageError: if the options do not say what the axes are.
    """
    if options.axes is None:
        raise UsageError(f"`axes` must name the axes of the array in {path}, for example 'ntchw' or 'nt'.")
    axes, key = options.axes, options.dataset_key
    _check_letters(axes)
    depth = check_depth(options.depth, is_needed="d" in axes, where=f"`axes` = '{axes}'")
    with opened_arrays(path, key) as arrays:
        for array in arrays:
            _check_axes(axes, array, depth)
        counts = [_num_samples(axes, array.shape) for array in arrays]
    ends = tuple(accumulate(counts))
    groups = _groups(path, options.group_key, counts)

    @contextmanager
    def opened() -> Iterator[Reader]:
        with opened_arrays(path, key) as arrays:

            def read(sample: int) -> Rollout:
                place = bisect_right(ends, sample)
                array, number = arrays[place], sample - (ends[place - 1] if place else 0)
                facts = SampleFacts(
                    dt=1.0 if options.dt is None else options.dt,
                    dx=1.0 if options.dx is None else options.dx,
                    group=int(groups[sample]),
                    periodic=options.periodic is not False,
                    where=f"{array.name}, sample {number}",
                )
                return rollout_of(_states(array, axes, number, depth), facts, options)

            yield read

    return RolloutSource(
        path=path,
        format="array",
        num_samples=ends[-1],
        opened=opened,
        has_shared_groups=options.group_key is not None,
    )


def _states(array: LazyArray, axes: str, sample: int, depth: Depth) -> np.ndarray:
    """States (realization, time, channel, height, width) of one sample."""
    part = array.read(
        tuple(
            slice(sample, sample + 1)
            if letter == "n"
            else planes(depth, length, where=array.name)
            if letter == "d"
            else slice(0, length)
            for letter, length in zip(axes, array.shape, strict=True)
        )
    )
    if "d" in axes:
        part, axes = without_depth(part, axes.index("d")), axes.replace("d", "")
    if "n" in axes:
        part, axes = part.squeeze(axes.index("n")), axes.replace("n", "")
    part = part.transpose([axes.index(letter) for letter in "mtchw" if letter in axes])
    return np.expand_dims(part, [place for place, letter in enumerate("mtchw") if letter not in axes])


def _check_letters(axes: str) -> None:
    letters = ", ".join(f"{letter} {word}" for letter, word in AXES.items())
    unknown = [letter for letter in axes if letter not in AXES]
    if unknown or len(set(axes)) != len(axes):
        raise InputError(f"`axes` must name each axis by another one of the letters {letters}; got '{axes}'.")
    if "d" in axes and not {"h", "w"} <= set(axes):
        raise InputError(f"`axes` = '{axes}' names d, the third direction of space, without both h and w.")


def _check_axes(axes: str, array: LazyArray, depth: Depth) -> None:
    if len(axes) != len(array.shape):
        raise InputError(f"`axes` = '{axes}' names {len(axes)} axes; {array.name} has the shape {array.shape}.")
    if "t" not in axes:
        raise InputError(f"`axes` must name the time, t; got '{axes}' for the shape {array.shape} of {array.name}.")
    if 0 in array.shape:
        raise InputError(f"{array.name} is empty: it has the shape {array.shape}.")
    if "d" in axes:
        planes(depth, array.shape[axes.index("d")], where=array.name)


def _num_samples(axes: str, shape: tuple[int, ...]) -> int:
    return shape[axes.index("n")] if "n" in axes else 1


def _groups(path: Path, key: str | None, counts: Sequence[int]) -> np.ndarray:
    """The group of each sample: its own where no key is given; from one array, or from one an array of samples."""
    if key is None:
        return np.arange(sum(counts))
    with opened_arrays(path, key, what="group_key") as arrays:
        expected = [sum(counts)] if len(arrays) == 1 else list(counts)
        if len(arrays) != len(expected):
            raise InputError(
                f"{path}: '{key}' names {len(arrays)} arrays of groups for {len(counts)} arrays of samples."
            )
        parts = [_group_numbers(array, count) for array, count in zip(arrays, expected, strict=True)]
    return np.concatenate(parts)


def _group_numbers(array: LazyArray, count: int) -> np.ndarray:
    if array.shape != (count,) and not (count == 1 and array.shape == ()):
        raise InputError(f"{array.name} must hold a group for each of {count} samples; got the shape {array.shape}.")
    groups = array.read(tuple(slice(0, length) for length in array.shape)).reshape(-1)
    if groups.dtype.kind not in "iu" or (groups.size and int(groups.max()) > np.iinfo(np.int64).max):
        raise InputError(f"the groups in {array.name} must be whole numbers; they are {groups.dtype}.")
    return groups.astype(np.int64)
