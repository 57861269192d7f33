"""Which traits are typical of a coarse token: what most of its rows have and few others, and what comes again at a replicate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import numbered, partners
from spinlock.vqvae.tokenizer import FittedTokenizer
from spinlock.vqvae.vocabulary import Condition, condition, level_edges
from spinlock.vqvae.word_tree import SHARES, UNDEFINED
from spinlock.words.word import MOST_TRAITS, Word, sharpest

SIDES = ((0, 0), (0, 1), (3, 4), (4, 4))
"""Levels that make a trait: very low, low, high, very high."""
LEAST_HOLDS = 2 / 3
"""Share of a token's rows that a title must be true of to be called typical."""
MOST_ALIKE = 0.75
"""Correlation from which on two columns say the same."""
RELIABILITY_POWER = 2
"""Of a column's correlation between replicates, by which traits are weighed."""
MOST_TRIED = 12
"""Second traits that are tried to call two words of a category differently."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Candidates:
    """Traits of one category, and the rows that have them.

    Attributes:
        holds: whether a row has a trait.
        weights: of each, by its column's reliability.
        alike: |correlation| of the columns of two traits.
        conditions: the traits.
    """

    holds: Bool[np.ndarray, "row trait"]
    weights: Float[np.ndarray, " trait"]
    alike: Float[np.ndarray, "trait trait"]
    conditions: tuple[Condition, ...]


def with_traits(
    words: Iterable[Word], tokenizer: FittedTokenizer, table: FeatureTable, codes: Int[torch.Tensor, "sample category"]
) -> tuple[Word, ...]:
    """Words with at most two typical traits each, chosen greedily for the F1 of "has them" as a detector of the word.

    A trait is a column at one end of its range. Columns that say the same give one trait; a word that would be called like a
    more frequent one of its category takes another second trait, where there is one. Where nothing is typical of a word, it has none.

    Args:
        words: every coarse token.
        tokenizer: whose words they are.
        table: rows; those of one group are replicates, which tell what is reliable.
        codes: coarse tokens of the rows.
    """
    words, edges = tuple(words), column_edges(tokenizer, table)
    levels = levels_of(table.values.double().numpy(), edges)
    partner = partners(numbered(table.groups)).numpy()
    found: dict[tuple[str, int], Word] = {}
    for category, (name, columns) in enumerate(tokenizer.category_map.group_indices.items()):
        token = codes[:, category].numpy()
        rows, chosen = np.flatnonzero(token >= 0), _of_runs(tokenizer, columns)
        other = levels[partner[rows]][:, chosen]
        candidates = _candidates(
            levels[rows][:, chosen],
            None if (partner == np.arange(len(partner))).all() else other,
            [
                [condition(tokenizer.registry.specs[column], edges[column].tolist(), levels=side) for side in SIDES]
                for column in chosen
            ],
        )
        own = [word for word in words if word.category == name]
        titles: set[str] = set()
        for word in sorted(own, key=lambda word: (-int((token == word.token).sum()), word.token)):
            has_word = token[rows] == word.token
            exact = _typical(word, table.rows(rows[has_word]))
            tried = [replace(word, traits=traits) for traits in _choices(candidates, has_word, exact)]
            best = next((one for one in tried if one.title not in titles), tried[0])
            titles.add(best.title)
            found[name, word.token] = best
    return tuple(found[word.category, word.token] for word in words)


def typical_first(
    words: Iterable[Word], tokenizer: FittedTokenizer, table: FeatureTable, codes: Int[torch.Tensor, "sample category"]
) -> tuple[Int[np.ndarray, " row"], ...]:
    """The rows of each word, the most typical first: by the distance of their category's levels to the mean of the word's rows."""
    levels = levels_of(table.values.double().numpy(), column_edges(tokenizer, table)).astype(np.float64)
    levels[levels == UNDEFINED] = np.nan
    groups = tokenizer.category_map.group_indices
    places, found = {name: place for place, name in enumerate(groups)}, []
    for word in words:
        rows = np.flatnonzero((codes[:, places[word.category]] == word.token).numpy())
        own = levels[rows][:, _of_runs(tokenizer, groups[word.category])]
        own = np.where(np.isnan(own), 2.0, own)
        distance = np.square(own - own.mean(axis=0)).sum(axis=1) if len(rows) else own.sum(axis=1)
        found.append(rows[np.lexsort((rows, ~keeps(word.traits, table.rows(rows)), distance.round(9)))])
    return tuple(found)


def keeps(conditions: Iterable[Condition], table: FeatureTable) -> Bool[np.ndarray, " row"]:
    """The rows that keep every condition: `Condition.holds`, for all of them."""
    kept = np.ones(len(table), dtype=bool)
    for one in conditions:
        values = table.values[:, table.names.index(one.column)].double().numpy()
        low = -np.inf if one.above is None else one.above
        high = np.inf if one.at_most is None else one.at_most
        within = (values > low) & (values <= high) & (one.levels is not None)
        kept &= np.where(np.isnan(values), one.may_be_undefined, within)
    return kept


def column_edges(tokenizer: FittedTokenizer, table: FeatureTable) -> Float[np.ndarray, "column edge"]:
    """Values between the levels of every column: those of the tokenizer's words or, without words, quantiles of the rows."""
    if tokenizer.words is not None:
        return level_edges(tokenizer.words, normalizer=tokenizer.normalizer).numpy()
    edges = np.full((len(table.registry), len(SHARES)), np.inf)
    for column, values in enumerate(table.values.double().numpy().T):
        present = np.sort(values[~np.isnan(values)])
        for number, share in enumerate(SHARES if len(present) else ()):
            at = present[int(share * (len(present) - 1))]
            above = present[np.searchsorted(present, at, side="right") :]
            edges[column, number] = (at + above[0]) / 2 if len(above) else np.inf
    return edges


