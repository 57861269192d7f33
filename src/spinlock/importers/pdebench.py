"""Rollouts from files in the layouts of PDEBench.

Source: Takamoto et al. 2022, PDEBench, NeurIPS Datasets and Benchmarks, arXiv:2210.07182; the writers in its repository
(data_gen_NLE/Data_Merge.py, gen_diff_react.py, src/data_io.py). Three layouts are in use:

    tensor           `tensor` [sample, time, x(, y(, z))], with `x-coordinate`, `y-coordinate`, `t-coordinate`
    fields           `density`, `pressure`, `Vx`, `Vy`, `Vz` [sample, time, x(, y(, z))] with the same coordinates; in the
                     incompressible flow `particles`, `velocity` [sample, time, x, y, component] with `t` [sample, time]
    seeds            groups `0000`, `0001`, … with `data` [time, x(, y(, z)), channel] and `grid/x`, `grid/y`, `grid/t`; their
                     numbers of steps may differ

Each is read as one realization a sample; x is the height and y the width, in one dimension x is the width, and of three
directions z is brought to a plane or a mean, see `volume`.
"""

import re
from collections.abc import Iterator, Sequence
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

_SEED = re.compile(r"\d{4,9}")
_SCALARS = ("tensor", "density", "pressure", "Vx", "Vy", "Vz")
_VECTORS = ("particles", "velocity")
_CONSTANTS = ("beta", "Nu", "nu", "rho", "eta", "zeta", "M")


def is_pdebench(file: GuardedFile) -> bool:
    """Whether a file has two marks of one of the layouts: the name of a field alone says nothing."""
    names = set(file.names())
    if names & {"tensor", "density"} and {"t-coordinate", "x-coordinate"} & names:
        return True
    return {"velocity", "t"} <= names or bool(_seeds(file))


