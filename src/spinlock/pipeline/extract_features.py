"""`spinlock extract-features`: the features of rollouts that somebody else made, as a data-set file."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from spinlock._version import __version__
from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout
from spinlock.dynamics import fates
from spinlock.features.sdf import SDF
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.sample_block import block_of, consecutive_runs
from spinlock.pipeline.software import software
from spinlock.pipeline.workers import map_in_workers, num_cores
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import DatasetDescription, ParameterColumn
from spinlock.store.importers import Format, RolloutSource, open_rollouts
from spinlock.store.merge import merge_shards
from spinlock.store.shards import complete_shards, missing_samples, remove_shards, write_shard

log = logging.getLogger(__name__)

SHARD_SIZE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A file of rollouts and how it is to be read; the arguments of `open_rollouts`."""

    path: Path
    format: Format = "auto"
    axes: str | None = None
    dataset_key: str | None = None
    dt: float | None = None
    dx: float | None = None
    group_key: str | None = None

    def open(self) -> RolloutSource:
        """The rollouts, read one by one."""
        settings = {name: getattr(self, name) for name in self.__slots__ if name != "path"}
        return open_rollouts(self.path, **settings)

    def fingerprint(self) -> str:
        """One word for the file as it is now, how it is read, and what is computed."""
        state = self.path.stat()
        settings = {name: str(getattr(self, name)) for name in self.__slots__}
        content = [settings, state.st_size, state.st_mtime_ns, SDF.to_json(), __version__]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractTask:
    """Consecutive samples of a source that become one shard."""

    source: Source
    samples: tuple[int, ...]
    columns: tuple[ParameterColumn, ...]
    folder: Path
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """What was written.

    Attributes:
        output: the data-set file.
        format: what the input was read as.
        samples: rollouts.
        columns: of the aggregated table.
        missing: share of its entries that are missing, by documentation of each feature.
        diverged: realizations that do not stay finite to the end.
    """

    output: Path
    format: str
    samples: int
    columns: int
    missing: float
    diverged: int


def extract_features(source: Source, *, output: Path, progress: Progress = silent) -> Extracted:
    """Compute the features of every rollout in a file, in parallel shards; goes on where an earlier run was stopped.

    Args:
        source: the file and how it is to be read.
        output: a new data-set file.
        progress: is told of the samples that are done.

    Raises:
        InputError: if the file is not what was said, or `output` exists already.
    """
    if output.exists():
        raise InputError(f"{output} exists; remove it or choose another --output.")
    rollouts, fingerprint = source.open(), source.fingerprint()
    if not len(rollouts):
        raise InputError(f"{source.path} holds no rollout.")
    first = rollouts[0]
    folder = output.with_name(output.name + ".shards")
    columns = _columns(first)
    done = complete_shards(folder, fingerprint=fingerprint)
    missing = missing_samples(done, len(rollouts))
    finished = len(rollouts) - len(missing)
    progress("extract features", finished, len(rollouts))
    tasks = [
        ExtractTask(source=source, samples=part, columns=columns, folder=folder, fingerprint=fingerprint)
        for part in consecutive_runs(missing, size=SHARD_SIZE)
    ]
    for _, count in map_in_workers(write_extracted, tasks, num_workers=min(num_cores(), max(1, len(tasks)))):
        finished += count
        progress("extract features", finished, len(rollouts))
    description = DatasetDescription(
        registry=SDF,
        parameters=columns,
        configuration={"source": {name: str(value) for name, value in asdict(source).items() if value is not None}},
        software=software(),
        channel_names={first.system: first.channel_names},
        periodic=first.periodic,
        extra={"fingerprint": fingerprint},
    )
    merge_shards(folder, output, description=description, num_samples=len(rollouts), fingerprint=fingerprint)
    remove_shards(folder)
    return _described(output, format_read=rollouts.format)


def write_extracted(task: ExtractTask) -> int:
    """Read, describe and store some samples; their number."""
    with task.source.open().opened() as read:
        block = block_of(
            (_screened(read(sample)) for sample in task.samples),
            first=task.samples[0],
            columns=task.columns,
            keep_states="none",
        )
    write_shard(task.folder, block, fingerprint=task.fingerprint)
    return len(block)


def _screened(rollout: Rollout) -> Rollout:
    """The rollout with the times at which it died or froze; whoever read it marked where it diverged."""
    found = fates(rollout.states, diverged_at=rollout.diverged_at)
    return replace(rollout, dead_at=found.dead_at, frozen_at=found.frozen_at)


def _columns(first: Rollout) -> tuple[ParameterColumn, ...]:
    """The numeric parameters that the file states."""
    return tuple(
        ParameterColumn(name=f"{first.system}.{name}")
        for name, value in first.parameters.items()
        if not isinstance(value, str)
    )


def _described(output: Path, *, format_read: str) -> Extracted:
    with open_dataset(output) as dataset:
        table = dataset.feature_table()
        valid = dataset.quality.valid
    if not valid.any():
        log.warning("no realization stays finite to its end, so %s holds no feature at all.", output)
    return Extracted(
        output=output,
        format=format_read,
        samples=len(table),
        columns=len(table.names),
        missing=float((~table.mask).double().mean()),
        diverged=int((~valid).sum()),
    )
