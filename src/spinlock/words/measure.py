"""How far words can be trusted: their titles and definitions held against rows, and against replicates."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import numbered
from spinlock.vqvae.tokenizer import FittedTokenizer
from spinlock.words.traits import keeps, with_traits
from spinlock.words.word import Word, WordFigures, words_of


def measured_words(
    tokenizer: FittedTokenizer, table: FeatureTable, *, runs: FeatureTable | None = None, known: Iterable[Word] = ()
) -> tuple[Word, ...]:
    """Every coarse token with its traits, and what they are worth on some rows.

    Args:
        tokenizer: whose tokens they are.
        table: the rows.
        runs: single realizations of the same draws, told by `groups`; the rows themselves are compared when not given.
        known: words whose traits are kept; chosen by `table` for those without.
    """
    codes = tokenizer.coarse_codes(table)
    words = words_of(tokenizer, known)
    if not any(word.traits for word in words):
        words = with_traits(words, tokenizer, table, codes)
    agreements = _agreements(tokenizer, *((table, codes) if runs is None else (runs, tokenizer.coarse_codes(runs))))
    places = {name: place for place, name in enumerate(tokenizer.category_map.categories)}
    found = []
    for word in words:
        token = codes[:, places[word.category]].numpy()
        has_word = token == word.token
        title = keeps(word.traits, table)
        exact = keeps(word.conditions, table) & (token >= 0)
        agreement, num_pairs = agreements[word.category, word.token]
        figures = WordFigures(
            num_rows=int(has_word.sum()),
            out_of=int((token >= 0).sum()),
            title_holds=float(title[has_word].mean()) if word.traits and has_word.any() else None,
            title_f1=_f1(title & (token >= 0), has_word) if word.traits else None,
            definition_f1=_f1(exact, has_word) if word.definition else None,
            agreement=agreement,
            num_pairs=num_pairs,
        )
        found.append(replace(word, figures=figures))
    return tuple(found)


def _f1(found: Bool[np.ndarray, " row"], wanted: Bool[np.ndarray, " row"]) -> float | None:
    """None where there is neither."""
    total = int(found.sum() + wanted.sum())
    return 2 * int((found & wanted).sum()) / total if total else None


def _agreements(
    tokenizer: FittedTokenizer, table: FeatureTable, codes: Int[Tensor, "row category"]
) -> dict[tuple[str, int], tuple[float | None, int]]:
    """Of every word, how often another row of a draw has it where one has, and by how many pairs that is known."""
    groups = numbered(table.groups).numpy()
    sizes = tokenizer.codebook_sizes[:, 0].tolist()
    found = {}
    for place, name in enumerate(tokenizer.category_map.categories):
        token = codes[:, place].numpy()
        counts = np.zeros((groups.max() + 1, sizes[place]), dtype=np.int64)
        np.add.at(counts, (groups[token >= 0], token[token >= 0]), 1)
        others = counts.sum(axis=1, keepdims=True) - 1
        pairs, same = (counts * others).sum(axis=0), (counts * (counts - 1)).sum(axis=0)
        for code in range(sizes[place]):
            found[name, code] = (float(same[code] / pairs[code]) if pairs[code] else None, int(pairs[code]))
    return found
