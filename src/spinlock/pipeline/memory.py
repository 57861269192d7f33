"""How much memory and disk a run takes, said before it starts, and how much memory there is.

The figures are bounds that were measured (peak resident size of workers, torch 2.13 on Linux, grids of 16 to 256, one
and two channels): every case stayed below, most within a factor of two.
"""

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from spinlock.core.errors import ResourceError
from spinlock.core.workers import num_cores
from spinlock.dynamics.rollout import WINDOW_BYTES
from spinlock.features.sdf import SDF
from spinlock.pipeline.recipe import Recipe
from spinlock.store.atomic import human_size

SHARED_BYTES = 800 * 10**6
"""The command itself and the process that workers are forked from: Python, torch and their libraries, twice."""
WORKER_BYTES = 150 * 10**6
"""Pages that a worker adds to those that it shares."""
CELL_BYTES = 4_000
"""Layers of a network and buffers of the features, for each cell of the grid."""
STATE_BYTES = {"none": 0, "float16": 2, "float32": 4}
"""A value of the states that are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """Memory of a run.

    Attributes:
        num_workers: processes.
        worker_bytes: of each worker, at most.
        total_bytes: of all processes together, at most.
        available_bytes: that are free now; None where the system does not say.
    """

    num_workers: int
    worker_bytes: int
    total_bytes: int
    available_bytes: int | None

    def in_words(self) -> str:
        """The workers and the memory as a text for people."""
        workers = "1 worker" if self.num_workers == 1 else f"{self.num_workers} workers"
        free = "" if self.available_bytes is None else f", {human_size(self.available_bytes)} are available"
        return f"{workers}, at most {human_size(self.total_bytes)} of memory{free}"


def footprint(recipe: Recipe) -> Footprint:
    """The memory of a run; it does not depend on the number of samples.

    Raises:
        ResourceError: if that is more than there is.
    """
    storage = recipe.config.storage
    worker = worker_bytes(recipe)
    available = available_bytes()
    workers = num_cores() if storage.workers == "auto" else storage.workers
    if storage.workers == "auto" and available is not None:
        workers = max(1, min(workers, (available - SHARED_BYTES) // worker))
    total = SHARED_BYTES + workers * worker
    if available is not None and total > available:
        fewer = f"fewer workers than {workers}, " if workers > 1 else ""
        kept = "smaller storage.shard_size, " if storage.keep_states != "none" and storage.shard_size > 1 else ""
        raise ResourceError(
            f"{workers} {'workers need' if workers > 1 else 'worker needs'} up to {human_size(total)} of memory "
            f"({human_size(worker)} each) and {human_size(available)} are available; use {fewer}{kept}a smaller grid, "
            "fewer saved states or fewer realizations."
        )
    return Footprint(num_workers=workers, worker_bytes=worker, total_bytes=total, available_bytes=available)


def worker_bytes(recipe: Recipe) -> int:
    """The most that one worker takes: states that are simulated together, features of one sample, states that are kept."""
    config, shard_size = recipe.config, recipe.config.storage.shard_size
    cells = math.prod(config.size)
    sample = 4 * config.num_realizations * recipe.most_states * _most_channels(recipe) * cells
    window = min(max(WINDOW_BYTES, sample), shard_size * sample)
    kept = (
        3 * shard_size * sample * STATE_BYTES[config.storage.keep_states] // 4
    )  # as rows, as one array, as the image of the shard
    return WORKER_BYTES + 2 * window + 4 * sample + kept + CELL_BYTES * cells


def sample_bytes(recipe: Recipe) -> int:
    """The bytes of a sample on disk, in a shard or in the data set, without compression."""
    config = recipe.config
    cells = _most_channels(recipe) * math.prod(config.size)
    states = STATE_BYTES[config.storage.keep_states]
    per_timestep, per_trajectory = (len(SDF.with_scope(scope)) for scope in ("per_timestep", "per_trajectory"))
    runs, times = config.num_realizations, config.num_timesteps
    features = per_timestep * times + per_trajectory * runs + len(SDF.aggregated())
    about = 8 * len(recipe.columns) + 13 * runs + 256  # parameters, screening, names and numbers
    return 4 * features + 4 * cells + states * runs * times * cells + about


def _most_channels(recipe: Recipe) -> int:
    return max(len(space.built().channel_names) for space in recipe.spaces.values())


def available_bytes() -> int | None:
    """Memory that is free for new work: the system's, and what the group of this process may still take (Linux)."""
    if sys.platform != "linux":
        return None
    found = [int(line.split()[1]) * 1024 for line in _lines("/proc/meminfo") if line.startswith("MemAvailable:")]
    limits = {
        "/sys/fs/cgroup/memory.max": "/sys/fs/cgroup/memory.current",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    }
    for limit, used in limits.items():
        values = [*_lines(limit), *_lines(used)]
        if len(values) == 2 and all(value.strip().isdecimal() for value in values):
            found.append(int(values[0]) - int(values[1]))
    return max(0, min(found)) if found else None


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="ascii").splitlines() if os.access(path, os.R_OK) else []