def _seeds(file: GuardedFile) -> tuple[str, ...]:
    return tuple(
        name
        for name in file.names()
        if _SEED.fullmatch(name) and file.kind(f"/{name}") == "group" and "data" in file.names(f"/{name}")
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """One array of a sample: its path, and whether its last axis is the component."""

    path: str
    has_components: bool
    by_sample: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Paths of a file: `parts` of all samples, or of each one where the samples are groups."""

    parts: tuple[tuple[_Part, ...], ...]
    times: tuple[str, ...]
    grids: tuple[tuple[str, ...], ...]
    num_samples: int
    num_directions: int
    channel_names: tuple[str, ...]

    def of(self, sample: int) -> tuple[tuple[_Part, ...], str, tuple[str, ...]]:
        """Arrays, time and grids of a sample."""
        return tuple(entries[sample if len(entries) > 1 else 0] for entries in (self.parts, self.times, self.grids))  # pyright: ignore[reportReturnType]


def open_pdebench(path: Path, options: ReadOptions) -> RolloutSource:
    """The rollouts of a file of PDEBench.

    Args:
        path: the file.
        options: for what the file does not say, or says wrongly. These files do not say whether the domain wraps around; when
            not given: False in the layout of seeds and in that of `velocity`, whose published sets have walls, and where
            the file's name holds "trans"; True else.

    Raises:
        InputError: saying what was found and what the layouts ask for.
    """
    with open_guarded(path, expected="a file of PDEBench") as file:
        layout = _layout(file)
        parameters = _constants(file)
        plane = check_depth(options.depth, is_needed=layout.num_directions == 3, where=str(path))
        walls = len(layout.parts) > 1 or _seeds(file) or "velocity" in file.names() or "trans" in path.name.lower()
    periodic = not walls if options.periodic is None else options.periodic

    @contextmanager
    def opened() -> Iterator[Reader]:
        with open_guarded(path, expected="a file of PDEBench") as file:

            def read(sample: int) -> Rollout:
                _, time, grids = layout.of(sample)
                facts = SampleFacts(
                    dt=_time_step(file, time, sample) if options.dt is None else options.dt,
                    dx=_grid_step(file, grids) if options.dx is None else options.dx,
                    group=sample,
                    channel_names=layout.channel_names,
                    system=options.system or "pdebench",
                    parameters=parameters,
                    periodic=periodic,
                    where=f"{path}, sample {sample}",
                )
                return rollout_of(_states(file, layout, sample, plane), facts, options)

            yield read

    return RolloutSource(
        path=path,
        format="pdebench",
        num_samples=layout.num_samples,
        opened=opened,
        stated=stated_of_layout(
            options,
            axes="those of PDEBench",
            channel_names=layout.channel_names,
            dx="from the file",
            periodic=periodic,
            why="as these sets were made; the file does not say",
        ),
    )


def _layout(file: GuardedFile) -> _Layout:
    seeds = _seeds(file)
    return _seed_layout(file, seeds) if seeds else _array_layout(file)


def _seed_layout(file: GuardedFile, seeds: Sequence[str]) -> _Layout:
    shape = file.numbers(f"/{seeds[0]}/data").shape
    _check_rank(file, f"/{seeds[0]}/data", len(shape) - 2, "[time, x(, y(, z)), channel]")
    grids = ("x", "y")[: len(shape) - 2]
    for seed in seeds:
        _check_seed(file, seed)
    return _Layout(
        parts=tuple((_Part(path=f"/{seed}/data", has_components=True, by_sample=False),) for seed in seeds),
        times=tuple(f"/{seed}/grid/t" for seed in seeds),
        grids=tuple(tuple(f"/{seed}/grid/{name}" for name in grids) for seed in seeds),
        num_samples=len(seeds),
        num_directions=len(shape) - 2,
        channel_names=tuple(f"channel_{channel}" for channel in range(shape[-1])),
    )


def _check_seed(file: GuardedFile, seed: str) -> None:
    shape = file.numbers(f"/{seed}/data").shape
    for place, axis in enumerate(("t", "x", "y", "z")[: len(shape) - 1]):
        path = f"/{seed}/grid/{axis}"
        length = file.numbers(path).shape[-1] if file.kind(path) == "dataset" else shape[place]
        if length not in (shape[place], shape[place] + (axis == "t")):
            raise InputError(
                f"{file.path}: /{seed}/data has the shape {shape}, expected [time, x(, y(, z)), channel]; {path} has {length} entries, "
                f"which contradicts that. Give the axes as they are (dataset_key='*/data', axes=…)."
            )


def _array_layout(file: GuardedFile) -> _Layout:
    there = file.names()
    names = [name for name in (*_SCALARS, *_VECTORS) if name in there]
    if not names:
        raise InputError(
            f"{file.path} holds {listed(there, most=12) or 'nothing'}, which is no layout of PDEBench: those have tensor, density, "
            "velocity or 0000/data. Leave `format` away to have the layout found."
        )
    parts, channels, shapes = [], [], set()
    for name in names:
        shape = file.numbers(f"/{name}").shape
        components = shape[-1] if name in _VECTORS else 1
        shapes.add(shape[:-1] if name in _VECTORS else shape)
        parts.append(_Part(path=f"/{name}", has_components=name in _VECTORS, by_sample=True))
        channels += [name] if components == 1 else [f"{name}_{place}" for place in range(components)]
    if len(shapes) > 1:
        raise InputError(f"{file.path} has fields of the shapes {listed(sorted(shapes))}; they must agree.")
    shape = shapes.pop()
    _check_rank(file, f"/{names[0]}", len(shape) - 2, "[sample, time, x(, y(, z))]")
    if shape[1] < 2:
        raise InputError(f"{file.path}: /{names[0]} has the shape {shape}: a steady field, without a time to describe.")
    times = "t" if "t" in there else "t-coordinate"
    _check_lengths(file, names[0], shape, times)
    return _Layout(
        parts=(tuple(parts),),
        times=(f"/{times}",),
        grids=(tuple(f"/{axis}-coordinate" for axis in ("x", "y")[: len(shape) - 2]),),
        num_samples=shape[0],
        num_directions=len(shape) - 2,
        channel_names=tuple(channels),
    )


def _check_lengths(file: GuardedFile, name: str, shape: tuple[int, ...], times: str) -> None:
    """Refuses a field whose axes are not as long as the coordinates that the file gives for them.

    Published sets count in `t-coordinate` one time more than they have states.
    """
    expected = dict(zip((times, "x-coordinate", "y-coordinate", "z-coordinate"), shape[1:], strict=False))
    there = {axis: file.numbers(f"/{axis}").shape[-1] for axis in expected if file.kind(f"/{axis}") == "dataset"}
    wrong = [
        axis for axis, length in there.items() if length - expected[axis] not in ((0, 1) if axis == times else (0,))
    ]
    if wrong:
        said = listed(f"{axis} {there[axis]}" for axis in there)
        raise InputError(
            f"{file.path}: /{name} has the shape {shape}, expected [sample, time, x(, y(, z))]; the coordinates contradict that, their lengths "
            f"are {said}. Give the axes as they are: dataset_key='{name}', axes='nwt' for (sample, x, time)."
        )


def _check_rank(file: GuardedFile, name: str, directions: int, expected: str) -> None:
    if directions not in (1, 2, 3):
        shape = file.numbers(name).shape
        raise InputError(
            f"{file.path}: {name} has the shape {shape}; expected {expected} with one to three directions of space."
        )


def _states(file: GuardedFile, layout: _Layout, sample: int, depth: Depth) -> np.ndarray:
    """States (1, time, channel, height, width)."""
    channels = [_part_values(file, layout, part, sample, depth) for part in layout.of(sample)[0]]
    states = np.concatenate(channels, axis=1)
    if states.shape[1] != len(layout.channel_names):
        raise InputError(
            f"{file.path}: sample {sample} has {states.shape[1]} channels; the first has {len(layout.channel_names)}."
        )
    return states[None] if layout.num_directions > 1 else states[None, :, :, None]


def _part_values(file: GuardedFile, layout: _Layout, part: _Part, sample: int, depth: Depth) -> np.ndarray:
    """One array of a sample, (time, component, x(, y))."""
    array = file.numbers(part.path)
    directions = len(array.shape) - part.by_sample - 1 - part.has_components
    if directions != layout.num_directions:
        raise InputError(
            f"{array.name} has the shape {array.shape}; the first sample has {layout.num_directions} directions of space."
        )
    selection: list[slice] = [slice(sample, sample + 1)] if part.by_sample else []
    if directions == 3:
        place = len(selection) + 3
        selection += [slice(0, length) for length in array.shape[len(selection) : place]]
        selection.append(planes(depth, array.shape[place], where=array.name))
    values = array.read(*selection)
    values = values[0] if part.by_sample else values
    values = without_depth(values, 3) if directions == 3 else values
    return np.moveaxis(values if part.has_components else values[..., None], -1, 1)


def _time_step(file: GuardedFile, name: str, sample: int) -> float:
    if file.kind(name) is None:
        raise InputError(f"{file.path} has no {name}; give `dt`, the time between saved states.")
    times = file.numbers(name)
    values = times.read(slice(sample, sample + 1)) if len(times.shape) == 2 else times.read()
    return spacing(values, where=times.name, remedy="Give `dt` to take them as even.")


def _grid_step(file: GuardedFile, names: Sequence[str]) -> float:
    lacking = [name for name in names if file.kind(name) is None]
    if lacking:
        raise InputError(f"{file.path} has no {listed(lacking)}; give `dx`, the grid spacing.")
    steps = [
        spacing(file.numbers(n).read(), where=f"{file.path}: {n}", remedy="Give `dx` to take it as even.")
        for n in names
    ]
    return common_spacing(steps, where=str(file.path))


def _constants(file: GuardedFile) -> dict[str, float | int | str]:
    """Physical constants that the file's attributes state."""
    found: dict[str, float | int | str] = {}
    for name in file.attribute_names("/"):
        if name in _CONSTANTS:
            value = file.attribute_numbers("/", name)
            if value is not None and value.size == 1:
                found[name] = float(value.reshape(-1)[0])
    return found
