"""From numbers as they came in to the states of a rollout: one rule of dtypes, infinities, ends and cells without a value.

float32 or float64      float32, unless it would keep too little of what varies: `needs_double`
infinite at first       refused: an infinite value is no mask
infinite later          the realization diverged at that time; so it did where a whole channel is left without a value, and
                        where it explodes before it loses values
NaN in whole states at either end              no states of the run: cut off, and counted
NaN in some cells                              a mask: filled if that is asked for, else refused
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.rollout import blanked

LARGEST = 1e150
"""A float64 beyond it counts as infinite: its square is."""
EXPLOSION = 10.0
"""A run that loses values has diverged where it grew by so much over everything before; else it ended or is masked."""

AXES = (2, 3, 4)
"""channel, height, width"""


class States(NamedTuple):
    """States that keep to the rules of a `Rollout`.

    Attributes:
        states: float32 or float64; NaN from the time on at which a realization diverged.
        diverged_at: for each realization a time index; -1 where it stayed finite.
        cut: saved times without any value that were cut off at the ends.
    """

    states: Float[Tensor, "realization time channel height width"]
    diverged_at: tuple[int, ...]
    cut: int


def states_of(numbers: np.ndarray, *, where: str, fill_masked: bool = False) -> States:
    """The states that numbers (realization, time, channel, height, width) are.

    Args:
        numbers: real, of any dtype; NaN where there is no value.
        where: they come from, for messages.
        fill_masked: put the mean of a channel's other cells of the same time into cells that have no value at some time, for
            the whole run.

    Raises:
        InputError: if values of the first state are infinite, cells have no value and are not to be filled, saved times
            without a value lie between others, or realizations end at different times.
    """
    half = numbers.dtype == np.float16
    with np.errstate(over="ignore"):
        states = np.array(numbers, dtype=np.float64 if needs_double(numbers) else np.float32)
    if states.dtype == np.float64:
        states[np.abs(states) > LARGEST] = np.inf
    finite = bool(np.isfinite(states.sum()))  # one infinite or missing value is enough; a sum may also overflow
    if finite or bool(np.all(np.isfinite(states))):
        return States(torch.from_numpy(states), (-1,) * len(states), 0)
    absent = np.isnan(states)
    empty = np.all(absent, axis=AXES)  # (realization, time)
    start, stop = _extent(empty, exploded=_exploded(states, absent), where=where)
    cut = states.shape[1] - (stop - start)
    states, absent, empty = states[:, start:stop], absent[:, start:stop], empty[:, start:stop]
    _refuse_infinite(states, where=where, half=half)
    exploded = _exploded(states, absent)
    gaps = np.argwhere(empty & ~exploded[:, None] & ~empty[:, :1])
    if len(gaps):
        raise InputError(
            f"{where}: realization {gaps[0, 0]} has no value at all at time {start + gaps[0, 1]}, but has at later ones; fill the "
            "missing saved times, or cut the run there."
        )
    states = _without_mask(states, absent, exploded=exploded, where=where, fill=fill_masked)
    broken = ~np.all(np.isfinite(states), axis=AXES)
    diverged_at = tuple(np.where(np.any(broken, axis=1), np.argmax(broken, axis=1), -1).tolist())
    return States(blanked(torch.from_numpy(np.ascontiguousarray(states)), diverged_at), diverged_at, cut)


def needs_double(numbers: np.ndarray) -> bool:
    """Whether float32 would lose of what numbers (realization, time, channel, height, width) say.

    True where some channel varies by less than 10⁴ steps of float32 at its size, or lies beyond float32's range, and the numbers
    are not float32's own anyway.
    """
    if numbers.dtype.itemsize < 4 or numbers.dtype == np.float32:
        return False
    values = np.asarray(numbers, dtype=np.float64)
    usable = np.abs(values) <= LARGEST  # False for NaN
    over = (0, 1, 3, 4)
    low, high = np.min(values, over, where=usable, initial=np.inf), np.max(values, over, where=usable, initial=-np.inf)
    largest = np.maximum(np.abs(low), np.abs(high))
    single = np.finfo(np.float32)
    beyond = (largest > single.max) | ((largest > 0) & (largest < 1e4 * single.tiny))
    fine = (high > low) & ((high - low < 1e4 * single.eps * largest) | beyond)
    if not bool(np.any(fine)):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = values.astype(np.float32)
    return not np.array_equal(rounded, values, equal_nan=True)


def _exploded(states: np.ndarray, absent: np.ndarray) -> Bool[np.ndarray, " realization"]:
    """Whether a realization turns infinite, loses a whole channel, or grows `EXPLOSION`-fold as it loses its first values."""
    begun = ~np.all(absent, axis=AXES)
    bare = np.all(absent, axis=(3, 4))  # (realization, time, channel)
    left_bare = bare & ~np.all(bare, axis=1, keepdims=True) & begun[..., None]
    found = np.any(np.isinf(states), axis=(1, *AXES)) | np.any(left_bare, axis=(1, 2))
    for run in np.flatnonzero(np.any(begun, axis=1) & ~found).tolist():
        times = np.flatnonzero(begun[run])
        first = int(times[0])
        lost = np.flatnonzero(np.any(absent[run, first:] & ~absent[run, first], axis=(1, 2, 3)))
        if not len(lost):
            continue
        peak = np.nanmax(np.abs(states[run, first : times[-1] + 1]), axis=(1, 2, 3), initial=0)
        early = max(1, int(lost[0]) - 1)
        found[run] = len(peak) > early and peak[early:].max() >= EXPLOSION * peak[:early].max() > 0
    return found


def _extent(
    empty: Bool[np.ndarray, "realization time"], *, exploded: Bool[np.ndarray, " realization"], where: str
) -> tuple[int, int]:
    """First time with a value, and the one after the last, of the realizations that did not explode; all times without any."""
    length = empty.shape[1]
    runs = np.flatnonzero(~exploded & ~np.all(empty, axis=1))
    if not len(runs):
        return 0, length
    starts, stops = empty[runs].argmin(1), length - empty[runs, ::-1].argmin(1)
    if len(set(starts.tolist())) > 1 or len(set(stops.tolist())) > 1:
        spans = ", ".join(f"{a} to {b - 1}" for a, b in sorted(set(zip(starts.tolist(), stops.tolist(), strict=True))))
        raise InputError(
            f"{where}: its realizations have values over different saved times ({spans}); give each as a sample of its own (the "
            "axis n), or cut them to the same times."
        )
    return int(starts[0]), int(stops[0])


def _refuse_infinite(states: np.ndarray, *, where: str, half: bool) -> None:
    """Refuses values of the first state that are infinite."""
    infinite = np.isinf(states[:, 0])
    if infinite.any():
        why = ", as where float16 overflowed (its largest number is 65504)" if half else ", beyond what its dtype holds"
        raise InputError(
            f"{where}: {infinite.mean():.1%} of the values of the first state are infinite{why}; an infinite value is no mask: "
            "store float32 or another unit, or put NaN where there is no value."
        )


def _without_mask(
    states: np.ndarray, absent: np.ndarray, *, exploded: Bool[np.ndarray, " realization"], where: str, fill: bool
) -> np.ndarray:
    """The states with cells filled, or as they are where no cell is masked; refuses a mask that is not to be filled."""
    masked = absent[:, 0].copy()  # (realization, channel, height, width)
    masked[np.all(masked, axis=(1, 2, 3))] = False  # a realization without any first state has diverged at once
    later = np.any(absent & ~absent[:, :1], axis=1)
    later[exploded] = False
    if not masked.any() and not later.any():
        return states
    if not fill:
        remedy = "fill them with the mean of the other cells (fill_masked=True, --fill-masked)"
        if masked.any():
            raise InputError(
                f"{where}: {masked.mean():.1%} of the cells have no value in the first state, as a mask leaves them; "
                f"cut them off, or {remedy}."
            )
        time = int(np.argmax(np.any((absent & ~absent[:, :1])[~exploded], axis=(0, *AXES))))
        raise InputError(
            f"{where}: {later.mean():.1%} of the cells lose their value later, from time {time} on, as a moving mask or a run "
            f"that diverged leaves them; cut the run before, or {remedy}, which then have none in the whole run."
        )
    masked |= later
    covered = np.argwhere(np.all(masked, axis=(2, 3)))  # (realization, channel)
    if len(covered):
        run, channel = covered[0].tolist()
        first = bool(absent[run, 0, channel].all())
        raise InputError(
            f"{where}: channel {channel} has no finite value in the first state."
            if first
            else f"{where}: every cell of channel {channel} has no value at some time, so that nothing is left to fill them with."
        )
    hidden = np.broadcast_to(masked[:, None], states.shape)
    held = np.isfinite(states) & ~hidden
    total = np.sum(states, axis=(3, 4), where=held, keepdims=True, dtype=np.float64)
    mean = total / np.maximum(held.sum(axis=(3, 4), keepdims=True), 1)
    return np.where(hidden, mean.astype(states.dtype), states)
