"""The tokenizer as users meet it: fit, encode, decode, save."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import Tensor

from spinlock.categories.by_clustering import cluster_categories
from spinlock.categories.spec import ClusterSpec
from spinlock.core import ranks
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import (
    ConfigError,
    InputError,
    NotFittedError,
    SpinlockError,
    did_you_mean,
    reading_errors,
)
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.shown import ShownInShort
from spinlock.core.spec import Spec
from spinlock.core.threads import one_thread
from spinlock.core.tokens import TokenTable
from spinlock.core.views import Selection, View, in_memory, thinned
from spinlock.metrics.token_distance import Neighbors, column_distances, nearest_of_blocks, token_distances
from spinlock.store.atomic import remove_partial
from spinlock.store.category_file import load_category_map, load_clustering, save_category_map
from spinlock.store.shipped import vocabulary
from spinlock.store.tokenizer_folder import load_tokenizer_folder, save_tokenizer_folder
from spinlock.store.word_names import load_word_names, save_word_names
from spinlock.training.callbacks import Callback, tell_end, tells
from spinlock.training.fit import MOST_RUNS, FitResult, fitting
from spinlock.training.model_card import model_card
from spinlock.training.record import TrainingRecord, clustering_facts, record_of
from spinlock.training.run import Fitting, OnProgress, trained_alone
from spinlock.training.spec import FitSpec
from spinlock.training.split import split_by_group
from spinlock.vqvae.spec import EncoderSpec, Level, ModelSpec
from spinlock.vqvae.tokenizer import FittedTokenizer
from spinlock.words.along import told_along
from spinlock.words.measure import measured_words
from spinlock.words.names import named
from spinlock.words.sentence import sentences
from spinlock.words.word import Word, from_record, to_record, words_of

log = logging.getLogger(__name__)

Table = Any
"""A view, such as a `FeatureTable`; an array (sample, feature); or a DataFrame."""
LevelLike = Level | Sequence[SupportsIndex] | Mapping[str, SupportsIndex]
DISTANCES = ("behaviour", "decoded", "levels", "hamming")
CHECKPOINTS, MAPPING = "checkpoints", "category_mapping.json"
"""Names inside a tokenizer's folder, beside its own files."""

SPECS = (ModelSpec, EncoderSpec, FitSpec)
SETTINGS: dict[str, Any] = {
    name: field.get_default(call_default_factory=True)
    for spec in SPECS
    for name, field in spec.model_fields.items()
    if name not in ("levels", "seed")
}
"""Setting → its default, by its name in a YAML file; `levels` and the seed, `random_state` here, are named apart."""

S = TypeVar("S", bound=Spec)


