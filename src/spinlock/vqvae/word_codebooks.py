"""Codebooks below words: for every word the mean of its rows, and residual codebooks of what that leaves over of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.beam_search import Codebook, beam_search
from spinlock.vqvae.codebook_refit import refit_codebooks
from spinlock.vqvae.residual_codebooks import ResidualFit, fit_residual_codebooks, mixed_rows
from spinlock.vqvae.word_tree import rows_by_word


class _Members(NamedTuple):
    """The rows of one word of one category, as the only category there is.

    Attributes:
        category, word: whose they are.
        mean: of the rows.
        left: what it leaves over of them.
    """

    category: int
    word: int
    mean: Float[Tensor, " latent"]
    left: Float[Tensor, "1 row latent"]

    @property
    def present(self) -> Bool[Tensor, "1 row"]:
        return torch.ones(self.left.shape[:2], dtype=torch.bool, device=self.left.device)


def _members(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    words: Int[Tensor, "category row"],
    *,
    sizes: Sequence[int],
) -> Iterator[_Members]:
    for category, (rows, known, own) in enumerate(zip(targets, present, words, strict=True)):
        for word in range(sizes[category]):
            chosen = rows[known & (own == word)]
            mean = chosen.mean(dim=0) if len(chosen) else rows.new_zeros(rows.shape[1])
            yield _Members(category, word, mean, (chosen - mean)[None])


def search_below_words(
    targets: Float[Tensor, "sample category latent"],
    codebooks: Sequence[Codebook],
    words: Int[Tensor, "sample category"],
    *,
    beam: int,
) -> Int[Tensor, "sample category level"]:
    """Codes of every category as `beam_search` finds them, of which the first is the row's word and the rest are of the word's own codebooks."""
    codes = words.new_zeros((*words.shape, len(codebooks)))
    codes[:, :, 0] = words
    means, *deeper = [book.double() for book in codebooks]
    if not deeper:
        return codes
    for category, word, rows in rows_by_word(words):
        own = [Codebook(book.codewords[category, word][None], book.is_used[category, word][None]) for book in deeper]
        left = targets[rows, category].double() - means.codewords[category, word]
        codes[rows, category, 1:] = beam_search(left[:, None], own, beam=beam)[:, 0]
    return codes


def fit_word_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    words: Int[Tensor, "category row"],
    *,
    sizes: Int[Tensor, "category level"],
    fit: ResidualFit,
) -> tuple[Codebook, ...]:
    """The means of words, then each word's own residual codebooks.

    Args:
        targets: what codewords are to add up to.
        present: False for rows that lack the category.
        words: of the rows.
        sizes: number of words, then of the codes of each word's codebooks.
        fit: how; rows are mixed with neighbours of the same word.
    """
    counts, tokens = sizes[:, 0].tolist(), sizes[:, 1:]
    shape = (len(targets), max(counts))
    means = Codebook(targets.new_zeros((*shape, targets.shape[2])), _nothing(shape, targets))
    deeper = [
        Codebook(targets.new_zeros((*shape, most, targets.shape[2])), _nothing((*shape, most), targets))
        for most in tokens.amax(dim=0).tolist()
    ]
    for own in _members(targets, present, words, sizes=counts):
        at = (own.category, own.word)
        means.codewords[at], means.is_used[at] = own.mean, True
        if not deeper:
            continue
        if not own.left.shape[1]:  # no row: one codeword, which is the mean
            for book in deeper:
                book.is_used[at][0] = True
            continue
        few = tokens[own.category].tolist()
        for book, found in zip(
            deeper, fit_residual_codebooks(own.left, own.present, num_tokens=few, fit=fit), strict=True
        ):
            book.codewords[at][: found.codewords.shape[1]] = found.codewords[0]
            book.is_used[at][: found.is_used.shape[1]] = found.is_used[0]
    return (means, *deeper)


def refit_word_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    words: Int[Tensor, "category row"],
    codebooks: Sequence[Codebook],
    *,
    fit: ResidualFit,
) -> tuple[Codebook, ...]:
    """Each word's codewords below its mean, all levels fitted together with the codes held fixed: see `refit_codebooks`."""
    means, deeper = codebooks[0], [Codebook(book.codewords.clone(), book.is_used) for book in codebooks[1:]]
    if not deeper:
        return tuple(codebooks)
    counts = means.is_used.sum(dim=1).tolist()
    for own in _members(targets, present, words, sizes=counts):
        at = (own.category, own.word)
        if not own.left.shape[1]:
            continue
        books = [Codebook(book.codewords[at][None], book.is_used[at][None]) for book in deeper]
        left = own.left + own.mean - means.codewords[at]
        num_tokens = [book.codewords.shape[1] for book in books]
        pool, exists = mixed_rows(left, own.present, num_tokens=num_tokens, fit=fit)
        codes = beam_search(pool.transpose(0, 1), books, beam=fit.beam)
        for book, found in zip(deeper, refit_codebooks(pool, exists, codes, books), strict=True):
            book.codewords[at] = found.codewords[0]
    return (means, *deeper)


def _nothing(shape: tuple[int, ...], like: Tensor) -> Bool[Tensor, "..."]:
    return torch.zeros(shape, dtype=torch.bool, device=like.device)
