"""What is wrong with a data-set file, as a list of sentences; an empty list means that it keeps to docs/data_format.md."""

from collections.abc import Callable

import numpy as np

from spinlock.core.errors import InputError, listed, reading_errors
from spinlock.store.checksums import CONTENT
from spinlock.store.dataset import Dataset, content_sha256
from spinlock.store.dataset_paths import ARRAYS, FAMILY_LINK, FORMAT, family_path

Shapes = dict[str, tuple[int, ...]]

_AXES = {
    "index": "n",
    "system": "n",
    "name": "n",
    "group": "n",
    "params": "np",
    "initial_condition": "n",
    "dt": "n",
    "dx": "n",
    "num_channels": "n",
    "extent": "n.",
    "inputs": "nchw",
    "outputs": "nmtchw",
    "per_timestep": "nt.",
    "per_trajectory": "nm.",
    "aggregated": "n.",
    "valid": "nm",
    "diverged_at": "nm",
    "dead_at": "nm",
    "frozen_at": "nm",
    "redraws": "n",
    "cut": "n",
}


def check_dataset(dataset: Dataset, *, contents: bool = False) -> list[str]:
    """The problems of a data set, one sentence each.

    Args:
        dataset: open.
        contents: read every array and compare its checksum too.
    """
    problems: list[str] = []
    found = _shapes(dataset, problems)
    misfits = _axes_problems(found)
    problems += misfits
    for check in (_metadata_problems, _name_problems, _link_problems):
        problems += _collected(lambda check=check: check(dataset))
    if not misfits and {name for name, spec in ARRAYS.items() if not spec.optional} <= set(found):
        problems += _collected(lambda: _value_problems(dataset))
        if contents and not problems:
            problems += _collected(lambda: _content_problems(dataset))
    return problems


def _collected(check: Callable[[], list[str]]) -> list[str]:
    """The problems that a check finds, or the one that stopped it."""
    try:
        with reading_errors("what the checks look at"):
            return check()
    except InputError as error:
        return [str(error)]


def _shapes(dataset: Dataset, problems: list[str]) -> Shapes:
    """Field → shape, of the arrays that are there and are of the right type."""
    shapes: Shapes = {}
    for name, spec in ARRAYS.items():
        try:
            if spec.optional and dataset.file.kind(spec.path) is None:
                continue
            if spec.dtype == "word":
                shapes[name] = (len(dataset.file.words(spec.path)),)
                continue
            array = dataset.file.numbers(spec.path)
        except InputError as error:
            problems.append(str(error))
            continue
        wanted = np.dtype(spec.dtype).kind
        if array.dtype.kind != wanted and not (name == "valid" and array.dtype.kind in "ib"):
            problems.append(f"{spec.path} must hold numbers of type {spec.dtype}; it holds {array.dtype}.")
        shapes[name] = array.shape
    return shapes


def _axes_problems(shapes: Shapes) -> list[str]:
    problems: list[str] = []
    lengths: dict[str, tuple[int, str]] = {}
    for name, shape in shapes.items():
        axes, path = _AXES[name], ARRAYS[name].path
        if len(shape) != len(axes):
            problems.append(f"{path} must have {len(axes)} axes; it has the shape {shape}.")
            continue
        for axis, length in zip(axes, shape, strict=True):
            known, where = lengths.setdefault(axis, (length, path)) if axis != "." else (length, path)
            if known != length:
                problems.append(
                    f"{path} has the shape {shape}, which does not fit to {where}: {length} is not {known}."
                )
    return problems


def _metadata_problems(dataset: Dataset) -> list[str]:
    return _format_problems(dataset) + ([dataset.description_problem] if dataset.description_problem else [])


def _format_problems(dataset: Dataset) -> list[str]:
    about = dataset.metadata
    if about.get("format") != FORMAT:
        return [f"/metadata must have the attribute format = '{FORMAT}'; it is {about.get('format')!r}."]
    lacking = [name for name in ("format_version", "created", "seed", "configuration", "software") if name not in about]
    return [f"/metadata lacks the attributes {listed(lacking)}."] if lacking else []


