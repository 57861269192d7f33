"""Rollouts from files of others and from spinlock's own data sets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.importers.arrays import open_array
from spinlock.importers.joined import joined
from spinlock.importers.lazy_arrays import array_names
from spinlock.importers.options import OF_ARRAYS, OF_STATES, Format, GroupBy, ReadOptions
from spinlock.importers.paths import rollout_files
from spinlock.importers.pdebench import is_pdebench, open_pdebench
from spinlock.importers.source import Reader, RolloutSource
from spinlock.importers.volume import Depth
from spinlock.importers.well import is_well, open_well
from spinlock.importers.zarr_store import is_zarr
from spinlock.store.atomic import AnyPath
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import FORMAT
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded


def open_rollouts(  # noqa: PLR0913  each is an option of `spinlock extract-features`
    path: AnyPath | Sequence[AnyPath],
    *,
    format: Format = "auto",
    axes: str | None = None,
    dataset_key: str | None = None,
    dt: float | None = None,
    dx: float | None = None,
    group_key: str | None = None,
    group_by: GroupBy = "sample",
    periodic: bool | None = None,
    depth: Depth | None = None,
    fill_masked: bool = False,
) -> RolloutSource:
    """The rollouts of one or more files, read one sample at a time as they are asked for.

    Samples may differ in their numbers of steps, realizations, channels and cells.

    Args:
        path: `.npy`, `.npz`, a Zarr folder, or HDF5: an array, a file of The Well, of PDEBench, or a data set of spinlock that
            kept its states. Also several of them, a folder of them, or a pattern such as "runs/*.h5".
        format: what a file is; "auto" looks.
        axes: of an array, a letter each: n sample, m realization, t time, c channel, d depth, h height, w width; "ntchw", "nt", …
        dataset_key: name of the array in a file; None where there is only one. With `*`, such as "run_*/u", all that fit.
        dt: time between saved states, > 0; the file's own where it has one, else 1.
        dx: grid spacing, > 0; the file's own where it has one, else 1.
        group_key: name of an array of whole numbers: samples of one group stay on one side of every split.
        group_by: "file" makes all samples of a file one group.
        periodic: whether the domain wraps around; what the file says when not given, True for arrays.
        depth: what is taken of a third direction of space, the axis d or z: "middle", the default, is the plane in the
            middle, "mean" the mean over all planes, a number that plane.
        fill_masked: put the mean of a channel's other cells into cells that have no value from the first state on; without it
            such files are refused.

    Raises:
        InputError: if a file is none of these, saying what was found and what was expected.
        UsageError: if an argument does not belong to the format.
    """
    options = ReadOptions(
        format=format,
        axes=axes,
        dataset_key=dataset_key,
        dt=dt,
        dx=dx,
        group_key=group_key,
        group_by=group_by,
        periodic=periodic,
        depth=depth,
        fill_masked=fill_masked,
    )
    return open_files(rollout_files(path), options)


def open_files(files: Sequence[Path], options: ReadOptions) -> RolloutSource:
    """The rollouts of some files, as `open_rollouts` has them of a path."""
    sources = [_open_file(file, options) for file in files]
    if len(sources) == 1 and options.group_by == "sample":
        return sources[0]
    return joined(sources, group_by=options.group_by)


def _open_file(path: Path, options: ReadOptions) -> RolloutSource:
    of_array = options.given(*OF_ARRAYS)
    found = _format_of(path, asked=options.format, is_array=bool(of_array))
    if found != "array" and of_array:
        raise UsageError(f"{listed(of_array)} can be given for arrays only; {path} is read as '{found}'.")
    if found == "well":
        return open_well(path, options)
    if found == "pdebench":
        return open_pdebench(path, options)
    if found == "array":
        return open_array(path, options)
    if options.given(*OF_STATES):
        raise UsageError(f"{path} is a data set of spinlock and has its own dt, dx and periodic.")
    return open_own(path)


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
    if path.suffix in (".npy", ".npz") or is_array or is_zarr(path):
        return "array"
    with open_guarded(path, expected="rollouts in HDF5, .npy, .npz or Zarr") as file:
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
