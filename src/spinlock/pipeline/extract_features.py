"""`spinlock extract-features`: the features of rollouts that somebody else made, as a data-set file."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from spinlock._version import __version__
from spinlock.core.cluster import OnCluster, Scheduler
from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry
from spinlock.core.rollout import Rollout
from spinlock.core.software import software
from spinlock.core.workers import InProcesses, InThisProcess, num_cores
from spinlock.dynamics.screening import outcomes
from spinlock.features.channel_units import ChannelUnits, in_channel_units, uneven_channels
from spinlock.features.extract import said_of_cut
from spinlock.features.sdf import SDF
from spinlock.importers import ReadOptions, RolloutSource, open_files, rollout_files
from spinlock.importers.fingerprint import state_of
from spinlock.pipeline.generate import check_target
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.sample_block import KeepStates, block_of, consecutive_runs
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import DatasetDescription, ParameterColumn
from spinlock.store.dataset_paths import EXTENT
from spinlock.store.guard import is_trusting, trusting
from spinlock.store.merge import DATASET, write_dataset
from spinlock.store.outputs import check_output, claim_output
from spinlock.store.shards import Shard, complete_shards, missing_samples, remove_shards, write_shard

log = logging.getLogger(__name__)

MOST_IN_SHARD = 16
SHARDS_AT_LEAST = 8
"""Shards that a small input is cut into, so that every worker has some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source(ReadOptions):
    """Rollouts in files, how these are to be read, the units of their channels, and whether their states are kept."""

    path: Path | tuple[Path, ...]
    channel_units: ChannelUnits = "shared"
    keep_states: KeepStates = "none"

    def settings(self) -> dict[str, object]:
        """Everything but the path, as it is stored with the data set."""
        return {name: value for name, value in asdict(self).items() if name != "path"}

    def files(self) -> tuple[Path, ...]:
        """The files that the path stands for."""
        return rollout_files(self.path)

    def with_whole_paths(self) -> "Source":
        """The source with paths that are the same from any working directory."""
        table = self.parameters.absolute() if isinstance(self.parameters, Path) else self.parameters
        paths = (self.path,) if isinstance(self.path, Path) else self.path
        return replace(self, path=tuple(path.absolute() for path in paths), parameters=table)

    def open(self) -> RolloutSource:
        """The rollouts, read one by one."""
        return open_files(self.files(), self)

    def fingerprint(self) -> str:
        """One word for the files as they are now, how they are read, and what is computed."""
        table = [self.parameters] if isinstance(self.parameters, Path) else []
        states = [state_of(Path(file)) for file in (*self.files(), *table)]
        settings = {name: str(value) for name, value in self.settings().items()}
        content = [settings, states, SDF.to_json(), __version__]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


