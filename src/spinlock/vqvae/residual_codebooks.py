"""Codebooks by residual k-means, each level of what the ones before leave over, on rows mixed with their neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.vqvae.beam_search import Beams, Codebook, extend_beams, start_beams
from spinlock.vqvae.kmeans import kmeans
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors

ROWS_PER_TOKEN = 128
MOST_COPIES = 16
ROWS_AT_ONCE = 32_768
MOST_IN_USE = 0.25
"""Share of columns in use up to which a category is fitted without its padding."""
POOL_ROWS = 30_000
"""Rows that the neighbour mixing aims at: 128 a token of the largest codebook, but at most sixteen times the rows, and 30 000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidualFit:
    """How residual codebooks are fitted.

    Attributes:
        beam: hypotheses a row that are carried from one level to the next while the codebooks are trained; their
            residuals are the next level's data. 1 is plain residual k-means.
        num_neighbors: of a training row, for mixing; 0 turns mixing off.
        mixing_reach: how far towards a neighbour a mixed row may lie, as a fraction.
        num_iterations: most of Lloyd's steps a level.
        seed: for the starts and the mixing.
        pool_rows: rows and mixed copies at most, but at least one copy of each row.
    """

    beam: int = 5
    num_neighbors: int = 30
    mixing_reach: float = 0.7
    num_iterations: int = 15
    pool_rows: int = POOL_ROWS
    seed: int = 0


def fit_residual_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    *,
    num_tokens: Sequence[int],
    fit: ResidualFit,
    neighbors: Int[Tensor, "category row neighbor"] | None = None,
) -> tuple[Codebook, ...]:
    """One codebook a level, each by k-means of what the levels before leave over.

    Args:
        targets: what the codewords of all levels are to add up to.
        present: False for rows that lack the category; they count for nothing.
        num_tokens: codebook sizes, coarse to fine.
        fit: how.
        neighbors: to mix rows with, as `row_neighbors` finds them; searched for when not given.
    """
    targets, present = mixed_rows(targets, present, num_tokens=num_tokens, fit=fit, neighbors=neighbors)
    beams = start_beams(targets)
    codebooks = []
    for level, tokens in enumerate(num_tokens):
        exists = present[:, :, None] & torch.isfinite(beams.errors)
        clusters = kmeans(
            beams.residuals.flatten(1, 2),
            num_centers=tokens,
            generator=torch_stream(fit.seed, "kmeans", level),
            weights=exists.flatten(1).to(targets.dtype),
            num_iterations=fit.num_iterations,
        )
        codebooks.append(Codebook(clusters.centers, clusters.is_used))
        if level + 1 < len(num_tokens):
            beams = _extended(beams, codebooks[-1], beam=fit.beam)
    return tuple(codebooks)


def _extended(beams: Beams, codebook: Codebook, *, beam: int) -> Beams:
    """`extend_beams`, some rows at a time: of all hypotheses only the old and the new are in memory."""
    parts = zip(*(values.split(ROWS_AT_ONCE, dim=1) for values in beams), strict=True)
    found = [extend_beams(Beams(*part), codebook, beam=beam) for part in parts]
    return found[0] if len(found) == 1 else Beams(*(torch.cat(values, dim=1) for values in zip(*found, strict=True)))


def fit_category_codebooks(
    targets: Float[Tensor, "category row latent"],
    present: Bool[Tensor, "category row"],
    *,
    sizes: Int[Tensor, "category level"],
    fit: ResidualFit,
    neighbors: Int[Tensor, "category row neighbor"] | None = None,
) -> tuple[Codebook, ...]:
    """The same for codebooks whose sizes differ between categories: smaller ones are padded with unused codes.

    Categories of the same sizes are fitted at once. A codebook of one code holds the mean of what is left.

    Args:
        targets: what the codewords of all levels are to add up to.
        present: False for rows that lack the category.
        sizes: of every codebook.
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
        own = _columns_in_use(targets[rows])
        books = fit_residual_codebooks(
            targets[rows][:, :, own], present[rows], num_tokens=num_tokens, fit=fit, neighbors=neighbors[rows]
        )
        for level, book in enumerate(books):
            words[level][rows[:, None], : num_tokens[level], own] = book.codewords.transpose(1, 2)
            used[level][rows, : num_tokens[level]] = book.is_used
    largest = sizes.amax(dim=0).tolist()
    return tuple(Codebook(w[:, :most], u[:, :most]) for w, u, most in zip(words, used, largest, strict=True))


def _columns_in_use(targets: Float[Tensor, "category row latent"]) -> Int[Tensor, " column"]:
    """Columns that are anything but padding, where most are; else all, as leaving a few out costs more than it saves."""
    used = (targets != 0).flatten(0, 1).any(dim=0)
    return (used if int(used.sum()) <= MOST_IN_USE * len(used) else torch.ones_like(used)).nonzero().squeeze(1)


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
    fit: ResidualFit,
    neighbors: Int[Tensor, "category row neighbor"] | None = None,
) -> tuple[Float[Tensor, "category pool latent"], Bool[Tensor, "category pool"]]:
    """The rows themselves and mixed copies, as many as the codebooks can use, but at least one copy of each row.

    Args:
        targets: rows of every category.
        present: False for rows that lack the category.
        num_tokens: codebook sizes.
        fit: number of neighbours and reach; the rows alone where `num_neighbors` is 0.
        neighbors: as `row_neighbors` finds them; searched for when not given.
    """
    if fit.num_neighbors == 0:
        return targets, present
    aim = min(fit.pool_rows, ROWS_PER_TOKEN * max(num_tokens), MOST_COPIES * targets.shape[1])
    copies = max(int(targets.shape[1] < fit.pool_rows), aim // targets.shape[1] - 1)
    if neighbors is None:
        neighbors = row_neighbors(targets, present, fit=fit)
    generator = torch_stream(fit.seed, "mixing")
    mixed = [mix_with_neighbors(targets, neighbors, reach=fit.mixing_reach, generator=generator) for _ in range(copies)]
    return torch.cat([targets, *mixed], dim=1), present.repeat(1, copies + 1)
