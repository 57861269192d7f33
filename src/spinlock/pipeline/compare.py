"""`spinlock compare`: what differs between two data sets, or between two parts of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from spinlock.core.errors import InputError, UsageError, did_you_mean, listed
from spinlock.core.feature_table import FeatureTable
from spinlock.core.threads import one_thread
from spinlock.core.views import FIT_ROWS, Selection, View, in_memory, thinned
from spinlock.pipeline.conditions import COMPARED, Facts, chosen_rows, load_facts
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import AGGREGATED, load_table
from spinlock.pipeline.tokenizers import summary_folder
from spinlock.questions.compare import Comparison, check_sets, compare_sets
from spinlock.training.estimator import Table, Tokenizer
from spinlock.vqvae.behaviour import BehaviourEmbedding

DEFAULT_COUNT = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Which rows are compared with which.

    Attributes:
        files: two data sets, or one that `by` splits.
        by: a parameter, whose lower half is compared with its upper half, or a condition, which some rows meet and others do not.
        where: conditions that rows must meet to be looked at at all, see `conditions.chosen_rows`.
    """

    files: tuple[Path, ...]
    by: str | None = None
    where: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.files) == 1 and self.by is None:
            raise UsageError("one data set is compared with nothing; give a second one, or --by to split it.")
        if len(self.files) == 2 and self.by is not None:
            raise UsageError("--by splits one data set; leave it or the second file out.")
        if len(self.files) > 2:
            raise UsageError(f"two data sets are compared; got {len(self.files)}.")


class Side(NamedTuple):
    """Some rows, and what they are called."""

    name: str
    view: View


@one_thread()
def compare(first: Table, second: Table, *, tokenizer: Tokenizer | None = None, seed: int = 0) -> Comparison:
    """What differs between two sets of runs: as a whole, column by column, and in their tokens.

        found = spinlock.compare(calm, wild, tokenizer=tokenizer)
        print(*(difference.sentence("calm", "wild") for difference in found.differences), sep="\\n")

    Draws (`table.groups`) are what is counted; those of the two sets are different ones, whatever they are called. Of more
    than 50 000 rows of a side so many are looked at, whole draws by a seeded choice.

    Args:
        first, second: tables with the same columns: views, or arrays and DataFrames, which become `FeatureTable`s.
        tokenizer: whose embedding the whole is tested in, and whose tokens are counted; without one, an embedding is fitted to the
            rows of both sets, and there are no tokens.
        seed: of permutations.

    Raises:
        NamesDifferError: if the columns differ from each other's, or from the tokenizer's.
        InputError: if a side has fewer than three draws.
    """
    one, other = (_apart(table, name, seed) for table, name in ((first, "first"), (second, "second")))
    check_sets(one, other)
    if tokenizer is None:
        embedding = _embedding_of(one, other)
        return compare_sets(one, other, embeddings=(embedding(one), embedding(other)), seed=seed)
    embeddings = tokenizer.embed(one), tokenizer.embed(other)
    tokens = tokenizer.encode(one), tokenizer.encode(other)
    return compare_sets(one, other, embeddings=embeddings, tokens=tokens, seed=seed)


def _apart(table: Table, name: str, seed: int) -> FeatureTable:
    """A table in memory whose draws are told from the other side's."""
    view = table if isinstance(table, View) else FeatureTable.from_array(table)
    rows = in_memory(thinned(view, FIT_ROWS, seed))
    return replace(rows, groups=tuple(f"{name}/{group}" for group in rows.groups))


def _embedding_of(first: FeatureTable, second: FeatureTable) -> BehaviourEmbedding:
    """An embedding that was fitted to both sides without knowing which is which."""
    return BehaviourEmbedding.fit(
        FeatureTable(
            values=torch.cat([first.values, second.values]),
            registry=first.registry,
            groups=(*first.groups, *second.groups),
        )
    )


def compare_files(
    sides: Sides, tokenizer: Path | None = None, *, count: int = DEFAULT_COUNT, progress: Progress = silent
) -> dict[str, Any]:
    """The comparison in sentences and tables.

    Args:
        sides: of what.
        tokenizer: its folder; None to compare without tokens.
        count: differences and tokens that are listed, the clearest first.
        progress: is told of the steps.

    Raises:
        UsageError: if the sides cannot be told, or a condition names nothing.
        InputError: if a side has fewer than three draws, or a draw is on both.
        NamesDifferError: if the columns differ.
    """
    fitted = None if tokenizer is None else Tokenizer.from_pretrained(summary_folder(tokenizer))
    path = AGGREGATED if fitted is None else fitted.record_.dataset.get("feature_path", AGGREGATED)
    progress("compare", 0, 2)
    first, second = _sides(sides, path)
    progress("compare", 1, 2)
    found = compare(first.view, second.view, tokenizer=fitted)
    progress("compare", 2, 2)
    return told(found, first, second, count=count)


