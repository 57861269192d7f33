"""Rollouts of a file, read one sample at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError, reading_errors
from spinlock.core.rollout import Rollout
from spinlock.core.shown import shown
from spinlock.core.states import states_of
from spinlock.importers.options import ReadOptions
from spinlock.store.guard import is_trusting, trusting

Reader = Callable[[int], Rollout]
"""Reads one sample of a file that is open."""


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RolloutSource:
    """The rollouts of a file; memory holds one sample, however many there are.

    Attributes:
        path: the file.
        format: "array", "well", "pdebench" or "spinlock".
        num_samples: how many rollouts it holds.
        opened: opens the file for reading samples by number.
        has_shared_groups: whether equal group numbers of two files are one group; else each file's groups are its own.
        starts: number of the first sample of each file.
        stated: what was taken for its axes, channels, dt, dx and periodicity, each with where that came from.
    """

    path: Path
    format: str
    num_samples: int
    opened: Callable[[], AbstractContextManager[Reader]]
    has_shared_groups: bool = False
    starts: tuple[int, ...] = (0,)
    stated: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[Rollout]:
        with self.opened() as read:
            for sample in range(self.num_samples):
                yield read(sample)

    def __getitem__(self, sample: int) -> Rollout:
        if not -self.num_samples <= sample < self.num_samples:
            raise IndexError(f"{self.path} has {self.num_samples} samples; got number {sample}.")
        with self.opened() as read:
            return read(sample % self.num_samples)


def kept_guarded(source: RolloutSource) -> RolloutSource:
    """A source whose samples are read under the trust that it was opened under, and whose errors are sentences."""
    is_trusted = is_trusting()

    @contextmanager
    def opened() -> Iterator[Reader]:
        with ExitStack() as stack:
            with trusting(is_trusted):
                read = stack.enter_context(source.opened())

            def read_sample(sample: int) -> Rollout:
                with trusting(is_trusted), reading_errors(source.path):
                    return read(sample)

            yield read_sample

    return replace(source, opened=opened)


def stated_of_layout(
    options: ReadOptions, *, axes: str, channel_names: Iterable[str], dx: str, periodic: bool, why: str
) -> dict[str, str]:
    """What is stated of a file in a layout that says everything, where options do not say otherwise.

    Args:
        options: that were given.
        axes: whose they are.
        channel_names: one a channel.
        dx: the grid spacing and where it comes from.
        periodic: whether the domain wraps around, as it is taken.
        why: where that comes from.
    """
    return {
        "axes": axes,
        "channels": ", ".join(channel_names),
        "dt": "from the file" if options.dt is None else f"{options.dt:.6g}, as given",
        "dx": dx if options.dx is None else f"{options.dx:.6g}, as given",
        "periodic": f"{'yes' if periodic else 'no'}, {why if options.periodic is None else 'as given'}",
    }


def one_or_several(words: Sequence[str], *, elsewhere: str) -> str:
    """What is the same everywhere, or the first of it and two others."""
    first, *others = dict.fromkeys(words)
    return f"{first}; {elsewhere} {'; '.join(others[:2])}" if others else first


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleFacts:
    """Facts of a sample beside its states.

    Attributes:
        dt: time between saved states.
        dx: grid spacing.
        channel_names: one a channel; `channel_0`, … where there are none.
        group: samples of one group stay on one side of every split.
        system: what made the states.
        parameters: physical values by name.
        periodic: whether the domain wraps around.
        where: the sample comes from, for messages.
        name: of the sample, for people; "" where it has none.
    """

    dt: float
    dx: float
    group: int
    channel_names: tuple[str, ...] = ()
    system: str = "imported"
    parameters: Mapping[str, float | int | str] | None = None
    periodic: bool = True
    where: str = "the sample"
    name: str = ""


def rollout_of(states: np.ndarray, facts: SampleFacts, options: ReadOptions) -> Rollout:
    """A rollout from states (realization, time, channel, height, width) as they are stored, by the rules of `core.states`.

    Raises:
        InputError: if cells have no value and are not to be filled, or something else that `states_of` refuses.
    """
    found = states_of(states, where=facts.where, fill_masked=options.fill_masked)
    return Rollout(
        states=found.states,
        system=facts.system,
        parameters=facts.parameters or {},
        dt=facts.dt,
        dx=facts.dx,
        channel_names=facts.channel_names or tuple(f"channel_{channel}" for channel in range(states.shape[2])),
        group=facts.group,
        name=facts.name,
        periodic=facts.periodic,
        diverged_at=found.diverged_at,
        cut=found.cut,
    )


def spacing(coordinates: np.ndarray, *, where: str, remedy: str) -> float:
    """The step of evenly spaced coordinates; 1 of a single one.

    Args:
        coordinates: along one axis.
        where: they stand, for messages.
        remedy: what to give instead, for messages.

    Raises:
        InputError: if they are not finite, not rising, or their steps differ by more than 1 %.
    """
    values = np.asarray(coordinates, dtype=np.float64).reshape(-1)
    if len(values) < 2:
        return 1.0
    steps = np.diff(values)
    step = float((values[-1] - values[0]) / len(steps))
    # The grid itself is rounded, often to float32: that much a step may be off beside the 1 %.
    slack = 0.01 * step + 4 * np.finfo(np.float32).eps * float(np.abs(values).max())
    if not np.isfinite(values).all() or step <= 0 or float(np.abs(steps - step).max()) > slack:
        raise InputError(
            f"{where} must rise in even steps; they go from {steps.min():.4g} to {steps.max():.4g}. {remedy}"
        )
    return step


def common_spacing(steps: Sequence[float], *, where: str) -> float:
    """One grid spacing for all directions.

    Raises:
        InputError: if they differ by more than 1 %: features measure lengths in one unit.
    """
    if max(steps) > 1.01 * min(steps):
        shown = " and ".join(f"{step:.4g}" for step in steps)
        raise InputError(
            f"{where} has the grid spacings {shown}; cells must be square, or `dx` given to take them as such."
        )
    return float(steps[0])
