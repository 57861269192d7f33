"""Rollouts from files of others and from spinlock's own data sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.store.atomic import AnyPath
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import FORMAT
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.importers.arrays import ArrayLayout, array_names, open_array
from spinlock.store.importers.pdebench import is_pdebench, open_pdebench
from spinlock.store.importers.source import Reader, RolloutSource
from spinlock.store.importers.well import is_well, open_well

Format = Literal["auto", "array", "well", "pdebench", "spinlock"]


def open_rollouts(
    path: AnyPath,
    *,
    format: Format = "auto",
    axes: str | None = None,
    dataset_key: str | None = None,
    dt: float | None = None,
    dx: float | None = None,
    group_key: str | None = None,
    periodic: bool | None = None,
) -> RolloutSource:
    """The rollouts of a file, read one sample at a time as they are asked for.

    Args:
        path: `.npy`, `.npz`, or HDF5: an array, a file of The Well, of PDEBench, or a data set of spinlock that kept its states.
        format: what the file is; "auto" looks.
        axes: of an array, a letter each: n sample, m realization, t time, c channel, h height, w width; "ntchw", "nt", …
        dataset_key: name of the array in an archive or HDF5 file; None where there is only one.
        dt: time between saved states, > 0; the file's own where it has one, else 1.
        dx: grid spacing, > 0; the file's own where it has one, else 1.
        group_key: name of an array of whole numbers: samples of one group stay on one side of every split.
        periodic: whether the domain wraps around; what the file says when not given, True for arrays.

    Raises:
        InputError: if the file is none of these, saying what was found and what was expected.
        UsageError: if an argument does not belong to the format.
    """
    path = Path(path)
    for name, value in (("dt", dt), ("dx", dx)):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"`{name}` must be greater than 0; got {value}.")
    of_array = {"axes": axes, "dataset_key": dataset_key, "group_key": group_key}
    given = [name for name, value in of_array.items() if value is not None]
    found = _format_of(path, asked=format, is_array=bool(given))
    if found != "array" and given:
        raise UsageError(f"{listed(given)} can be given for arrays only; {path} is read as '{found}'.")
    if found == "well":
        return open_well(path, dt=dt, dx=dx, periodic=periodic)
    if found == "pdebench":
        return open_pdebench(path, dt=dt, dx=dx, periodic=periodic)
    if found == "spinlock":
        if (dt, dx, periodic) != (None, None, None):
            raise UsageError(f"{path} is a data set of spinlock and has its own dt, dx and periodic.")
        return open_own(path)
    if axes is None:
        raise UsageError(f"`axes` must name the axes of the array in {path}, for example 'ntchw' or 'nt'.")
    layout = ArrayLayout(
        axes=axes,
        key=dataset_key,
        group_key=group_key,
        dt=1.0 if dt is None else dt,
        dx=1.0 if dx is None else dx,
        periodic=periodic is None or periodic,
    )
    return open_array(path, layout)


def open_own(path: Path) -> RolloutSource:
    """The rollouts of a data set of spinlock whose states were kept."""
    with open_dataset(path) as dataset:
        if not dataset.has_states:
            raise InputError(f"{path} holds features only; generate it with the states kept to read them.")
        num_samples = len(dataset)

    @contextmanager
    def opened() -> Iterator[Reader]:
        with open_dataset(path) as dataset:
            yield dataset.rollout

    return RolloutSource(path=path, format="spinlock", num_samples=num_samples, opened=opened)


def _format_of(path: Path, *, asked: Format, is_array: bool) -> Format:
    if asked != "auto":
        return asked
    if path.suffix in (".npy", ".npz") or is_array:
        return "array"
    if path.is_dir():
        raise InputError(f"{path} is a folder; name one of its files.")
    with open_guarded(path, expected="rollouts in HDF5, .npy or .npz") as file:
        return _layout_of(file)


def _layout_of(file: GuardedFile) -> Format:
    if file.text("/metadata", "format") == FORMAT:
        return "spinlock"
    if is_well(file):
        return "well"
    if is_pdebench(file):
        return "pdebench"
    found = listed(array_names(file) or file.names(), most=12) or "nothing"
    raise InputError(
        f"{file.path} holds {found}, which is no layout that spinlock knows: The Well has t0_fields and dimensions, PDEBench "
        "tensor, density or 0000/data; for any other array give its name and axes (dataset_key='…', axes='ntchw')."
    )
