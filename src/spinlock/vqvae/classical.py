"""Residual k-means of every category: nothing learned by gradients, hard to beat on few rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.vqvae.backend import Backend, blank_absent, mark_absent
from spinlock.vqvae.beam_search import (
    Codebook,
    beam_search,
    codeword_sums,
    extend_beams,
    settled_search,
    start_beams,
)
from spinlock.vqvae.codebook_refit import refit_codebooks
from spinlock.vqvae.kmeans import kmeans
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors
from spinlock.vqvae.packing import Packing

ROWS_PER_TOKEN = 128
MOST_COPIES = 16
POOL_ROWS = 30_000
"""Rows that the neighbour mixing aims at: 128 a token of the largest codebook, but at most sixteen times the rows, and 30 000."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ResidualFit:
    """How residual codebooks are fitted.

    Attributes:
        beam: hypotheses a row that are carried from one level to the next while the codebooks are trained; their
            residuals are the next level's data. 1 is plain residual k-means.
        num_neighbors: of a training row, for mixing; 0 turns mixing off.
        mixing_reach: how far towards a neighbour a mixed row may lie, as a fraction.
        num_iterations: most of Lloyd's steps a level.
        pool_rows: rows and mixed copies at most, but at least one copy of each row.
    """

    beam: int = 5
    num_neighbors: int = 30
    mixing_reach: float = 0.7
    num_iterations: int = 15
    pool_rows: int = POOL_ROWS


def fit_residual_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    *,
    num_tokens: Sequence[int],
    seed: int,
    fit: ResidualFit,
    neighbors: Int[Tensor, "category row neighbor"] | None = None,
) -> tuple[Codebook, ...]:
    """One codebook a level, each by k-means of what the levels before leave over.

    Args:
        targets: what the codewords of all levels are to add up to.
        present: False for rows that lack the category; they count for nothing.
        num_tokens: codebook sizes, coarse to fine.
        seed: for the starts and the mixing.
        fit: how.
        neighbors: to mix rows with, as `row_neighbors` finds them; searched for when not given.
    """
    targets, present = mixed_rows(targets, present, num_tokens=num_tokens, seed=seed, fit=fit, neighbors=neighbors)
    beams = start_beams(targets)
    codebooks = []
    for level, tokens in enumerate(num_tokens):
        exists = present[:, :, None] & torch.isfinite(beams.errors)
        clusters = kmeans(
            beams.residuals.flatten(1, 2),
            num_centers=tokens,
            generator=torch_stream(seed, "kmeans", level),
            weights=exists.flatten(1).to(targets.dtype),
            num_iterations=fit.num_iterations,
        )
        codebooks.append(Codebook(clusters.centers, clusters.is_used))
        if level + 1 < len(num_tokens):
            beams = extend_beams(beams, codebooks[-1], beam=fit.beam)
    return tuple(codebooks)


def fit_category_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    *,
    sizes: Int[Tensor, "category level"],
    seed: int,
    fit: ResidualFit,
    neighbors: Int[Tensor, "category row neighbor"] | None = None,
) -> tuple[Codebook, ...]:
    """The same for codebooks whose sizes differ between categories: smaller ones are padded with unused codes.

    Categories of the same sizes are fitted at once. A codebook of one code holds the mean of what is left.

    Args:
        targets: what the codewords of all levels are to add up to.
        present: False for rows that lack the category.
        sizes: of every codebook.
        seed: for the starts and the mixing.
        fit: how.
        neighbors: to mix rows with, as `row_neighbors` finds them; searched for when not given.
    """
    neighbors = row_neighbors(targets, present, fit=fit) if neighbors is None else neighbors
    shape = (sizes.shape[0], int(sizes.max()), targets.shape[2])
    words = [targets.new_zeros(shape) for _ in range(sizes.shape[1])]
    used = [torch.zeros(shape[:2], dtype=torch.bool, device=targets.device) for _ in range(sizes.shape[1])]
    kinds, which = torch.unique(sizes, dim=0, return_inverse=True)
    for kind, num_tokens in enumerate(kinds.tolist()):
        rows = (which == kind).nonzero().squeeze(1)
        books = fit_residual_codebooks(
            targets[rows], present[rows], num_tokens=num_tokens, seed=seed, fit=fit, neighbors=neighbors[rows]
        )
        for level, book in enumerate(books):
            words[level][rows, : num_tokens[level]] = book.codewords
            used[level][rows, : num_tokens[level]] = book.is_used
    largest = sizes.amax(dim=0).tolist()
    return tuple(Codebook(w[:, :most], u[:, :most]) for w, u, most in zip(words, used, largest, strict=True))


