"""`spinlock extract-features`: the features of rollouts that somebody else made, as a data-set file."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from spinlock._version import __version__
from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout
from spinlock.dynamics import fates
from spinlock.features.channel_units import ChannelUnits, in_channel_units, uneven_channels
from spinlock.features.sdf import SDF
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.sample_block import block_of, consecutive_runs
from spinlock.pipeline.software import software
from spinlock.pipeline.threads import one_thread
from spinlock.pipeline.workers import map_in_workers, num_cores
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import DatasetDescription, ParameterColumn
from spinlock.store.dataset_paths import EXTENT
from spinlock.store.importers import Depth, Format, GroupBy, RolloutSource, open_rollouts, rollout_files
from spinlock.store.merge import merge_shards
from spinlock.store.shards import complete_shards, missing_samples, remove_shards, write_shard

log = logging.getLogger(__name__)

MOST_IN_SHARD = 16
SHARDS_AT_LEAST = 8
"""Shards that a small input is cut into, so that every worker has some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Files of rollouts and how they are to be read, the arguments of `open_rollouts`; and the units of their channels."""

    path: Path | tuple[Path, ...]
    format: Format = "auto"
    axes: str | None = None
    dataset_key: str | None = None
    dt: float | None = None
    dx: float | None = None
    group_key: str | None = None
    group_by: GroupBy = "sample"
    periodic: bool | None = None
    depth: Depth | None = None
    fill_masked: bool = False
    channel_units: ChannelUnits = "shared"

    def settings(self) -> dict[str, object]:
        """What was said of the files: everything but the path."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "path"}

    def files(self) -> tuple[Path, ...]:
        """The files that the path stands for."""
        return rollout_files(self.path)

    def open(self) -> RolloutSource:
        """The rollouts, read one by one."""
        reading = {name: value for name, value in self.settings().items() if name != "channel_units"}
        return open_rollouts(self.path, **reading)  # pyright: ignore[reportArgumentType]

    def fingerprint(self) -> str:
        """One word for the files as they are now, how they are read, and what is computed."""
        states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in self.files()]
        settings = {name: str(value) for name, value in self.settings().items()}
        content = [settings, states, SDF.to_json(), __version__]
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
        files: that were read.
        samples: rollouts.
        extent: realizations, times, channels, height and width of a sample, "3 to 7" where samples differ.
        columns: of the aggregated table.
        missing: share of its entries that are missing, by documentation of each feature.
        diverged: realizations that do not stay finite to the end.
    """

    output: Path
    format: str
    files: int
    samples: int
    extent: dict[str, str]
    columns: int
    missing: float
    diverged: int


def extract_features(
    source: Source, *, output: Path, workers: int | None = None, progress: Progress = silent
) -> Extracted:
    """Compute the features of every rollout in some files, in parallel shards; goes on where an earlier run was stopped.

    Memory holds one sample a worker, and the first states and features of at most 16.

    Args:
        source: the files and how they are to be read.
        output: a new data-set file; the complete one of the same source is left as it is.
        workers: processes; one a core when not given, and with 1 this process alone.
        progress: is told of the samples that are done.

    Raises:
        InputError: if a file is not what was said, or `output` exists already and is of something else.
    """
    files, rollouts, fingerprint = source.files(), source.open(), source.fingerprint()
    if not len(rollouts):
        raise InputError(f"{rollouts.path} holds no rollout.")
    folder = output.with_name(output.name + ".shards")
    if not output.exists():
        firsts = _first_samples(rollouts, channel_units=source.channel_units)
        columns, channel_names = _columns(firsts), _channel_names(firsts)
        _write_shards(source, rollouts, columns, folder, fingerprint, workers or num_cores(), progress)
        description = DatasetDescription(
            registry=SDF,
            parameters=columns,
            configuration={"source": {"path": [str(file) for file in files]} | _stated(source)},
            software=software(),
            channel_names=channel_names,
            periodic=all(first.periodic for first in firsts),
            extra={"fingerprint": fingerprint},
        )
        merge_shards(folder, output, description=description, num_samples=len(rollouts), fingerprint=fingerprint)
    elif _made_from(output) != fingerprint:
        raise InputError(f"{output} exists and was made from something else; remove it or choose another --output.")
    remove_shards(folder)
    return _described(output, format_read=rollouts.format, num_files=len(files))


def _write_shards(
    source: Source,
    rollouts: RolloutSource,
    columns: tuple[ParameterColumn, ...],
    folder: Path,
    fingerprint: str,
    workers: int,
    progress: Progress,
) -> None:
    """Every sample that no complete shard holds yet."""
    missing = missing_samples(complete_shards(folder, fingerprint=fingerprint), len(rollouts))
    finished = len(rollouts) - len(missing)
    progress("extract features", finished, len(rollouts))
    size = min(MOST_IN_SHARD, max(1, len(rollouts) // SHARDS_AT_LEAST))
    tasks = [
        ExtractTask(source=source, samples=part, columns=columns, folder=folder, fingerprint=fingerprint)
        for part in consecutive_runs(missing, size=size)
    ]
    for count in _counts(tasks, workers):
        finished += count
        progress("extract features", finished, len(rollouts))


def _counts(tasks: Sequence[ExtractTask], workers: int) -> Iterator[int]:
    """Samples of each task as it is complete; one worker is this process itself, with the bits of any other."""
    if workers == 1 or len(tasks) <= 1:
        with one_thread():
            yield from map(write_extracted, tasks)
    else:
        yield from (count for _, count in map_in_workers(write_extracted, tasks, num_workers=min(workers, len(tasks))))


def write_extracted(task: ExtractTask) -> int:
    """Read, describe and store some samples; their number."""
    with _opened_once(task.source).opened() as read:
        block = block_of(
            (in_channel_units(_screened(read(sample)), task.source.channel_units) for sample in task.samples),
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


@lru_cache(maxsize=1)
def _opened_once(source: Source) -> RolloutSource:
    """The layout of many files is looked at once a worker, not once a shard."""
    return source.open()


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
    return {name: value for name, value in source.settings().items() if value is not None}


def _made_from(output: Path) -> object:
    with open_dataset(output) as dataset:
        return dataset.metadata.get("extra", {}).get("fingerprint")


def _described(output: Path, *, format_read: str, num_files: int) -> Extracted:
    with open_dataset(output) as dataset:
        view = dataset.view()
        valid = dataset.quality.valid
        extent = dataset.numbers("extent")
    if not valid.any():
        log.warning("no realization stays finite to its end, so %s holds no feature at all.", output)
    return Extracted(
        output=output,
        format=format_read,
        files=num_files,
        samples=len(view),
        extent={axis: _from_to(lengths) for axis, lengths in zip(EXTENT, extent.T, strict=True)},
        columns=len(view.registry),
        missing=sum(int((~block.mask).sum()) for block in view.blocks()) / (len(view) * len(view.registry)),
        diverged=int(extent[:, 0].sum() - valid.sum()),
    )


def _from_to(lengths: np.ndarray) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return str(low) if low == high else f"{low} to {high}"
