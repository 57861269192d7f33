"""Rollouts from arrays with an axis a letter: in a file, in several that follow each other in time, or in memory."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.core.rollout import Rollout
from spinlock.importers.dimensions import AXES, NAMES, axes_of, coordinates_of, grid_step, meaning, time_step
from spinlock.importers.labelled import ArrayPlace, LabelledArray
from spinlock.importers.options import ReadOptions
from spinlock.importers.places import chosen
from spinlock.importers.source import Reader, RolloutSource, SampleFacts, rollout_of
from spinlock.importers.volume import Depth, check_depth, planes, without_depth

Opener = Callable[[], AbstractContextManager[ArrayPlace]]
_NO_PARAMETERS = {
    "dt", "dx", "missing_value", "_FillValue", "valid_min", "valid_max", "scale_factor", "add_offset", "periodic",
}  # fmt: skip


class Facts(NamedTuple):
    """What a fact was taken to be, and where that came from."""

    value: float
    origin: str

    def __str__(self) -> str:
        return f"{self.value:.6g}, {self.origin}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Samples of one array, or of several whose variables are its channels.

    Attributes:
        keys: names of the variables.
        axes: a letter for each axis of each of them.
        shape: of each of them.
        dt: time between saved states.
        dx: grid spacing.
        channel_names: one a channel.
        sample_names: one a sample.
        parameters: of all samples; a list holds one a sample.
        times: of the saved states, where the file has them.
    """

    keys: tuple[str, ...]
    axes: str
    shape: tuple[int, ...]
    dt: Facts
    dx: Facts
    channel_names: tuple[str, ...]
    sample_names: tuple[str, ...]
    parameters: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    times: np.ndarray | None = None

    @property
    def num_samples(self) -> int:
        """Samples that it holds."""
        return self.shape[self.axes.index("n")] if "n" in self.axes else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrays:
    """The arrays of a place that a key names, looked at once.

    Attributes:
        name: of the place, for messages.
        stem: its short name.
        opener: opens it.
        blocks: of samples, one after the other.
        groups: of each sample.
        depth: what is taken of a third direction of space.
    """

    name: str
    stem: str
    opener: Opener
    blocks: tuple[Block, ...]
    groups: np.ndarray
    depth: Depth


def look_at(opener: Opener, options: ReadOptions, *, stem: str) -> Arrays:
    """What the options name in a place; nothing of the states is read.

    Raises:
        InputError: if there is no such array, it is not numbers, its axes do not fit to it, or something that the place says of
            it contradicts the options.
        UsageError: if the options do not fit together.
    """
    if options.axes is not None:
        _check_letters(options.axes, needs_time=options.join != "time")
    with opener() as place:
        blocks = tuple(_block(place, keys, options, stem=stem) for keys in _keys(place, options))
        groups = _groups(place, options.group_key, [block.num_samples for block in blocks])
        name = place.name
    has_depth = any("d" in block.axes for block in blocks)
    depth = check_depth(options.depth, is_needed=has_depth, where=f"{name} with the axes '{blocks[0].axes}'")
    for block in blocks:
        if "d" in block.axes:
            planes(depth, block.shape[block.axes.index("d")], where=name)
    return Arrays(name=name, stem=stem, opener=opener, blocks=blocks, groups=groups, depth=depth)


