"""Rollouts → features."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, UsageError, did_you_mean, listed
from spinlock.core.feature_table import FeatureTable
from spinlock.core.rollout import Rollout, blanked
from spinlock.core.shown import shown
from spinlock.core.workers import InProcesses, num_cores
from spinlock.features.aggregate import aggregate
from spinlock.features.channel_units import ChannelUnits, in_channel_units
from spinlock.features.families import FAMILIES
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


def families_of(
    rollouts: Iterable[Rollout],
    families: Sequence[str],
    *,
    ids: Sequence[object] = (),
    groups: Sequence[object] = (),
    channel_units: ChannelUnits = "shared",
    n_jobs: int | None = None,
) -> dict[str, FeatureTable]:
    """Rollouts as several families see them, by name, one row a sample; one rollout is held at a time, and two a process.

    Args:
        rollouts: read one by one.
        families: "summary", the aggregated features, and names of `FAMILIES`.
        ids: one name a sample, unique; the rollouts' own names, where they differ, or row numbers when not given.
        groups: samples that splits must keep together; the rollouts' own when not given.
        channel_units: "shared" for channels of one kind; "own" where they are measured in units that have nothing to do with
            each other.
        n_jobs: processes, each on one thread; -1 for one a core, this process alone when not given.

    Raises:
        UsageError: if a family is unknown, or none is named.
        InputError: if there are other numbers of ids or groups than samples, or a feature cannot be computed.
    """
    known = ("summary", *FAMILIES)
    for name in families:
        if name not in known:
            raise UsageError(f"unknown family '{name}'. {did_you_mean(name, known)}")
    if not families:
        raise UsageError(f"no family is named. Known: {', '.join(known)}.")
    describe = _Describe(channel_units=channel_units, with_series=set(families) != {"summary"})
    workers = num_workers(n_jobs)
    sent = (_Sent.of(number, rollout, packed=workers > 1) for number, rollout in enumerate(rollouts))
    if workers > 1:
        pairs = InProcesses(num_workers=workers).map_unordered(describe, sent)
        found = sorted((described for _, described in pairs), key=lambda one: one.number)
    else:
        found = [describe(one) for one in sent]
    own_groups, own_names = [one.group for one in found], [one.name for one in found]
    systems, parameters = [one.system for one in found], [one.parameters for one in found]
    cut, diverged = [one.number for one in found if one.is_cut], [one.number for one in found if one.has_diverged]
    for words in (said_of_cut(cut), said_of_diverged(diverged)):
        if words:
            warnings.warn(f"spinlock: {words}", stacklevel=1)
    summary = FeatureTable(
        values=torch.stack([torch.from_numpy(one.row) for one in found]).float(),
        registry=SDF.aggregated(),
        ids=_row_names("ids", ids, len(found))
        or (tuple(own_names) if all(own_names) and len(set(own_names)) == len(found) else ()),
        groups=_row_names("groups", groups, len(found)) or tuple(own_groups),
        facts={"system": tuple(systems), **_parameter_columns(systems, parameters)},
    )
    series = [torch.from_numpy(one.series) for one in found if one.series is not None]
    together = torch.nn.utils.rnn.pad_sequence(series, batch_first=True, padding_value=torch.nan) if series else None
    return {
        name: summary if together is None or name == "summary" else _seen_by(name, together, summary)
        for name in families
    }


def _seen_by(family: str, series: Float[Tensor, "sample time series"], summary: FeatureTable) -> FeatureTable:
    """The same samples as another family sees them."""
    own = FAMILIES[family]
    return FeatureTable(
        values=own.describe(series.float()),
        registry=own.registry,
        ids=summary.ids,
        groups=summary.groups,
        facts=summary.facts,
    )


class _Sent(NamedTuple):
    """A rollout on its way to a worker: states as an array of numpy, which needs no shared memory."""

    number: int
    rollout: Rollout | None
    states: np.ndarray | None
    facts: dict[str, Any]

    @classmethod
    def of(cls, number: int, rollout: Rollout, *, packed: bool) -> "_Sent":
        if not packed:
            return cls(number, rollout, None, {})
        if rollout.step is not None:
            raise UsageError(
                "a step operator cannot be sent to other processes; leave `n_jobs` out where there is one."
            )
        facts = {entry.name: getattr(rollout, entry.name) for entry in fields(Rollout) if entry.name != "states"}
        return cls(number, None, rollout.states.cpu().numpy(), facts | {"parameters": dict(rollout.parameters)})

    def unpacked(self) -> Rollout:
        return self.rollout or Rollout(states=torch.from_numpy(self.states), **self.facts)


class _Described(NamedTuple):
    """What is known of a sample once it is described."""

    number: int
    row: np.ndarray
    series: np.ndarray | None
    group: str
    name: str
    system: str
    parameters: dict[str, float | int | str]
    is_cut: bool
    has_diverged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Describe:
    """Describes one sample, here or in a worker."""

    channel_units: ChannelUnits
    with_series: bool

    def __call__(self, sent: _Sent) -> _Described:
        rollout = sent.unpacked()
        described = within_range(in_channel_units(_on_cpu(rollout), self.channel_units))
        per_timestep = PER_TIMESTEP if self.with_series else ()
        features = extract_rollout(described, per_timestep=per_timestep, name=str(sent.number))
        return _Described(
            number=sent.number,
            row=aggregate(features.per_trajectory).numpy(),
            series=features.per_timestep.numpy() if self.with_series else None,
            group=str(rollout.group),
            name=rollout.name,
            system=rollout.system,
            parameters=dict(rollout.parameters),
            is_cut=bool(rollout.cut),
            has_diverged=not all(described.valid),
        )


def num_workers(n_jobs: object) -> int:
    """Processes that `n_jobs` stands for, as scikit-learn counts them: None is 1, -1 one a core, -2 all cores but one.

    Raises:
        UsageError: if it is 0 or no whole number.
    """
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise UsageError(f"`n_jobs` must be a number of processes, or -1 for one a core; got {n_jobs!r}.")
    return n_jobs if n_jobs > 0 else max(1, num_cores() + 1 + n_jobs)


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
