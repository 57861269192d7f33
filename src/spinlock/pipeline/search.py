"""`spinlock search`: runs of a data set that behave like one, like no other, like most, or the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from spinlock.core.threads import one_thread
from spinlock.pipeline.conditions import is_on_facts
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.search_page import Asked, search_page
from spinlock.pipeline.search_question import Question, SearchedRuns
from spinlock.pipeline.tokenizers import summary_folder
from spinlock.questions.search import BehaviourIndex
from spinlock.store.outputs import claim_output
from spinlock.store.report_file import PAGE, save_page
from spinlock.store.shipped import VOCABULARIES
from spinlock.store.token_file import TOKENS
from spinlock.training.estimator import Tokenizer

USUAL = VOCABULARIES[0]
"""The tokenizer of a question about a data set that names none."""


@one_thread()
def search(
    tokenizer: Path | None,
    dataset: Path,
    question: Question,
    *,
    page: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The answer as tables, a line a hit; as a page too where one is asked for.

    Args:
        tokenizer: a tokenizer's folder; for a data set, the vocabulary that comes with the package when not given. A token file needs
            none unless another file is asked about.
        dataset: a data-set file, or a token file with an embedding.
        question: what is asked.
        page: where a page with moving pictures of what was found is written (.html).
        progress: is told of the rows that are looked at.

    Raises:
        UsageError: if the tokenizer is missing or the question names nothing.
        InputError: if the tokens have no embedding, or a file is not what it should be.
        NamesDifferError: if a data set has other columns than the tokenizer was made for.
    """
    tokenizer = None if tokenizer is None else summary_folder(tokenizer)
    if TOKENS.is_one(dataset):
        fitted = None if tokenizer is None else Tokenizer.from_pretrained(tokenizer)
        corpus = SearchedRuns.of_tokens(dataset, fitted)
    else:
        fitted = Tokenizer.from_pretrained(tokenizer or USUAL)
        corpus = SearchedRuns.of_data(dataset, fitted, progress)
    if not all(is_on_facts(condition, corpus.facts) for condition in question.where):
        corpus = corpus.encoded()
    choices = corpus.chosen(question.where)
    allowed = torch.stack([choice.rows for choice in choices]).all(dim=0) if choices else None
    told: dict[str, Any] = {"tokenizer": str(tokenizer or USUAL)} if fitted is not None else {}
    told |= {"runs": len(corpus.ids), "draws": len(set(corpus.groups))}
    if allowed is not None:
        told["where"] = [
            {"condition": condition, "runs": int(choice.rows.sum())}
            for condition, choice in zip(question.where, choices, strict=True)
        ]
        words = [{"word": str(one)} for choice in choices for one in choice.words]
        told |= {"words": words} if words else {}
        told["runs_that_meet_all"] = int(allowed.sum())
    if allowed is not None and not allowed.any():
        told["hits"] = []
    else:
        told |= _answer(corpus, question, allowed)
    if page is not None:
        with claim_output(page, PAGE, inputs=(dataset,)):
            save_page(_page(told, dataset, question, corpus), page)
        told["page"] = str(page)
    return told


def _page(told: Mapping[str, Any], dataset: Path, question: Question, corpus: "SearchedRuns") -> str:
    """The page of an answer, with sentences where the tokenizer has words."""
    ids = {line[key] for line in told["hits"] for key in ("id", "is", "like") if key in line}
    rows = [row for row, name in enumerate(corpus.ids) if name in ids]
    sentences: dict[str, str] = {}
    if corpus.view is not None and corpus.fitted is not None and corpus.fitted.definitions() and rows:
        table = corpus.view.rows(torch.tensor(rows))
        sentences = dict(zip(table.ids, corpus.fitted.describe(table), strict=True))
    place = {corpus.ids[row]: row for row in rows}
    about = [
        line[key] for line in told["hits"] for key in ("id" if "is" in line else "like",) if line.get(key) in place
    ]
    given = {name: getattr(question, name) for name in ("axes", "dt", "dx") if getattr(question, name) is not None}
    categories = corpus.fitted.tokenizer_.category_map.categories if corpus.fitted is not None else ()
    return search_page(
        told,
        dataset,
        asked=Asked(
            question=question.kind,
            like=question.like,
            file=None if question.like is None or question.like in corpus.ids else Path(question.like),
            lines={line["id"]: line for line in corpus.lines([place[name] for name in dict.fromkeys(about)])},
            reading=given,
        ),
        categories=corpus.tokens.category_names if corpus.tokens is not None else categories,
        sentences=sentences,
    )


def _answer(corpus: "SearchedRuns", question: Question, allowed: Bool[Tensor, " row"] | None) -> dict[str, Any]:
    if question.like is None and not question.unlike and question.subset is None and not question.duplicates:
        assert allowed is not None
        rows = allowed.nonzero().squeeze(1)[: question.num_hits]
        return {"hits": corpus.lines(rows.tolist())}
    index = BehaviourIndex(corpus.embedding, corpus.groups)
    told: dict[str, Any] = {"distance_of_replicates": index.noise()}
    if question.duplicates:
        pairs = index.duplicates(num_hits=question.num_hits, nearer_than=question.nearer_than, allowed=allowed)
        first, second = (corpus.lines(rows.tolist()) for rows in (pairs.first, pairs.second))
        hits = [
            {
                "id": one["id"],
                "is": other["id"],
                "distance": distance,
                **{name: one[name] for name in ("system",) if name in one},
            }
            for one, other, distance in zip(first, second, pairs.distances.tolist(), strict=True)
        ]
        return told | {"nearer_than": pairs.limit, "pairs": pairs.num_pairs, "hits": hits}
    if question.subset is not None:
        members = index.subset(question.subset, rare=question.rare, allowed=allowed)
        return told | {"hits": corpus.lines(members.rows.tolist(), stands_for=members.num_rows.tolist())}
    if question.unlike:
        apart = index.unlike(num_hits=question.num_hits, allowed=allowed, each_run=question.each_run)
        return told | {"hits": corpus.lines(apart.rows.tolist(), apart=apart.values.tolist())}
    hits: list[dict[str, Any]] = []
    for name, query, group in corpus.queries(question):
        but = None if question.each_run else group
        found = index.like(query, num_hits=question.num_hits, but=but, allowed=allowed, each_run=question.each_run)
        hits += [{"like": name} | line for line in corpus.lines(found.rows.tolist(), distance=found.values.tolist())]
    return told | {"hits": hits}
