"""What a place holds as samples: which arrays, on which axes, and what is known of each; nothing of the states is read."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from spinlock.core.errors import InputError, UsageError
from spinlock.importers.dimensions import AXES, NAMES, axes_of, meaning
from spinlock.importers.facts import (
    Fact,
    Times,
    channel_names_of,
    grid_step_of,
    groups_of,
    numbers_or_none,
    parameters_of,
    sample_names_of,
    time_step_of,
    times_of,
)
from spinlock.importers.labelled import ArrayPlace, LabelledArray
from spinlock.importers.options import ReadOptions
from spinlock.importers.places import chosen
from spinlock.importers.volume import Depth, check_depth, planes

Opener = Callable[[], AbstractContextManager[ArrayPlace]]


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
    dt: Fact
    dx: Fact
    channel_names: tuple[str, ...]
    sample_names: tuple[str, ...]
    parameters: Mapping[str, float | Sequence[float]] = field(default_factory=dict)
    times: Times | None = None

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
        groups = groups_of(place, options.group_key, [block.num_samples for block in blocks])
        name = place.name
    has_depth = any("d" in block.axes for block in blocks)
    depth = check_depth(options.depth, is_needed=has_depth, where=f"{name} with the axes '{blocks[0].axes}'")
    for block in blocks:
        if "d" in block.axes:
            planes(depth, block.shape[block.axes.index("d")], where=name)
    return Arrays(name=name, stem=stem, opener=opener, blocks=blocks, groups=groups, depth=depth)


def _keys(place: ArrayPlace, options: ReadOptions) -> list[tuple[str, ...]]:
    """For every array of samples the names of the variables that are its channels."""
    names = list(place.names())
    given = options.dataset_key
    if given is None:
        found = _fields(place, names, options)
        return [tuple(found)] if place.are_channels else [(name,) for name in found]
    if not place.is_labelled and names == [""]:
        raise UsageError(f"{place.name} holds one array without a name; got the name '{given}'.")
    wanted = given.split(",") if isinstance(given, str) else list(given)
    found = [chosen(place, key, names) for key in wanted]
    if len({len(entries) for entries in found}) > 1:
        counts = ", ".join(f"'{key}' {len(entries)}" for key, entries in zip(wanted, found, strict=True))
        raise InputError(f"{place.name}: every variable must name as many arrays; {counts}.")
    return list(zip(*found, strict=True))


def _fields(place: ArrayPlace, names: Sequence[str], options: ReadOptions) -> list[str]:
    """The one array that can be states, where there is one alone; several that memory holds side by side are samples.

    Arrays of more axes come before lists, those whose dimensions name a time before others.
    """
    if len(names) < 2 or place.are_samples:
        return list(names) if names else chosen(place, None, names)
    found = [array for name in names[:2000] if (array := numbers_or_none(place, name)) is not None]
    fields = [array for array in found if len(array.shape) > 1 and not _is_grid(array)]
    fields = fields or [array for array in found if array.dims and array.dims != (array.key.rpartition("/")[2],)]
    if place.are_channels and fields and len({array.shape for array in fields}) == 1:
        return [array.key for array in fields]
    timed = [array for array in fields if any(meaning(dim, {}) == "t" for dim in array.dims)]
    candidates = timed or fields
    return chosen(place, None, [array.key for array in candidates] if options.axes or candidates else names)


def _is_grid(array: LabelledArray) -> bool:
    """Whether an array of two axes holds coordinates or their bounds rather than states."""
    own = array.key.rpartition("/")[2]
    is_named_so = own.lower() in NAMES["x"] | NAMES["y"]
    return own.endswith(("_bnds", "_bounds", "_vertices")) or (is_named_so and len(array.shape) == 2)


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
    axes = axes_of(first, place, options.axes, needs_time=options.join != "time")
    _check_axes(axes, first)
    times = times_of(first, axes, place)
    return Block(
        keys=keys,
        axes=axes,
        shape=first.shape,
        times=times,
        dt=time_step_of(first, place, options, times),
        dx=grid_step_of(first, axes, place, options),
        channel_names=channel_names_of(arrays, axes, place, options),
        sample_names=sample_names_of(first, axes, place, stem=stem),
        parameters=parameters_of(first, axes, place),
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


def _check_axes(axes: str, array: LabelledArray) -> None:
    if len(axes) != len(array.shape):
        raise InputError(f"`axes` = '{axes}' names {len(axes)} axes; {array.name} has the shape {array.shape}.")
    if 0 in array.shape:
        raise InputError(f"{array.name} is empty: it has the shape {array.shape}.")
