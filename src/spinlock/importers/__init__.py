"""Rollouts from files of others, from objects in memory and from spinlock's own data sets.

open_rollouts          everything below by one call
options, paths         how files are to be read, and which they are
labelled               arrays with what is known of them; the one place where masks, fill values and packed numbers become values
places, zarr_store, memory        what holds such arrays: files, folders, objects
dimensions, facts      what names, coordinates and attributes say: axes, dt, dx, channels, samples, parameters
blocks, arrays         which arrays are samples and channels → rollouts; several files along time
well, pdebench         layouts with a place of their own for everything
plugins                importers that other packages bring
source, joined         rollouts, read one sample at a time
parameters             a table of them beside the runs
signatures             formats that stay outside, each with the line that converts it
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, UsageError, listed, reading_errors
from spinlock.importers.arrays import rollouts_of
from spinlock.importers.blocks import look_at
from spinlock.importers.joined import joined
from spinlock.importers.memory import place_of
from spinlock.importers.options import OF_ARRAYS, OF_STATES, Format, GroupBy, Join, ReadOptions
from spinlock.importers.parameters import parameter_rows, with_parameters
from spinlock.importers.paths import rollout_files
from spinlock.importers.pdebench import is_pdebench, open_pdebench
from spinlock.importers.places import open_place
from spinlock.importers.plugins import importer_for, importer_named
from spinlock.importers.source import Reader, RolloutSource, kept_guarded
from spinlock.importers.volume import Depth
from spinlock.importers.well import is_well, open_well
from spinlock.importers.zarr_store import is_zarr
from spinlock.store.atomic import AnyPath
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import FORMAT
from spinlock.store.guard import trusting
from spinlock.store.guarded_hdf5 import GuardedFile

OWN_FORMATS = ("auto", "array", "well", "pdebench", "spinlock")


def open_rollouts(  # noqa: PLR0913  each is an option of `spinlock extract-features`
    source: AnyPath | Sequence[AnyPath] | Any,
    *,
    format: Format = "auto",
    axes: str | None = None,
    dataset_key: str | Sequence[str] | None = None,
    dt: float | None = None,
    dx: float | None = None,
    group_key: str | None = None,
    group_by: GroupBy = "sample",
    periodic: bool | None = None,
    depth: Depth | None = None,
    fill_masked: bool = False,
    join: Join = "samples",
    system: str | None = None,
    parameters: Any = None,
    trusted: bool = False,
) -> RolloutSource:
    """The rollouts of files, or of arrays in memory, read one sample at a time as they are asked for.

    Samples may differ in their numbers of steps, realizations, channels and cells. What was taken for axes, dt, dx and
    periodicity, and where that came from, is in `stated` of what is returned. Cells under a mask, fill values and what lies
    outside of a valid range have no value; packed numbers are unpacked.

    Args:
        source: `.npy`, `.npz`, netCDF, MATLAB, a Zarr folder, or HDF5: an array, a file of The Well, of PDEBench, or a data set of
            spinlock that kept its states. Also several of them, a folder of them, or a pattern such as "runs/*.h5". Or what is
            in memory: an array of numpy or torch, a list of arrays of any lengths, a DataArray or a Dataset of xarray.
        format: what a file is; "auto" looks.
        axes: of an array, a letter each: n sample, m realization, t time, c channel, d depth, h height, w width; "ntchw", "nt", …
            By the names of the dimensions where the file has them and nothing is given.
        dataset_key: name of the array in a file; None where there is only one that can be states. With `*`, such as "run_*/u",
            all that fit, each with samples of its own. Several names, ("u", "v") or "u,v", are the channels of one sample.
        dt: time between saved states, > 0; the file's own where it has one, else 1.
        dx: grid spacing, > 0; the file's own where it has one, else 1.
        group_key: name of an array of numbers or words: samples of one group stay on one side of every split.
        group_by: "file" makes all samples of a file one group.
        periodic: whether the domain wraps around; what the file says when not given, True for arrays.
        depth: what is taken of a third direction of space, the axis d or z: "middle", the default, is the plane in the
            middle, "mean" the mean over all planes, a number that plane.
        fill_masked: put the mean of a channel's other cells into cells that have no value at some time, for the whole run; without it
            such files are refused.
        join: "time" makes one run of the files of a folder, or of the arrays that a pattern names, numbers in their order.
        system: what made the states, for tables and tokens; "imported" when not given.
        parameters: of the samples, as a CSV file or as columns by name: one row a sample in their order, or with a column "name"
            (id, sample, file, run) of theirs.
        trusted: you know who made the files: they are opened in this process, without limits of memory and time.

    Raises:
        InputError: if the source is none of these, saying what was found and what was expected, or contradicts the options.
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
        join=join,
        system=system,
        parameters=parameters,
    )
    if names_files(source):
        with trusting(trusted):
            return open_files(rollout_files(source), options)
    if format not in ("auto", "array"):
        raise UsageError(f"`format` = '{format}' belongs to files; an object in memory is an array.")
    found = look_at(partial(nullcontext, place_of(source, axes)), options, stem="")
    return _described(rollouts_of([found], options, path=Path(".")), options)


