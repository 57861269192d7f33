"""One simulated or imported sample: all its realizations, and how they came about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.shown import shown

StepOperator = Callable[[Tensor], Tensor]
"""Advances states `(batch, channel, height, width)` by one saved step, without noise."""


def blanked(
    states: Float[Tensor, "realization time channel height width"], diverged_at: Sequence[int]
) -> Float[Tensor, "realization time channel height width"]:
    """States with NaN from the time on at which each realization diverged; a copy where one did.

    Args:
        states: of one sample.
        diverged_at: for each realization a time index; -1 where it stayed finite.
    """
    if max(diverged_at, default=-1) < 0:
        return states
    states = states.clone()
    for realization, time in enumerate(diverged_at):
        if time >= 0:
            states[realization, time:] = torch.nan
    return states


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rollout:
    """The states of one sample, finite or marked diverged at a time.

    Attributes:
        states: every saved state; 1-D data has height 1, 0-D data height = width = 1.
        system: name of what made them, for example "gray_scott" or "imported".
        parameters: physical values by name; a choice is its word.
        dt: time between saved states, > 0.
        dx: grid spacing, > 0 (the domain's length over the number of cells).
        channel_names: one a channel.
        seed: of the data set that the sample belongs to; -1 where there is none.
        group: number of the parameter draw; splits keep a group on one side.
        periodic: whether the domain wraps around along height and width.
        diverged_at: for each realization the first time index that is not finite or exploded; -1 where there is none.
        dead_at: for each realization the time index from which on it is constant in space; -1 where it is not.
        frozen_at: for each realization the time index from which on it no longer changes; -1 where it does.
        redraws: how often the sample was drawn again before it came out like this.
        cut: saved times without any value that were cut off at its ends before, as padding to a common length leaves them.
        initial_condition: name of what made the initial condition; "" where it is unknown.
        step: the noise-free step operator, where it is in hand.
        name: of the sample, for people: its file, or its place in one; "" where it has none.
    """

    states: Float[Tensor, "realization time channel height width"]
    system: str
    dt: float
    channel_names: tuple[str, ...]
    parameters: Mapping[str, float | int | str] = field(default_factory=dict)
    dx: float = 1.0
    seed: int = -1
    group: int = 0
    periodic: bool = True
    diverged_at: tuple[int, ...] = ()
    dead_at: tuple[int, ...] = ()
    frozen_at: tuple[int, ...] = ()
    redraws: int = 0
    cut: int = 0
    initial_condition: str = ""
    step: StepOperator | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.states.ndim != 5:
            raise InputError(
                "`states` must have the axes (realization, time, channel, height, width); "
                f"got the shape {tuple(self.states.shape)}."
            )
        if not self.dt > 0 or not self.dx > 0:
            raise InputError(f"`dt` and `dx` must be greater than 0; got dt={self.dt} and dx={self.dx}.")
        realizations, _, channels = self.states.shape[:3]
        if len(self.channel_names) != channels:
            raise InputError(f"`channel_names` must name {channels} channels; got {len(self.channel_names)}.")
        for name in ("diverged_at", "dead_at", "frozen_at"):
            if not getattr(self, name):
                object.__setattr__(self, name, (-1,) * realizations)
            if len(getattr(self, name)) != realizations:
                raise InputError(f"`{name}` must have {realizations} entries; got {len(getattr(self, name))}.")
        for number, (states, time) in enumerate(zip(self.states, self.diverged_at, strict=True)):
            before = states if time < 0 else states[:time]
            if not torch.isfinite(before).all():
                raise InputError(
                    f"realization {number} of a '{self.system}' rollout is not finite before its `diverged_at` ({time}); "
                    "mark the first time that is not."
                )

    @property
    def valid(self) -> tuple[bool, ...]:
        """For each realization whether it stayed finite and bounded to the end."""
        return tuple(time < 0 for time in self.diverged_at)