def levels_of(
    values: Float[np.ndarray, "row column"], edges: Float[np.ndarray, "column edge"]
) -> Int[np.ndarray, "row column"]:
    """Number of edges below each value; `UNDEFINED` for NaN."""
    below = sum((values > edge).astype(np.int64) for edge in edges.T)
    return np.where(np.isnan(values), UNDEFINED, below)


def _of_runs(tokenizer: FittedTokenizer, columns: tuple[int, ...]) -> list[int]:
    """The columns that a single run has; all where it has none."""
    return [column for column in columns if tokenizer.registry.specs[column].is_of_a_run] or list(columns)


def _candidates(
    levels: Int[np.ndarray, "row column"],
    other: Int[np.ndarray, "row column"] | None,
    conditions: list[list[Condition]],
) -> _Candidates:
    """Traits of columns.

    Args:
        levels: of the rows.
        other: of a replicate of each row; None where no row has one.
        conditions: of each column, side by side.
    """
    flat = np.where(levels == UNDEFINED, 2, levels).astype(float)
    flat -= flat.mean(axis=0)
    scale = np.sqrt(np.square(flat).sum(axis=0)).clip(1e-12)
    reliable = np.ones(flat.shape[1]) if other is None else _correlations(levels, other)
    return _Candidates(
        holds=np.stack([(levels >= low) & (levels <= high) for low, high in SIDES], axis=2).reshape(len(levels), -1),
        weights=(reliable.clip(0.0) ** RELIABILITY_POWER).repeat(len(SIDES)),
        alike=np.abs((flat / scale).T @ (flat / scale)).repeat(len(SIDES), axis=0).repeat(len(SIDES), axis=1),
        conditions=tuple(one for of_column in conditions for one in of_column),
    )


def _correlations(
    levels: Int[np.ndarray, "row column"], other: Int[np.ndarray, "row column"]
) -> Float[np.ndarray, " column"]:
    """Correlation of each column between rows and their replicates, over pairs that both have it."""
    both = (levels != UNDEFINED) & (other != UNDEFINED)
    count = both.sum(axis=0).clip(1)
    one, two = (np.where(both, part - (part * both).sum(axis=0) / count, 0.0) for part in (levels, other))
    scale = np.sqrt(np.square(one).sum(axis=0) * np.square(two).sum(axis=0))
    return (one * two).sum(axis=0) / scale.clip(1e-12)


def _typical(word: Word, rows: FeatureTable) -> tuple[Condition, ...]:
    """What the definition says, sharpest first, and that of most rows of the word: of each column that it has a value or that it has none."""
    found = []
    for one in sharpest(word.conditions):
        said = [replace(one, may_be_undefined=False)]
        if one.may_be_undefined:
            said.append(replace(one, above=None, at_most=None, levels=None))
        found += [part for part in said if len(rows) and keeps([part], rows).mean() >= LEAST_HOLDS]
    return tuple(found) if len(rows) else word.conditions


def _choices(
    candidates: _Candidates, has_word: Bool[np.ndarray, " row"], exact: tuple[Condition, ...]
) -> Iterator[tuple[Condition, ...]]:
    """Traits of a word, best first; at least one choice, which may have none.

    Args:
        candidates: of its category.
        has_word: the rows that have it.
        exact: what its definition says that is typical, for where nothing else is.
    """
    holds, conditions = candidates.holds, candidates.conditions
    count = int(has_word.sum())
    typical = holds[has_word].mean(axis=0) >= LEAST_HOLDS if count else np.zeros(len(conditions), dtype=bool)
    scores = np.where(typical, candidates.weights * _f1(holds, has_word), 0.0)
    if not scores.size or scores.max() <= 0:
        yield exact[:MOST_TRAITS]
        return
    first = int(scores.argmax())
    together = holds & holds[:, [first]]
    both = _f1(together, has_word)
    typical &= together[has_word].mean(axis=0) >= LEAST_HOLDS
    seconds = np.where(typical & (candidates.alike[first] < MOST_ALIKE), candidates.weights * both, 0.0)
    better = both > both[first]
    ranked = np.lexsort((-seconds, ~better))[:MOST_TRIED]
    if not (better & (seconds > 0)).any():
        yield (conditions[first],)
    for second in ranked.tolist():
        if seconds[second] > 0:
            yield conditions[first], conditions[second]
    for more in exact[:MOST_TRAITS]:
        if more.column != conditions[first].column:
            yield conditions[first], more
    yield from combinations(exact, MOST_TRAITS)


def _f1(holds: Bool[np.ndarray, "row trait"], has_word: Bool[np.ndarray, " row"]) -> Float[np.ndarray, " trait"]:
    """Of every trait as a detector of the word: 2 |both| / (|trait| + |word|)."""
    both = holds[has_word].sum(axis=0)
    return 2 * both / (holds.sum(axis=0) + has_word.sum()).clip(1)
