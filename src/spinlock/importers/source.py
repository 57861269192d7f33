"""Rollouts of a file, read one sample at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout, blanked
from spinlock.importers.options import ReadOptions

Reader = Callable[[int], Rollout]
"""Reads one sample of a file that is open."""


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
    """A rollout from states (realization, time, channel, height, width): NaN from the first time that is not finite.

    Numbers become float32; those of 8 bytes stay float64 where float32 would keep less than four digits of what varies.

    Args:
        states: as they are stored.
        facts: what is known beside them.
        options: whether cells that have no value from the first state on are filled.

    Raises:
        InputError: if some cells of the first state have no value, which is a mask rather than a run that diverged.
    """
    with np.errstate(over="ignore"):  # a float64 beyond float32's range is infinite, and marked as diverged
        states = np.array(states, dtype=np.float64 if _needs_double(states) else np.float32)
    _handle_mask(states, where=facts.where, fill=options.fill_masked)
    broken = np.any(~np.isfinite(states), axis=(2, 3, 4))  # (realization, time)
    diverged_at = tuple(np.where(np.any(broken, axis=1), np.argmax(broken, axis=1), -1).tolist())
    return Rollout(
        states=blanked(torch.from_numpy(states), diverged_at),
        system=facts.system,
        parameters=facts.parameters or {},
        dt=facts.dt,
        dx=facts.dx,
        channel_names=facts.channel_names or tuple(f"channel_{channel}" for channel in range(states.shape[2])),
        group=facts.group,
        name=facts.name,
        periodic=facts.periodic,
        diverged_at=diverged_at,
    )


def _needs_double(states: np.ndarray) -> bool:
    """Whether a channel varies by less than 10⁴ steps of float32 at its size, and the numbers have more digits than that."""
    if states.dtype.itemsize < 4 or states.dtype == np.float32:
        return False
    values = np.asarray(states, dtype=np.float64)
    usable = np.abs(values) <= np.finfo(np.float32).max  # False for NaN
    over = (0, 1, 3, 4)
    low, high = np.min(values, over, where=usable, initial=np.inf), np.max(values, over, where=usable, initial=-np.inf)
    largest = np.maximum(np.abs(low), np.abs(high))
    return bool(np.any((high > low) & (high - low < 1e4 * np.finfo(np.float32).eps * largest)))


def _handle_mask(states: np.ndarray, *, where: str, fill: bool) -> None:
    """Refuses or fills cells that are not finite in the first state, where others are; in place."""
    missing = ~np.isfinite(states[:, 0])  # (realization, channel, height, width)
    whole = missing.all(axis=(1, 2, 3), keepdims=True)  # a run without any first state has diverged at once
    missing &= ~whole
    if not missing.any():
        return
    if not fill:
        raise InputError(
            f"{where}: {missing.mean():.1%} of the cells are not finite in the first state, as a mask leaves them; "
            "cut them off, or fill them with the mean of the other cells (fill_masked=True, --fill-masked)."
        )
    empty = np.argwhere(missing.all(axis=(2, 3)))  # (realization, channel); a run without any value is not among them
    if len(empty):
        raise InputError(f"{where}: channel {empty[0, 1]} has no finite value in the first state.")
    masked = np.broadcast_to(missing[:, None], states.shape)
    held = np.isfinite(states) & ~masked
    total = np.sum(states, axis=(3, 4), where=held, keepdims=True, dtype=np.float64)
    mean = total / np.maximum(held.sum(axis=(3, 4), keepdims=True), 1)
    np.copyto(states, mean.astype(states.dtype), where=masked)


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
