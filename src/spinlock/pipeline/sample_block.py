"""One block of consecutive samples: simulated, described, written as a shard; what a worker does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from spinlock.core.rollout import Rollout
from spinlock.dynamics import SamplePlan, simulate
from spinlock.features.aggregate import aggregate
from spinlock.features.extract import extract_rollout
from spinlock.store.dataset_layout import DatasetBlock, ParameterColumn
from spinlock.store.shards import write_shard

KeepStates = Literal["none", "float32", "float16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What all blocks of a data set share.

    Attributes:
        num_realizations: runs of each sample.
        num_timesteps: saved states of a run, frame 0 included.
        grid_size: cells along each side.
        seed: of every random stream.
        keep_states: precision in which states are stored, or "none".
        operator_sensitivity: whether the features that run the step operator again are computed.
        columns: parameters of all systems in the data set, as they are stored.
        folder: of the shards.
        fingerprint: of everything that the samples depend on.
        device: where the states live.
    """

    num_realizations: int
    num_timesteps: int
    grid_size: int
    seed: int
    keep_states: KeepStates
    operator_sensitivity: bool
    columns: tuple[ParameterColumn, ...]
    folder: Path
    fingerprint: str
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockTask:
    """A block that is to be made: plans of consecutive samples, and the recipe."""

    plans: tuple[SamplePlan, ...]
    recipe: Recipe


def write_block(task: BlockTask) -> int:
    """Simulate, describe and store a block; the number of its samples."""
    block = make_block(task)
    write_shard(task.recipe.folder, block, fingerprint=task.recipe.fingerprint)
    return len(block)


def make_block(task: BlockTask) -> DatasetBlock:
    """The arrays of a block of samples."""
    recipe = task.recipe
    rollouts = simulate(
        task.plans,
        num_realizations=recipe.num_realizations,
        num_timesteps=recipe.num_timesteps,
        grid_size=recipe.grid_size,
        seed=recipe.seed,
        device=recipe.device,
    )
    rows = [_row(rollout, recipe) for rollout in rollouts]
    kept = [row.states for row in rows if row.states is not None]
    return DatasetBlock(
        index=np.array([plan.index for plan in task.plans]),
        system=tuple(plan.system for plan in task.plans),
        group=np.array([plan.group for plan in task.plans]),
        params=np.array([_parameters(plan, recipe.columns) for plan in task.plans]),
        initial_condition=tuple(plan.initial_condition for plan in task.plans),
        dt=np.array([row.dt for row in rows]),
        dx=np.array([row.dx for row in rows]),
        num_channels=np.array([len(row.frame) for row in rows]),
        inputs=_padded([row.frame for row in rows], axis=0),
        outputs=_padded(kept, axis=2) if kept else None,
        per_timestep=np.stack([row.per_timestep for row in rows]),
        per_trajectory=np.stack([row.per_trajectory for row in rows]),
        aggregated=np.stack([row.aggregated for row in rows]),
        valid=np.array([row.diverged_at for row in rows]) < 0,
        diverged_at=np.array([row.diverged_at for row in rows]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    dt: float
    dx: float
    frame: np.ndarray
    states: np.ndarray | None
    per_timestep: np.ndarray
    per_trajectory: np.ndarray
    aggregated: np.ndarray
    diverged_at: tuple[int, ...]


def _row(rollout: Rollout, recipe: Recipe) -> _Row:
    if not recipe.operator_sensitivity:
        rollout = replace(rollout, step=None)
    features = extract_rollout(rollout)
    states = None
    if recipe.keep_states != "none":
        states = rollout.states.to(torch.float16 if recipe.keep_states == "float16" else torch.float32).cpu().numpy()
    return _Row(
        dt=rollout.dt,
        dx=rollout.dx,
        frame=rollout.states[0, 0].float().cpu().numpy(),
        states=states,
        per_timestep=features.per_timestep.float().cpu().numpy(),
        per_trajectory=features.per_trajectory.float().cpu().numpy(),
        aggregated=aggregate(features.per_trajectory).float().cpu().numpy(),
        diverged_at=rollout.diverged_at,
    )


def _parameters(plan: SamplePlan, columns: Sequence[ParameterColumn]) -> list[float]:
    """Physical values in the order of `columns`: NaN for another system's, the place in `choices` for a choice."""
    return [_value(plan.parameters, column) if column.system == plan.system else np.nan for column in columns]


def _value(parameters: Mapping[str, float | int | str | bool], column: ParameterColumn) -> float:
    if column.parameter not in parameters:
        return np.nan
    value = parameters[column.parameter]
    return float(column.choices.index(str(value))) if column.choices else float(value)


def _padded(arrays: Sequence[np.ndarray], *, axis: int) -> np.ndarray:
    """Stack arrays whose channel axis differs, with NaN where a sample has no such channel."""
    widest = max(array.shape[axis] for array in arrays)
    shape = list(arrays[0].shape)
    shape[axis] = widest
    stacked = np.full((len(arrays), *shape), np.nan, dtype=arrays[0].dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
    return stacked
