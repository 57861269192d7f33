"""The tokenizer as users meet it: fit, encode, decode, save."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import ConfigError, InputError, NotFittedError, did_you_mean
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig, TokenTable
from spinlock.metrics.token_distance import Neighbors, column_distances, nearest, token_distances
from spinlock.store.tokenizer_folder import load_tokenizer_folder, save_tokenizer_folder
from spinlock.training.fit import LATENT_DIMS, FitResult, fit_tokenizer
from spinlock.training.settings import TrainingSettings
from spinlock.training.split import split_by_group
from spinlock.vqvae.tokenizer import FittedTokenizer

ROWS_PER_TOKEN = 16

Table = FeatureTable | np.ndarray | Tensor
DISTANCES = ("decoded", "levels", "hamming")
LevelLike = Level | Sequence[int] | Mapping[str, int]


class Tokenizer(BaseEstimator):
    """Columns of features → discrete tokens, by the habits of scikit-learn.

        tokenizer = Tokenizer(levels=[(32, 16), (16, 16), (8, 16)]).fit(table)
        tokens = tokenizer.encode(table)
        back = tokenizer.decode(tokens)
        tokenizer.save_pretrained("folder")

    Some of the parameter draws (`table.groups`) are held out to choose among backends and epochs; they are part of the
    training in that sense, so keep other rows for testing.

    Args:
        levels: coarse to fine, each a `Level`, a pair (latent_dim, num_tokens) or a mapping with these keys; "auto"
            leaves the sizes to what validation rows gain. When neither they nor `bits` are given: three levels with about
            a sixteenth of the training rows as tokens.
        bits: a sample, spread over categories and levels by what validation rows gain.
        category_tokens: category → its codebook sizes, one a level, in place of those of `levels`.
        backend: "vqvae", "classical", "predictive", or "auto": all are fitted and the best is kept.
        category_map: which columns are quantised together; by the categories in the table when not given.
        encoder: name in `ENCODERS`.
        encoder_params: its parameters.
        settings: how to train; the defaults when not given.
        validation_fraction: share of the draws that choose the model.
    """

    def __init__(  # noqa: PLR0913 - what scikit-learn's `get_params` and `clone` see
        self,
        levels: Sequence[LevelLike] | str | None = None,
        *,
        bits: int | None = None,
        category_tokens: Mapping[str, Sequence[int]] | None = None,
        backend: str = "auto",
        category_map: CategoryMap | None = None,
        encoder: str = "MLPEncoder",
        encoder_params: Mapping[str, object] | None = None,
        settings: TrainingSettings | None = None,
        validation_fraction: float = 0.15,
    ) -> None:
        self.levels = levels
        self.bits = bits
        self.category_tokens = category_tokens
        self.backend = backend
        self.category_map = category_map
        self.encoder = encoder
        self.encoder_params = encoder_params
        self.settings = settings
        self.validation_fraction = validation_fraction

    def fit(self, table: Table, y: object = None) -> "Tokenizer":
        """Fit the column transform, the codebooks and the networks.

        Args:
            table: a `FeatureTable`, or an array (sample, feature) that becomes one.
            y: not used; there for pipelines.

        Raises:
            InputError: if there are too few rows or draws, or a level is not one.
            ConfigError: if a setting is out of range or a name unknown.
        """
        del y
        table = _as_table(table)
        settings = self.settings or TrainingSettings()
        if not 0 < self.validation_fraction < 1:
            raise InputError(f"`validation_fraction` must be between 0 and 1; got {self.validation_fraction}.")
        fractions = (1 - self.validation_fraction, self.validation_fraction, 0.0)
        split = split_by_group(table.groups, fractions=fractions, seed=settings.seed)
        config = TokenizerConfig(
            levels=self._levels(len(split.train)),
            bits=self.bits,
            category_tokens={name: tuple(tokens) for name, tokens in (self.category_tokens or {}).items()},
            backend=self.backend,
            encoder=self.encoder,
            encoder_params=self.encoder_params or {},
        )
        self.result_ = fit_tokenizer(
            table.rows(split.train),
            table.rows(split.validation),
            category_map=self.category_map or CategoryMap.from_registry(table.registry),
            config=config,
            settings=settings,
        )
        self.tokenizer_ = self.result_.tokenizer
        return self

    def _levels(self, num_rows: int) -> tuple[Level, ...] | None:
        """The levels asked for; None where their sizes are left to validation rows."""
        if self.levels == "auto" or (self.levels is None and self.bits is not None):
            return None
        if isinstance(self.levels, str):
            raise InputError(f"`levels` must be a list of levels or 'auto'; got '{self.levels}'.")
        if self.levels is None:
            return tuple(_automatic_levels(num_rows))
        return tuple(_as_level(one) for one in self.levels)

    def encode(self, table: Table) -> TokenTable:
        """One token a category and level for every row.

        Raises:
            NotFittedError: before `fit`.
            NamesDifferError: if the table has other columns than the one it was fitted to.
        """
        return self._fitted("encode").encode(_as_table(table))

    def decode(self, tokens: TokenTable, num_levels: int | None = None) -> FeatureTable:
        """The columns that tokens stand for, in their own units; from the first `num_levels` levels."""
        return self._fitted("decode").decode(tokens, num_levels)

    def distances(
        self, queries: TokenTable | Table, samples: TokenTable | Table | None = None, *, kind: str = "decoded"
    ) -> Float[Tensor, "query sample"]:
        """How far each query is from each sample.

        Args:
            queries: tokens, or a table that is encoded.
            samples: likewise; the queries themselves when not given.
            kind: "decoded": root mean square difference of the standardised columns that the tokens stand for; "levels":
                share of differing tokens, a level weighing as much as the error that it takes off, and a fine token
                counting as equal only below equal coarse ones; "hamming": share of differing tokens, all alike. With
                several levels "hamming" finds neighbours worse than either.

        Raises:
            NotFittedError: before `fit`.
            ConfigError: if `kind` is unknown.
        """
        fitted = self._fitted("distances")
        if kind not in DISTANCES:
            raise ConfigError(f"unknown distance '{kind}'. {did_you_mean(kind, DISTANCES)}")
        first = queries if isinstance(queries, TokenTable) else self.encode(queries)
        second = first if samples is None else samples if isinstance(samples, TokenTable) else self.encode(samples)
        if kind == "decoded":
            return column_distances(fitted.decode_normalized(first), fitted.decode_normalized(second))
        weights = fitted.level_weights if kind == "levels" else (1.0,) * first.codes.shape[2]
        return token_distances(first.codes, second.codes, weights=weights, nested=kind == "levels")

    def neighbors(
        self,
        queries: TokenTable | Table,
        samples: TokenTable | Table,
        *,
        num_neighbors: int = 5,
        kind: str = "decoded",
    ) -> Neighbors:
        """The nearest samples of each query, nearest first: their row numbers and distances.

        Raises:
            InputError: if there are fewer samples than neighbours.
        """
        return nearest(self.distances(queries, samples, kind=kind), num_neighbors=num_neighbors)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write everything that encoding raw columns needs into a folder."""
        tokenizer = self._fitted("save_pretrained")
        result: FitResult | None = getattr(self, "result_", None)
        training = {} if result is None else _training_of(result)
        save_tokenizer_folder(
            Path(folder), tensors=tokenizer.tensors(), tokenizer=tokenizer.description(), training=training
        )

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Tokenizer":
        """The tokenizer that was saved in a folder.

        Raises:
            InputError: if the folder holds no tokenizer, or a damaged one.
        """
        files = load_tokenizer_folder(Path(folder))
        fitted = FittedTokenizer.from_parts(files.tensors, files.tokenizer)
        config = fitted.config
        tokenizer = cls(
            levels=list(config.levels or ()),
            category_tokens=config.category_tokens,
            backend=config.backend,
            category_map=fitted.category_map,
            encoder=config.encoder,
            encoder_params=config.encoder_params,
        )
        tokenizer.tokenizer_ = fitted
        return tokenizer

    def __sklearn_is_fitted__(self) -> bool:
        return "tokenizer_" in vars(self)

    def _fitted(self, wish: str) -> FittedTokenizer:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this Tokenizer is not fitted yet: call `fit` before `{wish}`.")
        return self.tokenizer_