OTHERWISE = "something else: other files, other options (`report` keeps states, `tokenize` does not) or another version of spinlock"
"""What a target that is there may have been made from, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """The data set that was written.

    Attributes:
        output: the data-set file.
        format: what the input was read as.
        files: that were read.
        stated: what was taken for axes, channels, dt, dx and periodicity, and where each came from.
        samples: rollouts.
        extent: realizations, times, channels, height and width of a sample, "3 to 7" where samples differ.
        columns: of the aggregated table.
        missing: share of its entries that are missing, by documentation of each feature.
        note: why many are, where that is so by nature; "" else.
        diverged: realizations that do not stay finite to the end.
        cut: samples with saved times without any value at their ends, which were cut off.
    """

    output: Path
    format: str
    files: int
    stated: dict[str, str]
    samples: int
    extent: dict[str, str]
    columns: int
    missing: float
    note: str
    diverged: int
    cut: int


def extract_features(
    source: Source,
    *,
    output: Path,
    workers: int | None = None,
    scheduler: Scheduler | None = None,
    progress: Progress = silent,
) -> Extracted:
    """Compute the features of every rollout in some files, in parallel shards; goes on where an earlier run was stopped.

    Memory holds one sample a worker, and the first states and features of at most 16.

    Args:
        source: the files and how they are to be read.
        output: a new data-set file; the complete one of the same source is left as it is.
        workers: processes; one a core when not given, and with 1 this process alone.
        scheduler: of a Dask cluster whose workers do it instead: its address, or the workers that are started for it.
        progress: is told of the samples that are done.

    Raises:
        InputError: if a file is not what was said, `output` exists already and is of something else or damaged, or another
            process writes it.
        ResourceError: out of disk or memory, or the scheduler is gone; complete shards are kept.
    """
    check_output(output, DATASET)
    cluster = None if scheduler is None else OnCluster(scheduler=scheduler, target=output)
    files, fingerprint = source.files(), source.fingerprint()
    rollouts = _opened_once(_Input(fingerprint, source))
    if not len(rollouts):
        raise InputError(f"{rollouts.path} holds no rollout.")
    folder = output.with_name(output.name + ".shards")
    with claim_output(output, DATASET, inputs=files):
        if not output.exists():
            firsts = _first_samples(rollouts, channel_units=source.channel_units)
            columns, channel_names = _columns(firsts), _channel_names(firsts)
            write = WriteExtracted(
                source=source.with_whole_paths(),
                columns=columns,
                folder=folder.absolute(),
                fingerprint=fingerprint,
                is_trusting=is_trusting(),
            )
            shards = _write_shards(
                write, len(rollouts), cluster=cluster, workers=workers or num_cores(), progress=progress
            )
            description = DatasetDescription(
                registry=SDF,
                parameters=columns,
                configuration={
                    "source": {"path": [str(file) for file in files]} | _stated(source),
                    "stated": dict(rollouts.stated),
                },
                software=software(),
                channel_names=channel_names,
                periodic=all(first.periodic for first in firsts),
                extra={"fingerprint": fingerprint},
            )
            with trusting():  # this run wrote the shards, or has compared their checksums
                write_dataset(shards, output, description=description, num_samples=len(rollouts))
        else:
            check_target(output, fingerprint, source=OTHERWISE)
        remove_shards(folder)
    return _described(output, rollouts, num_files=len(files))


def _write_shards(
    write: "WriteExtracted", num_samples: int, *, cluster: OnCluster | None, workers: int, progress: Progress
) -> list[Shard]:
    """Every complete shard, once those are written that were missing."""
    shards = list(complete_shards(write.folder, fingerprint=write.fingerprint))
    missing = missing_samples(shards, num_samples)
    finished = num_samples - len(missing)
    progress("extract features", finished, num_samples)
    tasks = consecutive_runs(missing, size=min(MOST_IN_SHARD, max(1, num_samples // SHARDS_AT_LEAST)))
    num_workers = min(workers, len(tasks))
    executor = cluster or (InThisProcess() if num_workers <= 1 else InProcesses(num_workers=num_workers))
    for _, shard in executor.map_unordered(write, tasks):
        shards.append(shard)
        finished += shard.count
        progress("extract features", finished, num_samples)
    return shards


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteExtracted:
    """Makes a shard of consecutive samples of a source.

    Attributes:
        source: the files and how they are read.
        columns: parameters, as they are stored.
        folder: of the shards.
        fingerprint: of everything that the samples depend on.
        is_trusting: whether the files are opened without a child process.
    """

    source: Source
    columns: tuple[ParameterColumn, ...]
    folder: Path
    fingerprint: str
    is_trusting: bool = False

    def __call__(self, samples: Sequence[int]) -> Shard:
        """Read, describe and store some samples."""
        with trusting(self.is_trusting), _opened_once(_Input(self.fingerprint, self.source)).opened() as read:
            block = block_of(
                (
                    in_channel_units(_screened(_named(read(sample), sample)), self.source.channel_units)
                    for sample in samples
                ),
                first=samples[0],
                columns=self.columns,
                keep_states=self.source.keep_states,
                imported=True,
            )
        return write_shard(self.folder, block, fingerprint=self.fingerprint)


def _named(rollout: Rollout, sample: int) -> Rollout:
    return rollout if rollout.name else replace(rollout, name=str(sample))


def _screened(rollout: Rollout) -> Rollout:
    """The rollout with the times at which it died or froze; whoever read it marked where it diverged."""
    found = outcomes(rollout.states, diverged_at=rollout.diverged_at)
    return replace(rollout, dead_at=found.dead_at, frozen_at=found.frozen_at)


@dataclass(frozen=True, slots=True)
class _Input:
    """A source in the state that a fingerprint stands for."""

    fingerprint: str
    source: Source = field(compare=False)


@lru_cache(maxsize=1)
def _opened_once(given: _Input) -> RolloutSource:
    """The layout of many files is looked at once a process, not once a shard."""
    return given.source.open()


def _first_samples(rollouts: RolloutSource, *, channel_units: ChannelUnits) -> list[Rollout]:
    """The first rollout of every file, without its states but for one number a channel; warns where a shared unit misleads."""
    heads, uneven = [], ""
    with rollouts.opened() as read:
        for sample in rollouts.starts:
            first = read(sample)
            if channel_units == "shared" and not uneven:
                uneven = uneven_channels(first)
            heads.append(_head(first))
    if uneven:
        log.warning(
            "%s in %s: features that pool channels describe that one alone; --channel-units own (channel_units='own') "
            "gives each channel a unit of its own.",
            uneven,
            rollouts.path,
        )
    return heads


def _head(rollout: Rollout) -> Rollout:
    return replace(rollout, states=rollout.states[:, :1, :, :1, :1].clone(), diverged_at=(0,) * len(rollout.states))


def _columns(firsts: Sequence[Rollout]) -> tuple[ParameterColumn, ...]:
    """The numeric parameters that the files state."""
    names = [
        f"{first.system}.{name}"
        for first in firsts
        for name, value in first.parameters.items()
        if not isinstance(value, str)
    ]
    return tuple(ParameterColumn(name=name) for name in dict.fromkeys(names))


def _channel_names(firsts: Sequence[Rollout]) -> dict[str, tuple[str, ...]]:
    """System → names of its channels, the most that a file has.

    Raises:
        InputError: if files of one system hold other channels in one place.
    """
    found: dict[str, tuple[str, ...]] = {}
    for first in firsts:
        known, names = found.get(first.system, ()), first.channel_names
        short, long = sorted((known, names), key=len)
        if long[: len(short)] != short:
            raise InputError(
                f"files of '{first.system}' hold the channels {', '.join(known)} and {', '.join(names)}; "
                "describe each kind in a data set of its own."
            )
        found[first.system] = long
    return found


def _stated(source: Source) -> dict[str, object]:
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in source.settings().items()}
    return {name: value for name, value in plain.items() if value is not None}


def _described(output: Path, rollouts: RolloutSource, *, num_files: int) -> Extracted:
    with open_dataset(output) as dataset:
        view = dataset.view()
        valid = dataset.quality.valid
        extent = dataset.numbers("extent")
        cut = dataset.cut.nonzero()[0].tolist()
    if cut:
        log.warning("%s", said_of_cut(cut))
    if not valid.any():
        log.warning("no realization stays finite to its end, so %s holds no feature at all.", output)
    return Extracted(
        output=output,
        format=rollouts.format,
        files=num_files,
        stated=dict(rollouts.stated),
        samples=len(view),
        extent={axis: _from_to(lengths) for axis, lengths in zip(EXTENT, extent.T, strict=True)},
        columns=len(view.registry),
        missing=sum(int((~block.mask).sum()) for block in view.blocks()) / (len(view) * len(view.registry)),
        note=_note(view.registry, extent),
        diverged=int(extent[:, 0].sum() - valid.sum()),
        cut=len(cut),
    )


def _note(registry: FeatureRegistry, extent: np.ndarray) -> str:
    """Why columns are empty by nature: spreads over realizations need two."""
    if int(extent[:, 0].max()) > 1:
        return ""
    spreads = sum(spec.aggregation in ("std", "cv") for spec in registry.specs)
    return f"{spreads} columns are spreads over realizations (std, cv) and empty, as every sample has one realization"


def _from_to(lengths: np.ndarray) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return str(low) if low == high else f"{low} to {high}"