def _name_problems(dataset: Dataset) -> list[str]:
    """Column names that are not those of the registry, in its order."""
    registry = dataset.registry()
    problems: list[str] = []
    for name, expected in (
        ("per_timestep", registry.with_scope("per_timestep")),
        ("per_trajectory", registry.with_scope("per_trajectory")),
        ("aggregated", registry.aggregated()),
    ):
        path = ARRAYS[name].path
        array = dataset.file.numbers(path)
        if array.shape[-1] != len(expected):
            problems.append(f"{path} has {array.shape[-1]} columns; the registry has {len(expected)}.")
            continue
        try:
            expected.check_same_names(dataset.file.attribute_words(path, "column_names") or (), whose=path)
        except InputError as error:
            problems.append(str(error))
    return problems


def _link_problems(dataset: Dataset) -> list[str]:
    if dataset.file.same_object(family_path(), family_path(FAMILY_LINK)):
        return []
    return [f"{family_path(FAMILY_LINK)} must be a hard link to {family_path()}."]


def _value_problems(dataset: Dataset) -> list[str]:
    problems: list[str] = []
    rows = len(dataset)
    if not np.array_equal(dataset.numbers("index"), np.arange(rows)):
        problems.append("/parameters/index must count the samples from 0.")
    for name in ("dt", "dx"):
        values = dataset.numbers(name)
        if not (np.isfinite(values) & (values > 0)).all():
            problems.append(f"{ARRAYS[name].path} must be finite and greater than 0.")
    for name in ("per_timestep", "per_trajectory", "aggregated"):
        if any(np.isinf(piece).any() for piece in dataset.array(name).pieces()):
            problems.append(f"{ARRAYS[name].path} holds infinite values; what is missing is NaN.")
    return problems + _quality_problems(dataset) + _parameter_problems(dataset)


def _quality_problems(dataset: Dataset) -> list[str]:
    problems: list[str] = []
    quality = dataset.quality
    if not np.array_equal(quality.valid, quality.diverged_at < 0):
        problems.append("/quality/valid must be 1 exactly where /quality/diverged_at is -1.")
    times = dataset.array("per_timestep").shape[1]
    for name in ("diverged_at", "dead_at", "frozen_at"):
        marks = getattr(quality, name)
        if ((marks < -1) | (marks >= times)).any():
            problems.append(f"{ARRAYS[name].path} must hold time indices below {times}, or -1.")
    if (np.maximum(quality.dead_at, quality.frozen_at)[~quality.valid] >= 0).any():
        problems.append("/quality/dead_at and /quality/frozen_at must be -1 where a realization diverged.")
    if (quality.redraws < 0).any():
        problems.append("/quality/redraws must be at least 0.")
    start = 0
    for piece in dataset.array("per_trajectory").pieces():
        rows = slice(start, start := start + len(piece))
        if np.isfinite(piece[~quality.valid[rows]]).any():
            problems.append(f"{ARRAYS['per_trajectory'].path} must be NaN where a realization diverged.")
            break
    return problems


def _parameter_problems(dataset: Dataset) -> list[str]:
    columns, systems = dataset.parameter_columns, np.array(dataset.systems)
    own = {name: systems == name for name in {column.system for column in columns}}
    strange, unknown = np.zeros(len(columns), dtype=bool), np.zeros(len(columns), dtype=bool)
    start = 0
    for piece in dataset.array("params").pieces():
        rows = slice(start, start := start + len(piece))
        for number, (column, values) in enumerate(zip(columns, piece.T, strict=True)):
            present = np.isfinite(values)
            strange[number] |= bool(column.system) and bool((present & ~own[column.system][rows]).any())
            unknown[number] |= bool(column.choices) and not np.isin(values[present], range(len(column.choices))).all()
    problems: list[str] = []
    for column, is_strange, is_unknown in zip(columns, strange, unknown, strict=True):
        if is_strange:
            problems.append(f"parameter '{column.name}' must be NaN in samples of other systems.")
        if is_unknown:
            problems.append(f"parameter '{column.name}' must be the place of one of its {len(column.choices)} choices.")
    return problems


def _content_problems(dataset: Dataset) -> list[str]:
    stated = dataset.metadata.get(CONTENT)
    if stated is None:
        return []
    content = content_sha256(dataset)
    return [] if content == stated else [f"the data have the checksum {content}; /metadata states {stated}."]
