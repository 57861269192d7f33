"""Residual k-means, category by category: the coder that no learned tokenizer beats without effort."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.metrics.coder import Coder, column_means
from spinlock.metrics.quiet_kmeans import fit_kmeans
from spinlock.metrics.rate import nominal_bits

_ROWS_AT_ONCE = 1024


class ResidualCodebooks(NamedTuple):
    """What was fitted on training rows: their means, and for each category its columns and codebooks, coarse to fine."""

    mean: Float[Tensor, " column"]
    columns: list[list[int]]
    codebooks: list[list[Tensor]]
    bits: float


def fit_residual_codebooks(
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    *,
    category_map: CategoryMap,
    codebook_sizes: Int[Tensor, "category level"],
    beam: int = 1,
    seed: int = 0,
) -> ResidualCodebooks:
    """Codebooks by k-means of what the levels before left over, in each category alone.

    Args:
        x: training rows.
        mask: True where a value is present.
        category_map: which columns are coded together.
        codebook_sizes: of every category and level; a codebook larger than the number of rows gets one codeword a row.
        beam: 1 for residuals of the nearest codewords; with more, later levels are fitted on the residuals of the
            `beam` best sums of every row, as FAISS's residual quantiser does.
        seed: of the k-means++ starts.
    """
    mean = column_means(x, mask)
    centred = torch.where(mask, x.double() - mean, 0.0).float()
    columns = [list(group) for group in category_map.group_indices.values()]
    fitted = []
    for group, sizes in zip(columns, codebook_sizes.tolist(), strict=True):
        rows = centred[:, group]
        codebooks: list[Tensor] = []
        for size in sizes:
            left = rows[:, None] - _best_sums(rows, codebooks, beam=beam)
            points = left.flatten(0, 1).numpy()
            codebooks.append(fit_kmeans(points, num_codes=min(size, len(rows)), seed=seed).float())
        fitted.append(codebooks)
    return ResidualCodebooks(mean, columns, fitted, nominal_bits(codebook_sizes))


class ResidualKMeans(Coder):
    """Fitted residual codebooks with a search: the `beam` best sums of codewords are carried from level to level."""

    def __init__(self, fitted: ResidualCodebooks, *, name: str, beam: int = 1) -> None:
        self.name = name
        self.bits = fitted.bits
        self.fitted = fitted
        self.beam = beam

    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """Mean + the best sum of codewords of each category."""
        centred = torch.where(mask, x.double() - self.fitted.mean, 0.0).float()
        result = torch.zeros_like(centred)
        for columns, codebooks in zip(self.fitted.columns, self.fitted.codebooks, strict=True):
            result[:, columns] = _best_sums(centred[:, columns], codebooks, beam=self.beam)[:, 0]
        return (self.fitted.mean + result.double()).to(x)


def beam_search(
    rows: Float[Tensor, "sample column"], codebooks: list[Tensor], *, beam: int
) -> Float[Tensor, "sample kept column"]:
    """The best sums of one codeword a level for each row, best first; the zero vector where there is no level.

    At every level each of the kept sums is extended by every codeword, and the `beam` nearest to the row are kept
    (fewer while there are fewer sums).
    """
    sums = torch.zeros_like(rows)[:, None]  # (sample, kept, column)
    for codebook in codebooks:
        left = rows[:, None] - sums
        # |r - c|² = |r|² - 2 r·c + |c|², (sample, kept, code)
        distance = left.square().sum(-1, keepdim=True) - 2 * left @ codebook.T + codebook.square().sum(-1)
        best = distance.flatten(1).topk(min(beam, distance[0].numel()), largest=False).indices
        parent, code = best // len(codebook), best % len(codebook)
        sums = torch.take_along_dim(sums, parent[..., None], dim=1) + codebook[code]
    return sums


def _best_sums(
    rows: Float[Tensor, "sample column"], codebooks: list[Tensor], *, beam: int
) -> Float[Tensor, "sample kept column"]:
    """`beam_search` a block of rows at a time, so that memory does not grow with rows x codes."""
    return torch.cat([beam_search(block, codebooks, beam=beam) for block in rows.split(_ROWS_AT_ONCE)])
