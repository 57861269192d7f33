"""Which runs left, died or froze, and when; and which samples are drawn again for it.

Let e(t, c) be the extent of channel c at time t, its largest value over space less its smallest, and e(c) the largest
extent that the channel has in the run.

    diverged at t   t is the first time at which a value is not finite or exceeds the system's bound
    dead at t       from t to the end e(t, c) ≤ 0.02 e(c) in every channel: what was a pattern is constant in space
    frozen at t     from t to the end no value differs from its last by more than 0.02 e(c), and t lies in the first
                    three quarters of the run

A dead or frozen run is valid data, and is marked; a diverged one is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import ConfigError

Fate = Literal["diverged", "dead", "frozen"]
FATES: tuple[Fate, ...] = ("diverged", "dead", "frozen")
QUIET = 0.02
"""Share of a channel's extent below which a difference counts as none: what weak noise keeps up in a dead state."""
LATEST_FREEZE = 0.75
"""Share of the run before which it must freeze; the last states of any slow run are alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Screening:
    """What happens to samples that leave, die or freeze.

    Attributes:
        redraw: fates for which a sample is drawn again, with new parameters, frame 0 and noise; "diverged" counts where
            any realization does, "dead" and "frozen" where all do. Empty: everything stays, marked.
        max_redraws: attempts after the first; a sample of which none passes stays as its last attempt was, marked.
    """

    redraw: tuple[Fate, ...] = ()
    max_redraws: int = 0

    def __post_init__(self) -> None:
        unknown = [fate for fate in self.redraw if fate not in FATES]
        if unknown or self.max_redraws < 0:
            raise ConfigError(
                f"`redraw` takes some of {', '.join(FATES)} and `max_redraws` at least 0; "
                f"got {', '.join(self.redraw) or 'none'} and {self.max_redraws}."
            )

    def wants_redraw(self, fates: "Fates", *, attempt: int) -> bool:
        """Whether a sample that came out like this is drawn once more."""
        if attempt >= self.max_redraws:
            return False
        counts = {"diverged": any, "dead": all, "frozen": all}
        return any(counts[fate](time >= 0 for time in getattr(fates, f"{fate}_at")) for fate in self.redraw)


class Fates(NamedTuple):
    """For each realization the time index at which it left, died or froze; -1 where it did not."""

    diverged_at: tuple[int, ...]
    dead_at: tuple[int, ...]
    frozen_at: tuple[int, ...]


def fates(
    states: Float[Tensor, "realization time channel height width"],
    *,
    bound: float = float("inf"),
    diverged_at: Sequence[int] = (),
) -> Fates:
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
    return Fates(times, tuple(dead), tuple(frozen))


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
