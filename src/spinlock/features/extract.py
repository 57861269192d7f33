"""Rollouts → features."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.feature_table import FeatureTable
from spinlock.core.rollout import Rollout, blanked
from spinlock.core.shown import shown
from spinlock.features.aggregate import aggregate
from spinlock.features.channel_units import ChannelUnits, in_channel_units
from spinlock.features.feature import Feature
from spinlock.features.fields import Fields
from spinlock.features.kernels_fields import run_scale
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY, SDF

MAX_GROWTH = 1e15
"""Largest |u| in units of frame 0's spatial standard deviation (see `run_scale`); beyond it squares and cubes leave float32."""


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SampleFeatures:
    """The features of one sample.

    Attributes:
        per_timestep: mean over the valid realizations in which a feature is defined; NaN without any.
        per_trajectory: one row a realization; NaN in the rows of diverged ones.
    """

    per_timestep: Float[Tensor, "time frame_feature"]
    per_trajectory: Float[Tensor, "realization run_feature"]


def extract_rollout(
    rollout: Rollout,
    *,
    per_timestep: Sequence[Feature] = PER_TIMESTEP,
    per_trajectory: Sequence[Feature] = PER_TRAJECTORY,
    name: str = "",
) -> SampleFeatures:
    """Compute the features of one sample, on the CPU: states on another device are moved there once.

    Args:
        rollout: its realizations.
        per_timestep: features with a value a time step.
        per_trajectory: features with a value a trajectory.
        name: of the sample, for messages.

    Raises:
        InputError: if a feature cannot be computed, naming it and the sample; or if the states grow out of range.
    """
    sample = f"sample {name or '?'} ({rollout.system})"
    rollout = _on_cpu(rollout)
    realizations, times = rollout.states.shape[:2]
    valid = torch.tensor(rollout.valid, dtype=torch.bool)
    over_time = rollout.states.new_full((times, len(per_timestep)), torch.nan)
    over_runs = rollout.states.new_full((realizations, len(per_trajectory)), torch.nan)
    if not bool(valid.any()):
        return SampleFeatures(per_timestep=over_time, per_trajectory=over_runs)
    fields = Fields.from_rollout(rollout)
    _check_growth(fields, sample)
    if per_timestep:
        over_time = torch.stack([compute(feature, fields, sample=sample) for feature in per_timestep], -1).nanmean(0)
    if per_trajectory:
        columns = [compute(feature, fields, sample=sample) for feature in per_trajectory]
        over_runs[valid] = torch.stack(columns, -1)
    return SampleFeatures(per_timestep=over_time, per_trajectory=over_runs)


def _on_cpu(rollout: Rollout) -> Rollout:
    """The rollout with its states on the CPU; its step operator still meets states where it met them before."""
    device, step = rollout.states.device, rollout.step
    if device.type == "cpu":
        return rollout
    there = None if step is None else lambda states: step(states.to(device)).to(states.device)
    return replace(rollout, states=rollout.states.cpu(), step=there)


def within_range(rollout: Rollout) -> Rollout:
    """The rollout with realizations marked as diverged, and NaN, from where they reach `MAX_GROWTH` times their unit."""
    scale = run_scale(rollout.states)
    over = (2, 3, 4)
    peak = torch.maximum(rollout.states.amax(dim=over), -rollout.states.amin(dim=over)) / scale[:, None]
    beyond = peak > MAX_GROWTH  # False for NaN, where a run has diverged already
    exploded = {run: int(beyond[run].nonzero()[0]) for run in beyond.any(dim=1).nonzero().flatten().tolist()}
    if not exploded:
        return rollout
    diverged_at = tuple(exploded.get(run, time) for run, time in enumerate(rollout.diverged_at))
    return replace(
        rollout,
        states=blanked(rollout.states, diverged_at),
        diverged_at=diverged_at,
        dead_at=tuple(-1 if run in exploded else time for run, time in enumerate(rollout.dead_at)),
        frozen_at=tuple(-1 if run in exploded else time for run, time in enumerate(rollout.frozen_at)),
    )


def compute(feature: Feature, fields: Fields, *, sample: str = "the sample") -> Tensor:
    """One feature of one sample, checked: the shape of its scope, real, nothing infinite; in the states' dtype.

    Raises:
        InputError: naming the feature and the sample.
    """
    try:
        values = feature(fields)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"feature '{feature.name}' failed on {sample}: {error}") from error
    batch, times = fields.u.shape[:2]
    shape = (batch, times) if feature.spec.scope == "per_timestep" else (batch,)
    if tuple(values.shape) != shape or not values.is_floating_point():
        raise InputError(
            f"feature '{feature.name}' must return real numbers of the shape {shape}; "
            f"on {sample} it returned {values.dtype} of the shape {tuple(values.shape)}."
        )
    values = values.to(fields.u.dtype)
    if has_infinite(values):
        raise InputError(f"feature '{feature.name}' is infinite on {sample}; where it is undefined it must be NaN.")
    return values


