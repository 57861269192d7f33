"""A run in one line of language: what its coarse tokens say, category by category."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.features.phrases import phrase_of
from spinlock.vqvae.vocabulary import Condition
from spinlock.vqvae.word_tree import LEVELS
from spinlock.words.traits import SIDES
from spinlock.words.word import MOST_TRAITS, Word, called, said_together, sharpest

ENDS = tuple((LEVELS[first], LEVELS[last]) for first, last in SIDES)
"""Levels that say that something is low or high."""


def sentences(words: Sequence[Word], tokens: TokenTable, table: FeatureTable | None = None) -> tuple[str, ...]:
    """One line a row: "Rhythm: weak trend, late amplitude steady. Influence: …".

    Without columns, what is typical of the words of a row. Of a row whose columns are given, only what is true of it is told: the
    traits of its word; where these say of nothing that it is low or high, what any word of the category says that is and that
    the row has; and where there is nothing of that kind either, the sharpest of what its word says exactly. Which way a mean goes
    is not told where the realizations do not agree on it.

    Args:
        words: every coarse token of the tokenizer.
        tokens: of the rows.
        table: the rows' columns.
    """
    known = {(word.category, word.token): word for word in words}
    if table is None:
        return tuple(
            _sentence(
                (word, word.traits or sharpest(word.conditions)[:MOST_TRAITS]) for word in _present(known, tokens, row)
            )
            for row in range(len(tokens))
        )
    ends = {name: _ends(words, name) for name in tokens.category_names}
    places = {name: place for place, name in enumerate(table.names)}
    found = []
    for row, numbers in enumerate(table.values.tolist()):
        values = {name: numbers[place] for name, place in places.items()}
        found.append(
            _sentence((word, _true(word, ends[word.category], values)) for word in _present(known, tokens, row))
        )
    return tuple(found)


def _present(known: Mapping[tuple[str, int], Word], tokens: TokenTable, row: int) -> Iterator[Word]:
    for name, code in zip(tokens.category_names, tokens.codes[row, :, 0].tolist(), strict=True):
        if code != MISSING:
            yield known[name, code]


def _sentence(parts: Iterable[tuple[Word, Sequence[Condition]]]) -> str:
    clauses = []
    for word, conditions in parts:
        said = said_together(conditions)
        clauses.append(f"{called(word.category)}: {f'{word.name} ({said})' if word.name else said}.")
    return " ".join(clauses)


def _is_end(condition: Condition) -> bool:
    """Whether it says that something is low or high."""
    return condition.levels in ENDS


def _ends(words: Iterable[Word], category: str) -> tuple[Condition, ...]:
    """What words of a category say that is low or high, sharpest first."""
    said = [one for word in words if word.category == category for one in (*word.traits, *word.conditions)]
    return sharpest(dict.fromkeys(replace(one, may_be_undefined=False) for one in said if _is_end(one)))


def _true(word: Word, ends: Sequence[Condition], values: Mapping[str, float]) -> list[Condition]:
    """What a sentence says of a row by its word."""
    own = [one for one in word.traits if one.holds(values[one.column]) and not _contradicted(one, values)]
    if any(map(_is_end, own)):
        return own
    columns: dict[str, Condition] = {}
    for one in ends:
        if one.holds(values[one.column]) and not _contradicted(one, values):
            columns.setdefault(one.column, one)
    exact = own or [one for one in sharpest(word.conditions) if not _contradicted(one, values)]
    said = [*columns.values()] or [_as_it_is(one, values[one.column]) for one in exact]
    return said[:MOST_TRAITS]


def _contradicted(condition: Condition, values: Mapping[str, float]) -> bool:
    """Whether it says a direction of a mean that its realizations do not agree on: their spread is at least as large as it.

    Of two realizations that is where their signs differ. A row without the spread is one run, and agrees with itself.
    """
    feature = condition.column.removesuffix("__mean")
    spread = values.get(f"{feature}__std", 0.0)
    return phrase_of(condition.column).signed and spread > 0 and spread >= abs(values[condition.column])


def _as_it_is(condition: Condition, value: float) -> Condition:
    """What a condition that holds says of a value: that it is at these levels, or that there is none."""
    if math.isnan(value):
        return replace(condition, above=None, at_most=None, levels=None)
    return replace(condition, may_be_undefined=False)
