"""`spinlock generate`: from a configuration to a data-set file, in shards that survive."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spinlock.config.generate import GenerateConfig
from spinlock.core.cluster import OnCluster, Scheduler
from spinlock.core.errors import InputError, UsageError
from spinlock.core.workers import Executor, InProcesses
from spinlock.dynamics.sampling import SamplingPlan
from spinlock.pipeline.memory import Footprint, footprint, sample_bytes
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.recipe import Recipe, data_configuration, description_of, prepare
from spinlock.pipeline.sample_block import consecutive_runs, write_block
from spinlock.pipeline.workload import relative_work, share_done
from spinlock.store.atomic import check_free_space
from spinlock.store.dataset import damage_of, open_dataset
from spinlock.store.guard import trusting
from spinlock.store.merge import DATASET, write_dataset
from spinlock.store.outputs import check_output, claim_output, locked
from spinlock.store.shards import (
    Origin,
    Shard,
    complete_shards,
    missing_samples,
    read_origin,
    remove_shards,
    write_origin,
)

log = logging.getLogger(__name__)

Say = Callable[[Footprint], None]


def _nothing(_: Footprint) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One of several parts of a data set that are made on their own, for example on several machines.

    Attributes:
        number: from 1 on.
        out_of: parts.
    """

    number: int
    out_of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.out_of:
            raise UsageError(f"a shard is i/n with i from 1 to n; got {self.number}/{self.out_of}.")

    @classmethod
    def of_text(cls, text: str) -> "Part":
        """The part that `i/n` names.

        Raises:
            UsageError: if the text is nothing of that kind.
        """
        number, _, out_of = text.partition("/")
        if not (number.isdecimal() and out_of.isdecimal()):
            raise UsageError(f"a shard is i/n, for example 1/4; got '{text}'.")
        return cls(number=int(number), out_of=int(out_of))

    def samples(self, num_samples: int) -> range:
        """Numbers of its samples: consecutive, about equally many in each part."""
        return range(num_samples * (self.number - 1) // self.out_of, num_samples * self.number // self.out_of)


@dataclass(frozen=True, kw_only=True, slots=True)
class MadePart:
    """A part of a data set that is complete.

    Attributes:
        shards: the folder that holds it; `spinlock merge` makes a data set of the folders of all parts.
        samples: that the folder holds now.
        out_of: samples of the data set.
    """

    shards: Path
    samples: int
    out_of: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreeningCounts:
    """Realizations of a data set by what became of them.

    Attributes:
        realizations: of all samples.
        diverged, dead, frozen: of them; a dead one is most often frozen too.
        redrawn_samples: samples that are not their first draw.
    """

    realizations: int
    diverged: int
    dead: int
    frozen: int
    redrawn_samples: int


def generate(
    config: GenerateConfig, *, scheduler: Scheduler | None = None, progress: Progress = silent, say: Say = _nothing
) -> Path:
    """Make the data set that `config` describes, or go on where an earlier run was stopped; returns its path.

    Args:
        config: of the data set.
        scheduler: of the Dask cluster whose workers make the samples: its address, or the workers that are started for it; processes
            of this machine otherwise.
        progress: is told of the samples that are done.
        say: is told what memory the run takes on this machine, before it starts.

    Raises:
        InputError: if the target, or shards beside it, were made from another configuration, if the target is damaged, or if
            another process is making it.
        ResourceError: out of disk or memory, or the scheduler is gone; complete shards are kept.
    """
    target = config.output_path
    check_output(target, DATASET)
    cluster = None if scheduler is None else OnCluster(scheduler=scheduler, target=target)
    plan, recipe = prepare(config, here=cluster is None)
    with claim_output(target, DATASET):
        if target.exists():
            check_target(target, recipe.fingerprint)
            log.info("%s is already complete.", target)
        else:
            for warning in plan.warnings:
                log.warning("%s", warning)
            executor = cluster or _processes(recipe, say)
            shards = _make(recipe, plan, range(config.num_samples), executor=executor, progress=progress)
            with trusting():  # this run wrote the shards, or has compared their checksums
                write_dataset(shards, target, description=description_of(recipe, plan), num_samples=config.num_samples)
        if recipe.folder.is_dir() and read_origin(recipe.folder).fingerprint == recipe.fingerprint:
            remove_shards(recipe.folder)
    return target


def generate_part(
    config: GenerateConfig,
    part: Part,
    *,
    scheduler: Scheduler | None = None,
    progress: Progress = silent,
    say: Say = _nothing,
) -> MadePart:
    """Make the shards of one part of a data set, or go on with them; `spinlock merge` puts the parts together.

    Args:
        config: of the whole data set.
        part: of it.
        scheduler: as for `generate`.
        progress: is told of the samples that are done.
        say: is told what memory the run takes on this machine, before it starts.

    Raises:
        InputError: if the target is there already, or shards beside it were made from another configuration.
        ResourceError: out of disk or memory, or the scheduler is gone; complete shards are kept.
    """
    if config.output_path.exists():
        raise InputError(
            f"{config.output_path} exists, so no part of it is missing; remove it or choose another --output."
        )
    if part.out_of > config.num_samples:
        raise UsageError(f"{part.out_of} shards of {config.num_samples} samples would leave some empty; ask for fewer.")
    check_output(config.output_path, DATASET)
    cluster = None if scheduler is None else OnCluster(scheduler=scheduler, target=config.output_path)
    plan, recipe = prepare(config, here=cluster is None)
    name = recipe.folder / f"part-{part.number}-of-{part.out_of}"
    with locked(config.output_path, shared=True), locked(name):
        executor = cluster or _processes(recipe, say)
        shards = _make(recipe, plan, part.samples(config.num_samples), executor=executor, progress=progress)
    return MadePart(shards=recipe.folder, samples=sum(shard.count for shard in shards), out_of=config.num_samples)


def screening_counts(dataset: Path) -> ScreeningCounts:
    """How many realizations of a data set diverged, died and froze."""
    with open_dataset(dataset) as opened:
        quality = opened.quality
    return ScreeningCounts(
        realizations=quality.valid.size,
        diverged=int((~quality.valid).sum()),
        dead=int((quality.dead_at >= 0).sum()),
        frozen=int((quality.frozen_at >= 0).sum()),
        redrawn_samples=int(np.count_nonzero(quality.redraws)),
    )


def check_target(
    target: Path, fingerprint: str, *, source: str = "another configuration or version of spinlock"
) -> None:
    """Refuses a target that was made from something else, or is damaged: its data are read once, as fast as the disk gives them.

    Args:
        target: a data set.
        fingerprint: of what it must have been made from.
        source: what it was made from otherwise, in words.
    """
    with open_dataset(target) as dataset:
        made_from = dataset.metadata.get("extra", {}).get("fingerprint")
        if made_from != fingerprint:
            raise InputError(f"{target} exists and was made from {source}; remove it or choose another --output.")
        damage = damage_of(dataset)
    if damage:
        raise InputError(f"{target} is damaged ({damage.rstrip('.')}); remove it and run again.")


def _processes(recipe: Recipe, say: Say) -> InProcesses:
    """As many processes of this machine as its memory allows."""
    memory = footprint(recipe)
    say(memory)
    return InProcesses(num_workers=memory.num_workers)


def _make(
    recipe: Recipe, plan: SamplingPlan, samples: Sequence[int], *, executor: Executor, progress: Progress
) -> list[Shard]:
    """Simulate, describe and store those of some samples that are not in a shard yet; every complete shard there is then."""
    config = recipe.config
    shards = list(complete_shards(recipe.folder, fingerprint=recipe.fingerprint))
    there = set(range(config.num_samples)) - set(missing_samples(shards, config.num_samples))
    missing = [sample for sample in samples if sample not in there]
    finished = set(samples) & there
    if finished:
        log.info("Going on: %d of %d samples are already there.", len(finished), len(samples))
    # The shards that are to come, and the data set beside all shards.
    check_free_space(config.output_path, sample_bytes(recipe) * (len(missing) + config.num_samples))
    origin = Origin(
        configuration=data_configuration(config), fingerprint=recipe.fingerprint, num_samples=config.num_samples
    )
    write_origin(recipe.folder, origin)
    work = dict(enumerate(relative_work(plan.plans)))
    own = {sample: work[sample] for sample in samples}
    runs = consecutive_runs(missing, size=config.storage.shard_size)
    # The longest first, so that no worker is left alone with a long one at the end.
    runs.sort(key=lambda run: -sum(work[sample] for sample in run))
    tasks = (tuple(plan.plans[sample] for sample in run) for run in runs)
    progress("generate", len(finished), len(samples), share_done(own, finished))
    for _, shard in executor.map_unordered(partial(write_block, recipe.with_whole_path()), tasks):
        shards.append(shard)
        finished.update(shard.samples)
        progress("generate", len(finished), len(samples), share_done(own, finished))
    return shards
