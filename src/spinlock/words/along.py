"""A run along time in language: what its windows' words say, stretch by stretch."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from spinlock.core.errors import InputError
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.core.windows import FACTS, rows_of_runs
from spinlock.words.word import NOTHING_TYPICAL, Word, called, phrase

MOSTLY = 0.8
"""Share of a stretch's windows with its word below which it is said to hold mostly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Saved states of a run over which one word of a category holds.

    Attributes:
        token: the coarse code.
        first_state, last_state: both included.
        until: the time of the last one; NaN where nothing says how long a step takes.
        share: of its windows that have the word.
    """

    token: int
    first_state: int
    last_state: int
    until: float
    share: float


def stretches(
    tokens: TokenTable, changes: Mapping[str, int] | None = None
) -> dict[str, dict[str, tuple[Stretch, ...]]]:
    """Run → category → stretches in the order of time.

    With `changes` a run has two sides where it is named, else one, and a side has the word of most of its windows (of equals the
    first), those that reach over the change left out. Without, a stretch is a word that holds from one window to the next over at
    least half a window; what holds for less belongs to the stretch before it. It ends in the middle of what its last window and
    the first window of the next have in common. Where no word holds so long, the whole run has the most frequent one.

    Args:
        tokens: of windows; where a category is absent a window tells nothing of it.
        changes: run → the first state after its change.

    Raises:
        InputError: if the tokens are not those of windows.
    """
    if not tokens.facts.keys() >= set(FACTS):
        raise InputError(
            "the tokens are not those of windows: nothing says where each begins and ends; make them by `spinlock tokenize --window`."
        )
    first, last, _, until = (tokens.facts[name] for name in FACTS)
    found: dict[str, dict[str, tuple[Stretch, ...]]] = {}
    for run, unordered in rows_of_runs(tokens.ids).items():
        rows = sorted(unordered, key=first.__getitem__)
        step = until[rows[0]] / last[rows[0]] if last[rows[0]] else math.nan
        found[run] = {}
        for place, name in enumerate(tokens.category_names):
            told = [(row, code) for row in rows if (code := int(tokens.codes[row, place, 0])) != MISSING]
            spans = [(first[row], last[row], code) for row, code in told]
            sides = _by_length(spans) if changes is None else _by_side(spans, changes.get(run))
            found[run][name] = tuple(
                Stretch(token=token, first_state=begin, last_state=end, until=end * step, share=share)
                for token, begin, end, share in sides
            )
    return found


_Side = tuple[int, int, int, float]
"""Token, first and last state, and the share of windows that have it."""


def _by_side(spans: Sequence[tuple[int, int, int]], at: int | None) -> list[_Side]:
    """The most frequent token before and after a change."""
    if not spans:
        return []
    whole = (spans[0][0], spans[-1][1])
    parts = [(spans, *whole)]
    if at is not None:
        parts = [
            ([span for span in spans if span[1] < at], whole[0], at - 1),
            ([span for span in spans if span[0] >= at], at, whole[1]),
        ]
    found = []
    for part, begin, end in parts:
        if part:
            token, count = Counter(code for _, _, code in part).most_common(1)[0]
            found.append((token, begin, end, count / len(part)))
    return found


def _by_length(spans: Sequence[tuple[int, int, int]]) -> list[_Side]:
    """Tokens that hold for long enough, with where one gives way to the next."""
    runs: list[list[tuple[int, int, int]]] = []
    for span in spans:
        if runs and runs[-1][-1][2] == span[2]:
            runs[-1].append(span)
        else:
            runs.append([span])
    kept: list[list[tuple[int, int, int]]] = []
    for run in runs:
        first, last, _ = run[0]
        is_long = 2 * (run[-1][0] - first) >= last - first + 1
        if kept and (not is_long or kept[-1][0][2] == run[0][2]):
            kept[-1] += run
        elif is_long:
            kept.append(run)
    if not kept:  # nothing holds for long: the most frequent one
        return _by_side(spans, None)
    ends = [(one[-1][1] + other[0][0]) // 2 for one, other in pairwise(kept)]
    found = zip(kept, [spans[0][0], *(end + 1 for end in ends)], [*ends, spans[-1][1]], strict=True)
    return [
        (run[0][2], begin, end, sum(code == run[0][2] for _, _, code in run) / len(run)) for run, begin, end in found
    ]


def told_along(words: Sequence[Word], tokens: TokenTable, changes: Mapping[str, int] | None = None) -> dict[str, str]:
    """Every run in one line: "Course: contrast grows fast until t = 24, then contrast falls fast. Shape: smooth detail throughout."

    What is typical of words is said, which is true of most windows that have them; "mostly" where fewer than four in five windows of
    a stretch have its word.

    Args:
        words: every coarse token of the tokenizer of windows.
        tokens: of windows.
        changes: run → the first state after its change; when not given, runs are told by how long words hold: see `stretches`.

    Raises:
        InputError: if the tokens are not those of windows.
    """
    known = {(word.category, word.token): word for word in words}
    sentences = {}
    for run, categories in stretches(tokens, changes).items():
        clauses = [
            f"{called(name)}: {_sentence([(known[name, part.token], part) for part in parts])}."
            for name, parts in categories.items()
            if parts
        ]
        differs = any(one.token != other.token for parts in categories.values() for one, other in pairwise(parts))
        if changes is not None and run in changes and not differs:
            at = next((parts[0] for parts in categories.values() if len(parts) > 1), None)
            when = _moment(at) if at else f"state {changes[run]}"
            clauses.append(f"It changes at {when} in what these words do not tell.")
        sentences[run] = " ".join(clauses)
    return sentences


def _sentence(parts: Sequence[tuple[Word, Stretch]]) -> str:
    """What words say of the stretches of one category; the same word before and after a change is said once."""
    if len({word.token for word, _ in parts}) == 1:
        share = min(part.share for _, part in parts)
        return f"{_said(parts[0][0], share)}{' throughout' if share >= MOSTLY else ''}"
    told = [f"{_said(word, part.share)} until {_moment(part)}" for word, part in parts[:-1]]
    return ", then ".join([*told, _said(parts[-1][0], parts[-1][1].share)])


def _said(word: Word, share: float) -> str:
    """The name of a word, or what is typical of it, and whether it holds of most windows only."""
    text = word.name or " and ".join(map(phrase, word.traits or word.conditions)) or NOTHING_TYPICAL
    return text if share >= MOSTLY else f"mostly {text}"


def _moment(part: Stretch) -> str:
    return f"state {part.last_state}" if math.isnan(part.until) else f"t = {part.until:.4g}"
