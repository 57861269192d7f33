"""What is known of runs as columns of labels: tokens, parameters cut into cells, initial conditions, columns of the user's own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from spinlock.core.errors import InputError, UsageError, did_you_mean, listed
from spinlock.core.tokens import TokenTable
from spinlock.importers.parameters import parameter_rows
from spinlock.pipeline.question_runs import Runs
from spinlock.questions.relation import MISSING, cells_of

NUM_CELLS = 4
"""Cells that numbers are cut into, with about equally many runs each."""


class Column(NamedTuple):
    """Labels of runs.

    Attributes:
        labels: from 0 on; -1 where there is none.
        words: what each label means.
    """

    labels: Int[np.ndarray, " row"]
    words: tuple[str, ...]


Columns = dict[str, Column]


def token_columns(tokens: TokenTable, *, prefix: str = "") -> Columns:
    """The coarse tokens, category by category."""
    coarse, sizes = tokens.codes[:, :, 0].numpy(), tokens.codebook_sizes[:, 0].tolist()
    return {
        f"{prefix}{name}": Column(coarse[:, place].astype(int), tuple(map(str, range(sizes[place]))))
        for place, name in enumerate(tokens.category_names)
    }


def parameter_columns(runs: Runs) -> Columns:
    """Each parameter of each system, `<system>.<parameter>`: numbers in cells, choices as they are; no label in other systems' rows."""
    found = {}
    for system in dict.fromkeys(runs.systems):
        own = runs.of_system(system)
        for axis in own.axes:
            values = [runs.values[row].get(axis.name) for row in own.rows.tolist()]
            column = _column(values)
            labels = np.full(len(runs.systems), MISSING)
            labels[own.rows] = column.labels
            found[f"{system}.{axis.name}"] = Column(labels, column.words)
    return found


def start_columns(runs: Runs) -> Columns:
    """The kind of initial condition, and its numbers in cells."""
    axes = {system: {axis.name for axis in runs.of_system(system).axes} for system in dict.fromkeys(runs.systems)}
    rows = list(zip(runs.systems, runs.values, strict=True))
    names = sorted({name for system, values in rows for name in values if name not in axes[system]})
    kinds = [kind or None for kind in runs.starts]
    found = {"initial_condition": _column(kinds)} if any(kinds) else {}
    return found | {
        name: _column([None if name in axes[system] else values.get(name) for system, values in rows]) for name in names
    }


def own_columns(runs: Runs, path: Path) -> Columns:
    """Columns of numbers in a CSV file, cut into cells; its rows are told by a column of ids, or are in the order of the samples.

    Raises:
        InputError: if it is no such table, or lacks a sample.
    """
    given = parameter_rows(path)
    if given.ids:
        place = {name: row for row, name in enumerate(given.ids)}
        lacking = [name for name in runs.tokens.ids if name not in place]
        if lacking:
            raise InputError(f"{path} has no row of {len(lacking)} samples, the first '{lacking[0]}'.")
        rows = [place[name] for name in runs.tokens.ids]
    else:
        rows = runs.samples.tolist()
        count = len(next(iter(given.columns.values()), ()))
        if max(rows) >= count:
            raise InputError(
                f"{path} has {count} rows and the data set more samples; give one row a sample, or a column 'id'."
            )
    return {name: _column([values[row] for row in rows]) for name, values in given.columns.items()}


def other_columns(runs: Runs, tokens: TokenTable) -> Columns:
    """Coarse tokens of another token file, `other.<category>`, of the runs by their ids.

    Raises:
        InputError: if it lacks a sample.
    """
    place = {name: row for row, name in enumerate(tokens.ids)}
    lacking = [name for name in runs.tokens.ids if name not in place]
    if lacking:
        raise InputError(f"the other tokens lack {len(lacking)} samples, the first '{lacking[0]}'.")
    rows = np.array([place[name] for name in runs.tokens.ids])
    return {
        name: Column(column.labels[rows], column.words)
        for name, column in token_columns(tokens, prefix="other.").items()
    }


def chosen_columns(sets: Mapping[str, Callable[[], Columns]], words: str) -> Columns:
    """The columns that words name: whole sets, or columns of any set, separated by commas.

    Args:
        sets: name → what makes its columns.
        words: as typed.

    Raises:
        UsageError: for a name of no set and no column, or a set without columns.
    """
    found: Columns = {}
    for word in filter(None, (word.strip() for word in words.split(","))):
        if word in sets:
            columns = sets[word]()
            if not columns:
                raise UsageError(
                    f"there are no columns of '{word}' here; choose among {listed(sets)}, or columns by name."
                )
        else:
            every = {name: column for make in sets.values() for name, column in make().items()}
            if word not in every:
                raise UsageError(
                    f"no column or set of columns is called '{word}'. {did_you_mean(word, [*sets, *every])}"
                )
            columns = {word: every[word]}
        found |= columns
    if not found:
        raise UsageError(f"name at least one set of columns or column on each side, among {listed(sets)}.")
    return found


def _column(values: Sequence[float | str | None]) -> Column:
    """Words as labels in sorted order, numbers in cells."""
    there = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in there):
        words = tuple(sorted({str(value) for value in there}))
        return Column(np.array([MISSING if value is None else words.index(str(value)) for value in values]), words)
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    labels = cells_of(numbers, NUM_CELLS)
    return Column(labels, tuple(_range(numbers[labels == cell]) for cell in range(int(labels.max(initial=-1)) + 1)))


def _range(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
