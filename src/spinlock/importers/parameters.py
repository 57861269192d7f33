"""Parameters that stand in a table beside the runs: one row a sample."""

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, listed
from spinlock.core.rollout import Rollout
from spinlock.importers.source import Reader, RolloutSource

log = logging.getLogger(__name__)

IDS = ("id", "name", "sample", "file", "run")
"""Columns that say whose row it is, by the names of the samples; without one of them rows are in the samples' order."""
_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterRows:
    """Numbers by sample.

    Attributes:
        where: they come from, for messages.
        columns: name → one number a row; NaN where there is none.
        ids: whose row each is; () for the samples' order.
    """

    where: str
    columns: Mapping[str, Sequence[float]]
    ids: tuple[str, ...] = ()


def parameter_rows(given: Any) -> ParameterRows:
    """The table that was given: a path of a CSV file, or columns by name (a mapping, or a DataFrame).

    Raises:
        InputError: if it is no such table, or a column of ids names two rows alike.
    """
    if isinstance(given, str | Path):
        columns, where = _read(Path(given)), str(given)
    elif hasattr(given, "items"):
        columns, where = {str(name): list(values) for name, values in given.items()}, "the table of parameters"
    else:
        raise InputError(f"`parameters` must be a CSV file or columns by name; got a {type(given).__name__}.")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"{where} must have columns of one length, and a row at least; got {listed(sorted(lengths)) or 'no column'}."
        )
    key = next((name for name in columns if name.lower() in IDS), None)
    ids = () if key is None else tuple(str(value) for value in columns.pop(key))
    if len(set(ids)) != len(ids):
        raise InputError(f"{where}: the column '{key}' must name every sample once.")
    numbers = {name: _numbers(values) for name, values in columns.items()}
    words = [name for name, values in numbers.items() if values is None]
    if words:
        log.warning("%s: the columns %s hold words and are left out; parameters are numbers.", where, listed(words))
    kept = {name: values for name, values in numbers.items() if values is not None}
    return ParameterRows(where=where, columns=kept, ids=ids)


def with_parameters(source: RolloutSource, rows: ParameterRows) -> RolloutSource:
    """The rollouts with the parameters of a table beside their own.

    Raises:
        InputError: if the table has another number of rows than there are samples and does not say whose they are.
    """
    count = len(next(iter(rows.columns.values()), rows.ids))
    if not rows.ids and count != len(source):
        raise InputError(
            f"{rows.where} has {count} rows for {len(source)} samples; give one row a sample, or a column 'name' that says whose it is."
        )
    place = {name: row for row, name in enumerate(rows.ids)}

    @contextmanager
    def opened() -> Iterator[Reader]:
        with source.opened() as read:

            def read_with(sample: int) -> Rollout:
                rollout = read(sample)
                row = _row(rollout.name, sample, place) if rows.ids else sample
                if row is None:
                    raise InputError(
                        f"{rows.where} has no row of the sample '{rollout.name or sample}'; it has {listed(rows.ids, most=4)}."
                    )
                own = {name: values[row] for name, values in rows.columns.items() if np.isfinite(values[row])}
                return replace(rollout, parameters={**rollout.parameters, **own})

            yield read_with

    return replace(source, opened=opened)


def _row(name: str, sample: int, place: Mapping[str, int]) -> int | None:
    """The row of a sample: by its name, by its file's with or without the ending, or by its number."""
    found = place.get(name)
    if found is None:
        found = next((row for entry, row in place.items() if Path(entry).stem == name != ""), None)
    return place.get(str(sample)) if found is None else found


def _read(path: Path) -> dict[str, list[str]]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path} is larger than 256 MB, which no table of parameters is.")
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *lines = csv.reader(file, strict=True)
    except (OSError, UnicodeError, csv.Error, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} is not a CSV file with a line of names ({reason}).") from error
    lines = [line for line in lines if line]
    wrong = next((number for number, line in enumerate(lines, 2) if len(line) != len(head)), None)
    if wrong is not None or len(set(head)) != len(head):
        raise InputError(
            f"{path} must have {len(head)} entries in every line, and names that differ; look at line {wrong or 1}."
        )
    return {name: [line[column].strip() for line in lines] for column, name in enumerate(head)}


def _numbers(values: Sequence[Any]) -> list[float] | None:
    try:
        return [float(value) if value not in ("", None) else float("nan") for value in values]
    except (TypeError, ValueError):
        return None