def row_neighbors(
    targets: Float[Tensor, "category row latent"], present: Bool[Tensor, "category row"], *, fit: ResidualFit
) -> Int[Tensor, "category row neighbor"]:
    """The rows that each row is mixed with; none where mixing is off."""
    if fit.num_neighbors == 0:
        return torch.zeros((*targets.shape[:2], 0), dtype=torch.long, device=targets.device)
    return nearest_neighbors(targets, num_neighbors=fit.num_neighbors, present=present)


def mixed_rows(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    *,
    num_tokens: Sequence[int],
    seed: int,
    fit: ResidualFit,
    neighbors: Int[Tensor, "category row neighbor"] | None = None,
) -> tuple[Float[Tensor, "category pool latent"], Bool[Tensor, "category pool"]]:
    """The rows themselves and mixed copies, as many as the codebooks can use, but at least one copy of each row.

    Args:
        targets: rows of every category.
        present: False for rows that lack the category.
        num_tokens: codebook sizes.
        seed: for the mixing.
        fit: number of neighbours and reach; the rows alone where `num_neighbors` is 0.
        neighbors: as `row_neighbors` finds them; searched for when not given.
    """
    if fit.num_neighbors == 0:
        return targets, present
    aim = min(fit.pool_rows, ROWS_PER_TOKEN * max(num_tokens), MOST_COPIES * targets.shape[1])
    copies = max(1, aim // targets.shape[1] - 1)
    if neighbors is None:
        neighbors = row_neighbors(targets, present, fit=fit)
    generator = torch_stream(seed, "mixing")
    mixed = [mix_with_neighbors(targets, neighbors, reach=fit.mixing_reach, generator=generator) for _ in range(copies)]
    return torch.cat([targets, *mixed], dim=1), present.repeat(1, copies + 1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClassicalBackend(Backend):
    """Codes by beam search over residual codebooks; a category decodes to the sum of its codewords, within the training rows' range.

    Attributes:
        codebooks: coarse to fine; those of a category with fewer codes than others are padded with unused ones.
        sizes: number of codes of each codebook, without the padding.
        low, high: range of each standardised column over the training rows.
        beam: hypotheses of the search; 1 is greedy.
    """

    name: ClassVar[str] = "classical"
    packing: Packing
    codebooks: tuple[Codebook, ...]
    sizes: Int[Tensor, "category level"]
    low: Float[Tensor, " column"]
    high: Float[Tensor, " column"]
    beam: int = 8

    @property
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""
        return self.sizes

    @classmethod
    def fit(
        cls,
        x: Float[Tensor, "sample column"],
        mask: Bool[Tensor, "sample column"],
        *,
        packing: Packing,
        num_tokens: Sequence[int] | Int[Tensor, "category level"],
        seed: int,
        how: ResidualFit | None = None,
        search_beam: int = 8,
        neighbors: Int[Tensor, "category row neighbor"] | None = None,
    ) -> "ClassicalBackend":
        """Codebooks of the training rows.

        Args:
            x: standardised training rows, missing entries filled in.
            mask: True where a value was present.
            packing: of the categories.
            num_tokens: codebook sizes, coarse to fine: the same for every category, or of each.
            seed: for the starts and the mixing.
            how: the defaults of `ResidualFit` when not given.
            search_beam: hypotheses of the encoder's search.
            neighbors: of the packed rows, as `row_neighbors` finds them; searched for when not given.
        """
        sizes = torch.as_tensor(num_tokens).expand(packing.num_categories, -1).contiguous()
        codebooks = fit_category_codebooks(
            packing.pack(x).transpose(0, 1).contiguous(),
            packing.present(mask).T,
            sizes=sizes,
            seed=seed,
            fit=how or ResidualFit(),
            neighbors=neighbors,
        )
        columns = torch.where(mask, x, 0.0)
        return cls(
            packing=packing,
            codebooks=codebooks,
            sizes=sizes,
            low=columns.amin(dim=0),
            high=columns.amax(dim=0),
            beam=search_beam,
        )

    def refit(
        self,
        x: Float[Tensor, "sample column"],
        mask: Bool[Tensor, "sample column"],
        *,
        seed: int,
        how: ResidualFit | None = None,
        neighbors: Int[Tensor, "category row neighbor"] | None = None,
    ) -> "ClassicalBackend":
        """The backend after one more round of "encode by beam search, then fit all codewords together".

        Args:
            x: standardised training rows, missing entries filled in.
            mask: True where a value was present.
            seed: for the mixing.
            how: the defaults of `ResidualFit` when not given.
            neighbors: of the packed rows, as `row_neighbors` finds them; searched for when not given.
        """
        how = how or ResidualFit()
        rows = self.packing.pack(x).transpose(0, 1).contiguous()
        num_tokens = [book.codewords.shape[1] for book in self.codebooks]
        targets, present = mixed_rows(
            rows, self.packing.present(mask).T, num_tokens=num_tokens, seed=seed, fit=how, neighbors=neighbors
        )
        codes = beam_search(targets.transpose(0, 1), self.codebooks, beam=how.beam)
        codebooks = refit_codebooks(targets, present, codes, self.codebooks)
        return replace(self, codebooks=codebooks)

    def encode(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Int[Tensor, "sample category level"]:
        """Codes of standardised rows; -1 at all levels of a category without a value."""
        low, high = self.packed_range()
        codes = settled_search(self.packing.pack(x), self.codebooks, beam=self.beam, low=low, high=high)
        return mark_absent(codes, self.packing.present(mask))

    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None
    ) -> Float[Tensor, "sample column"]:
        """Standardised columns from the first `num_levels` codes; NaN for an absent category."""
        y = self.packing.unpack(codeword_sums(codes[:, :, :num_levels], self.codebooks))
        return blank_absent(y.clamp(self.low, self.high), codes, packing=self.packing)

    def packed_range(self) -> tuple[Float[Tensor, "category width"], Float[Tensor, "category width"]]:
        """`low` and `high` by category, 0 in padding."""
        low, high = self.packing.pack(torch.stack([self.low, self.high]))
        return low, high

    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """Sum of the codewords of each category, padded to the width of the largest."""
        return codeword_sums(codes, self.codebooks)

    def tensors(self) -> dict[str, Tensor]:
        """The codebooks, level by level."""
        named = {f"codewords.{level}": book.codewords for level, book in enumerate(self.codebooks)}
        named |= {f"is_used.{level}": book.is_used for level, book in enumerate(self.codebooks)}
        return named | {"codebook_sizes": self.codebook_sizes, "low": self.low, "high": self.high}

    def settings(self) -> dict[str, object]:
        """Number of levels and beam."""
        return {"num_levels": len(self.codebooks), "beam": self.beam}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], *, packing: Packing
    ) -> "ClassicalBackend":
        """The backend that `tensors` and `settings` came from."""
        levels = range(int(settings["num_levels"]))
        books = tuple(Codebook(tensors[f"codewords.{level}"], tensors[f"is_used.{level}"]) for level in levels)
        return cls(
            packing=packing,
            codebooks=books,
            sizes=tensors["codebook_sizes"],
            low=tensors["low"],
            high=tensors["high"],
            beam=int(settings["beam"]),
        )
