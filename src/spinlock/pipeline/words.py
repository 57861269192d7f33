"""`spinlock words`: the dictionary of a tokenizer, measured on a data set, and its rows in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.plain import to_plain
from spinlock.core.threads import one_thread
from spinlock.core.tokens import TokenTable
from spinlock.core.views import View, in_memory, thinned
from spinlock.core.windows import FACTS
from spinlock.metrics.enrichment import EnrichedParameter, EnrichedSystem, enriched_parameters, enriched_systems
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.realizations import load_halves
from spinlock.pipeline.tables import LoadedTable
from spinlock.pipeline.tokenizers import is_own_data, judged_split, load_rows, own_rows, summary_folder
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS
from spinlock.store.outputs import locked
from spinlock.store.shipped import VOCABULARIES, shipped
from spinlock.store.summary import WORD_NAMES, summarize
from spinlock.store.token_file import load_tokens
from spinlock.store.word_names import save_word_names
from spinlock.training.estimator import Tokenizer
from spinlock.training.fit import MOST_RUNS
from spinlock.training.split import split_by_group
from spinlock.words.along import told_along
from spinlock.words.sentence import sentences
from spinlock.words.word import Word, WordFigures

HELD_OUT = 0.3
"""Share of the draws of a data set that the tokenizer was not fitted to by which enrichment is checked."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dictionary:
    """Every coarse token, and what was measured.

    Attributes:
        words: with figures; `num_rows` and `out_of` of all rows, the rest of those that `judged` names.
        judged: the rows that titles, definitions and agreement were measured on, in words.
        systems, parameters: where tokens are at home; categories by number.
        sentences: id → sentence of every row; none without rows.
        table: the rows; None where there are none, or tokens alone.
        tokens: of the rows.
    """

    words: tuple[Word, ...]
    judged: str
    systems: tuple[EnrichedSystem, ...] = ()
    parameters: tuple[EnrichedParameter, ...] = ()
    sentences: dict[str, str]
    table: FeatureTable | None = None
    tokens: TokenTable | None = None

    def homes(self, category: int, token: int) -> tuple[tuple[EnrichedSystem, ...], tuple[EnrichedParameter, ...]]:
        """Systems and parameters that one word is at home in."""
        systems = tuple(one for one in self.systems if (one.category, one.token) == (category, token))
        return systems, tuple(one for one in self.parameters if (one.category, one.token) == (category, token))


@one_thread()
def words(
    tokenizer: Path,
    source: Path | None = None,
    *,
    names: Sequence[tuple[str, int, str]] = (),
    progress: Progress = silent,
) -> Dictionary:
    """The dictionary of a tokenizer, as it was on training rows or measured on a data set, with a sentence for every row.

    Args:
        tokenizer: a tokenizer's folder.
        source: a data-set file with the tokenizer's columns, or a file of its tokens.
        names: category, token and name of words that are named first; "" takes a name away.
        progress: is told of the steps.

    Raises:
        InputError: if there is no such word, a name is refused, or the file is neither a data set nor tokens of this tokenizer.
        NamesDifferError: if the data set has other columns.
    """
    tokenizer = summary_folder(tokenizer)
    fitted = Tokenizer.from_pretrained(tokenizer)
    if names:
        check_may_be_named(tokenizer)
        for category, token, name in names:
            fitted.name_word(category, token, name)
        with locked(tokenizer / WORD_NAMES):
            save_word_names(fitted.word_names_, tokenizer)
    if source is None:
        return Dictionary(words=fitted.words(), judged="training rows", sentences={})
    progress("words", 0, 2)
    kind = summarize(source)["kind"]
    if kind == "tokens":
        found = _of_tokens(fitted, load_tokens(source))
    elif kind == "data set":
        found = described(fitted, load_rows(source, fitted.record_))
    else:
        raise InputError(f"{source} is {kind}; words need a data set, or the tokens of one.")
    progress("words", 2, 2)
    return found


def check_may_be_named(tokenizer: Path) -> None:
    """Refuses names for a vocabulary that comes with the package.

    Raises:
        UsageError: with what to do instead.
    """
    for name in VOCABULARIES:
        if tokenizer.resolve() == shipped("vocabularies", name).resolve():
            raise UsageError(
                f"{name} comes with spinlock and is everybody's, so its words have no names of yours; save a copy by "
                f'spinlock.Tokenizer.from_pretrained("{name}").save_pretrained("mine") and name its words.'
            )