def has_infinite(values: Float[Tensor, "*shape"]) -> bool:
    """Whether any value is infinite; NaN is not."""
    return bool(np.isinf(values.numpy()).any())  # a third of torch's time, which counts with 174 features


def _check_growth(fields: Fields, sample: str) -> None:
    largest = float(fields.linf.max())
    if not largest <= MAX_GROWTH:
        raise InputError(
            f"{sample} reaches {largest:.0e} times its unit, the standard deviation of its first frame, beyond {MAX_GROWTH:.0e}; "
            "cut the run before it explodes."
        )


def features_of(
    rollouts: Iterable[Rollout],
    *,
    ids: Sequence[object] = (),
    groups: Sequence[object] = (),
    channel_units: ChannelUnits = "shared",
) -> FeatureTable:
    """The aggregated features of rollouts, one row a sample; one rollout is held at a time.

    Args:
        rollouts: read one by one.
        ids: one name a sample, unique; the rollouts' own names, where they differ, or row numbers when not given.
        groups: samples that splits must keep together; the rollouts' own when not given.
        channel_units: "shared" for channels of one kind; "own" where they are measured in units that have nothing to do with
            each other.

    Raises:
        InputError: if there are other numbers of ids or groups than samples, or a feature cannot be computed.
    """
    rows, own_groups, own_names, systems, parameters, cut, diverged = [], [], [], [], [], [], []
    for number, rollout in enumerate(rollouts):
        described = within_range(in_channel_units(_on_cpu(rollout), channel_units))
        rows.append(aggregate(extract_rollout(described, per_timestep=(), name=str(number)).per_trajectory))
        own_groups.append(str(rollout.group))
        own_names.append(rollout.name)
        systems.append(rollout.system)
        parameters.append(rollout.parameters)
        cut += [number] if rollout.cut else []
        diverged += [number] if not all(described.valid) else []
    for words in (said_of_cut(cut), said_of_diverged(diverged)):
        if words:
            warnings.warn(f"spinlock: {words}", stacklevel=1)
    return FeatureTable(
        values=torch.stack(rows).float(),
        registry=SDF.aggregated(),
        ids=_row_names("ids", ids, len(rows))
        or (tuple(own_names) if all(own_names) and len(set(own_names)) == len(rows) else ()),
        groups=_row_names("groups", groups, len(rows)) or tuple(own_groups),
        facts={"system": tuple(systems), **_parameter_columns(systems, parameters)},
    )


def _parameter_columns(
    systems: Sequence[str], parameters: Sequence[Mapping[str, float | int | str]]
) -> dict[str, tuple[float | int | str | None, ...]]:
    """Name → one value a sample: `<parameter>` of samples of one system, else `<system>.<parameter>`; None where there is none."""
    alone = len(set(systems)) < 2
    named = [
        {name if alone else f"{system}.{name}": value for name, value in own.items()}
        for system, own in zip(systems, parameters, strict=True)
    ]
    return {
        name: tuple(own.get(name) for own in named) for name in dict.fromkeys(name for own in named for name in own)
    }


def said_of_cut(samples: Sequence[int]) -> str:
    """A sentence on samples whose saved times without any value were cut off; "" where there are none."""
    if not samples:
        return ""
    return (
        f"{_count(samples)} without any value at the ends (NaN in every cell): these saved times are padding and were cut off, so "
        "that runs have different lengths."
    )


def said_of_diverged(samples: Sequence[int]) -> str:
    """A sentence on samples with realizations that diverged; "" where there are none."""
    if not samples:
        return ""
    return (
        f"{_count(samples)} that become infinite, explode or lose their values: such realizations diverged and have no features; "
        "cut them before that time to describe what came before (values beyond 65504 are infinite in float16)."
    )


def _count(samples: Sequence[int]) -> str:
    return f"{len(samples)} sample{'s' * (len(samples) > 1)} ({listed([str(number) for number in samples])}) with saved times"


def _row_names(what: str, given: Sequence[object], rows: int) -> tuple[str, ...]:
    if len(given) not in (0, rows):
        raise InputError(f"`{what}` must have one entry for each of the {rows} samples; got {len(given)}.")
    return tuple(str(entry) for entry in given)
