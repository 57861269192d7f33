"""One block of consecutive samples: simulated, described, written as a shard; what a worker does."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Literal

import numpy as np
import torch

from spinlock.core.rollout import Rollout
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.space import SamplePlan
from spinlock.features.aggregate import aggregate
from spinlock.features.extract import extract_rollout, within_range
from spinlock.pipeline.recipe import Recipe, check_device
from spinlock.store.dataset_layout import DatasetBlock, ParameterColumn
from spinlock.store.hdf5_image import WORD_BYTES
from spinlock.store.shards import Shard, write_shard

KeepStates = Literal["none", "float32", "float16"]


def write_block(recipe: Recipe, plans: Sequence[SamplePlan]) -> Shard:
    """Simulate, describe and store a block of consecutive samples.

    Raises:
        ConfigError: if this machine lacks the device.
    """
    check_device(recipe.config)
    return write_shard(recipe.folder, make_block(recipe, plans), fingerprint=recipe.fingerprint)


def make_block(recipe: Recipe, plans: Sequence[SamplePlan]) -> DatasetBlock:
    """The arrays of consecutive samples that are simulated."""
    config = recipe.config
    rollouts = simulate(plans, config, spaces=recipe.spaces)
    if config.device != "cpu":
        rollouts = (replace(rollout, states=rollout.states.cpu()) for rollout in rollouts)
    if not config.features.operator_sensitivity:
        rollouts = (replace(rollout, step=None) for rollout in rollouts)
    kept = config.storage.keep_states
    return block_of(rollouts, first=plans[0].index, columns=recipe.columns, keep_states=kept)


def block_of(
    rollouts: Iterable[Rollout],
    *,
    first: int,
    columns: Sequence[ParameterColumn],
    keep_states: KeepStates,
    imported: bool = False,
) -> DatasetBlock:
    """The arrays of consecutive samples, from their rollouts; one rollout is held at a time.

    Args:
        rollouts: of the samples, in order.
        first: number of the first sample.
        columns: parameters as they are stored, of all systems in the data set.
        keep_states: precision in which states are stored, or "none".
        imported: whether saved times may have been cut off, and are counted.
    """
    rows = []
    for place, rollout in enumerate(rollouts):
        row = _row(rollout, first + place, columns, keep_states)
        rows.append(row | {"cut": rollout.cut} if imported else row)
    return DatasetBlock.of_rows(rows)


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


def _row(
    rollout: Rollout, sample: int, columns: Sequence[ParameterColumn], keep_states: KeepStates
) -> dict[str, object]:
    """One described sample as a row of a `DatasetBlock`: field → the sample's part of it."""
    rollout = within_range(rollout)
    features = extract_rollout(rollout, name=str(sample))
    kept = {}
    if keep_states != "none":
        kept["outputs"] = _stored(rollout.states.to(getattr(torch, keep_states)))
    if rollout.name:
        kept["name"] = _short(rollout.name)
    return {
        "index": sample,
        "system": rollout.system,
        "group": rollout.group,
        "params": np.array([_value(rollout, column) for column in columns], dtype=np.float64),
        "initial_condition": rollout.initial_condition,
        "dt": float(rollout.dt),
        "dx": float(rollout.dx),
        "num_channels": rollout.states.shape[2],
        "extent": tuple(rollout.states.shape),
        "inputs": _stored(rollout.states[0, 0].float()),
        "per_timestep": _stored(features.per_timestep.float()),
        "per_trajectory": _stored(features.per_trajectory.float()),
        "aggregated": _stored(aggregate(features.per_trajectory).float()),
        "valid": rollout.valid,
        "diverged_at": rollout.diverged_at,
        "dead_at": rollout.dead_at,
        "frozen_at": rollout.frozen_at,
        "redraws": rollout.redraws,
        **kept,
    }


def _short(name: str) -> str:
    """A name that fits where a file keeps it; the end of a longer one is a checksum of the whole."""
    encoded = name.replace("\0", "").encode(errors="replace")
    if len(encoded) <= WORD_BYTES:
        return encoded.decode()
    return f"{encoded[: WORD_BYTES - 13].decode(errors='ignore')}~{sha256(encoded).hexdigest()[:12]}"


def _stored(values: torch.Tensor) -> np.ndarray:
    return values.cpu().numpy()


def _value(rollout: Rollout, column: ParameterColumn) -> float:
    """A parameter's physical value: NaN for another system's, the place in `choices` for a choice."""
    if column.system not in ("", rollout.system) or column.parameter not in rollout.parameters:
        return np.nan
    value = rollout.parameters[column.parameter]
    return float(column.choices.index(str(value))) if column.choices else float(value)