def told(found: Comparison, first: Side, second: Side, *, count: int) -> dict[str, Any]:
    """A comparison as the command line prints it."""
    clearest = found.differences[:count]
    return {
        "verdict": verdict(found),
        "sets": [
            {"set": number, "name": side.name, "draws": draws, "runs": len(side.view)}
            for number, side, draws in zip(("first", "second"), (first, second), found.num_draws, strict=True)
        ],
        "energy_distance": found.energy and found.energy.distance,
        "energy_p": found.energy and found.energy.p,
        "columns_tested": found.num_columns,
        "columns_that_differ": found.num_found,
        "columns_that_differ_uncorrelated": len(found.differences),
        "detectable_auc": found.detectable_auc,
        "differences": [{"difference": one.sentence(first.name, second.name)} for one in clearest],
        "columns": [
            {
                "column": one.column,
                "auc": one.auc,
                "first_median": one.first_median,
                "second_median": one.second_median,
                "unit": one.unit,
                "q": one.q,
                "correlated": list(one.correlated),
            }
            for one in clearest
        ],
        "tokens_that_occur": len(found.tokens),
        "tokens": [
            {
                "token": f"{one.category} {one.token}",
                "first": one.first,
                "second": one.second,
                "cohens_h": one.h,
                "low": one.low,
                "high": one.high,
                "q": one.q,
            }
            for one in found.tokens[:count]
        ],
    }


def verdict(found: Comparison) -> str:
    """What a comparison found, and what it could have found, in a sentence."""
    whole = "" if found.energy is None else f"as a whole they lie {_energy(found.energy.p)} (p {found.energy.p:.3g}); "
    groups = len(found.differences)
    clusters = f", {groups} where correlated ones count once" if found.num_found > 1 else ""
    power = (
        "no difference of a lone column could have been found with so few draws"
        if found.detectable_auc is None
        else f"a lone column is found with 80 % chance where it is larger in {found.detectable_auc:.0%} of pairs of draws or more"
    )
    return f"{whole}{found.num_found} of {found.num_columns} columns differ{clusters}; {power}."


def _energy(p: float) -> str:
    return "in different places" if p <= 0.05 else "where chance would put them"


def _sides(sides: Sides, feature_path: str) -> tuple[Side, Side]:
    views = [load_table(path, feature_path).table for path in sides.files]
    facts = [load_facts(path, view.ids) for path, view in zip(sides.files, views, strict=True)]
    kept = [_kept(view, known, sides.where) for view, known in zip(views, facts, strict=True)]
    if len(views) == 2:
        names = [path.stem for path in sides.files]
        names = [str(path) for path in sides.files] if names[0] == names[1] else names
        one, other = (
            Side(name, Selection(view, rows.nonzero().squeeze(1)))
            for name, view, rows in zip(names, views, kept, strict=True)
        )
        return one, other
    assert sides.by is not None
    (view,), (known,), (allowed,) = views, facts, kept
    names, halves = _halves(sides.by, known, allowed)
    groups = [{view.groups[row] for row in half.nonzero().squeeze(1).tolist()} for half in halves]
    both = groups[0] & groups[1]
    if both:
        raise InputError(
            f"--by {sides.by}: {len(both)} draws have rows on both sides, the first '{min(both)}'; draws are compared as wholes, so "
            "split by a system or a parameter."
        )
    one, other = (
        Side(name, Selection(view, half.nonzero().squeeze(1))) for name, half in zip(names, halves, strict=True)
    )
    return one, other


def _kept(view: View, facts: Facts, where: Sequence[str]) -> torch.Tensor:
    rows = torch.ones(len(view), dtype=torch.bool)
    for condition in where:
        rows &= chosen_rows(condition, facts).rows
    return rows


def _halves(by: str, facts: Facts, allowed: torch.Tensor) -> tuple[tuple[str, str], tuple[torch.Tensor, torch.Tensor]]:
    """Names of two sides and their rows: below and above the median of a parameter in each system, or by a condition."""
    if any(sign in by for sign in COMPARED):
        rows = chosen_rows(by, facts).rows
        return (by, f"not {by}"), (allowed & rows, allowed & ~rows)
    found = facts.of_parameter(by)
    if not found:
        raise UsageError(f"--by {by}: no parameter is called so. {did_you_mean(by, facts.names)}")
    below, above = np.zeros(len(allowed), dtype=bool), np.zeros(len(allowed), dtype=bool)
    for column, values in found:
        if column.choices:
            raise UsageError(
                f"--by {by}: {column.name} is one of {listed(column.choices)}; say which is compared with the others: --by {by}={column.choices[0]}."
            )
        rows = allowed.numpy() & np.isfinite(values)
        if rows.any():
            middle = np.median(values[rows])
            below |= rows & (values <= middle)
            above |= rows & (values > middle)
    return (f"low {by}", f"high {by}"), (torch.from_numpy(below), torch.from_numpy(above))
