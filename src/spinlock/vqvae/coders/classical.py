"""Residual codebooks as a coder: nothing learned by gradients, hard to beat on few rows."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.vqvae.beam_search import Codebook, beam_search, codeword_sums, settled_search
from spinlock.vqvae.codebook_refit import refit_codebooks
from spinlock.vqvae.coder import Coder, blank_absent, mark_absent
from spinlock.vqvae.packing import Batch
from spinlock.vqvae.residual_codebooks import ResidualFit, fit_category_codebooks, mixed_rows


@dataclass(kw_only=True, eq=False, repr=False)
class ClassicalCoder(Coder):
    """Codes by beam search over residual codebooks; a category decodes to the sum of its codewords, within the training rows' range.

    Attributes:
        codewords, is_used: of each level; those of a category with fewer codes than others are padded with unused ones.
        sizes: number of codes of each codebook, without the padding.
        low, high: range of each standardised column over the training rows, 0 in padding.
        beam: hypotheses of the search; 1 is greedy.
    """

    codewords: tuple[Tensor, ...]
    is_used: tuple[Tensor, ...]
    sizes: Int[Tensor, "category level"]
    low: Float[Tensor, "category width"]
    high: Float[Tensor, "category width"]
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

    @classmethod
    def fit(
        cls,
        batch: Batch,
        *,
        sizes: Int[Tensor, "category level"],
        how: ResidualFit | None = None,
        search_beam: int = 8,
        neighbors: Int[Tensor, "category row neighbor"] | None = None,
    ) -> "ClassicalCoder":
        """Codebooks of the training rows.

        Args:
            batch: standardised training rows.
            sizes: of the codebooks.
            how: the defaults of `ResidualFit` when not given.
            search_beam: hypotheses of the encoder's search.
            neighbors: of the rows, as `row_neighbors` finds them; searched for when not given.
        """
        books = fit_category_codebooks(
            batch.values.transpose(0, 1).contiguous(),
            batch.present.T,
            sizes=sizes,
            fit=how or ResidualFit(),
            neighbors=neighbors,
        )
        known = torch.where(batch.mask, batch.values, 0.0)
        return cls(
            codewords=tuple(book.codewords for book in books),
            is_used=tuple(book.is_used for book in books),
            sizes=sizes,
            low=known.amin(dim=0),
            high=known.amax(dim=0),
            beam=search_beam,
        )

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
        how = how or ResidualFit()
        rows = batch.values.transpose(0, 1).contiguous()
        num_tokens = [book.codewords.shape[1] for book in self.codebooks]
        targets, present = mixed_rows(rows, batch.present.T, num_tokens=num_tokens, fit=how, neighbors=neighbors)
        codes = beam_search(targets.transpose(0, 1), self.codebooks, beam=how.beam)
        books = refit_codebooks(targets, present, codes, self.codebooks)
        return replace(self, codewords=tuple(book.codewords for book in books))

    def encode(self, batch: Batch) -> Int[Tensor, "sample category level"]:
        """Codes of rows; -1 at all levels of a category without a value."""
        codes = settled_search(batch.values, self.codebooks, beam=self.beam, low=self.low, high=self.high)
        return mark_absent(codes, batch.present)

    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None, is_settled: bool = True
    ) -> Float[Tensor, "sample category width"]:
        """Sums of the first `num_levels` codewords, within the training rows' range; NaN for an absent category."""
        del is_settled  # they always do
        sums = codeword_sums(codes[:, :, :num_levels], self.codebooks)
        return blank_absent(sums.clamp(self.low, self.high), codes)

    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """Sum of the codewords of each category, padded to the width of the largest."""
        return codeword_sums(codes, self.codebooks)
