"""One block of consecutive samples: simulated, described, written as a shard; what a worker does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from spinlock.core.rollout import Rollout
from spinlock.dynamics import SamplePlan, Screening, SystemSpace, simulate
from spinlock.dynamics.precision import Precision
from spinlock.features.aggregate import aggregate
from spinlock.features.extract import extract_rollout, within_range
from spinlock.store.dataset_layout import DatasetBlock, ParameterColumn
from spinlock.store.dataset_paths import padding
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
        screening: which samples are drawn again.
        spaces: system → the space that they are drawn again from.
        device: where states are simulated; features are computed on the CPU.
        spatial_dimensions: 1 or 2.
        precision: of the layers of neural operators.
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
    screening: Screening
    spaces: Mapping[str, SystemSpace]
    device: str = "cpu"
    spatial_dimensions: int = 2
    precision: Precision = "float32"


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
    """The arrays of a block of samples that are simulated."""
    recipe = task.recipe
    rollouts = simulate(
        task.plans,
        num_realizations=recipe.num_realizations,
        num_timesteps=recipe.num_timesteps,
        grid_size=recipe.grid_size,
        seed=recipe.seed,
        device=recipe.device,
        screening=recipe.screening,
        spaces=recipe.spaces,
        spatial_dimensions=recipe.spatial_dimensions,
        precision=recipe.precision,
    )
    if recipe.device != "cpu":
        rollouts = (replace(rollout, states=rollout.states.cpu()) for rollout in rollouts)
    if not recipe.operator_sensitivity:
        rollouts = (replace(rollout, step=None) for rollout in rollouts)
    return block_of(rollouts, first=task.plans[0].index, columns=recipe.columns, keep_states=recipe.keep_states)


def block_of(
    rollouts: Iterable[Rollout], *, first: int, columns: Sequence[ParameterColumn], keep_states: KeepStates
) -> DatasetBlock:
    """The arrays of consecutive samples, from their rollouts; one rollout is held at a time.

    Args:
        rollouts: of the samples, in order.
        first: number of the first sample.
        columns: parameters as they are stored, of all systems in the data set.
        keep_states: precision in which states are stored, or "none".
    """
    rows = [_row(rollout, columns, keep_states, name=str(first + i)) for i, rollout in enumerate(rollouts)]
    kept = [row.states for row in rows if row.states is not None]
    diverged_at = _padded([np.array(row.diverged_at) for row in rows], "diverged_at")
    return DatasetBlock(
        index=np.arange(first, first + len(rows)),
        system=tuple(row.system for row in rows),
        group=np.array([row.group for row in rows]),
        params=np.array([row.params for row in rows], dtype=np.float64).reshape(len(rows), len(columns)),
        initial_condition=tuple(row.initial_condition for row in rows),
        dt=np.array([row.dt for row in rows], dtype=np.float64),
        dx=np.array([row.dx for row in rows], dtype=np.float64),
        num_channels=np.array([len(row.frame) for row in rows]),
        extent=np.array([row.extent for row in rows]),
        inputs=_padded([row.frame for row in rows], "inputs"),
        outputs=_padded(kept, "outputs") if kept else None,
        per_timestep=_padded([row.per_timestep for row in rows], "per_timestep"),
        per_trajectory=_padded([row.per_trajectory for row in rows], "per_trajectory"),
        aggregated=np.stack([row.aggregated for row in rows]),
        valid=diverged_at < 0,
        diverged_at=diverged_at,
        dead_at=_padded([np.array(row.dead_at) for row in rows], "dead_at"),
        frozen_at=_padded([np.array(row.frozen_at) for row in rows], "frozen_at"),
        redraws=np.array([row.redraws for row in rows]),
    )


def consecutive_runs(samples: Iterable[int], *, size: int) -> list[tuple[int, ...]]:
    """Sample numbers in runs of consecutive ones, cut at multiples of `size`: the same cuts whatever is missing.

    Args:
        samples: ascending numbers.
        size: samples in a whole shard.
    """
    runs: list[list[int]] = []
    for sample in samples:
        if not runs or runs[-1][-1] != sample - 1 or sample % size == 0:
            runs.append([])
        runs[-1].append(sample)
    return [tuple(run) for run in runs]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """What stays of a rollout once it was described."""

    system: str
    group: int
    params: list[float]
    initial_condition: str
    dt: float
    dx: float
    extent: tuple[int, ...]
    frame: np.ndarray
    states: np.ndarray | None
    per_timestep: np.ndarray
    per_trajectory: np.ndarray
    aggregated: np.ndarray
    diverged_at: tuple[int, ...]
    dead_at: tuple[int, ...]
    frozen_at: tuple[int, ...]
    redraws: int


def _row(rollout: Rollout, columns: Sequence[ParameterColumn], keep_states: KeepStates, *, name: str) -> _Row:
    rollout = within_range(rollout)
    features = extract_rollout(rollout, name=name)
    kept = None if keep_states == "none" else rollout.states.to(getattr(torch, keep_states)).cpu().numpy()
    return _Row(
        system=rollout.system,
        group=rollout.group,
        params=[_value(rollout, column) for column in columns],
        initial_condition=rollout.initial_condition,
        dt=rollout.dt,
        dx=rollout.dx,
        extent=tuple(rollout.states.shape),
        frame=rollout.states[0, 0].float().cpu().numpy(),
        states=kept,
        per_timestep=features.per_timestep.float().cpu().numpy(),
        per_trajectory=features.per_trajectory.float().cpu().numpy(),
        aggregated=aggregate(features.per_trajectory).float().cpu().numpy(),
        diverged_at=rollout.diverged_at,
        dead_at=rollout.dead_at,
        frozen_at=rollout.frozen_at,
        redraws=rollout.redraws,
    )


def _value(rollout: Rollout, column: ParameterColumn) -> float:
    """A parameter's physical value: NaN for another system's, the place in `choices` for a choice."""
    if column.system not in ("", rollout.system) or column.parameter not in rollout.parameters:
        return np.nan
    value = rollout.parameters[column.parameter]
    return float(column.choices.index(str(value))) if column.choices else float(value)


def _padded(arrays: Sequence[np.ndarray], name: str) -> np.ndarray:
    """Stack arrays whose shapes differ, filled up where a sample has no such time, channel or cell."""
    widest = np.max([array.shape for array in arrays], axis=0)
    stacked = np.full((len(arrays), *widest), padding(name), dtype=arrays[0].dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[tuple(slice(length) for length in array.shape)] = array
    return stacked