def names_files(source: object) -> bool:
    """Whether something is a path or a list of paths."""
    paths = [source] if isinstance(source, str | os.PathLike) or not isinstance(source, Sequence) else source
    return bool(paths) and all(isinstance(path, str | os.PathLike) for path in paths)


def open_files(files: Sequence[Path], options: ReadOptions) -> RolloutSource:
    """The rollouts of some files, as `open_rollouts` has them of a path."""
    with reading_errors(files[0] if len(files) == 1 else f"one of {len(files)} files"):
        return kept_guarded(_opened(files, options))


def _opened(files: Sequence[Path], options: ReadOptions) -> RolloutSource:
    if options.join == "time":
        found = [look_at(partial(open_place, file), options, stem=file.parent.name) for file in files]
        return _described(rollouts_of(found, options, path=files[0]), options)
    sources = [_open_file(file, options) for file in files]
    alone = len(sources) == 1 and options.group_by == "sample"
    return _described(sources[0] if alone else joined(sources, group_by=options.group_by), options)


def _described(source: RolloutSource, options: ReadOptions) -> RolloutSource:
    return source if options.parameters is None else with_parameters(source, parameter_rows(options.parameters))


def _open_file(path: Path, options: ReadOptions) -> RolloutSource:
    of_array = options.given(*OF_ARRAYS)
    found = _format_of(path, asked=options.format, is_array=bool(of_array))
    plugin = importer_named(found)
    if plugin is not None:
        return plugin.open(path, options)
    if found != "array" and of_array:
        raise UsageError(f"{listed(of_array)} can be given for arrays only; {path} is read as '{found}'.")
    if found == "well":
        return open_well(path, options)
    if found == "pdebench":
        return open_pdebench(path, options)
    if found == "array":
        return rollouts_of([look_at(partial(open_place, path), options, stem=path.stem)], options, path=path)
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
        if asked not in OWN_FORMATS and importer_named(asked) is None:
            raise UsageError(f"`format` must be one of {listed(OWN_FORMATS)} or an installed importer; got '{asked}'.")
        return asked
    if is_array or is_zarr(path):
        return "array"
    plugin = importer_for(path)
    if plugin is not None:
        return plugin.name
    with open_place(path) as place:
        file = getattr(place, "file", None)
        return "array" if file is None else _layout_of(file)


def _layout_of(file: GuardedFile) -> Format:
    if file.text("/metadata", "format") == FORMAT:
        return "spinlock"
    if is_well(file):
        return "well"
    if is_pdebench(file):
        return "pdebench"
    names = file.array_paths()
    if len(names) == 1 or any(file.dimension_names(name) for name in names):
        return "array"
    found = listed(names or file.names(), most=12) or "nothing"
    raise InputError(
        f"{file.path} holds {found}, which is no layout that spinlock knows: The Well has t0_fields and dimensions, PDEBench "
        "tensor or density with x-coordinate and t-coordinate, or 0000/data; for any other array give its name and axes "
        "(dataset_key='…', axes='ntchw'; --dataset-key … --axes ntchw)."
    )
