"""The page of what a search found: pictures from the data set that was searched, and of what was asked about."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from spinlock.importers import open_rollouts
from spinlock.pipeline.gallery import gallery_rollout, picture_of
from spinlock.plots.rollouts import GalleryRollout
from spinlock.plots.search_page import Found, FoundRun, SearchPage, render_search_page
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import AGGREGATED
from spinlock.store.guarded_hdf5 import open_guarded
from spinlock.store.token_file import TOKENS
from spinlock.words.word import called

MOST_ANSWERS = 24
"""Runs that were asked about, at most, that a page shows."""
MEASURES: Mapping[str, Callable[[float], str]] = {
    "distance": "distance {:.3g}".format,
    "apart": "{:.2f} times as far from others as they from theirs".format,
    "stands_for": "stands for {:.0f} runs".format,
}
_LEADS = {
    "like": "Runs that behave like the one that was asked about, nearest first; a draw of parameters is shown once, by its nearest run.",
    "unlike": "Runs that lie apart from all others, the farthest first.",
    "subset": "Runs that stand for all, those that stand for most first.",
    "duplicates": "Pairs of runs from different draws of parameters that are as good as the same, nearest first.",
    "where": "The first runs that meet the conditions, in the order of the file.",
}
_Picture = Callable[[str], GalleryRollout | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What was asked.

    Attributes:
        question: "like", "unlike", "subset", "duplicates" or "where".
        like: what was asked about.
        file: where that is; None where it is a run of the data set.
        lines: id → the line of a run of the data set that was asked about.
        reading: axes, dt and dx of states in the file.
    """

    question: str
    like: str | None
    file: Path | None
    lines: Mapping[str, Mapping[str, Any]]
    reading: Mapping[str, Any]


def search_page(
    told: Mapping[str, Any], dataset: Path, *, asked: Asked, categories: Sequence[str], sentences: Mapping[str, str]
) -> str:
    """The page as HTML.

    Args:
        told: the answer, as `search` gives it.
        dataset: that was searched.
        asked: the question.
        categories: of the tokens in the answer's lines.
        sentences: id → what a run of the data set does; of as many as are known.
    """
    asked_pictures = nullcontext() if asked.file is None else _pictures_of_file(asked.file, asked.reading)
    with _pictures(dataset) as picture, asked_pictures as of_file:

        def run(line: Mapping[str, Any], picture: _Picture) -> FoundRun:
            measure = next((write(line[name]) for name, write in MEASURES.items() if name in line), "")
            coarse = ((name, line[name]) for name in categories if line.get(name, -1) >= 0)
            return FoundRun(
                name=line["id"],
                system=line.get("system", "").replace("_", " "),
                measure=measure,
                tokens=tuple(f"{called(name)}\N{NO-BREAK SPACE}{code}" for name, code in coarse),
                sentence=sentences.get(line["id"], ""),
                rollout=picture(line["id"]),
            )

        answers: list[Found] = []
        if asked.question in ("like", "duplicates"):
            key = "like" if asked.question == "like" else "id"
            lines: dict[str, list[dict[str, Any]]] = {}
            for line in told["hits"]:
                hit = line if asked.question == "like" else {**line, "id": line["is"]}
                lines.setdefault(line[key], []).append(hit)
            for name, hits in list(lines.items())[:MOST_ANSWERS]:
                about = run({"id": name, **asked.lines.get(name, {})}, of_file or picture)
                answers.append(Found(asked=about, hits=tuple(run(line, picture) for line in hits)))
            more = len(lines) - len(answers)
        else:
            more = 0
            answers = [Found(asked=None, hits=tuple(run(line, picture) for line in told["hits"]))]
    notes = [f"{more} further runs were asked about; the table of `spinlock search` has them."] if more else []
    if not any(hit.rollout for answer in answers for hit in answer.hits):
        notes.append(
            "No states were kept of these runs, so they have no pictures: generate or import with --keep-states."
        )
    facts = {
        "runs searched": f"{told.get('runs_that_meet_all', told['runs'])}",
        "draws of parameters": f"{told['draws']}",
    }
    if told.get("distance_of_replicates"):
        facts["distance of replicates: nearer is the same up to noise"] = f"{told['distance_of_replicates']:.3g}"
    where = {f"condition {number}": one["condition"] for number, one in enumerate(told.get("where", ()), 1)}
    page = SearchPage(
        lead=_LEADS[asked.question],
        facts=facts,
        answers=answers,
        note=" ".join(notes),
        provenance={
            "searched": dataset.name,
            **({"tokenizer": Path(told["tokenizer"]).name} if "tokenizer" in told else {}),
            **({"asked about": asked.like} if asked.like is not None else {}),
            **where,
        },
    )
    about = asked.file.name if asked.file else asked.like
    title = f"Runs like {about}" if asked.question == "like" else _TITLES[asked.question]
    return render_search_page(page, title=title)


_TITLES = {
    "unlike": "Runs unlike any other",
    "subset": "Runs that stand for all",
    "duplicates": "Runs that are as good as the same",
    "where": "Runs that meet the conditions",
}


@contextmanager
def _pictures(path: Path) -> Iterator[_Picture]:
    """What shows a sample of a data set by its id; nothing for tokens, or where no states were kept."""
    if TOKENS.is_one(path):
        yield lambda _: None
        return
    with open_dataset(path) as dataset:
        if not dataset.has_states:
            yield lambda _: None
            return
        place = {name: sample for sample, name in enumerate(dataset.view().ids)}
        yield lambda name: gallery_rollout(dataset, place[name]) if name in place else None


@contextmanager
def _pictures_of_file(path: Path, reading: Mapping[str, Any]) -> Iterator[_Picture]:
    """The same of a file that was asked about: a data set, tokens, or states as they come, whose first runs are read."""
    if TOKENS.is_one(path) or is_dataset(path):
        with _pictures(path) as picture:
            yield picture
        return
    rollouts = islice(open_rollouts(path, **reading), MOST_ANSWERS)
    names = ((rollout.name or str(number), rollout) for number, rollout in enumerate(rollouts))
    yield {name: picture_of(rollout, caption=name) for name, rollout in names}.get


def is_dataset(path: Path) -> bool:
    """Whether a file keeps features of runs."""
    if path.suffix.lower() not in (".h5", ".hdf5"):
        return False
    with open_guarded(path, expected="a data set (HDF5)") as file:
        return file.kind(AGGREGATED) is not None