def described(fitted: Tokenizer, loaded: LoadedTable) -> Dictionary:
    """The dictionary measured on a data set, and every row in a sentence.

    Titles and agreement are judged by rows that the tokenizer was not fitted to, where the data set is its own and has such rows.

    Args:
        fitted: the tokenizer.
        loaded: the data set.
    """
    table = in_memory(loaded.table)
    tokens = fitted.encode(table)
    own = own_rows(loaded, fitted.record_) if is_own_data(loaded, fitted.record_) else {}
    judged = judged_split(own, whose=str(loaded.path)) if {"test", "validation"} & own.keys() else ""
    halves = load_halves(loaded.path, loaded.table)

    def of_rows(rows: View) -> tuple[Word, ...]:
        few = thinned(rows, MOST_RUNS // 2, fitted.record_.seed)
        return fitted.words(rows, runs=halves and halves.runs(tuple(few.ids)))

    # Traits that training did not choose are chosen by the rows it was fitted to, and kept.
    words = of_rows(own["train"] if judged else table)
    if judged:
        words = fitted.words(own[judged], runs=halves and halves.runs(tuple(own[judged].ids)), known=words)
    systems, parameters = _enriched(
        loaded, tokens, None if not judged else set(own[judged].groups), fitted.record_.seed
    )
    return Dictionary(
        words=_counted(words, tokens),
        judged=f"{len(own[judged])} {judged} rows" if judged else f"{len(table)} rows",
        systems=systems,
        parameters=parameters,
        sentences=dict(zip(tokens.ids, sentences(words, tokens, table), strict=True)),
        table=table,
        tokens=tokens,
    )


def _of_tokens(fitted: Tokenizer, tokens: TokenTable) -> Dictionary:
    """What tokens alone say: how frequent words are, and what is typical of them; of windows, a sentence a run."""
    known = fitted.words()
    fitted.tokenizer_.check_tokens(tokens)
    return Dictionary(
        words=_counted(known, tokens),
        judged="training rows",
        sentences=(
            told_along(known, tokens)
            if tokens.facts.keys() >= set(FACTS)
            else dict(zip(tokens.ids, fitted.describe(tokens, known), strict=True))
        ),
        tokens=tokens,
    )


def _counted(words: Sequence[Word], tokens: TokenTable) -> tuple[Word, ...]:
    """Words with their number of rows among these."""
    found, places = [], {name: place for place, name in enumerate(tokens.category_names)}
    for word in words:
        codes = tokens.codes[:, places[word.category], 0]
        counts = {"num_rows": int((codes == word.token).sum()), "out_of": int((codes >= 0).sum())}
        found.append(replace(word, figures=replace(word.figures or WordFigures(**counts), **counts)))
    return tuple(found)


def _enriched(
    loaded: LoadedTable, tokens: TokenTable, held_out: set[str] | None, seed: int
) -> tuple[tuple[EnrichedSystem, ...], tuple[EnrichedParameter, ...]]:
    """Systems and parameters in which tokens are at home, by one row of every draw; none in a file without systems.

    Args:
        loaded: the data set.
        tokens: of its rows.
        held_out: draws to confirm by; chosen by chance when not given.
        seed: of that choice.
    """
    with open_dataset(loaded.path) as dataset:
        if dataset.file.kind(ARRAYS["system"].path) is None or len(set(dataset.systems)) < 1:
            return (), ()
        place = {name: row for row, name in enumerate(dataset.view(loaded.feature_path).ids)}
        first = {group: row for row, group in reversed(list(enumerate(tokens.groups)))}
        rows = sorted(first.values())
        samples = [place[tokens.ids[row]] for row in rows]
        systems = [dataset.systems[sample] for sample in samples]
        parameters = {}
        if dataset.file.kind(ARRAYS["params"].path) is not None:
            table = dataset.parameters
            for column, values in zip(table.columns, table.values[samples].T.astype(np.float64), strict=True):
                if column.system and not column.choices:
                    parameters[column.system, column.parameter] = values
    groups = [tokens.groups[row] for row in rows]
    if held_out is None:
        few = len(groups) < 4
        chosen = [] if few else split_by_group(groups, fractions=(1 - HELD_OUT, 0.0, HELD_OUT), seed=seed).test.tolist()
        held_out = {groups[row] for row in chosen}
    confirming = np.array([group in held_out for group in groups], dtype=bool)
    codes = tokens.codes[rows, :, 0].numpy()
    return (
        enriched_systems(codes, systems, held_out=confirming) if len(set(systems)) > 1 else (),
        enriched_parameters(codes, parameters, held_out=confirming),
    )


def as_record(found: Dictionary) -> dict[str, Any]:
    """The dictionary as plain values, fit for JSON."""
    places = {name: place for place, name in enumerate(dict.fromkeys(word.category for word in found.words))}
    entries = []
    for word in found.words:
        systems, parameters = found.homes(places[word.category], word.token)
        figures = word.figures
        entries.append(
            {
                "category": word.category,
                "token": word.token,
                "name": word.name,
                "typically": word.title,
                "means_exactly": word.meaning if word.definition else None,
                "traits": to_plain(word.traits),
                "conditions": to_plain(word.conditions) if word.definition else None,
                **({} if figures is None else {"share": figures.share, **to_plain(figures)}),
                "systems": [_without_place(one) for one in systems],
                "parameters": [_without_place(one) for one in parameters],
            }
        )
    return {"judged": found.judged, "words": entries, "sentences": found.sentences}


def _without_place(found: EnrichedSystem | EnrichedParameter) -> dict[str, Any]:
    kept = {name: value for name, value in to_plain(found).items() if name not in ("category", "token")}
    return kept | {"is_confirmed": found.is_confirmed}