def rollouts_of(arrays: Sequence[Arrays], options: ReadOptions, *, path: Path) -> RolloutSource:
    """The samples of some arrays: one after the other, or joined along time where `options.join` says so.

    Args:
        arrays: of one place; with `join`, of one or more places, whose states follow each other.
        options: how they are read.
        path: of the first, for messages.
    """
    runs = (
        _in_time(arrays)
        if options.join == "time"
        else tuple(((place, block),) for place in arrays for block in place.blocks)
    )
    counts = [run[0][1].num_samples for run in runs]
    ends = tuple(accumulate(counts))
    steps = [_joined_step(run, options) for run in runs]
    groups = np.arange(ends[-1]) if options.join == "time" else arrays[0].groups
    periodic = options.periodic is not False

    @contextmanager
    def opened() -> Iterator[Reader]:
        with ExitStack() as stack:
            hold = _Held(stack)

            def read(sample: int) -> Rollout:
                place = bisect_right(ends, sample)
                number = sample - (ends[place - 1] if place else 0)
                run = runs[place]
                states = [_states(hold.of(owner), block, number, owner.depth) for owner, block in run]
                owner, block = run[0]
                facts = SampleFacts(
                    dt=steps[place].value,
                    dx=block.dx.value,
                    group=int(groups[sample]),
                    channel_names=block.channel_names,
                    system=options.system or "imported",
                    parameters=_of_sample(block, number),
                    periodic=periodic,
                    where=f"{owner.name}: {'+'.join(block.keys)}, sample {number}".replace(": ,", ","),
                    name=block.sample_names[number],
                )
                return rollout_of(np.concatenate(states, axis=1) if len(states) > 1 else states[0], facts, options)

            yield read

    return RolloutSource(
        path=path,
        format="array",
        num_samples=ends[-1],
        opened=opened,
        has_shared_groups=options.group_key is not None,
        stated=_stated(runs, steps, options),
    )


