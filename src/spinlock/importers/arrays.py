"""Rollouts from arrays with an axis a letter: in a file, in several that follow each other in time, or in memory."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate, groupby
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout
from spinlock.importers.blocks import Arrays, Block
from spinlock.importers.dimensions import time_step
from spinlock.importers.facts import Fact
from spinlock.importers.labelled import ArrayPlace, LabelledArray
from spinlock.importers.options import ReadOptions
from spinlock.importers.source import Reader, RolloutSource, SampleFacts, one_or_several, rollout_of
from spinlock.importers.volume import Depth, planes, without_depth


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


def _joined_step(run: Sequence[tuple[Arrays, Block]], options: ReadOptions) -> Fact:
    if options.join != "time" or options.dt is not None:
        return run[0][1].dt
    times = [block.times.values for _, block in run if block.times is not None]
    if len(times) == len(run):
        every = np.concatenate(times)
        if len(every) > 1:
            return Fact(
                time_step(every, where=f"the times of {run[0][0].name} and what follows"),
                "from the times of what was joined",
            )
    return run[0][1].dt


def _stated(
    runs: Sequence[Sequence[tuple[Arrays, Block]]], steps: Sequence[Fact], options: ReadOptions
) -> dict[str, str]:
    blocks = [run[0][1] for run in runs]
    origin = "as given" if options.axes is not None else "by the names of the dimensions"
    periodic = "as given" if options.periodic is not None else "assumed"
    joined = f", joined along time from {len(runs[0])} parts" if len(runs[0]) > 1 else ""
    return {
        "axes": one_or_several([f"{block.axes}, {origin}{joined}" for block in blocks], elsewhere="elsewhere"),
        "channels": one_or_several([", ".join(block.channel_names) for block in blocks], elsewhere="elsewhere"),
        "dt": one_or_several([str(step) for step in steps], elsewhere="elsewhere"),
        "dx": one_or_several([str(block.dx) for block in blocks], elsewhere="elsewhere"),
        "periodic": f"{'no' if options.periodic is False else 'yes'}, {periodic}",
    }
