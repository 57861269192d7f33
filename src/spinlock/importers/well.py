"""Rollouts from files in the layout of The Well.

Source: the data format of The Well, Ohana et al. 2024, NeurIPS Datasets and Benchmarks, arXiv:2412.00568; file docs/data_format.md
of its repository. Axes are (trajectory, time, x, y, components); an axis along which a field does not vary is left out (sample and
time) or has length 1 or is left out (space). Each trajectory is a sample with one realization. Of three directions of space the
last is brought to a plane or a mean, see `volume`.
"""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError, listed
from spinlock.core.rollout import Rollout
from spinlock.importers.options import ReadOptions
from spinlock.importers.source import (
    Reader,
    RolloutSource,
    SampleFacts,
    common_spacing,
    rollout_of,
    spacing,
    stated_of_layout,
)
from spinlock.importers.volume import Depth, check_depth, planes, without_depth
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded

log = logging.getLogger(__name__)

FIELD_GROUPS = ("t0_fields", "t1_fields", "t2_fields")
"""Scalars, vectors and tensors of rank 2; the place is the rank."""


def is_well(file: GuardedFile) -> bool:
    """Whether a file has the groups of The Well."""
    return any(file.kind(group) == "group" for group in FIELD_GROUPS)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    """One field that varies in time."""

    path: str
    rank: int
    by_sample: bool
    along: tuple[bool, ...]
    channel_names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    num_samples: int
    num_times: int
    sizes: tuple[int, ...]
    fields: tuple[_Field, ...]
    system: str
    periodic: bool
    depth: Depth


def open_well(path: Path, options: ReadOptions) -> RolloutSource:
    """The rollouts of a file of The Well: its fields that vary in time are the channels.

    Args:
        path: the file.
        options: for what the file says wrongly. When not given, the time between saved states comes from `dimensions/time`,
            the grid spacing from the coordinates, and the domain wraps around if the boundary conditions say so along
            each direction that is kept.

    Raises:
        InputError: saying what was found and what the layout asks for.
    """
    with open_guarded(path, expected="a file of The Well") as file:
        layout = _layout(file, options.depth)
        step = common_spacing(_steps(file), where=f"{path}") if options.dx is None else options.dx
    channel_names = tuple(itertools.chain(*(field.channel_names for field in layout.fields)))
    periodic = layout.periodic if options.periodic is None else options.periodic

    @contextmanager
    def opened() -> Iterator[Reader]:
        with open_guarded(path, expected="a file of The Well") as file:

            def read(sample: int) -> Rollout:
                facts = SampleFacts(
                    dt=_time_step(file, sample) if options.dt is None else options.dt,
                    dx=step,
                    group=sample,
                    channel_names=channel_names,
                    system=options.system or layout.system,
                    parameters=_parameters(file, sample),
                    periodic=periodic,
                    where=f"{path}, trajectory {sample}",
                )
                return rollout_of(_states(file, layout, sample), facts, options)

            yield read

    return RolloutSource(
        path=path,
        format="well",
        num_samples=layout.num_samples,
        opened=opened,
        stated=stated_of_layout(
            options,
            axes="those of The Well",
            channel_names=channel_names,
            dx=f"{step:.6g}, from the file",
            periodic=periodic,
            why="by the boundary conditions in the file",
        ),
    )


def _layout(file: GuardedFile, depth: Depth | None) -> _Layout:
    if not is_well(file):
        raise InputError(
            f"{file.path} holds {listed(file.names(), most=12) or 'nothing'}, which is not the layout of The Well: that has fields in "
            f"{listed(FIELD_GROUPS)}. Leave `format` away to have the layout found."
        )
    directions = file.attribute_words("/dimensions", "spatial_dims") or ()
    if not 1 <= len(directions) <= 3:
        raise InputError(
            f"{file.path} has {len(directions)} directions of space ({listed(directions) or 'no `spatial_dims`'}); expected one to three."
        )
    sizes = tuple(file.numbers(f"/dimensions/{name}").shape[-1] for name in directions)
    fields = tuple(_fields(file, directions))
    if not fields:
        raise InputError(f"{file.path} has no field that varies in time in {listed(FIELD_GROUPS)}.")
    num_times = file.numbers("/dimensions/time").shape[-1]
    stated = file.attribute_numbers("/", "n_trajectories")
    counts = {file.numbers(field.path).shape[0] for field in fields if field.by_sample}
    if stated is not None and stated.size == 1:
        counts.add(int(stated.reshape(-1)[0]))
    if len(counts) > 1:
        raise InputError(f"{file.path} has fields of {listed(sorted(counts))} trajectories; they must agree.")
    return _Layout(
        num_samples=counts.pop() if counts else 1,
        num_times=num_times,
        sizes=sizes,
        fields=fields,
        system=file.text("/", "dataset_name") or "the_well",
        periodic=_is_periodic(file, directions[:2]),
        depth=check_depth(depth, is_needed=len(directions) == 3, where=str(file.path)),
    )


