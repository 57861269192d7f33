"""A block of samples as a file of its own: whole and verified, or as if it were not there.

A shard is built in memory, written under a temporary name, forced to disk and renamed; then a small JSON file beside it
states its samples and its SHA-256. Only a shard whose checksum verifies counts. Every shard has its own entry, so several
processes can write into one folder, and killing any of them loses the shards in progress alone.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import h5py

from spinlock.core.errors import InputError, reading_errors
from spinlock.core.spec import Stored
from spinlock.core.wanted import check_wanted
from spinlock.store.atomic import AnyPath, remove_partial, sha256_of_bytes, sha256_of_file, write_bytes
from spinlock.store.dataset_layout import DatasetBlock
from spinlock.store.dataset_paths import ARRAYS
from spinlock.store.hdf5_image import create_array, hdf5_image
from spinlock.store.json_file import read_json, write_json

log = logging.getLogger(__name__)

ORIGIN = "origin.json"
"""The file that states what data set the shards of a folder belong to."""

_NAME = re.compile(r"shard-(\d{9})-(\d{9})\.h5")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A complete, verified shard.

    Attributes:
        path: its file.
        first: number of its first sample.
        count: how many samples it holds.
        sha256: of its bytes.
        fingerprint: of what it was made from.
    """

    path: Path
    first: int
    count: int
    sha256: str
    fingerprint: str

    @property
    def samples(self) -> range:
        """Numbers of its samples."""
        return range(self.first, self.first + self.count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The data set that the shards of a folder are parts of.

    Attributes:
        configuration: of the data set; its description can be made from it.
        fingerprint: of everything that the samples depend on.
        num_samples: of the data set.
    """

    configuration: Mapping[str, object]
    fingerprint: str
    num_samples: int


class _OriginFile(Stored):
    format: Literal["spinlock shards"]
    configuration: dict[str, Any]
    fingerprint: str
    num_samples: int


def write_origin(folder: AnyPath, origin: Origin) -> None:
    """States in a folder what its shards are parts of; the folder is made if needed.

    Raises:
        InputError: if it states something else already.
    """
    path = Path(folder) / ORIGIN
    if not path.is_file():
        write_json(path, {"format": "spinlock shards", **asdict(origin)})
    elif read_origin(folder).fingerprint != origin.fingerprint:
        raise InputError(f"{folder} holds shards of another configuration; remove it or write to another target.")


def read_origin(folder: AnyPath) -> Origin:
    """The data set that the shards of a folder are parts of, as its file says.

    Raises:
        InputError: if the folder does not say so.
    """
    path = Path(folder) / ORIGIN
    if not path.is_file():
        raise InputError(f"{folder} has no {ORIGIN}, so it is no folder of shards of `spinlock generate`.")
    found = _OriginFile.read(read_json(path), where=path)
    return Origin(configuration=found.configuration, fingerprint=found.fingerprint, num_samples=found.num_samples)


def write_shard(folder: AnyPath, block: DatasetBlock, *, fingerprint: str = "") -> Shard:
    """Writes a block of samples as a complete shard.

    Args:
        folder: of the shards; made if needed.
        block: consecutive samples.
        fingerprint: of everything that the samples depend on; a resume with another one is refused.

    Raises:
        ResourceError: out of disk, or the run that asked for it has ended; what was written before stays complete.
    """
    arrays = block.arrays()

    def fill(file: h5py.File) -> None:
        for name, array in arrays.items():
            create_array(file, ARRAYS[name].path, array.shape, array.dtype)[...] = array

    image = hdf5_image(fill)
    path = Path(folder) / f"shard-{block.first:09d}-{block.first + len(block) - 1:09d}.h5"
    shard = Shard(
        path=path, first=block.first, count=len(block), sha256=sha256_of_bytes(image), fingerprint=fingerprint
    )
    check_wanted()
    _entry(path).unlink(missing_ok=True)  # while the shard is replaced, it does not count
    write_bytes(path, image)
    write_json(
        _entry(path),
        {"first": shard.first, "count": shard.count, "sha256": shard.sha256, "fingerprint": fingerprint},
    )
    return shard


def complete_shards(folder: AnyPath, *, fingerprint: str | None = None) -> tuple[Shard, ...]:
    """The shards whose checksum verifies, by their first sample; the others are named in the log.

    Args:
        folder: of the shards; it may be missing.
        fingerprint: what the shards must have been made from; None takes any.

    Raises:
        InputError: if a shard was made from something else.
    """
    shards: list[Shard] = []
    paths = sorted(Path(folder).glob("shard-*.h5"))
    with ThreadPoolExecutor(2) as readers:  # hashing does not hold the interpreter
        verified = list(readers.map(_verified, paths))
    for path, shard in zip(paths, verified, strict=True):
        if shard is None:
            log.warning("%s is not complete or is damaged; its samples are made again.", path.name)
            continue
        if fingerprint is not None and shard.fingerprint != fingerprint:
            raise InputError(
                f"{path} was made from another configuration; remove its folder or write to another target."
            )
        shards.append(shard)
    return tuple(sorted(shards, key=lambda shard: (shard.first, shard.count)))


def missing_samples(shards: Iterable[Shard], num_samples: int) -> tuple[int, ...]:
    """Numbers of the samples that are in no shard yet."""
    there: set[int] = set()
    for shard in shards:
        there.update(shard.samples)
    return tuple(sample for sample in range(num_samples) if sample not in there)


def check_cover(shards: Iterable[Shard], num_samples: int) -> tuple[Shard, ...]:
    """The shards in order, where together they hold every sample exactly once.

    Raises:
        InputError: naming the samples that are missing, or the shards that overlap or reach too far.
    """
    ordered = sorted(shards, key=lambda shard: (shard.first, shard.count))
    reached, last = 0, ""
    for shard in ordered:
        if shard.first < reached:
            raise InputError(
                f"sample {shard.first} is in two shards, {last} and {shard.path.name}; remove one of them."
            )
        if shard.first > reached:
            raise InputError(f"samples {reached} to {shard.first - 1} are in no shard before {shard.path.name}.")
        reached, last = shard.first + shard.count, shard.path.name
    if reached < num_samples:
        raise InputError(f"samples {reached} to {num_samples - 1} are in no shard{f' after {last}' * bool(last)}.")
    if reached > num_samples:
        raise InputError(f"{last} holds samples up to {reached - 1}; the data set has {num_samples}.")
    return tuple(ordered)


def remove_shards(folder: AnyPath) -> None:
    """Removes the shards, their entries and what killed writers left; the folder too, if nothing else is in it."""
    folder = Path(folder)
    if not folder.is_dir():
        return
    remove_partial(folder)
    for path in folder.glob("shard-*.h5*"):
        if _NAME.fullmatch(path.name.removesuffix(".json")):
            path.unlink(missing_ok=True)
    (folder / ORIGIN).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _entry(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _verified(path: Path) -> Shard | None:
    named = _NAME.fullmatch(path.name)
    if named is None or not path.is_file() or not _entry(path).is_file():
        return None
    try:
        entry = read_json(_entry(path))
    except InputError:
        return None
    first, last = int(named[1]), int(named[2])
    if not isinstance(entry, dict) or (entry.get("first"), entry.get("count")) != (first, last - first + 1):
        return None
    with reading_errors(path):
        if entry.get("sha256") != sha256_of_file(path):
            return None
    return Shard(
        path=path,
        first=first,
        count=last - first + 1,
        sha256=entry["sha256"],
        fingerprint=str(entry.get("fingerprint", "")),
    )
