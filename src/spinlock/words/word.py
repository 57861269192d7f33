"""A coarse token as an entry of a dictionary: what it typically means, what it means exactly, and how far that holds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from spinlock.core.plain import from_plain, to_plain
from spinlock.features.phrases import phrase_of
from spinlock.vqvae.tokenizer import FittedTokenizer
from spinlock.vqvae.vocabulary import Condition, Definition
from spinlock.vqvae.word_tree import LEVELS, SHARES

NOUNS = {
    "temporal": "Rhythm",
    "causality": "Influence",
    "invariant_drift": "Balance",
    "operator_sensitivity": "Response",
    "nonlinear": "Predictability",
    "integrated": "Field",
    "spatial": "Shape",
    "spectral": "Scales",
    "trend": "Course",
    "unrest": "Unrest",
}
"""Category → what a sentence calls it."""

NOTHING_TYPICAL = "nothing in particular"
MOST_TRAITS = 2
"""Of a title, and of a word in a sentence."""
LEAST_REPEATED = 2
"""Words at the beginning of two phrases that are said once."""
_EDGES = (0.0, *SHARES, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class WordFigures:
    """How far a word's title and definition can be trusted, on some rows.

    Attributes:
        num_rows: with the word.
        out_of: rows that have its category.
        title_holds: share of its rows of which the title is true.
        title_f1: of the title as a detector of the word.
        definition_f1: of the definition as one; None where there is none.
        agreement: of another run of the draw, that it has the word too where one run has; None without replicates.
        num_pairs: of runs, that this was measured by.
    """

    num_rows: int
    out_of: int
    title_holds: float | None = None
    title_f1: float | None = None
    definition_f1: float | None = None
    agreement: float | None = None
    num_pairs: int = 0

    @property
    def share(self) -> float:
        """Of the rows that have its category."""
        return self.num_rows / self.out_of if self.out_of else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A coarse token in language.

    Attributes:
        category, token: whose word it is, and its code.
        definition: the exact one; None where coarse tokens come from a codebook.
        traits: at most two that most of its rows have and few others; none where nobody looked, or found any.
        figures: of the rows that they were measured on; None where nobody measured.
        name: that a user gave it; "" without.
    """

    category: str
    token: int
    definition: Definition | None = None
    traits: tuple[Condition, ...] = ()
    figures: WordFigures | None = None
    name: str = ""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Of the definition; none where there is none."""
        return self.definition.conditions if self.definition else ()

    @property
    def title(self) -> str:
        """What is typical of it: said of most of its runs, not of all."""
        return said_together(self.traits)

    @property
    def meaning(self) -> str:
        """What it means exactly; "" where nothing says so."""
        if self.definition is None:
            return ""
        return "; ".join(map(phrase, self.conditions)) or "every run"

    def __str__(self) -> str:
        named = f" “{self.name}”" if self.name else ""
        exactly = f"; means exactly: {self.meaning}" if self.definition else ""
        return f"{self.category} {self.token}{named}: typically {self.title}{exactly}"


def phrase(condition: Condition) -> str:
    """What a condition says of a run, in words: "weak trend", "influence between channels not high, or one channel"."""
    own = phrase_of(condition.column)
    if condition.levels is None:
        return own.missing
    first, last = map(LEVELS.index, condition.levels)
    said = own.of_levels(first, last, lowest=condition.above, highest=condition.at_most)
    return f"{said}, or {own.missing}" if condition.may_be_undefined and own.missing else said


def called(category: str) -> str:
    """What a sentence calls a category."""
    spelled = category.replace("_", " ")
    return NOUNS.get(category, f"{spelled[:1].upper()}{spelled[1:]}")


def said_together(conditions: Iterable[Condition]) -> str:
    """Conditions in words, what a second one repeats left out: "energy falls much and fast"."""
    said: list[str] = []
    for text in map(phrase, conditions):
        before, own = said[-1].split() if said else [], text.split()
        same = next((place for place, pair in enumerate(zip(before, own, strict=False)) if pair[0] != pair[1]), 0)
        if same >= LEAST_REPEATED and "or" not in before:
            said[-1] += f" and {' '.join(own[same:])}"
        else:
            said.append(text)
    return ", ".join(said) or NOTHING_TYPICAL


def sharpest(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Conditions in the order of how few runs keep them."""

    def share(condition: Condition) -> float:
        if condition.levels is None:
            return 0.0
        first, last = map(LEVELS.index, condition.levels)
        return _EDGES[last + 1] - _EDGES[first]

    return tuple(sorted(conditions, key=share))


def words_of(tokenizer: FittedTokenizer, measured: Iterable[Word] = ()) -> tuple[Word, ...]:
    """Every coarse token of a tokenizer with its definition, and the traits and figures that were measured."""
    exact = {(one.category, one.token): one for one in tokenizer.definitions}
    known = {(one.category, one.token): one for one in measured}
    found = []
    for category, size in zip(tokenizer.category_map.categories, tokenizer.codebook_sizes[:, 0].tolist(), strict=True):
        for token in range(size):
            word = known.get((category, token), Word(category=category, token=token))
            found.append(replace(word, definition=exact.get((category, token))))
    return tuple(found)


def to_record(words: Iterable[Word]) -> list[dict[str, Any]]:
    """Traits and figures, fit for JSON; definitions are the tokenizer's own, and names are kept elsewhere."""
    return [
        {name: value for name, value in to_plain(word).items() if name not in ("definition", "name")} for word in words
    ]


def from_record(stored: object) -> tuple[Word, ...]:
    """Words that `to_record` gave, without definitions.

    Raises:
        InputError: if it is something else.
    """
    return from_plain(tuple[Word, ...], stored)