class _Held:
    """The place that is open now: one at a time, its arrays looked up once."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._owner: Arrays | None = None
        self._place: ArrayPlace | None = None
        self._found: dict[str, LabelledArray] = {}

    def of(self, owner: Arrays) -> Callable[[str], LabelledArray]:
        if self._owner is not owner or self._place is None:
            self._stack.pop_all().close()
            self._found = {}
            self._owner, self._place = owner, self._stack.enter_context(owner.opener())
        return self._array

    def _array(self, key: str) -> LabelledArray:
        if key not in self._found and self._place is not None:
            self._found[key] = self._place.array(key)
        return self._found[key]


def _keys(place: ArrayPlace, options: ReadOptions) -> list[tuple[str, ...]]:
    """For every array of samples the names of the variables that are its channels."""
    names = list(place.names())
    given = options.dataset_key
    if given is None:
        found = _fields(place, names, options)
        return [tuple(found)] if getattr(place, "are_channels", False) else [(name,) for name in found]
    if not place.is_labelled and names == [""]:
        raise UsageError(f"{place.name} holds one array without a name; got the name '{given}'.")
    wanted = given.split(",") if isinstance(given, str) else list(given)
    found = [chosen(place, key, names) for key in wanted]
    if len({len(entries) for entries in found}) > 1:
        counts = ", ".join(f"'{key}' {len(entries)}" for key, entries in zip(wanted, found, strict=True))
        raise InputError(f"{place.name}: every variable must name as many arrays; {counts}.")
    return list(zip(*found, strict=True))


def _fields(place: ArrayPlace, names: Sequence[str], options: ReadOptions) -> list[str]:
    """The one array that can be states, where there is one alone; several that memory holds side by side are samples."""
    if len(names) < 2 or getattr(place, "are_samples", False):
        return list(names) if names else chosen(place, None, names)
    fields = {
        name: array
        for name in names[:2000]
        if (array := _numbers_or_none(place, name)) is not None and _is_field(array)
    }
    if getattr(place, "are_channels", False) and len({array.shape for array in fields.values()}) == 1:
        return list(fields)
    known = [name for name, array in fields.items() if any(meaning(dim, {}) == "t" for dim in array.dims)]
    return chosen(place, None, known if len(known) == 1 else list(fields) if options.axes or fields else names)


def _numbers_or_none(place: ArrayPlace, name: str) -> LabelledArray | None:
    try:
        array = place.array(name)
    except InputError:
        return None
    return None if array.is_text else array


def _is_field(array: LabelledArray) -> bool:
    """Whether an array can be states: two axes at least, and it is neither bounds nor a grid of coordinates."""
    own = array.key.rpartition("/")[2]
    is_coordinate = own in array.dims or own.lower() in NAMES["x"] | NAMES["y"] | NAMES["z"] | NAMES["t"]
    return len(array.shape) > 1 and not is_coordinate and not own.endswith(("_bnds", "_bounds", "_vertices"))


def _block(place: ArrayPlace, keys: tuple[str, ...], options: ReadOptions, *, stem: str) -> Block:
    arrays = [place.array(key) for key in keys]
    first = arrays[0]
    for array in arrays:
        if array.is_text:
            raise InputError(f"{array.name} must hold numbers; it holds words.")
        if array.shape != first.shape or array.dims != first.dims:
            raise InputError(
                f"{first.name} has the shape {first.shape} and {array.name} {array.shape}; channels must agree."
            )
    axes = axes_of(first, place, options.axes)
    _check_axes(axes, first, needs_time=options.join != "time")
    times = _times(first, axes, place)
    return Block(
        keys=keys,
        axes=axes,
        shape=first.shape,
        times=times,
        dt=_dt(first, axes, place, options, times),
        dx=_dx(first, axes, place, options),
        channel_names=_channel_names(arrays, axes, place, options),
        sample_names=_sample_names(first, axes, place, stem=stem),
        parameters=_parameters(first, axes, place),
    )


def _check_letters(axes: str, *, needs_time: bool) -> None:
    letters = ", ".join(f"{letter} {word}" for letter, word in AXES.items())
    unknown = [letter for letter in axes if letter not in AXES]
    if unknown or len(set(axes)) != len(axes):
        raise InputError(f"`axes` must name each axis by another one of the letters {letters}; got '{axes}'.")
    if "d" in axes and not {"h", "w"} <= set(axes):
        raise InputError(f"`axes` = '{axes}' names d, the third direction of space, without both h and w.")
    if needs_time and "t" not in axes:
        raise InputError(
            f"`axes` must name the time, t; got '{axes}'. States that were saved one by one are joined by join='time' (--join time)."
        )


def _check_axes(axes: str, array: LabelledArray, *, needs_time: bool) -> None:
    if len(axes) != len(array.shape):
        raise InputError(f"`axes` = '{axes}' names {len(axes)} axes; {array.name} has the shape {array.shape}.")
    if needs_time and "t" not in axes:
        raise InputError(f"`axes` must name the time, t; got '{axes}' for the shape {array.shape} of {array.name}.")
    if 0 in array.shape:
        raise InputError(f"{array.name} is empty: it has the shape {array.shape}.")


def _times(array: LabelledArray, axes: str, place: ArrayPlace) -> np.ndarray | None:
    """Times of the saved states; of a single state that which stands beside it."""
    if "t" in axes:
        found = coordinates_of("t", axes, array, place)
        return None if found is None or found.is_text else found.read()
    for name in ("time", "t"):
        found = place.find(array, name)
        value = found.read() if found is not None and found.shape in ((), (1,)) else array.attributes.get(name)
        value = place.attributes(_group_of(array)).get(name) if value is None else value
        if value is not None and np.size(value) == 1 and np.asarray(value).dtype.kind in "fiumM":
            return np.asarray(value).reshape(1)
    return None


def _dt(array: LabelledArray, axes: str, place: ArrayPlace, options: ReadOptions, times: np.ndarray | None) -> Facts:
    if options.dt is not None:
        return Facts(options.dt, "as given")
    if times is not None and len(times) > 1 and options.join != "time":
        found = coordinates_of("t", axes, array, place)
        units = str(found.attributes.get("units", "")) if found is not None else ""
        unit = units.partition(" since ")[0] or ("seconds" if times.dtype.kind in "mMO" else "")
        own = found.key.strip("/") if found is not None else "time"
        step = time_step(times, where=found.name if found is not None else array.name)
        return Facts(step, f"from the coordinates '{own}'{f' in {unit}' if unit else ''}")
    return _attribute(array, place, "dt") or Facts(
        1.0, "assumed, since nothing says what the time between saved states is"
    )


def _dx(array: LabelledArray, axes: str, place: ArrayPlace, options: ReadOptions) -> Facts:
    if options.dx is not None:
        return Facts(options.dx, "as given")
    kept = [letter for letter in axes if letter in "hw"]
    found = [coordinates_of(letter, axes, array, place) for letter in kept]
    known = [entry for entry in found if entry is not None and entry.shape[0] > 1 and not entry.is_text]
    if known:
        names = listed(entry.key.strip("/") for entry in known)
        return Facts(grid_step(known), f"from the coordinates '{names}'")
    if not kept:
        return Facts(1.0, "without a meaning, as there is no space")
    return _attribute(array, place, "dx") or Facts(1.0, "assumed, since nothing says what the grid spacing is")


def _attribute(array: LabelledArray, place: ArrayPlace, name: str) -> Facts | None:
    """A number above 0 that the array, or the place as a whole, states as an attribute or as an array of one number."""
    beside = place.find(array, name) if place.is_labelled else None
    held = beside.read() if beside is not None and beside.shape in ((), (1,)) and not beside.is_text else None
    for value in (array.attributes.get(name), place.attributes(_group_of(array)).get(name), held):
        number = np.asarray(value).reshape(-1) if value is not None else np.empty(0)
        if number.size == 1 and number.dtype.kind in "fiu" and 0 < float(number[0]) < np.inf:
            return Facts(float(number[0]), f"from '{name}' in the file")
    return None


def _group_of(array: LabelledArray) -> str:
    return array.key.strip("/").rpartition("/")[0]


def _channel_names(
    arrays: Sequence[LabelledArray], axes: str, place: ArrayPlace, options: ReadOptions
) -> tuple[str, ...]:
    count = arrays[0].shape[axes.index("c")] if "c" in axes else 1
    has_pattern = isinstance(options.dataset_key, str) and any(mark in options.dataset_key for mark in "*?[")
    is_named = place.is_labelled and not getattr(place, "are_samples", False) and not (has_pattern and len(arrays) == 1)
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


def _sample_names(array: LabelledArray, axes: str, place: ArrayPlace, *, stem: str) -> tuple[str, ...]:
    own = array.key.strip("/")
    if "n" not in axes:
        return (
            own
            if getattr(place, "are_samples", False) or (own and len(place.names()) > 1 and own != stem)
            else stem or own,
        )
    found = coordinates_of("n", axes, array, place)
    if found is not None and found.is_text:
        words = tuple(str(word) for word in found.read().reshape(-1).tolist())
        if len(set(words)) == len(words):
            return words
    return tuple(map(str, range(array.shape[axes.index("n")])))


def _parameters(array: LabelledArray, axes: str, place: ArrayPlace) -> dict[str, float | Sequence[float]]:
    """Numbers that a place states beside its arrays: its attributes, single numbers, and one a sample along its dimension."""
    found: dict[str, float | Sequence[float]] = {}
    for name, value in place.attributes(_group_of(array)).items():
        if name not in _NO_PARAMETERS and np.size(value) == 1 and np.asarray(value).dtype.kind in "fiu":
            found[name] = float(np.asarray(value).reshape(-1)[0])
    sample = array.dims[axes.index("n")] if array.dims and "n" in axes else None
    for name in place.names()[:200] if place.is_labelled else ():
        if "/" in name.strip("/") or name.strip("/") in (*_NO_PARAMETERS, "time", "t"):
            continue
        entry = _numbers_or_none(place, name) if name != array.key else None
        if entry is None or len(entry.shape) > 1 or (entry.shape and (sample is None or entry.dims != (sample,))):
            continue
        values = entry.read()
        own = name.strip("/")
        if values.dtype.kind not in "fiu" or (own == sample and _is_counting(values)):
            continue
        found[own] = [float(value) for value in values] if values.shape else float(values)
    return found


def _is_counting(values: np.ndarray) -> bool:
    return bool(values.dtype.kind in "iu" and np.array_equal(values - values[:1], np.arange(len(values))))


def _of_sample(block: Block, number: int) -> dict[str, float | int | str]:
    values = {name: value[number] if isinstance(value, Sequence) else value for name, value in block.parameters.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _states(array_of: Callable[[str], LabelledArray], block: Block, sample: int, depth: Depth) -> np.ndarray:
    """States (realization, time, channel, height, width) of one sample, the variables side by side."""
    parts = [_variable(array_of(key), block.axes, sample, depth) for key in block.keys]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def _variable(array: LabelledArray, axes: str, sample: int, depth: Depth) -> np.ndarray:
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


def _in_time(arrays: Sequence[Arrays]) -> tuple[tuple[tuple[Arrays, Block], ...], ...]:
    """The arrays of each run in the order of their names: those of one group of a file, or of one folder of files.

    Raises:
        InputError: if they differ in more than their number of times.
    """
    pieces = [(place, block) for place in arrays for block in place.blocks]

    def owner(piece: tuple[Arrays, Block]) -> str:
        place, block = piece
        folder = Path(place.name).parent if len(arrays) > 1 else place.name
        return f"{folder}:{'' if len(arrays) > 1 else block.keys[0].strip('/').rpartition('/')[0]}"

    runs = tuple(tuple(members) for _, members in groupby(pieces, key=owner))
    for run in runs:
        (place, first), *others = run
        for other_place, other in others:
            sizes = [
                (
                    block.axes.replace("t", ""),
                    [n for n, a in zip(block.shape, block.axes, strict=True) if a != "t"],
                    len(block.keys),
                )
                for block in (first, other)
            ]
            if sizes[0] != sizes[1]:
                raise InputError(
                    f"`join` = 'time': {place.name} has the shape {first.shape} and {other_place.name} {other.shape}; they may differ "
                    "in their number of times alone."
                )
    if all(len(run) == 1 for run in runs) and any("t" not in block.axes for _, block in pieces):
        raise InputError(
            f"`join` = 'time': {pieces[0][0].name} is the only state of its folder; there is nothing to join."
        )
    return runs


def _joined_step(run: Sequence[tuple[Arrays, Block]], options: ReadOptions) -> Facts:
    if options.join != "time" or options.dt is not None:
        return run[0][1].dt
    times = [block.times for _, block in run]
    if all(part is not None for part in times):
        every = np.concatenate([part for part in times if part is not None])
        if len(every) > 1:
            return Facts(
                time_step(every, where=f"the times of {run[0][0].name} and what follows"),
                "from the times of what was joined",
            )
    return run[0][1].dt


def _stated(
    runs: Sequence[Sequence[tuple[Arrays, Block]]], steps: Sequence[Facts], options: ReadOptions
) -> dict[str, str]:
    blocks = [run[0][1] for run in runs]
    origin = "as given" if options.axes is not None else "by the names of the dimensions"
    periodic = "as given" if options.periodic is not None else "assumed"
    joined = f", joined along time from {len(runs[0])} parts" if len(runs[0]) > 1 else ""
    return {
        "axes": _one_or_several([f"{block.axes}, {origin}{joined}" for block in blocks]),
        "channels": _one_or_several([", ".join(block.channel_names) for block in blocks]),
        "dt": _one_or_several([str(step) for step in steps]),
        "dx": _one_or_several([str(block.dx) for block in blocks]),
        "periodic": f"{'no' if options.periodic is False else 'yes'}, {periodic}",
    }


def _one_or_several(words: Sequence[str]) -> str:
    different = list(dict.fromkeys(words))
    return different[0] if len(different) == 1 else f"{different[0]}; elsewhere {'; '.join(different[1:3])}"


def _groups(place: ArrayPlace, key: str | None, counts: Sequence[int]) -> np.ndarray:
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
