"""Rollouts to look at: the card of every coarse token with runs that carry it, and a sheet of everything."""

from collections.abc import Iterator
from operator import itemgetter

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from spinlock.core.rollout import Rollout
from spinlock.core.tokens import TokenTable
from spinlock.features.phrases import phrase_of
from spinlock.metrics.enrichment import EnrichedParameter
from spinlock.pipeline.words import Dictionary
from spinlock.plots.cards import NUM_BINS, GalleryToken, Range, RunCard, Spread, anchor_of
from spinlock.plots.marks import readable
from spinlock.plots.rollouts import GalleryRollout
from spinlock.questions.search import BehaviourIndex
from spinlock.store.dataset import Dataset
from spinlock.training.estimator import Tokenizer
from spinlock.words.traits import typical_first
from spinlock.words.word import Word, called

ROLLOUTS_A_TOKEN = 6
MOST_ROLLOUTS = 200
"""On all cards together: with more tokens each shows fewer, with more than these the rarest none."""
ROLLOUTS_A_SYSTEM = 2
MOST_RUNS_SHOWN = 24
LARGEST_PICTURE = 64
"""Cells along a side that are shown of a large grid."""
MOST_SPREADS, MOST_SYSTEMS, MOST_PARAMETERS, MOST_CHILDREN = 3, 4, 3, 6
"""Of a card."""
RANGE = (0.1, 0.9)
"""Quantiles between which a parameter is said to lie."""


