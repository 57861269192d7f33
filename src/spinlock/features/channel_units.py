"""In which unit the channels of a sample are described: one for all, or one for each.

Channels of one kind, as the components of a velocity, share a unit: that one is larger than the other is part of what they do.
A pressure in pascal beside a velocity in metres a second is larger because of its unit, and features that pool channels
(norms, distances of frames, probes) then describe the pressure alone.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout, StepOperator
from spinlock.features.kernels_fields import run_scale, run_spread

ChannelUnits = Literal["shared", "own"]

UNEVEN = 100.0
"""A channel whose unit is so many times another's leaves less than 1e-4 of a pooled square to that one."""


def in_channel_units(rollout: Rollout, units: str) -> Rollout:
    """The rollout with every channel divided by a unit of its own, and its step operator likewise; or, with "shared", as it is.

    A sample's realizations share the units, so that what they differ in stays.

    Raises:
        InputError: if `units` is neither "shared" nor "own".
    """
    if units not in get_args(ChannelUnits):
        raise InputError(f"`channel_units` must be 'shared' or 'own'; got '{units}'.")
    if units == "shared" or rollout.states.shape[2] == 1:
        return rollout
    unit = own_units(rollout).to(rollout.states)[:, None, None]
    step = None if rollout.step is None else _step_in_units(rollout.step, unit)
    return replace(rollout, states=rollout.states / unit, step=step)


def own_units(rollout: Rollout) -> Float[Tensor, " channel"]:
    """The unit of each channel as if it were alone (`run_scale`), root mean square over the valid realizations; 1 without any."""
    return _by_channel(run_scale, rollout) if any(rollout.valid) else rollout.states.new_ones(rollout.states.shape[2])


def uneven_channels(rollout: Rollout) -> str:
    """A sentence on the channels whose units are furthest apart; "" where they are within `UNEVEN`, only one varies, or nothing is valid."""
    if rollout.states.shape[2] == 1 or not any(rollout.valid):
        return ""
    spreads = _by_channel(run_spread, rollout).tolist()
    found = [(spread, name) for spread, name in zip(spreads, rollout.channel_names, strict=True) if spread]
    if len(found) < 2 or not max(found)[0] > UNEVEN * min(found)[0]:
        return ""
    (small, weak), (large, strong) = min(found), max(found)
    return f"channel '{strong}' varies {_rounded(large / small)} times as much as '{weak}'"


def _by_channel(
    measure: Callable[[Float[Tensor, "realization time channel height width"]], Float[Tensor, " realization"]],
    rollout: Rollout,
) -> Float[Tensor, " channel"]:
    """The measure of each channel as if it were alone, root mean square over the valid realizations, of which there is one."""
    valid = [states for states, is_valid in zip(rollout.states, rollout.valid, strict=True) if is_valid]
    by_channel = [
        torch.cat([measure(states[None, :, channel, None]) for states in valid])
        for channel in range(rollout.states.shape[2])
    ]
    return torch.stack(by_channel, -1).double().square().mean(0).sqrt()


def _rounded(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):g}"


def _step_in_units(step: StepOperator, unit: Float[Tensor, "channel 1 1"]) -> StepOperator:
    def scaled(states: Tensor) -> Tensor:
        return step(states * unit.to(states)) / unit.to(states)

    return scaled