def _fields(file: GuardedFile, directions: tuple[str, ...]) -> Iterator[_Field]:
    for rank, group in enumerate(FIELD_GROUPS):
        components = ["".join(parts) for parts in itertools.product(directions, repeat=rank)]
        for name in file.attribute_words(f"/{group}", "field_names") or ():
            path = f"/{group}/{name}"
            file.numbers(path)  # it must be there
            if not _flag(file, path, "time_varying"):
                log.info("%s does not vary in time and is left out.", path)
                continue
            along = file.attribute_numbers(path, "dim_varying")
            if along is None or along.size != len(directions):
                raise InputError(
                    f"{file.path}: {path} must say in `dim_varying` along which of {listed(directions)} it varies."
                )
            yield _Field(
                path=path,
                rank=rank,
                by_sample=_flag(file, path, "sample_varying"),
                along=tuple(bool(flag) for flag in along.reshape(-1)),
                channel_names=tuple(f"{name}_{part}" if part else name for part in components),
            )


def _flag(file: GuardedFile, path: str, attribute: str) -> bool:
    value = file.attribute_numbers(path, attribute)
    if value is None or value.size != 1:
        raise InputError(f"{file.path}: {path} must have the attribute `{attribute}`, True or False.")
    return bool(value.reshape(-1)[0])


def _states(file: GuardedFile, layout: _Layout, sample: int) -> np.ndarray:
    """States (1, time, channel, height, width) of one trajectory; x is the height and y the width, in one dimension x is the width."""
    channels = [_field_values(file, layout, field, sample) for field in layout.fields]
    states = np.concatenate(channels, axis=1)  # (time, channel, x[, y])
    return states[None] if len(layout.sizes) > 1 else states[None, :, :, None]


def _field_values(file: GuardedFile, layout: _Layout, field: _Field, sample: int) -> np.ndarray:
    """One field of a trajectory, (time, component, x[, y]), spread along the directions in which it does not vary."""
    array = file.numbers(field.path)
    full = (layout.num_times, *layout.sizes)
    thin = (layout.num_times, *(n if varies else 1 for n, varies in zip(layout.sizes, field.along, strict=True)))
    kept = (thin[0], *(n for n, varies in zip(layout.sizes, field.along, strict=True) if varies))
    trailing = (len(layout.sizes),) * field.rank
    shape = array.shape[1:] if field.by_sample else array.shape
    if shape not in ((*kept, *trailing), (*thin, *trailing), (*full, *trailing)):
        raise InputError(
            f"{array.name} has the shape {array.shape}; each trajectory must have the shape {(*kept, *trailing)}."
        )
    shown = list(full if shape[: len(full)] == full else thin)
    selection: list[slice] = [slice(sample, sample + 1)] if field.by_sample else []
    is_volume = len(layout.sizes) == 3
    if is_volume and (field.along[2] or len(shape) - len(trailing) == len(full)):  # z is an axis of the array, the last
        place = len(shape) - len(trailing) - 1
        part = planes(layout.depth, shape[place], where=array.name) if shape[place] > 1 else slice(0, 1)
        selection += [*(slice(0, length) for length in shape[:place]), part]
        shown[3] = len(range(shape[place])[part])
    values = array.read(*selection)
    values = (values[0] if field.by_sample else values).reshape(*shown, -1)
    values = np.broadcast_to(values, (*full[:3], *shown[3:], values.shape[-1]))
    return np.moveaxis(without_depth(values, 3) if is_volume else values, -1, 1)


def _time_step(file: GuardedFile, sample: int) -> float:
    times = file.numbers("/dimensions/time")
    values = times.read(slice(sample, sample + 1)) if len(times.shape) == 2 else times.read()
    return spacing(values, where=times.name, remedy="Give `dt` to take them as even.")


def _steps(file: GuardedFile) -> list[float]:
    steps = []
    for name in (file.attribute_words("/dimensions", "spatial_dims") or ())[:2]:
        grid = file.numbers(f"/dimensions/{name}")
        values = grid.read().reshape(-1, grid.shape[-1])[0]
        steps.append(spacing(values, where=grid.name, remedy="Give `dx` to take it as even."))
    return steps


def _is_periodic(file: GuardedFile, directions: tuple[str, ...]) -> bool:
    """Whether the domain wraps around along every one of some directions, and no boundary of theirs says otherwise."""
    kinds: dict[str, set[bool]] = {name: set() for name in directions}
    for boundary in file.names("/boundary_conditions"):
        place = f"/boundary_conditions/{boundary}"
        wraps = (file.text(place, "bc_type") or "").lower() == "periodic"
        of = file.attribute_words(place, "associated_dims") or directions  # without a word it holds for all
        for name in set(of) & set(directions):
            kinds[name].add(wraps)
    along = {name: found == {True} for name, found in kinds.items()}
    if len(set(along.values())) > 1:
        log.info(
            "%s wraps around along %s alone and is taken as not periodic.",
            file.path,
            listed(n for n in along if along[n]),
        )
    return all(along.values())


def _parameters(file: GuardedFile, sample: int) -> dict[str, float | int | str]:
    """The scalars that do not vary in time."""
    found: dict[str, float | int | str] = {}
    for name in file.attribute_words("/scalars", "field_names") or ():
        path = f"/scalars/{name}"
        if _flag(file, path, "time_varying"):
            continue
        values = file.numbers(path).read()
        value = values[sample] if _flag(file, path, "sample_varying") else values
        if np.size(value) == 1:
            found[name] = float(np.reshape(value, ()))
    return found
