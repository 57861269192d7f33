"""Which rows of a data set a condition means: by system, parameter, token or words."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.errors import UsageError, did_you_mean, listed
from spinlock.core.tokens import TokenTable
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.store.dataset_paths import ARRAYS
from spinlock.words.word import Word

COMPARED: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"\s*([^<>=]+?)\s*(<=|>=|<|>|=)\s*(.+?)\s*")


class Choice(NamedTuple):
    """The rows that a condition holds for, and the tokens whose definitions its words describe, if it is words."""

    rows: Bool[Tensor, " row"]
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Facts:
    """What a data set knows of rows beside their features.

    Attributes:
        words: "system" and "initial_condition" → of each row; without those that the file lacks.
        columns: of the parameters; none in a file without.
        values: physical; a choice as its number, NaN where a column belongs to another system.
    """

    words: Mapping[str, tuple[str, ...]]
    columns: tuple[ParameterColumn, ...]
    values: Float[np.ndarray, "row parameter"]

    @property
    def names(self) -> tuple[str, ...]:
        """All that a condition can be on: what is known in words, and parameters by their own names."""
        return (*self.words, *dict.fromkeys(column.parameter for column in self.columns))

    def of_parameter(self, name: str) -> list[tuple[ParameterColumn, Float[np.ndarray, " row"]]]:
        """The parameter columns of a name: `feed`, of every system that has one, or `gray_scott.feed`."""
        return [
            (column, self.values[:, place])
            for place, column in enumerate(self.columns)
            if name in (column.name, column.parameter)
        ]


def is_on_facts(condition: str, facts: Facts) -> bool:
    """Whether a condition is on what is known beside the features, so that no token is needed to judge it."""
    parts = _CONDITION.fullmatch(condition)
    return parts is not None and parts[1] in {*facts.names, *(column.name for column in facts.columns)}


def load_facts(path: Path, ids: Sequence[str]) -> Facts:
    """The facts of some rows of a data set, in their order."""
    with open_dataset(path) as dataset:
        place = {name: row for row, name in enumerate(dataset.view().ids)}
        rows = np.array([place[name] for name in ids])
        has = {
            name: dataset.file.kind(ARRAYS[name].path) is not None for name in ("system", "initial_condition", "params")
        }
        known = {"system": lambda: dataset.systems, "initial_condition": lambda: dataset.initial_conditions}
        words = {name: np.array(read())[rows] for name, read in known.items() if has[name]}
        table = dataset.parameters if has["params"] else None
    return Facts(
        words={name: tuple(entries.tolist()) for name, entries in words.items()},
        columns=() if table is None else table.columns,
        values=np.empty((len(rows), 0)) if table is None else table.values[rows],
    )


def chosen_rows(
    condition: str, facts: Facts, *, tokens: TokenTable | None = None, definitions: Sequence[Word] = ()
) -> Choice:
    """The rows that a condition holds for.

    It is one of `system=lenia,wave` (either), `feed>0.04`, `gray_scott.feed<=0.03`, `update=growth`, `temporal=12,13` (either coarse token of a
    category), or words, such as "settles after few units" or "settling time very low": then any coarse token of which its name, what is typical
    of it or a condition of its definition says all of these words.

    Args:
        condition: as it was typed.
        facts: of the rows.
        tokens: of the rows; without them no condition on tokens.
        definitions: of the coarse tokens; none where they have no words.

    Raises:
        UsageError: if it names nothing that is known.
    """
    parts = _CONDITION.fullmatch(condition)
    if parts is None:
        return _by_words(condition, tokens, definitions)
    name, sign, value = parts.groups()
    categories = () if tokens is None else tokens.category_names
    if tokens is not None and name in categories:
        return Choice(_by_token(name, sign, value, tokens))
    if name in facts.words:
        return Choice(_among(facts.words[name], name, sign, value))
    found = facts.of_parameter(name)
    if not found:
        known = (*facts.names, *categories)
        raise UsageError(
            f"'{condition}': nothing is called '{name}'. {did_you_mean(name, known) if known else 'No fact is known.'}"
        )
    rows = np.zeros(len(facts.values), dtype=bool)
    for column, values in found:
        rows |= _by_parameter(condition, column, values, sign, value)
    return Choice(torch.from_numpy(rows))


def _by_token(category: str, sign: str, value: str, tokens: TokenTable) -> Bool[Tensor, " row"]:
    place = tokens.category_names.index(category)
    size = int(tokens.codebook_sizes[place, 0])
    wanted = [part.strip() for part in value.split(",")]
    bad = [part for part in wanted if not part.isdecimal() or int(part) >= size]
    if sign != "=" or bad:
        raise UsageError(
            f"'{category}{sign}{value}': a coarse token of {category} is a number from 0 to {size - 1}, written {category}=3 or {category}=3,5."
        )
    return torch.isin(tokens.codes[:, place, 0].long(), torch.tensor(list(map(int, wanted))))


def _among(entries: Sequence[str], name: str, sign: str, value: str) -> Bool[Tensor, " row"]:
    known = dict.fromkeys(entries)
    wanted = {part.strip() for part in value.split(",")}
    if sign != "=":
        raise UsageError(f"'{name}{sign}{value}': {name} is a word; write {name}={value}.")
    for word in sorted(wanted - set(known)):
        raise UsageError(f"no row has {name} '{word}'. {did_you_mean(word, known)}")
    return torch.tensor([entry in wanted for entry in entries])


def _by_parameter(
    condition: str, column: ParameterColumn, values: Float[np.ndarray, " row"], sign: str, value: str
) -> Bool[np.ndarray, " row"]:
    if column.choices:
        wanted = [part.strip() for part in value.split(",")]
        unknown = [part for part in wanted if part not in column.choices]
        if sign != "=" or unknown:
            raise UsageError(
                f"'{condition}': {column.name} is one of {listed(column.choices)}, written {column.name}={column.choices[0]}."
            )
        return np.isin(values, [column.choices.index(part) for part in wanted])
    try:
        number = float(value)
    except ValueError:
        raise UsageError(f"'{condition}': {column.name} is a number; got '{value}'.") from None
    with np.errstate(invalid="ignore"):
        return COMPARED[sign](values, number)


def _by_words(text: str, tokens: TokenTable | None, definitions: Sequence[Word]) -> Choice:
    """The rows that carry a token which the words describe."""
    if tokens is None or not definitions:
        raise UsageError(
            f"'{text}' is neither name=value nor name<value, and the tokens have no words that it could mean; a tokenizer that was trained "
            "with model.coarse: words has."
        )
    wanted = _words_of(text)
    meant = [one for one in definitions if any(wanted <= _words_of(said) for said in _sayings(one))]
    if not meant or not wanted:
        raise UsageError(f"no word says '{text}'; `spinlock words` lists them, for example {definitions[0]}.")
    rows = torch.zeros(len(tokens), dtype=torch.bool)
    for one in meant:
        rows |= tokens.codes[:, tokens.category_names.index(one.category), 0] == one.token
    return Choice(rows, tuple(meant))


def _sayings(word: Word) -> tuple[str, ...]:
    """What is said of a token, each by itself: its name, what is typical, and its definition in phrases and in columns."""
    return (word.name, *word.title.split(", "), *word.meaning.split("; "), *map(str, word.conditions))


def _words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))
