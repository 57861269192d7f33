"""Shards become one data set: streamed array by array, the same bytes whatever the shards were.

The file is written under a temporary name beside its target, read back and compared, and only then has the target's name.
"""

import hashlib
import json
import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from spinlock.core.errors import InputError
from spinlock.store.atomic import AnyPath
from spinlock.store.checksums import CONTENT, DESCRIPTION, Attribute, array_line, description_sha256
from spinlock.store.dataset import damage_of, open_dataset
from spinlock.store.dataset_layout import DatasetDescription
from spinlock.store.dataset_paths import ARRAYS, FAMILY_LINK, FORMAT, FORMAT_VERSION, METADATA, family_path
from spinlock.store.guard import trusting
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.hdf5_image import create_array, file_size, hdf5_on_disk, rows_per_chunk
from spinlock.store.outputs import Kind, check_output
from spinlock.store.shards import Shard, check_cover, complete_shards

DATASET = Kind(word="a data set of spinlock", endings=(".h5", ".hdf5"), is_one=lambda path: path.is_file())
"""Which data set an existing one is, its `fingerprint` says; whoever writes one compares it."""

BUFFER_BYTES = 32 * 2**20
MOST_OPEN = 128
"""Shards that are open at a time; a process may often open 1024 files, and a second one its own."""


def merge_shards(
    folders: AnyPath | Sequence[AnyPath],
    target: AnyPath,
    *,
    description: DatasetDescription,
    num_samples: int,
    fingerprint: str | None = None,
    compress_outputs: bool = False,
) -> str:
    """Merges the complete shards of one folder or several into one data set and returns its `content_sha256`.

    The data are the same bytes whatever the number and the order of the shards; merging again gives them again. The shards
    stay where they are; one that is in two folders counts once.

    Args:
        folders: of the shards.
        target: the data set, replaced when the new one is whole.
        description: what goes beside the arrays.
        num_samples: how many samples there must be.
        fingerprint: what the shards must have been made from; None takes any.
        compress_outputs: shuffle and deflate the states.

    Raises:
        InputError: if samples are missing or twice, or the shards do not fit together or to the description.
        ResourceError: if the disk has no room.
    """
    several = [folders] if isinstance(folders, str | os.PathLike) else folders
    found = [shard for folder in several for shard in complete_shards(folder, fingerprint=fingerprint)]
    once = {(shard.first, shard.count, shard.sha256): shard for shard in found}
    return write_dataset(
        once.values(), target, description=description, num_samples=num_samples, compress_outputs=compress_outputs
    )


def write_dataset(
    shards: Iterable[Shard],
    target: AnyPath,
    *,
    description: DatasetDescription,
    num_samples: int,
    compress_outputs: bool = False,
) -> str:
    """Merges shards that are known to be complete into one data set, as `merge_shards` does those of folders."""
    target = Path(target)
    check_output(target, DATASET)
    with _OpenShards(check_cover(shards, num_samples)) as opened:
        plans = _plan(opened, num_samples)
        description.check_widths({name: shape[-1] for name, (shape, _) in plans.items()})
        content = ""

        def verify(path: Path) -> bool:
            with trusting(), open_dataset(path) as dataset:  # written by this process
                return dataset.metadata.get(CONTENT) == content and not damage_of(dataset)

        with hdf5_on_disk(target, file_size(plans.values()), verify=verify) as (file, check):
            content = _write(file, opened, plans, description, compressed=compress_outputs, check=check)
        return content