def token_cards(fitted: Tokenizer, found: Dictionary, dataset: Dataset) -> tuple[GalleryToken, ...]:
    """The card of every coarse token: what it means, how far that holds, where it is at home, and runs that carry it.

    The first run is the most typical one: the levels of its category's columns lie nearest to what its token's rows have in the mean.
    The others are the most typical ones of as many other systems as possible.

    Args:
        fitted: the tokenizer.
        found: its words measured on `dataset`, with the rows.
        dataset: with states, if runs are to be seen.
    """
    assert found.table is not None
    assert found.tokens is not None
    table, tokens = found.table, found.tokens
    samples = samples_of(tokens, dataset)
    systems = dataset.systems
    places = {name: number for number, name in enumerate(tokens.category_names)}
    orders = typical_first(found.words, fitted.tokenizer_, table, tokens.codes[:, :, 0])
    ranks: dict[str, np.ndarray] = {}
    most = min(ROLLOUTS_A_TOKEN, max(1, MOST_ROLLOUTS // max(1, len(found.words)))) if dataset.has_states else 0
    shown_of = sorted(map(len, orders), reverse=True)[:MOST_ROLLOUTS]
    cards = []
    for word, rows in zip(found.words, orders, strict=True):
        of_systems, of_parameters = found.homes(places[word.category], word.token)
        children = _children(tokens, places[word.category], rows)
        few = most if len(rows) >= shown_of[-1] else 0
        shown = _from_many_systems([samples[row] for row in rows], systems)[:few]
        figures = word.figures
        cards.append(
            GalleryToken(
                category=word.category,
                called=called(word.category),
                level=0,
                code=word.token,
                num_samples=len(rows),
                out_of=figures.out_of if figures else len(tokens),
                rollouts=tuple(gallery_rollout(dataset, sample) for sample in shown),
                title=word.title,
                meaning=word.meaning,
                name=word.name,
                title_holds=figures.title_holds if figures else None,
                title_f1=figures.title_f1 if figures else None,
                agreement=figures.agreement if figures else None,
                spreads=tuple(_spreads(word, found, rows, ranks)),
                systems=tuple(
                    (one.system.replace("_", " "), one.share) for one in of_systems if one.is_confirmed is not False
                )[:MOST_SYSTEMS],
                parameters=tuple(
                    _range(one, dataset, [samples[row] for row in rows])
                    for one in [one for one in of_parameters if one.is_confirmed is not False][:MOST_PARAMETERS]
                ),
                children=children[:MOST_CHILDREN],
                num_children=len(children),
                sentence=found.sentences.get(tokens.ids[rows[0]], "") if len(rows) else "",
                typical=caption_of(dataset, samples[rows[0]]) if len(rows) else "",
            )
        )
    return tuple(cards)


def _range(one: EnrichedParameter, dataset: Dataset, samples: list[int]) -> Range:
    """Where a parameter lies in the samples with a word, and in all of the system."""
    columns, values = dataset.parameters
    number = next(
        place
        for place, column in enumerate(columns)
        if (column.system, column.parameter) == (one.system, one.parameter)
    )
    of_all = values[:, number].astype(np.float64)
    ends = [
        tuple(map(readable, np.quantile(part[np.isfinite(part)], RANGE).tolist())) for part in (of_all[samples], of_all)
    ]
    return Range(one.system.replace("_", " "), f"{one.side} {one.parameter.replace('_', ' ')}", *ends)


def _children(tokens: TokenTable, category: int, rows: Int[np.ndarray, " row"]) -> tuple[tuple[int, float], ...]:
    """Tokens of the next level that rows have, with their shares, the most frequent first."""
    if tokens.codes.shape[2] < 2 or not len(rows):
        return ()
    codes, counts = np.unique(tokens.codes[rows, category, 1].numpy(), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(zip(codes[order].tolist(), (counts[order] / len(rows)).tolist(), strict=True))


def samples_of(tokens: TokenTable, dataset: Dataset) -> list[int]:
    """The number of each row's sample in its data set."""
    place = {name: sample for sample, name in enumerate(dataset.view().ids)}
    return [place[name] for name in tokens.ids]


def run_cards(fitted: Tokenizer, found: Dictionary, dataset: Dataset) -> tuple[RunCard, ...]:
    """Some runs that stand for all, those that stand for most first, each in a sentence.

    Args:
        fitted: the tokenizer.
        found: its words measured on `dataset`, with the rows.
        dataset: with states, if runs are to be seen.
    """
    assert found.table is not None
    assert found.tokens is not None
    table, tokens = found.table, found.tokens
    if fitted.tokenizer_.embedding is None:
        return ()
    index = BehaviourIndex(fitted.embed(table), table.groups)
    chosen = index.subset(min(MOST_RUNS_SHOWN, len(index.draws[index.known].unique())))
    samples = samples_of(tokens, dataset)
    outside = tokens.out_of_corpus
    cards = []
    for row, number in zip(chosen.rows.tolist(), chosen.num_rows.tolist(), strict=True):
        sample = samples[row]
        coarse = zip(tokens.category_names, tokens.codes[row, :, 0].tolist(), strict=True)
        cards.append(
            RunCard(
                system=dataset.systems[sample].replace("_", " "),
                name=caption_of(dataset, sample),
                sentence=found.sentences.get(tokens.ids[row], ""),
                words=tuple((f"{called(name)} {code}", anchor_of(name, code)) for name, code in coarse if code >= 0),
                stands_for=number,
                is_outside=outside is not None and bool(outside[row]),
                rollout=gallery_rollout(dataset, sample) if dataset.has_states else None,
            )
        )
    return tuple(cards)


def _spreads(
    word: Word, found: Dictionary, rows: Int[np.ndarray, " row"], ranks: dict[str, Float[np.ndarray, " sample"]]
) -> Iterator[Spread]:
    """Where runs with a word lie among all, in the columns that its title and its definition speak of.

    Args:
        word: which.
        found: with the table.
        rows: that carry it.
        ranks: of columns that were ranked already, 0 to 1; more are added.
    """
    assert found.table is not None
    for column in tuple(dict.fromkeys(one.column for one in (*word.traits, *word.conditions)))[:MOST_SPREADS]:
        if column not in ranks:
            values = found.table.values[:, found.table.names.index(column)].double().numpy()
            ranks[column] = (rankdata(values, nan_policy="omit") - 0.5) / max(1, int(np.isfinite(values).sum()))
        own = ranks[column][rows]
        known = own[np.isfinite(own)]
        counts = np.bincount(np.minimum((known * NUM_BINS).astype(np.int64), NUM_BINS - 1), minlength=NUM_BINS)
        yield Spread(
            noun=phrase_of(column).noun,
            shares=tuple((counts / max(1, len(own))).tolist()),
            middle=float(np.median(known)) if len(known) else float("nan"),
            missing=1 - len(known) / max(1, len(own)),
            why=phrase_of(column).missing,
        )


def contact_rollouts(dataset: Dataset) -> tuple[GalleryRollout, ...]:
    """The first samples of every system, for the sheet of still frames."""
    systems = dataset.systems
    names = list(dict.fromkeys(systems))
    members = {name: [sample for sample, system in enumerate(systems) if system == name] for name in names}
    return tuple(gallery_rollout(dataset, sample) for name in names for sample in members[name][:ROLLOUTS_A_SYSTEM])


def gallery_rollout(dataset: Dataset, sample: int) -> GalleryRollout:
    """The first channel of a sample's first valid realization (of its first one, if none is valid)."""
    return picture_of(dataset.rollout(sample), caption=caption_of(dataset, sample))


def caption_of(dataset: Dataset, sample: int) -> str:
    """A sample's name, or its number."""
    return dataset.names[sample] if dataset.names is not None else f"sample {sample}"


def picture_of(rollout: Rollout, *, caption: str) -> GalleryRollout:
    """The first channel of the first valid realization (of the first one, if none is valid).

    Large grids are thinned to at most 64 cells a side; states of height 1 are one picture, time downwards.
    """
    frames = rollout.states[rollout.valid.index(True) if any(rollout.valid) else 0, :, 0].float()
    if frames.shape[1] == 1:
        frames = frames.transpose(0, 1)
    steps = [-(-length // LARGEST_PICTURE) for length in frames.shape[1:]]
    thinned = frames[:, :: steps[0], :: steps[1]]
    return GalleryRollout(title=rollout.system.replace("_", " "), caption=caption, frames=thinned.numpy())


def _from_many_systems(samples: list[int], systems: tuple[str, ...]) -> list[int]:
    """The samples, one of each system first, then a second of each, …; otherwise in their order."""
    seen: dict[str, int] = {}
    turns = []
    for sample in samples:
        seen[systems[sample]] = seen.get(systems[sample], -1) + 1
        turns.append((seen[systems[sample]], sample))
    return [sample for _, sample in sorted(turns, key=itemgetter(0))]