class Tokenizer(ShownInShort, BaseEstimator):
    """Columns of features → discrete tokens, by the habits of scikit-learn.

        tokenizer = Tokenizer().fit(table)
        tokens = tokenizer.encode(table)
        back = tokenizer.decode(tokens)
        tokenizer.save_pretrained("folder")

    Every model, encoder and training setting of a YAML file is a keyword by the same name, with the same default and the
    same meaning: `spinlock.ModelSpec`, `spinlock.EncoderSpec` and `spinlock.FitSpec` list and describe them. Some of the
    parameter draws (`table.groups`) are held out to choose among backends and epochs; they are part of the training in
    that sense, so keep other rows for testing.

    Args:
        levels: coarse to fine, each a `Level`, a pair (latent_dim, num_tokens) or a mapping with these keys; "auto"
            leaves the sizes to what validation rows gain.
        category_map: which columns are quantised together: a map, or a file with one. When not given, the categories that
            the table names; with `category_assignment="auto"`, columns that move together.
        random_state: seed of the split, starts, shuffling, noise and dropout; a numpy generator to draw it from; None for
            another one in every fit.
        settings: `bits`, `backend`, `decay`, `num_epochs`, `device`, `validation_fraction` and so on.

    Attributes:
        tokenizer_: the fitted tokenizer, a torch module.
        record_: how it came about: splits, curves, comparison, report.
        result_: what the fit found; not there in a tokenizer that was loaded.
    """

    def __init__(
        self,
        levels: Sequence[LevelLike] | str = "auto",
        *,
        category_map: CategoryMap | str | Path | None = None,
        random_state: object = 0,
        **settings: Any,
    ) -> None:
        for name in settings:
            if name not in SETTINGS:
                raise TypeError(f"Tokenizer has no setting '{name}'. {did_you_mean(name, SETTINGS)}")
        self.levels = levels
        self.category_map = category_map
        self.random_state = random_state
        for name, default in SETTINGS.items():
            setattr(self, name, settings.get(name, default))

    @one_thread()
    def fit(
        self,
        table: Table,
        y: object = None,
        *,
        validation: Table | None = None,
        runs: Table | None = None,
        checkpoints: str | Path | None = None,
        resume: bool = False,
        on_progress: OnProgress | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> "Tokenizer":
        """Fit the column transform, the codebooks and the networks.

        Args:
            table: rows with features: a `FeatureTable` or another view, or an array (sample, feature) or a DataFrame, which
                become one (`FeatureTable.from_array`).
            y: not used; there for pipelines.
            validation: rows that choose; `validation_fraction` of the draws in `table` when not given.
            runs: single realizations of the same draws, told by `groups`, with the columns of `table` (those that describe the
                spread over realizations missing); they tell noise from behaviour where the rows of `table` do not, because
                each draw has one. Those of other draws than the training rows' are not looked at.
            checkpoints: folder for the state of the training and its categories; nowhere when not given.
            resume: go on from the newest checkpoint in that folder, if there is one; the categories are then its own.
            on_progress: a function alone, called with the figures of every epoch as `on_epoch` of a callback is.
            callbacks: told of every epoch and of the end; see `spinlock.Callback`, and `spinlock.TensorBoard` for one.

        Raises:
            InputError: if there are too few rows or draws, the checkpoint is of a run with other settings, or a callback fails.
            ConfigError: if a setting is out of range, unknown, or contradicts another.
        """
        del y
        folder = None if checkpoints is None else Path(checkpoints)
        resumed = bool(resume and folder and (folder / CHECKPOINTS).is_dir() and (folder / MAPPING).is_file())
        trained_alone(
            self.fitting(table, validation=validation, runs=runs, folder=folder, resumed=resumed),
            checkpoints=folder and folder / CHECKPOINTS,
            resume=resumed,
            on_progress=tells(callbacks, on_progress),
        )
        tell_end(callbacks, self.result_)
        return self

    def fitting(
        self,
        table: Table,
        *,
        validation: Table | None = None,
        runs: Table | None = None,
        folder: Path | None = None,
        resumed: bool = False,
    ) -> Fitting["Tokenizer"]:
        """The same in steps, for networks that are trained together with others: see `training.run.Fitting`.

        Args:
            table, validation, runs: as of `fit`.
            folder: for the categories; nowhere when not given.
            resumed: whether the categories are those that lie in the folder.

        Yields:
            the network to train, where one was asked for.
        """
        seed = _seed_of(self.random_state)
        model, encoder = self._spec(ModelSpec, levels=self.levels), self._spec(EncoderSpec)
        fit = self._spec(FitSpec, seed=seed)
        train = _as_view(table)
        if validation is None:
            fractions = (1 - fit.validation_fraction, fit.validation_fraction, 0.0)
            split = split_by_group(train.groups, fractions=fractions, seed=seed)
            train, held_out = Selection(train, split.train), Selection(train, split.validation)
        else:
            held_out = _as_view(validation, like=train.registry)
        category_map, clustering = self._categories(train, fit, resumed=folder if resumed else None)
        if folder is not None and ranks.is_first():
            _keep_categories(category_map, folder / MAPPING, clustering=clustering, given=self.category_map)
        self.result_: FitResult = yield from fitting(
            train,
            held_out,
            category_map=category_map,
            model=model,
            encoder=encoder,
            fit=fit,
            runs=None if runs is None else _of_draws(_as_view(runs, like=train.registry), train),
        )
        self.tokenizer_ = self.result_.tokenizer
        self.record_ = record_of(
            self.result_, {"train": train, "validation": held_out}, seed=seed, clustering=clustering
        )
        self.word_names_ = {}
        if self.tokenizer_.words is not None:
            words = self.words(
                thinned(train, MOST_RUNS, seed),
                runs=None
                if runs is None
                else thinned(_of_draws(_as_view(runs, like=train.registry), train), MOST_RUNS, seed),
            )
            self.record_ = self.record_.with_facts(words=to_record(words))
        return self

    def encode(self, table: Table) -> TokenTable:
        """One token a category and level for every row.

        Columns are told by name: those of a `FeatureTable` or a DataFrame may come in any order.

        Raises:
            NotFittedError: before `fit`.
            NamesDifferError: if the table has other columns than the one it was fitted to.
        """
        fitted = self._fitted("encode")
        view = _as_view(table, like=fitted.registry)
        tokens = fitted.encode(view)
        return replace(tokens, facts=view.facts) if isinstance(view, FeatureTable) and view.facts else tokens

    def decode(self, tokens: TokenTable, num_levels: int | None = None) -> FeatureTable:
        """The columns that tokens stand for, in their own units; from the first `num_levels` levels."""
        return self._fitted("decode").decode(tokens, num_levels)

    def definitions(self) -> tuple[Word, ...]:
        """What each coarse token means, exactly (`conditions`, in the names and units of the columns) and typically (`title`), with
        how far that holds of the training rows (`figures`); none without `coarse="words"`.

        Raises:
            NotFittedError: before `fit`.
        """
        return tuple(word for word in self.words() if word.definition is not None)

    def words(
        self, table: Table | None = None, *, runs: Table | None = None, known: Sequence[Word] | None = None
    ) -> tuple[Word, ...]:
        """Every coarse token in language, those of a codebook too, which have typical traits and no definition.

        Args:
            table: rows that the figures are measured on, and that traits are chosen by where training chose none (a codebook,
                or a folder of an older version); when not given, all is as it was on training rows.
            runs: single realizations of the same draws, told by `groups`, by which it is measured how often words come again;
                the rows of `table` when not given.
            known: words whose traits are kept; those of the training when not given.

        Raises:
            NotFittedError: before `fit`.
            InputError: if the folder's record of its words is not what it should be.
        """
        fitted = self._fitted("words")
        known = from_record(self.record_.facts.get("words", [])) if known is None else tuple(known)
        if table is None:
            found = words_of(fitted, known)
        else:
            rows, single = (
                None if part is None else in_memory(_as_view(part, like=fitted.registry)) for part in (table, runs)
            )
            assert rows is not None
            found = measured_words(fitted, rows, runs=single, known=known)
        return tuple(replace(word, name=self.word_names_.get((word.category, word.token), "")) for word in found)

    def describe(self, table: TokenTable | Table, words: Sequence[Word] | None = None) -> tuple[str, ...]:
        """Every row in one line of language: "Rhythm: weak trend, late amplitude steady. Influence: …".

        Of tokens, what is typical of their words; of a table's rows, what is also true of them.

        Args:
            table: a table, or tokens.
            words: as `words` gives them; those of the training when not given.

        Raises:
            NotFittedError: before `fit`.
            InputError: if nothing is known of what the coarse tokens mean.
        """
        words = self.words() if words is None else words
        if not any(word.traits or word.conditions for word in words):
            raise InputError(
                "the coarse tokens of this tokenizer come from a codebook, of which nobody looked what is typical: give `words`, "
                'from `words(table)`, or fit with coarse="words".'
            )
        if isinstance(table, TokenTable):
            self._fitted("describe").check_tokens(table)
            return sentences(words, table)
        view = _as_view(table, like=self._fitted("describe").registry)
        return sentences(words, self.tokenizer_.encode(view), in_memory(view))

    def describe_runs(self, windows: TokenTable | Table, changes: Mapping[str, int] | None = None) -> dict[str, str]:
        """Every run of a tokenizer of windows in one line of language, along time: "Course: contrast grows fast until t = 24, then …".

        Args:
            windows: as `spinlock.load_windows` gives them, or their tokens.
            changes: run → the first state after its change, as a `ChangeDetector` finds it; when not given, runs are told by how long
                their words hold, of which nothing says how often that is chance.

        Raises:
            NotFittedError: before `fit`.
            InputError: if the rows are no windows.
        """
        self._fitted("describe_runs")
        return told_along(self.words(), self._tokens(windows), changes)

    def name_word(self, category: str, token: int, name: str) -> None:
        """Give a coarse token a name, which is shown wherever the word is; "" takes it away.

        Raises:
            NotFittedError: before `fit`.
            InputError: if there is no such token, or the name is too long, no plain text, or another word's.
        """
        known = {(word.category, word.token) for word in self.words()}
        self.word_names_ = named(self.word_names_, (category, token), name, known=known)

    def embed(self, table: TokenTable | Table) -> Float[Tensor, "sample axis"]:
        """Where rows lie among behaviours: at most 48 numbers each, float32, in units of what noise does to them.

        Euclidean distances between them are what `distances` calls "behaviour". Tokens that carry their embedding give it, others
        are decoded first. NaN where a row has no column of a single run.

        Raises:
            NotFittedError: before `fit`.
            InputError: if it was fitted by a version that had no embedding.
        """
        fitted = self._fitted("embed")
        if isinstance(table, TokenTable) and table.embedding is not None:
            return table.embedding
        return fitted.embed(
            fitted.decode(table) if isinstance(table, TokenTable) else _as_view(table, like=fitted.registry)
        )

    def distances(
        self, queries: TokenTable | Table, samples: TokenTable | Table | None = None, *, kind: str = "behaviour"
    ) -> Float[Tensor, "query sample"]:
        """How far each query is from each sample.

        Args:
            queries: a table, or tokens.
            samples: likewise; the queries themselves when not given.
            kind: "behaviour": Euclidean distance of the embeddings (see `embed`), which finds what behaves alike best; "decoded":
                root mean square difference of the standardised columns that the tokens stand for; "levels":
                share of differing tokens, a level weighing as much as the error that it takes off, and a fine token
                counting as equal only below equal coarse ones; "hamming": share of differing tokens, all alike. With
                several levels "hamming" finds neighbours worse than either.

        Raises:
            NotFittedError: before `fit`.
            ConfigError: if `kind` is unknown.
        """
        first, second, distance = self._compared(queries, samples, kind)
        return distance(first, second)

    def neighbors(
        self,
        queries: TokenTable | Table,
        samples: TokenTable | Table,
        *,
        num_neighbors: int = 5,
        kind: str = "behaviour",
    ) -> Neighbors:
        """The nearest samples of each query, nearest first: their row numbers and distances; see `distances`.

        Raises:
            NotFittedError: before `fit`.
            ConfigError: if `kind` is unknown.
            InputError: if there are fewer samples than neighbours.
        """
        return nearest_of_blocks(*self._compared(queries, samples, kind), num_neighbors=num_neighbors)

    def _compared(
        self, queries: TokenTable | Table, samples: TokenTable | Table | None, kind: str
    ) -> tuple[Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]:
        """Of both, one row a sample, and the distance of some rows to others."""
        fitted = self._fitted("distances")
        if kind not in DISTANCES:
            raise ConfigError(f"unknown distance '{kind}'. {did_you_mean(kind, DISTANCES)}")
        if kind == "behaviour":
            embedded = self.embed(queries)
            # By differences: a matrix product loses what is small beside the coordinates, and a row would not be at 0 from itself.
            exact = partial(torch.cdist, compute_mode="donot_use_mm_for_euclid_dist")
            return embedded, embedded if samples is None else self.embed(samples), exact
        first = self._tokens(queries)
        second = first if samples is None else self._tokens(samples)
        if kind == "decoded":
            return fitted.decode_normalized(first), fitted.decode_normalized(second), column_distances
        weights = fitted.level_weights if kind == "levels" else (1.0,) * first.codes.shape[2]
        return first.codes, second.codes, partial(token_distances, weights=weights, nested=kind == "levels")

    def to(self, device: torch.device | str) -> "Tokenizer":
        """Let the fitted tokenizer work on a device; tokens and tables come back on the CPU."""
        self._fitted("to").to(device)
        return self

    def save_pretrained(self, folder: str | Path, *, license: str | None = None) -> None:
        """Write everything that encoding raw columns needs into a folder, the record of the training, and a card for people, README.md.

        The folder is all that somebody else needs; nothing is fetched when it is loaded. A card that was edited is kept.

        Args:
            folder: new, or a tokenizer's.
            license: under which others may use it, as model hubs spell it: "cc-by-4.0"; what it was saved with before, or else "mit",
                when not given.
        """
        tokenizer = self._fitted("save_pretrained")
        if license is not None:
            self.record_ = self.record_.with_facts(license=license)
        save_tokenizer_folder(
            Path(folder),
            tensors={name: tensor.cpu() for name, tensor in tokenizer.state_dict().items()},
            tokenizer=tokenizer.settings(),
            training=self.record_.facts,
            report=self.record_.report,
            card=model_card(tokenizer, self.record_, self.words()),
        )
        if self.word_names_:
            save_word_names(self.word_names_, Path(folder))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Tokenizer":
        """The tokenizer that was saved in a folder, with its settings and its record; saved again, it gives the same files.

        Args:
            folder: a path, or "behaviour-1", the vocabulary that comes with the package.

        Raises:
            InputError: if the folder holds no tokenizer, or a damaged one.
        """
        files = load_tokenizer_folder(vocabulary(folder))
        try:
            with reading_errors("the tokenizer"):
                fitted = FittedTokenizer.restored(files.tensors, files.tokenizer)
                made = fitted.provenance
                settings = {**made["model"], **made["encoder"], **made["fit"]}
                seed = settings.pop("seed")
                tokenizer = cls(category_map=fitted.category_map, random_state=seed, **settings)
        except SpinlockError as error:
            raise InputError(f"{folder}: {error}") from error
        tokenizer.tokenizer_ = fitted
        tokenizer.record_ = TrainingRecord(facts=files.training, report=files.report)
        tokenizer.word_names_ = load_word_names(vocabulary(folder))
        return tokenizer

    def __sklearn_is_fitted__(self) -> bool:
        return "tokenizer_" in vars(self)

    def _facts(self) -> dict[str, object]:
        changed = {name: getattr(self, name) for name, default in SETTINGS.items() if getattr(self, name) != default}
        facts: dict[str, object] = {"levels": self.levels, "random_state": self.random_state, **changed}
        if not self.__sklearn_is_fitted__():
            return facts | {"fitted": False}
        fitted = self.tokenizer_
        return facts | {
            "fitted": True,
            "columns": fitted.registry.names,
            "categories": fitted.category_map.categories,
            "bits": round(float(fitted.codebook_sizes.double().log2().sum()), 1),
        }

    def _spec(self, spec: type[S], **others: object) -> S:
        """The part of the parameters that a spec holds."""
        names = [name for name in spec.model_fields if name in SETTINGS]
        return spec(**{name: _plain(getattr(self, name)) for name in names}, **_plain(others))

    def _categories(self, train: View, fit: FitSpec, *, resumed: Path | None) -> Any:
        """The category map and the clustering that it came from, fit for JSON, if it came from one."""
        names, given = train.registry.names, self.category_map
        if isinstance(given, str | Path):
            given = load_category_map(given, names=names)
        if given is not None and fit.category_assignment is not None:
            raise ConfigError(
                f"`category_map` contradicts category_assignment='{fit.category_assignment}'; remove one of the two."
            )
        if resumed is not None:
            kept = load_category_map(resumed / MAPPING, names=names)
            if given is not None and kept.group_indices != given.group_indices:
                raise InputError(
                    f"the category map contradicts the categories that {resumed} was trained with; train into another folder, or "
                    "resume with the map that it was started with."
                )
            clustering = load_clustering(resumed / MAPPING)
            if fit.category_assignment is not None and clustering is None:
                log.warning(
                    "%s was begun by a spinlock that did not keep the clustering: the report will lack it.", resumed
                )
            return kept, clustering
        if given is not None:
            return given, None
        if fit.category_assignment != "auto":
            return CategoryMap.from_registry(train.registry), None
        bounds = {name: getattr(fit, name) for name in ClusterSpec.model_fields}
        found = cluster_categories(train, **bounds, seed=fit.seed)
        log.info("clustered the columns into %d categories (stability %.2f).", found.num_clusters, found.stability)
        return found.map, clustering_facts(found)

    def _tokens(self, table: TokenTable | Table) -> TokenTable:
        return table if isinstance(table, TokenTable) else self.encode(table)

    def _fitted(self, wish: str) -> FittedTokenizer:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this Tokenizer is not fitted yet: call `fit` before `{wish}`.")
        return self.tokenizer_


def _keep_categories(category_map: CategoryMap, path: Path, *, clustering: Any, given: object) -> None:
    """Writes the categories beside the checkpoints, unless they were read from there; nobody else may be writing there."""
    remove_partial(path.parent, of=path.name)  # of a writer that was killed
    if not (isinstance(given, str | Path) and path.exists() and path.samefile(given)):
        save_category_map(category_map, path, clustering=clustering)


def _signature() -> inspect.Signature:
    """The signature that scikit-learn and `help` see: every setting by name."""
    named = [p for p in inspect.signature(Tokenizer.__init__).parameters.values() if p.kind is not p.VAR_KEYWORD]
    settings = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=d) for name, d in SETTINGS.items()]
    return inspect.Signature([*named, *settings])


Tokenizer.__init__.__signature__ = _signature()  # pyright: ignore[reportFunctionMemberAccess]


def _as_view(table: Table, *, like: FeatureRegistry | None = None) -> View:
    """A table as a view; one in memory with the columns of `like` in their order, where it has just these."""
    found = table if isinstance(table, View) else FeatureTable.from_array(table)
    if like is None or not isinstance(found, FeatureTable) or found.names == like.names:
        return found
    return found.columns(like.names) if set(found.names) == set(like.names) else found


def _of_draws(runs: View, rows: View) -> View:
    """The runs whose draw is among the rows'.

    Raises:
        InputError: if there is none.
    """
    draws = set(rows.groups)
    index = [place for place, group in enumerate(runs.groups) if group in draws]
    if not index:
        raise InputError("`runs` has no run of a draw of the training rows; give both the same `groups`.")
    return Selection(runs, torch.tensor(index))


def _seed_of(random_state: object) -> int:
    """A seed as scikit-learn's `random_state` gives one."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))  # pyright: ignore[reportArgumentType]


def _plain(value: Any) -> Any:
    """Numpy's scalars as Python's, wherever they stand: settings are strict about types."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value
