"""Which runs diverged, died or froze, and when; and which samples are drawn again for it.

Let e(t, c) be the extent of channel c at time t, its largest value over space less its smallest, and e(c) the largest
extent that the channel has in the run.

    diverged at t   t is the first time at which a value is not finite or exceeds the system's bound
    dead at t       from t to the end e(t, c) ≤ 0.02 e(c) in every channel: what was a pattern is constant in space
    frozen at t     from t to the end no value differs from its last by more than 0.02 e(c), and t lies in the first
                    three quarters of the run

A dead or frozen run is valid data, and is marked; a diverged one is not.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.simulation import Screening

QUIET = 0.02
"""Share of a channel's extent below which a difference counts as none: what weak noise keeps up in a dead state."""
LATEST_FREEZE = 0.75
"""Share of the run before which it must freeze; the last states of any slow run are alike."""


class Outcomes(NamedTuple):
    """For each realization the time index at which it diverged, died or froze; -1 where it did not."""

    diverged_at: tuple[int, ...]
    dead_at: tuple[int, ...]
    frozen_at: tuple[int, ...]


def wants_redraw(screening: Screening, found: Outcomes, *, attempt: int) -> bool:
    """Whether a sample with these outcomes is drawn once more, after so many attempts beyond the first."""
    if screening.policy == "mark" or attempt >= screening.max_redraws:
        return False
    counts = {"diverged": any, "dead": all, "frozen": all}
    return any(counts[outcome](time >= 0 for time in getattr(found, f"{outcome}_at")) for outcome in screening.redraw)


def outcomes(
    states: Float[Tensor, "realization time channel height width"],
    *,
    bound: float = float("inf"),
    diverged_at: Sequence[int] = (),
) -> Outcomes:
    """When each realization diverged, died and froze; one that diverged does neither of the others.

    Args:
        states: saved states; what is not finite counts as diverged.
        bound: |state| above which a run counts as exploded.
        diverged_at: where it is known already; `bound` is not looked at then.
    """
    highest, lowest = states.amax(dim=(3, 4)), states.amin(dim=(3, 4))  # (realization, time, channel)
    peak = torch.maximum(highest, -lowest).amax(dim=2)
    # Infinite bound: only what is not finite has left.
    left = ~(peak <= bound) | ~torch.isfinite(peak)  # also where the peak is NaN
    times = tuple(diverged_at) or tuple(_first(row) for row in left)
    extent = highest - lowest
    limit = QUIET * extent.amax(dim=1)  # (realization, channel)
    stays = [time < 0 for time in times]
    dead = [_settled((extent[run] <= limit[run]).all(dim=1)) if stays[run] else -1 for run in range(len(times))]
    frozen = [_frozen(states[run], limit[run]) if stays[run] else -1 for run in range(len(times))]
    return Outcomes(times, tuple(dead), tuple(frozen))


def _first(marks: Tensor) -> int:
    """The first place that is true; -1 where there is none."""
    return int(marks.nonzero()[0]) if marks.any() else -1


def _settled(quiet: Tensor) -> int:
    """The first time from which on it is true to the end; -1 where it is not true at the end."""
    loud = (~quiet).nonzero()
    first = int(loud[-1]) + 1 if len(loud) else 0
    return first if first < len(quiet) else -1


def _frozen(states: Float[Tensor, "time channel height width"], limit: Float[Tensor, " channel"]) -> int:
    """The first time from which on no value differs from its last by more than `limit`, if it is early enough."""
    last = states[-1]
    latest = int(LATEST_FREEZE * (len(states) - 1))

    def is_quiet(time: int) -> bool:
        return bool(((states[time] - last).abs().amax(dim=(1, 2)) <= limit).all())

    # From the end backwards; but most runs change in their last quarter, and the first look tells.
    if not all(is_quiet(time) for time in (latest, *range(latest + 1, len(states) - 1))):
        return -1
    first = latest
    while first > 0 and is_quiet(first - 1):
        first -= 1
    return first
