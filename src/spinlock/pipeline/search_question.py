"""What `spinlock search` asks, and the runs that are searched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, UsageError, did_you_mean
from spinlock.core.tokens import TokenTable
from spinlock.core.views import View
from spinlock.importers.describe import extract_features
from spinlock.pipeline.conditions import Choice, Facts, chosen_rows, load_facts
from spinlock.pipeline.progress import Progress
from spinlock.pipeline.tokenizers import load_rows
from spinlock.store.dataset_paths import AGGREGATED
from spinlock.store.guarded_hdf5 import open_guarded
from spinlock.store.token_file import TOKENS, load_tokens
from spinlock.training.estimator import Tokenizer

DEFAULT_HITS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked; one of the first four.

    Attributes:
        like: the id of a row, or a file: a data set, tokens, or states.
        unlike: which runs lie apart from all others.
        subset: how many runs are to stand for all.
        duplicates: which runs are as good as the same.
        rare: of a subset: cover what is rare.
        nearer_than: of duplicates: distance below which two runs are the same; what noise does when not given.
        where: conditions that rows must all meet, see `conditions.chosen_rows`.
        num_hits: at most.
        each_run: whether a draw may be in an answer by several runs, the query's own among them.
        axes, dt, dx: of states, see `extract_features`.
    """

    like: str | None = None
    unlike: bool = False
    subset: int | None = None
    duplicates: bool = False
    rare: bool = False
    nearer_than: float | None = None
    where: tuple[str, ...] = ()
    num_hits: int = DEFAULT_HITS
    each_run: bool = False
    axes: str | None = None
    dt: float | None = None
    dx: float | None = None

    @property
    def kind(self) -> str:
        """Which question it is."""
        asked = {"like": self.like, "unlike": self.unlike, "subset": self.subset, "duplicates": self.duplicates}
        return next((name for name, given in asked.items() if given), "where")

    def __post_init__(self) -> None:
        asked = {
            "--like": self.like is not None,
            "--unlike": self.unlike,
            "--subset": self.subset is not None,
            "--duplicates": self.duplicates,
        }
        given = [name for name, is_given in asked.items() if is_given]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} are two questions; ask one of them.")
        if not given and not self.where:
            raise UsageError(f"nothing is asked; give one of {', '.join(asked)}, or --where.")
        if self.rare and self.subset is None:
            raise UsageError("--rare belongs to --subset.")
        if self.nearer_than is not None and not self.duplicates:
            raise UsageError("--nearer-than belongs to --duplicates.")
        if self.num_hits < 1:
            raise UsageError(f"--count must be at least 1; got {self.num_hits}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SearchedRuns:
    """Runs to be searched.

    Attributes:
        ids, groups, embedding: one a row.
        facts: of the rows; nothing for a token file.
        fitted: the tokenizer, where one is given.
        view: features of the rows; None for a token file.
        tokens: of all rows; None where nobody encoded them.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    embedding: Float[Tensor, "row axis"]
    facts: Facts
    fitted: Tokenizer | None
    view: View | None = None
    tokens: TokenTable | None = None

    @classmethod
    def of_tokens(cls, path: Path, fitted: Tokenizer | None) -> "SearchedRuns":
        """The rows of a token file, by the embedding that it keeps."""
        tokens = _embedded_tokens(path)
        nothing = Facts(words={}, columns=(), values=np.empty((len(tokens), 0)))
        assert tokens.embedding is not None
        return cls(
            ids=tokens.ids,
            groups=tokens.groups,
            embedding=tokens.embedding,
            facts=nothing,
            fitted=fitted,
            tokens=tokens,
        )

    @classmethod
    def of_data(cls, path: Path, fitted: Tokenizer, progress: Progress) -> "SearchedRuns":
        """The rows of a data set, by the embedding of a tokenizer."""
        view = load_rows(path, fitted.record_).table
        progress("search", 0, len(view))
        embedding = fitted.embed(view)
        progress("search", len(view), len(view))
        facts = load_facts(path, view.ids)
        return cls(ids=view.ids, groups=view.groups, embedding=embedding, facts=facts, fitted=fitted, view=view)

    def encoded(self) -> "SearchedRuns":
        """The same with the tokens of all rows."""
        if self.tokens is not None:
            return self
        assert self.fitted is not None
        return replace(self, tokens=self.fitted.encode(self.view))

    def chosen(self, conditions: Sequence[str]) -> list[Choice]:
        """The rows that each condition holds for; of rows that have tokens where one is not on facts."""
        definitions = self.fitted.definitions() if self.fitted is not None else ()
        return [chosen_rows(one, self.facts, tokens=self.tokens, definitions=definitions) for one in conditions]

    def lines(self, rows: Sequence[int], **measured: Sequence[int] | Sequence[float]) -> list[dict[str, Any]]:
        """A line a row: what it is called, what was measured, what is known of it, and its coarse tokens."""
        if not len(rows):
            return []
        if self.tokens is not None:
            tokens = self.tokens
            codes = tokens.codes[torch.tensor(rows), :, 0].tolist()
        else:
            assert self.fitted is not None
            assert self.view is not None
            once, place = torch.tensor(rows).unique(return_inverse=True)  # a run may be in several pairs
            tokens = self.fitted.encode(self.view.rows(once))
            codes = tokens.codes[place, :, 0].tolist()
        words = {name: self.facts.words[name] for name in ("system",) if name in self.facts.words}
        return [
            {"id": self.ids[row], "draw": self.groups[row]}
            | {name: values[place] for name, values in measured.items()}
            | {name: entries[row] for name, entries in words.items()}
            | dict(zip(tokens.category_names, own, strict=True))
            for place, (row, own) in enumerate(zip(rows, codes, strict=True))
        ]

    def queries(self, question: Question) -> list[tuple[str, Tensor, str | None]]:
        """What is searched for: name, embedding, and its draw where that is one of these."""
        like = question.like
        assert like is not None
        if like in self.ids:
            row = self.ids.index(like)
            if self.embedding[row].isnan().any():
                raise InputError(f"row '{like}' has no value of a single run to be compared by.")
            return [(like, self.embedding[row], self.groups[row])]
        path = Path(like)
        if not path.exists():
            raise UsageError(f"--like {like} is neither the id of a row nor a file. {did_you_mean(like, self.ids)}")
        if TOKENS.is_one(path):
            tokens = _embedded_tokens(path)
            assert tokens.embedding is not None
            names, rows = tokens.ids, tokens.embedding
        elif self.fitted is None:
            raise UsageError(f"a tokenizer must say where the runs of {path} lie; give --tokenizer.")
        else:
            view = _described(path, self.fitted, question)
            names, rows = view.ids, self.fitted.embed(view)
        known = (~rows.isnan().any(dim=1)).nonzero().squeeze(1).tolist()
        if not known:
            raise InputError(f"{path}: no run has a value to be compared by.")
        return [(names[row], rows[row], None) for row in known]


def _described(path: Path, fitted: Tokenizer, question: Question) -> View:
    """Features of a file: those that it keeps, or of the states in it."""
    if path.suffix.lower() in (".h5", ".hdf5"):
        feature_path = fitted.record_.dataset.get("feature_path", AGGREGATED)
        with open_guarded(path, expected="a data set (HDF5)") as file:
            has_features = file.kind(feature_path) is not None
        if has_features:
            return load_rows(path, fitted.record_).table
    given = {name: getattr(question, name) for name in ("axes", "dt", "dx") if getattr(question, name) is not None}
    return extract_features(str(path), **given)


def _embedded_tokens(path: Path) -> TokenTable:
    tokens = load_tokens(path)
    if tokens.embedding is None:
        raise InputError(
            f"{path}: its tokens have no embedding to be searched by; write them by `spinlock tokenize --embedding`."
        )
    return tokens
