"""The sizes of the codebooks: as asked for, or chosen by what held-out rows gain."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.errors import ConfigError, did_you_mean
from spinlock.training.data import TrainingData
from spinlock.vqvae.beam_search import beam_search, codeword_sums
from spinlock.vqvae.codebook_sizes import ROWS_PER_TOKEN, codebook_sizes, level_bits, most_bits, spread_bits
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.residual_codebooks import ResidualFit, fit_residual_codebooks
from spinlock.vqvae.spec import ModelSpec
from spinlock.vqvae.word_tree import MOST_WORDS, WordTree

ROWS_PER_TOKEN_AUTO = 16.0
"""Training rows a code of `levels: auto`: with fewer a codebook partly memorises."""
NUM_LEVELS_AUTO = 3
POOL_ROWS = 3000
PENALTY = 0.03
TRIAL = ResidualFit(beam=2, num_iterations=5, pool_rows=4000)
"""How the codebooks of a trial are fitted: enough to rank sizes."""


class Sizes(NamedTuple):
    """Sizes of codebooks and where they come from.

    Attributes:
        tokens: number of codes.
        reason: in one sentence.
    """

    tokens: Int[Tensor, "category level"]
    reason: str


def choose_sizes(data: TrainingData, *, category_names: tuple[str, ...], model: ModelSpec) -> Sizes:
    """The sizes that the configuration asks for; where it leaves them open, those that validation rows choose.

    Args:
        data: training rows that trial codebooks are fitted to, and validation rows that judge them.
        category_names: in the order of the packing.
        model: `levels`, `category_tokens`, `bits`.

    Raises:
        ConfigError: if a category is unknown or has another number of levels, or the bits are too few.
    """
    if model.levels is not None:
        return _below_words(data, _as_asked(category_names, model))
    if data.words is not None:
        return _evenly_below_words(data, data.words, model)
    num_rows, count = len(data.train.x), len(category_names)
    if model.bits is None:
        most = most_bits(num_rows, rows_per_token=ROWS_PER_TOKEN_AUTO)
        total, rows_per_token = NUM_LEVELS_AUTO * most * count, ROWS_PER_TOKEN_AUTO
        whence = f"{NUM_LEVELS_AUTO} levels with at least {ROWS_PER_TOKEN_AUTO:g} training rows a code, as bits"
    else:
        most, total, rows_per_token = most_bits(num_rows), model.bits, ROWS_PER_TOKEN
        whence = f"{model.bits} bits"
    if total < count:
        raise ConfigError(f"`bits` must give every category one bit; got {total} for {count} categories.")
    trials = _Trials(data, most=most)
    bits = spread_bits(total, num_categories=count, error=trials.error)
    spread = ", ".join(f"{name} {one}" for name, one in zip(category_names, bits, strict=True))
    reason = (
        f"{whence}, spread by the error of validation rows ({spread}); at most {most} bits a codebook, because {num_rows} "
        f"training rows are to leave at least {rows_per_token:g} a code."
    )
    return Sizes(codebook_sizes(bits, most=most), reason)


def _as_asked(category_names: tuple[str, ...], model: ModelSpec) -> Sizes:
    levels = model.levels or ()
    sizes = torch.tensor([[level.num_tokens for level in levels]] * len(category_names))
    for name, tokens in model.category_tokens.items():
        if name not in category_names:
            raise ConfigError(f"`category_tokens`: unknown category '{name}'. {did_you_mean(name, category_names)}")
        sizes[category_names.index(name)] = torch.tensor(list(tokens))
    return Sizes(sizes, "as configured.")


def _below_words(data: TrainingData, sizes: Sizes) -> Sizes:
    """The sizes with as many first codes as there are words."""
    if data.words is None:
        return sizes
    return sizes._replace(tokens=torch.cat([data.words.num_words.cpu()[:, None], sizes.tokens[:, 1:]], dim=1))


def _evenly_below_words(data: TrainingData, words: WordTree, model: ModelSpec) -> Sizes:
    """Words, and below them codebooks that the rows of a word can fill; of `bits`, what words leave over, evenly."""
    count, num_rows = len(words.num_words), len(data.train.x)
    rows_per_token = ROWS_PER_TOKEN_AUTO if model.bits is None else ROWS_PER_TOKEN
    most = most_bits(num_rows // MOST_WORDS, rows_per_token=rows_per_token)
    own = int(math.log2(MOST_WORDS))
    total = (NUM_LEVELS_AUTO - 1) * most * count if model.bits is None else model.bits - own * count
    if total < count:
        raise ConfigError(
            f"`bits` must leave every category one bit below its words, which take {own}; got {model.bits} for {count} "
            f"categories: give at least {(own + 1) * count}."
        )
    even, rest = divmod(total, count)
    deeper = codebook_sizes([even + (category < rest) for category in range(count)], most=most)
    reason = (
        f"words of at most {own} bits a category, and {total} bits spread evenly below them; at most {most} bits a codebook, "
        f"because {num_rows} training rows are to leave a word's codebooks at least {rows_per_token:g} a code."
    )
    return Sizes(torch.cat([words.num_words.cpu()[:, None], deeper], dim=1), reason)


@dataclass(frozen=True, slots=True)
class _Reconstruction:
    """One category's columns after coding, in the pool and in the validation rows."""

    pool: Float[Tensor, "row column"]
    validation: Float[Tensor, "other column"]


