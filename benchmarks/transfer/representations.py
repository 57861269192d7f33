"""What is compared: numbers a film, by whatever made them, and how many bits they take.

Two sources: `<corpus>.<name>.npz` files, which `describe.py` writes (`values`, a row a film), and folders of fitted tokenizers, which
are applied to `<corpus>.features.h5`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import norm, rankdata

import spinlock
from spinlock.core.feature_table import FeatureTable
from spinlock.core.threads import one_thread
from spinlock.core.tokens import TokenTable
from spinlock.core.views import in_memory
from spinlock.pipeline.tables import load_table
from spinlock.training.token_features import one_hot


@dataclass(frozen=True, kw_only=True, eq=False)
class Representation:
    """Numbers of every film of one corpus.

    Attributes:
        near: (film, column), for Euclidean distances.
        linear: (film, column), for linear classifiers; standardised where `near` is one-hot.
        bits: nominal, of the tokens that it is made of; None where it is not quantised.
    """

    near: np.ndarray
    linear: np.ndarray
    bits: float | None = None


def plain(values: np.ndarray, *, bits: float | None = None) -> Representation:
    """Numbers that are compared as they are."""
    turned = _turned(values)
    return Representation(near=turned, linear=turned, bits=bits)


def standardised(values: np.ndarray) -> Representation:
    """Columns with zero mean and unit deviation over the corpus, which needs no label; missing ones at the mean, constant ones left out."""
    return plain(_standard(_usable(values)))


def by_ranks(values: np.ndarray) -> Representation:
    """Columns as normal scores of their ranks over the corpus, so that heavy tails count alike."""
    ranks = rankdata(_usable(values), axis=0)
    return plain(_standard(norm.ppf((ranks - 0.5) / len(ranks))))


def of_file(path: Path) -> Iterator[tuple[str, Representation]]:
    """Both scalings of a description; of very many columns standardised ones alone, as their authors use them."""
    with np.load(path) as stored:
        values = stored["values"].astype(np.float64)
    yield "z", standardised(values)
    if values.shape[1] < 5000:
        yield "ranks", by_ranks(values)


@one_thread()
def of_tokenizer(folder: Path, features: Path, *, rates: Sequence[float]) -> Iterator[tuple[str, Representation]]:
    """Columns as normal scores of the training rows, the embedding, and tokens at some rates: one-hot, decoded, decoded and embedded.

    A rate stands for the first levels whose codebooks, of all categories, come nearest to it; an absent category then costs nothing.
    """
    tokenizer = spinlock.Tokenizer.from_pretrained(folder)
    films = in_memory(load_table(features).table)
    yield "normal scores", plain(_normal_scores(tokenizer, films))
    yield "embedding", plain(tokenizer.embed(films).numpy())
    tokens = tokenizer.encode(films)
    of_levels = bits_of_levels(tokens)
    nominal = tokens.codebook_sizes.double().log2().sum(0).cumsum(0).numpy()
    for levels in dict.fromkeys(int(np.abs(nominal - rate).argmin()) + 1 for rate in rates):
        bits = float(of_levels[levels - 1])
        name = f"{levels} of {len(of_levels)} levels"
        hot = one_hot(tokens, num_levels=levels).toarray().astype(np.float64)
        yield f"{name}, one-hot", Representation(near=hot, linear=_standard(_usable(hot)), bits=bits)
        decoded = tokenizer.tokenizer_.decode_normalized(tokens, num_levels=levels).numpy()
        yield f"{name}, decoded", plain(np.nan_to_num(decoded), bits=bits)
        yield f"{name}, embedded", plain(tokenizer.embed(tokenizer.decode(tokens, levels)).numpy(), bits=bits)


def bits_of_levels(tokens: TokenTable) -> np.ndarray:
    """Bits a row of the first level, the first two, and so on: log2 of the codebooks of its present categories, mean over rows."""
    present = (tokens.codes >= 0).double()
    return (present * tokens.codebook_sizes.double().log2()).sum(1).mean(0).cumsum(0).numpy()


def _normal_scores(tokenizer: spinlock.Tokenizer, films: FeatureTable) -> np.ndarray:
    """Columns of single runs by their place among the rows that the tokenizer was fitted to; 0 where missing."""
    embedding = tokenizer.tokenizer_.embedding
    with torch.no_grad():
        scores, _ = embedding.transform(films.values[:, embedding.columns], films.mask[:, embedding.columns])
    return scores.double().clamp(-3, 3).numpy()


def _usable(values: np.ndarray) -> np.ndarray:
    """Columns that vary, within what squares can hold; missing entries at the median."""
    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    values = values[:, ~np.isnan(values).all(0)].clip(-1e30, 1e30)
    values = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    spread = values.std(0)
    return values[:, spread > 1e-9 * np.maximum(1e-9, np.abs(values).max(0))]


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(0)) / values.std(0)


def _turned(values: np.ndarray) -> np.ndarray:
    """Centred, and turned into as many columns as there are rows where there are more: distances and ridges stay what they were."""
    values = values.astype(np.float64) - values.mean(0)
    if values.shape[1] <= len(values):
        return values
    sizes, axes = np.linalg.eigh(values @ values.T)
    return axes * np.sqrt(sizes.clip(min=0))
