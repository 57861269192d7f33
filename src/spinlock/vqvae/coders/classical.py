"""Residual codebooks as a coder: nothing learned by gradients, hard to beat on few rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.beam_search import Codebook, beam_search, codeword_sums, settled
from spinlock.vqvae.category_metric import CategoryMetric
from spinlock.vqvae.codebook_refit import refit_codebooks
from spinlock.vqvae.coder import Coder, blank_absent, mark_absent
from spinlock.vqvae.consistency import project_to_cells
from spinlock.vqvae.packing import Batch
from spinlock.vqvae.residual_codebooks import ResidualFit, fit_category_codebooks, mixed_rows
from spinlock.vqvae.word_codebooks import fit_word_codebooks, refit_word_codebooks, search_below_words
from spinlock.vqvae.word_tree import WordTree


@dataclass(kw_only=True, eq=False, repr=False)
class ClassicalCoder(Coder):
    """Codes by beam search over residual codebooks; a category decodes to the sum of its codewords, within the training rows' range.

    With a metric, codewords are of its coordinates. With words, the first level's code is the word of a row, and every word has
    codebooks of its own for what it leaves over; decoded columns are within what the word says, and have no value where it says
    that there is none.

    Attributes:
        codewords, is_used: of each level; those of a category with fewer codes than others are padded with unused ones.
        sizes: number of codes of each codebook, without the padding.
        low, high: range of each standardised column over the training rows, 0 in padding.
        beam: hypotheses of the search; 1 is greedy.
        metric: of the codes; the standardised columns themselves where there is none.
        words: the first level, where it is not a codebook.
    """

    codewords: tuple[Tensor, ...]
    is_used: tuple[Tensor, ...]
    sizes: Int[Tensor, "category level"]
    low: Float[Tensor, "category width"]
    high: Float[Tensor, "category width"]
    metric: CategoryMetric | None
    words: WordTree | None
    beam: int = 8

    @property
    def name(self) -> str:
        """The backend that this is."""
        return "classical"

    @property
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""
        return self.sizes

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Coarse to fine."""
        return tuple(map(Codebook, self.codewords, self.is_used))

    @property
    def is_nested(self) -> bool:
        """Whether the coarse code is that of the nearest coarse codeword: it then means something alone."""
        return self.metric is not None and self.words is None

    @classmethod
    def fit(  # noqa: PLR0913 rows, sizes, how, and what they are seen through
        cls,
        batch: Batch,
        *,
        sizes: Int[Tensor, "category level"],
        how: ResidualFit | None = None,
        search_beam: int = 8,
        neighbors: Int[Tensor, "category row neighbor"] | None = None,
        metric: CategoryMetric | None = None,
        words: WordTree | None = None,
    ) -> "ClassicalCoder":
        """Codebooks of the training rows.

        Args:
            batch: standardised training rows.
            sizes: of the codebooks; below words, of each word's.
            how: the defaults of `ResidualFit` when not given.
            search_beam: hypotheses of the encoder's search.
            neighbors: of the rows, as `row_neighbors` finds them; searched for when not given.
            metric: of the codes; with words, one that has axes for every word.
            words: the first level.
        """
        known = torch.where(batch.mask, batch.values, 0.0)
        coder = cls(
            codewords=(),
            is_used=(),
            sizes=sizes,
            low=known.amin(dim=0),
            high=known.amax(dim=0),
            beam=search_beam,
            metric=metric,
            words=words,
        )
        targets, own = coder._targets(batch)
        how, present = how or ResidualFit(), coder.present(batch).T
        if own is None:
            books = fit_category_codebooks(targets, present, sizes=sizes, fit=how, neighbors=neighbors)
        else:
            books = fit_word_codebooks(targets, present, own, sizes=sizes, fit=how)
        return coder._with(books)

    def refit(
        self,
        batch: Batch,
        *,
        how: ResidualFit | None = None,
        neighbors: Int[Tensor, "category row neighbor"] | None = None,
    ) -> "ClassicalCoder":
        """The coder after one more round of "encode by beam search, then fit all codewords together".

        Args:
            batch: standardised training rows.
            how: the defaults of `ResidualFit` when not given.
            neighbors: of the rows, as `row_neighbors` finds them; searched for when not given.
        """
        how, present = how or ResidualFit(), self.present(batch).T
        rows, own = self._targets(batch)
        if own is not None:
            return self._with(refit_word_codebooks(rows, present, own, self.codebooks, fit=how))
        num_tokens = [book.codewords.shape[1] for book in self.codebooks]
        targets, present = mixed_rows(rows, present, num_tokens=num_tokens, fit=how, neighbors=neighbors)
        codes = beam_search(targets.transpose(0, 1), self.codebooks, beam=how.beam, is_nested=self.is_nested)
        return self._with(refit_codebooks(targets, present, codes, self.codebooks))

    def _with(self, books: tuple[Codebook, ...]) -> "ClassicalCoder":
        """The same with other codebooks."""
        words, used = zip(*books, strict=True)
        return replace(self, codewords=words, is_used=used)

    def _targets(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "category sample axis"], Int[Tensor, "category sample"] | None]:
        """What codewords are to add up to, and the words of the rows where there are words."""
        words = self._words(batch)
        found = self.coordinates(batch.values, words).to(batch.values.dtype)
        return found.transpose(0, 1).contiguous(), None if words is None else words.T

    def _words(self, batch: Batch) -> Int[Tensor, "sample category"] | None:
        return None if self.words is None else self.words(*batch)

    def present(self, batch: Batch) -> Bool[Tensor, "sample category"]:
        """Whether a row has a value in a column that its codes depend on."""
        return batch.present if self.metric is None else self.metric.present(batch.mask)

    def coordinates(
        self, values: Float[Tensor, "sample category width"], words: Int[Tensor, "sample category"] | None = None
    ) -> Float[Tensor, "sample category axis"]:
        """Rows in the space of the codewords; of each row's word where there are words."""
        if self.metric is not None:
            return self.metric(values, words)
        return values if words is None else torch.where(self._undefined(words), 0.0, values)

    def _undefined(self, words: Int[Tensor, "sample category"]) -> Bool[Tensor, "sample category width"]:
        """Columns that have no value below words."""
        assert self.words is not None
        return self.words.undefined[torch.arange(words.shape[1], device=words.device), words]

    def _bounds(
        self, words: Int[Tensor, "sample category"] | None
    ) -> tuple[Float[Tensor, "*sample category width"], Float[Tensor, "*sample category width"]]:
        """Between which values decoded columns lie."""
        if self.words is None or words is None:
            return self.low, self.high
        categories = torch.arange(words.shape[1], device=words.device)
        low, high = (edge[categories, words] for edge in self.words.bounds(self.low.double(), self.high.double()))
        return low, high

    def _columns(
        self, codes: Int[Tensor, "sample category level"], books: Sequence[Codebook]
    ) -> Float[Tensor, "sample category width"]:
        """What codes stand for, with a value in every column, as precise as the codebooks are given."""
        words = None if self.words is None else codes[:, :, 0].clamp(min=0)
        sums = codeword_sums(codes, books)
        values = sums if self.metric is None else self.metric.columns(sums, words).to(sums.dtype)
        low, high = self._bounds(words)
        return values.clamp(low.to(values.dtype), high.to(values.dtype))

    def _search(
        self, values: Float[Tensor, "sample category width"], words: Int[Tensor, "sample category"] | None
    ) -> Int[Tensor, "sample category level"]:
        targets = self.coordinates(values, words)
        if words is not None:
            return search_below_words(targets, self.codebooks, words, beam=self.beam)
        return beam_search(targets, self.codebooks, beam=self.beam, is_nested=self.is_nested)

    def encode(self, batch: Batch) -> Int[Tensor, "sample category level"]:
        """Codes of rows, such that what they decode to has these codes; -1 at all levels of a category without a value."""
        books = [book.double() for book in self.codebooks]

        def again(codes: Int[Tensor, "row category level"]) -> Int[Tensor, "row category level"]:
            return self._search(self._columns(codes, books), None if self.words is None else codes[:, :, 0])

        codes = settled(self._search(batch.values, self._words(batch)), again)
        return mark_absent(codes, self.present(batch))

    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None, is_settled: bool = True
    ) -> Float[Tensor, "sample category width"]:
        """What the sums of the first `num_levels` codewords stand for, within the training rows' range; NaN for an absent category."""
        del is_settled  # they always do
        return self._blanked(self._columns(codes[:, :, :num_levels], self.codebooks), codes)

    def _blanked(
        self, values: Float[Tensor, "sample category width"], codes: Int[Tensor, "sample category level"]
    ) -> Float[Tensor, "sample category width"]:
        """Values with NaN where codes say that there is none: in absent categories, and in columns that a word says are undefined."""
        if self.words is not None:
            values = torch.where(self._undefined(codes[:, :, 0].clamp(min=0)), torch.nan, values)
        return blank_absent(values, codes)

    def within(
        self,
        values: Float[Tensor, "sample category width"],
        codes: Int[Tensor, "sample category level"],
        *,
        is_settled: bool,
    ) -> Float[Tensor, "sample category width"]:
        """The same within the training rows' range and what words say."""
        words = None if self.words is None else codes[:, :, 0].clamp(min=0)
        low, high = self._bounds(words)
        if is_settled:
            near = project_to_cells(
                values, codes, self.codebooks, search=self._search, low=low, high=high, metric=self.metric, words=words
            )
        else:
            near = values.clamp(low.to(values.dtype), high.to(values.dtype))
        return self._blanked(near.to(values.dtype), codes)

    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """Sum of the codewords of each category, padded to the width of the largest."""
        return codeword_sums(codes, self.codebooks)