class _OpenShards:
    """Consecutive shards, of which the last that were opened stay open: where there are few, each is opened once.

    Args:
        shards: in order, without gaps.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards
        self._firsts = [shard.first for shard in shards]
        self._open: dict[Path, tuple[AbstractContextManager[GuardedFile], GuardedFile]] = {}

    def __enter__(self) -> "_OpenShards":
        return self

    def __exit__(self, *error: object) -> None:
        while self._open:
            self._close(next(iter(self._open)))

    def holding(self, start: int, stop: int) -> Sequence[Shard]:
        """The shards that hold some of the samples from `start` to before `stop`."""
        return self.shards[bisect_right(self._firsts, start) - 1 : bisect_left(self._firsts, stop)]

    def file(self, shard: Shard) -> GuardedFile:
        """An open shard."""
        if shard.path not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._close(next(iter(self._open)))
            context = open_guarded(shard.path, expected="a shard")
            self._open[shard.path] = (context, context.__enter__())
        return self._open[shard.path][1]

    def _close(self, path: Path) -> None:
        self._open.pop(path)[0].__exit__(None, None, None)


Plans = dict[str, tuple[tuple[int, ...], np.dtype]]


def _plan(opened: _OpenShards, num_samples: int) -> Plans:
    """Field → shape and type in the data set, from the shards, which must agree but for axes that are padded."""
    plans: Plans = {}
    for shard in opened.shards:
        file = opened.file(shard)
        for name, spec in ARRAYS.items():
            if file.kind(spec.path) is None and spec.optional:
                if name in plans:
                    raise InputError(f"{shard.path.name} lacks {spec.path}, which the shards before it have.")
                continue
            shape, dtype = _stored(file, name)
            if shard is not opened.shards[0] and name not in plans:
                raise InputError(f"{shard.path.name} has {spec.path}, which the shards before it lack.")
            before, dtype_before = plans.setdefault(name, (shape, dtype))
            if _without(before, spec.padded) != _without(shape, spec.padded) or dtype != dtype_before:
                raise InputError(
                    f"{spec.path} of {shard.path.name} has the shape (n, {str(shape[1:])[1:-1]}) and type {dtype}; the shards "
                    f"before it have (n, {str(before[1:])[1:-1]}) and {dtype_before}."
                )
            plans[name] = (tuple(max(lengths) for lengths in zip(before, shape, strict=False)), dtype)
    return {name: ((num_samples, *shape[1:]), dtype) for name, (shape, dtype) in plans.items()}


def _stored(file: GuardedFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    spec = ARRAYS[name]
    if spec.dtype == "word":
        return (len(file.words(spec.path)),), spec.stored_dtype()
    array = file.numbers(spec.path)
    return array.shape, array.dtype


def _without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for number, length in enumerate(shape) if number not in (0, *axes))


def _write(
    file: h5py.File,
    opened: _OpenShards,
    plans: Plans,
    description: DatasetDescription,
    *,
    compressed: bool,
    check: Callable[[], None],
) -> str:
    digest = hashlib.sha256()
    for name in sorted(plans, key=lambda name: ARRAYS[name].path):
        shape, dtype = plans[name]
        dataset = create_array(file, ARRAYS[name].path, shape, dtype, compressed=compressed and name == "outputs")
        digest.update(array_line(ARRAYS[name].path, shape, dtype, _fill(dataset, name, opened, check)).encode())
    content = digest.hexdigest()
    _describe(file, description, shape_of={name: shape for name, (shape, _) in plans.items()}, content=content)
    return content


def _fill(dataset: h5py.Dataset, name: str, opened: _OpenShards, check: Callable[[], None]) -> Iterator[np.ndarray]:
    """Copies an array from the shards in whole chunks and yields each piece that was written."""
    shape: tuple[int, ...] = dataset.shape
    if not math.prod(shape):
        return
    whole = rows_per_chunk(shape, dataset.dtype.itemsize)
    row_bytes = math.prod(shape[1:]) * dataset.dtype.itemsize
    step = whole * max(1, BUFFER_BYTES // max(1, whole * row_bytes))
    for start in range(0, shape[0], step):
        stop = min(start + step, shape[0])
        piece = np.empty((stop - start, *shape[1:]), dtype=dataset.dtype)
        for shard in opened.holding(start, stop):
            first, last = max(start, shard.first), min(stop, shard.first + shard.count)
            rows = _rows(opened.file(shard), name, first - shard.first, last - shard.first)
            piece[first - start : last - start] = ARRAYS[name].widened(rows, shape[1:])
        yield piece  # to be hashed while it is written
        dataset[start:stop] = piece
        check()


def _rows(file: GuardedFile, name: str, start: int, stop: int) -> np.ndarray:
    spec = ARRAYS[name]
    if spec.dtype == "word":
        words = file.words(spec.path)[start:stop]
        return np.array([word.encode() for word in words], dtype=spec.stored_dtype())
    return file.numbers(spec.path).read(slice(start, stop))


def _describe(
    file: h5py.File, description: DatasetDescription, *, shape_of: dict[str, tuple[int, ...]], content: str
) -> None:
    """Writes the attributes, their checksum and the second name of the family."""
    attributes = _attributes(description, shape_of=shape_of, content=content)
    file.create_group(METADATA)
    for (path, name), value in (*attributes.items(), ((METADATA, DESCRIPTION), (description_sha256(attributes),))):
        if isinstance(value, np.ndarray):
            file[path].attrs[name] = value
        elif name in LISTS:
            file[path].attrs[name] = list(value) or h5py.Empty(h5py.string_dtype())
        else:
            file[path].attrs[name] = value[0]
    file[family_path(FAMILY_LINK)] = file[family_path()]


LISTS = ("names", "units", "column_names")
"""Attributes that are lists of texts."""


def _attributes(
    description: DatasetDescription, *, shape_of: dict[str, tuple[int, ...]], content: str
) -> dict[tuple[str, str], Attribute]:
    """(path, name) → value, of all attributes but their checksum."""
    params = description.parameters
    found: dict[str, dict[str, Attribute | str | int]] = {
        ARRAYS["params"].path: {
            "names": tuple(column.name for column in params),
            "units": tuple(column.unit for column in params),
            "ranges": np.array([[column.low, column.high] for column in params]).reshape(-1, 2),
            "choices": description.choices_json(),
        },
        family_path(): {
            "feature_registry": description.registry.to_json(),
            "num_features": len(description.registry),
        },
        METADATA: {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "created": creation_time(),
            CONTENT: content,
            "num_samples": shape_of["index"][0],
            "num_realizations": shape_of["per_trajectory"][1],
            "num_timesteps": shape_of["per_timestep"][1],
            "seed": description.seed,
            "periodic": int(description.periodic),
        },
    }
    found |= {ARRAYS[name].path: {"column_names": columns} for name, columns in description.column_names().items()}
    for name in ("configuration", "software", "sampling_report", "channel_names", "extra"):
        found[METADATA][name] = json.dumps(getattr(description, name), sort_keys=True)
    return {(path, name): _value(value) for path, values in found.items() for name, value in values.items()}


def _value(value: Attribute | str | int) -> Attribute:
    return (value,) if isinstance(value, str) else np.array(value, dtype="<i8") if isinstance(value, int) else value


def creation_time() -> str:
    """Now, or the time that SOURCE_DATE_EPOCH sets for reproducible files; UTC, ISO 8601."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