def _training_of(result: FitResult) -> dict[str, object]:
    """What `training.json` holds."""
    return {
        "kept": result.kept,
        "comparison": [asdict(score) for score in result.comparison],
        "history": asdict(result.history),
    }


def _as_table(table: Table) -> FeatureTable:
    return table if isinstance(table, FeatureTable) else FeatureTable.from_array(table)


def _as_level(level: LevelLike) -> Level:
    if isinstance(level, Level):
        return level
    if isinstance(level, Mapping):
        if set(level) != {"latent_dim", "num_tokens"}:
            raise InputError(f"a level has the keys latent_dim and num_tokens; got {', '.join(map(str, level))}.")
        return Level(**level)
    if len(level) != 2:
        raise InputError(f"a level is a pair (latent_dim, num_tokens); got {tuple(level)}.")
    return Level(latent_dim=int(level[0]), num_tokens=int(level[1]))


def _automatic_levels(num_rows: int) -> list[Level]:
    """Three levels with the power of 2 tokens that is next to rows / 16, between 4 and 512."""
    tokens = 2 ** min(9, max(2, round(math.log2(max(1.0, num_rows / ROWS_PER_TOKEN)))))
    return [Level(latent_dim=latent_dim, num_tokens=tokens) for latent_dim in LATENT_DIMS]