class _Trials:
    """Errors of validation rows under trial codebooks, with a ridge across categories as the decoder.

    The codebooks of a category and a number of bits are fitted once.
    """

    def __init__(self, data: TrainingData, *, most: int) -> None:
        self.data, self.most = data, most
        spec = data.spec
        self.how = replace(TRIAL, num_neighbors=spec.num_neighbors, mixing_reach=spec.mixing_reach, seed=spec.seed)
        self.pool = data.pool(POOL_ROWS)
        # Trials follow the training rows alone.
        neighbors = replace(data, runs=None).category_neighbors
        assert neighbors is not None  # there are no words
        self.neighbors: Int[Tensor, "category row neighbor"] = neighbors
        self.fitted: dict[tuple[int, int], _Reconstruction] = {}

    def error(self, bits: tuple[int, ...]) -> float:
        """Mean squared error of the validation rows when category c has `bits[c]` bits."""
        parts = [self._reconstruction(category, one) for category, one in enumerate(bits)]
        e, f = (torch.cat(side, dim=1) for side in ([p.pool for p in parts], [p.validation for p in parts]))
        order = torch.cat([self._columns(category) for category in range(len(bits))])
        pool, validation = (Rows(rows.x[:, order], rows.mask[:, order]) for rows in (self.pool, self.data.validation))
        missed = torch.where(pool.mask, pool.x - e, 0.0)
        gram = (e.mT @ e).double() / len(e)
        gram.diagonal().add_(PENALTY)
        weights = torch.linalg.solve(gram, (e.mT @ missed).double() / len(e)).to(e)
        left = torch.where(validation.mask, validation.x - f - f @ weights, 0.0)
        return float(left.square().sum() / validation.mask.sum().clamp(min=1))

    def _columns(self, category: int) -> Int[Tensor, " column"]:
        columns = self.data.packing.columns[category]
        return columns[columns >= 0]

    def _coordinates(self, category: int, x: Float[Tensor, "row column"]) -> Float[Tensor, "row axis"]:
        own, metric = x[:, self._columns(category)], self.data.metric
        return own if metric is None else (own.double() @ metric.axes[category, : own.shape[1]]).float()

    def _reconstruction(self, category: int, bits: int) -> _Reconstruction:
        if (category, bits) not in self.fitted:
            self.fitted[category, bits] = self._fit(category, bits)
        return self.fitted[category, bits]

    def _fit(self, category: int, bits: int) -> _Reconstruction:
        columns = self._columns(category)
        targets = self._coordinates(category, self.data.train.x)[None].contiguous()
        present = self.data.train.mask[:, columns].any(dim=1)[None]
        books = fit_residual_codebooks(
            targets,
            present,
            num_tokens=[2**level for level in level_bits(bits, most=self.most)],
            fit=self.how,
            neighbors=self.neighbors[category : category + 1],
        )
        sides = []
        for rows in (self.pool, self.data.validation):
            x = self._coordinates(category, rows.x)
            coded = codeword_sums(beam_search(x[:, None].contiguous(), books, beam=TRIAL.beam), books)[:, 0]
            if (metric := self.data.metric) is not None:
                coded = (coded.double() @ metric.back[category, :, : len(columns)]).float()
            sides.append(torch.where(rows.mask[:, columns].any(dim=1, keepdim=True), coded, 0.0))
        return _Reconstruction(*sides)
