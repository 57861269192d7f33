"""A run in one line of language: what its coarse tokens say, category by category."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.vqvae.vocabulary import Condition
from spinlock.words.word import MOST_TRAITS, Word, called, said_together, sharpest


def sentences(words: Sequence[Word], tokens: TokenTable, table: FeatureTable | None = None) -> tuple[str, ...]:
    """One line a row: "Rhythm: short memory, amplitude settles early. Influence: …".

    Of a row whose columns are given, only those traits of its words are told that are true of it, and the sharpest of what the
    word says exactly where none is. Without columns, what is typical of its words.

    Args:
        words: every coarse token of the tokenizer.
        tokens: of the rows.
        table: the rows' columns.
    """
    known = {(word.category, word.token): word for word in words}
    places = {} if table is None else {name: place for place, name in enumerate(table.names)}
    rows = [None] * len(tokens) if table is None else table.values.tolist()
    return tuple(
        _sentence(
            [known[name, code] for name, code in zip(tokens.category_names, codes, strict=True) if code != MISSING],
            None if row is None else {name: row[place] for name, place in places.items()},
        )
        for codes, row in zip(tokens.codes[:, :, 0].tolist(), rows, strict=True)
    )


def _sentence(words: Sequence[Word], values: Mapping[str, float] | None) -> str:
    return " ".join(f"{called(word.category)}: {_said(word, values)}." for word in words)


def _said(word: Word, values: Mapping[str, float] | None) -> str:
    traits: Sequence[Condition] = word.traits
    if values is not None:
        traits = [one for one in traits if one.holds(values[one.column])]
    traits = traits or sharpest(word.conditions)[:MOST_TRAITS]
    if values is not None:
        traits = [_as_it_is(one, values[one.column]) for one in traits]
    said = said_together(traits)
    return f"{word.name} ({said})" if word.name else said


def _as_it_is(condition: Condition, value: float) -> Condition:
    """What a condition that holds says of a value: that it is at these levels, or that there is none."""
    if math.isnan(value):
        return replace(condition, above=None, at_most=None, levels=None)
    return replace(condition, may_be_undefined=False)
