"""`spinlock relate`: which tokens go with which parameters, initial conditions or other tokens, given the system."""

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from spinlock.core.errors import UsageError
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.question_runs import load_runs
from spinlock.pipeline.relate_columns import (
    Columns,
    chosen_columns,
    other_columns,
    own_columns,
    parameter_columns,
    start_columns,
    token_columns,
)
from spinlock.questions.relation import NUM_SHUFFLES, Relation, conditional_table, relate_columns
from spinlock.store.token_file import load_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCell:
    """Two labels in words, how many rows have both, and how many would if only the system related them.

    Attributes:
        first, second: labels.
        rows: that have both.
        expected: by the system alone.
        share: of the rows with the first label that have the second.
    """

    first: str
    second: str
    rows: int
    expected: float
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Pairs of columns by how surely they go together within systems.

    Attributes:
        runs: of the data set.
        systems: that they are of; every figure is given the system.
        pairs: that were looked at.
        significant: of them.
        shuffles: by which chance was measured, of each pair.
        relations: the surest first.
        cells: of the two columns that a table was asked for, the farthest from what the system alone gives first.
    """

    runs: int
    systems: int
    pairs: int
    significant: int
    shuffles: int
    relations: tuple[Relation, ...]
    cells: tuple[TableCell, ...] = ()


def relate(  # noqa: PLR0913 the question, where to look, and how hard
    dataset: str | Path,
    tokenizer: str | Path,
    *,
    first: str = "tokens",
    second: str = "parameters,initial",
    tokens: str | Path | None = None,
    columns: str | Path | None = None,
    table: tuple[str, str] | None = None,
    shuffles: int = NUM_SHUFFLES,
    seed: int = 0,
    progress: Progress = silent,
) -> Related:
    """Which columns of one set go with which of another, given the system: bits beyond chance, and how sure they are.

    Sets are "tokens" (coarse tokens by category), "parameters" (`<system>.<parameter>`, numbers in cells of equally many runs),
    "initial" (initial conditions), "other" (of `tokens`) and "columns" (of `columns`).

    Args:
        dataset: a data-set file.
        tokenizer: the folder of a tokenizer that was made for its columns.
        first, second: sets or columns, separated by commas.
        tokens: another token file of the same samples, whose categories are `other.<category>`.
        columns: a CSV file with further numbers of the samples.
        table: two columns whose labels are to be counted together.
        shuffles: by which chance is measured, of each pair.
        seed: of the shuffles.
        progress: is told of the rows that are encoded.

    Raises:
        UsageError: for a name of no set and no column.
        InputError: if the other tokens or columns lack a sample.
    """
    runs = load_runs(Path(dataset), Path(tokenizer), progress=progress)
    sets = {
        "tokens": cache(partial(token_columns, runs.tokens)),
        "parameters": cache(partial(parameter_columns, runs)),
        "initial": cache(partial(start_columns, runs)),
    }
    if tokens is not None:
        sets["other"] = cache(partial(other_columns, runs, load_tokens(tokens)))
    if columns is not None:
        sets["columns"] = cache(partial(own_columns, runs, Path(columns)))
    left, right = chosen_columns(sets, first), chosen_columns(sets, second)
    found = relate_columns(
        _labels(left), _labels(right), given=runs.systems, groups=runs.tokens.groups, num_shuffles=shuffles, seed=seed
    )
    cells: tuple[TableCell, ...] = ()
    if table is not None:
        chosen = [chosen_columns(sets, name) for name in table]
        if any(len(one) != 1 for one in chosen):
            raise UsageError(f"a table is of two columns, not of whole sets; got '{table[0]}' and '{table[1]}'.")
        (one,), (other,) = (part.values() for part in chosen)
        cells = tuple(
            TableCell(
                first=one.words[cell.first],
                second=other.words[cell.second],
                rows=cell.rows,
                expected=cell.expected,
                share=cell.share,
            )
            for cell in conditional_table(one.labels, other.labels, given=runs.systems)
        )
    return Related(
        runs=len(runs.systems),
        systems=len(set(runs.systems)),
        pairs=len(found),
        significant=sum(relation.is_significant for relation in found),
        shuffles=shuffles,
        relations=tuple(found),
        cells=cells,
    )


def _labels(columns: Columns) -> dict[str, np.ndarray]:
    return {name: column.labels for name, column in columns.items()}
