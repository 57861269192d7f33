"""`spinlock generate --dry-run`: what a run would cost, from some of its samples; nothing is written."""

import time
from collections import Counter
from dataclasses import dataclass

from spinlock.config.generate import GenerateConfig
from spinlock.core.threads import one_thread
from spinlock.dynamics.precision import in_words
from spinlock.pipeline.memory import footprint, sample_bytes
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.recipe import prepare
from spinlock.pipeline.sample_block import make_block
from spinlock.pipeline.workload import seconds_by_system, timed_samples

WORKER_EFFICIENCY = 0.9
"""Speed of one of several workers relative to a lone one: two are 1.7 to 1.9 times as fast as one."""
LARGE_GRID = 128
"""Cells along a side from which on rows run one by one, so that samples gain nothing from company."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The cost of a run, said before it starts.

    Attributes:
        num_samples: of the data set.
        num_workers: processes.
        seconds: of the whole run.
        num_bytes: of the data-set file; shards take as much again while it is made.
        memory_bytes: of all processes together, at most.
        available_bytes: memory that is free now; None where the system does not say.
        timed_samples: that the estimate rests on.
        seconds_a_sample: system → mean of one of its samples on one worker.
        precision: of the layers of neural operators, in words.
    """

    num_samples: int
    num_workers: int
    seconds: float
    num_bytes: int
    memory_bytes: int
    available_bytes: int | None
    timed_samples: int
    seconds_a_sample: dict[str, float]
    precision: str


def estimate(config: GenerateConfig, *, progress: Progress = silent) -> Estimate:
    """Time, size and memory of a run, from samples of every system that are simulated and described on one thread.

    Raises:
        ResourceError: if the run needs more memory than there is.
    """
    plan, recipe = prepare(config)
    memory = footprint(recipe)
    groups = timed_samples(plan.plans, most_together=1 if config.grid_size >= LARGE_GRID else 4)
    timed = []
    with one_thread():
        make_block(recipe, groups[0][:1])  # the first call loads libraries
        for number, group in enumerate(groups):
            progress("time samples", number, len(groups))
            start = time.perf_counter()
            make_block(recipe, group)
            timed.append((group, time.perf_counter() - start))
    progress("time samples", len(groups), len(groups))
    counts = Counter(sample.system for sample in plan.plans)
    seconds = seconds_by_system(plan.plans, timed)
    speed = memory.num_workers * (WORKER_EFFICIENCY if memory.num_workers > 1 else 1.0)
    return Estimate(
        num_samples=config.num_samples,
        num_workers=memory.num_workers,
        seconds=sum(seconds.values()) / speed,
        num_bytes=sample_bytes(recipe) * config.num_samples,
        memory_bytes=memory.total_bytes,
        available_bytes=memory.available_bytes,
        timed_samples=sum(len(group) for group in groups),
        seconds_a_sample={name: seconds[name] / counts[name] for name in seconds},
        precision=in_words(config.precision),
    )
