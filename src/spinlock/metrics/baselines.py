"""Textbook coders with as many bits as a tokenizer, which it has to beat; none of them is spinlock's own.

Each is fitted on training rows alone and judged on any rows; missing values are read as the column's training mean.
"""

import heapq
import warnings
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.metrics.rate import nominal_bits

_MAX_ITERATIONS = 100
_ROWS_AT_ONCE = 1024


class Coder(ABC):
    """A fitted coder: a name, its bits a sample, and what comes back of rows that went through it."""

    name: str
    bits: float

    @abstractmethod
    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """Rows after encoding and decoding."""


class ColumnMean(Coder):
    """Every row is the mean of the training rows: no bits at all."""

    name = "column mean"
    bits = 0.0

    def __init__(self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]) -> None:
        self.mean = column_means(x, mask)

    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """The training mean, once a row."""
        return self.mean.to(x).expand_as(mask)


def column_means(x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]) -> Float[Tensor, " column"]:
    """Mean of each column's present entries in float64; 0 for a column without any."""
    return torch.where(mask, x.double(), 0.0).sum(0) / mask.sum(0).clamp(min=1)


def fit_kmeans(
    points: Float[np.ndarray, "point dim"],
    *,
    num_codes: int,
    start: Float[np.ndarray, "code dim"] | None = None,
    seed: int = 0,
) -> Float[Tensor, "code dim"]:
    """The codewords of one run of Lloyd's algorithm, from `start` or from k-means++.

    Where points are fewer than codewords there is one codeword a point; where distinct points are fewer, some codewords
    are equal and stay unused.
    """
    kmeans = KMeans(
        min(num_codes, len(points)),
        init="k-means++" if start is None else start,  # pyright: ignore[reportArgumentType]
        n_init=1,  # pyright: ignore[reportArgumentType]
        max_iter=_MAX_ITERATIONS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(points)
    return torch.as_tensor(kmeans.cluster_centers_)


def allot_bits(variances: Float[np.ndarray, " component"], *, bits: int, most: int) -> Int[np.ndarray, " component"]:
    """Whole bits for each component: every bit goes where it takes off most distortion.

    A scalar quantiser of b bits leaves D(b) ∝ σ² 4^-b, so the next bit is worth most where σ² 4^-b is largest. That is
    reverse water-filling, b_i = max(0, ½ log₂(σ_i² / θ)), in whole bits (Cover & Thomas 2006, section 10.3.3).

    Args:
        variances: of the components.
        bits: to hand out in all; fewer are used where every component with variance has `most`.
        most: bits a component may have.
    """
    allotted = np.zeros(len(variances), dtype=np.int64)
    heap = [(-float(variance), component) for component, variance in enumerate(variances) if variance > 0]
    heapq.heapify(heap)
    for _ in range(bits):
        if not heap or not most:
            break
        negative, component = heapq.heappop(heap)
        allotted[component] += 1
        if allotted[component] < most:
            heapq.heappush(heap, (negative / 4, component))
    return allotted


class PCAScalar(Coder):
    """Principal components, each with a Lloyd-Max quantiser (k-means in one dimension) of its allotted bits.

    A component has at most log₂(training rows) bits: more codewords than rows cannot be placed. A fraction of a bit
    in `bits` is not used.
    """

    name = "PCA + scalar quantisation"

    def __init__(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"], *, bits: float, seed: int = 0
    ) -> None:
        self.mean = column_means(x, mask)
        centred = torch.where(mask, x.double() - self.mean, 0.0)
        _, singular, components = torch.linalg.svd(centred, full_matrices=False)
        variances = (singular.square() / len(x)).numpy()
        variances[variances < 1e-12 * variances.max(initial=0.0)] = 0.0
        allotted = allot_bits(variances, bits=int(bits + 1e-9), most=int(np.log2(len(x))))
        kept = np.flatnonzero(allotted)
        self.components = components[torch.as_tensor(kept)]  # (kept, column)
        scores = centred @ self.components.T
        self.codebooks = [
            _lloyd_max(scores[:, place], num_codes=2 ** int(allotted[component]), seed=seed)
            for place, component in enumerate(kept)
        ]
        self.bits = float(allotted.sum())

    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """Mean + Σ over kept components of the nearest codeword of its score."""
        scores = torch.where(mask, x.double() - self.mean, 0.0) @ self.components.T
        for place, codebook in enumerate(self.codebooks):
            nearest = (scores[:, place, None] - codebook).abs().argmin(1)
            scores[:, place] = codebook[nearest]
        return (self.mean + scores @ self.components).to(x)


def _lloyd_max(scores: Float[Tensor, " sample"], *, num_codes: int, seed: int) -> Float[Tensor, " code"]:
    """Codewords of the quantiser with the least squared error, from quantiles by Lloyd's iteration."""
    start = torch.quantile(scores, (torch.arange(num_codes) + 0.5).double() / num_codes)
    return fit_kmeans(scores[:, None].numpy(), num_codes=num_codes, start=start[:, None].numpy(), seed=seed)[:, 0]


class ResidualCodebooks(NamedTuple):
    """Residual k-means fitted on training rows: their means and bits, and for each category its columns and codebooks, coarse to fine."""

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


def residual_search(
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
    """`residual_search` a block of rows at a time, so that memory does not grow with rows x codes."""
    return torch.cat([residual_search(block, codebooks, beam=beam) for block in rows.split(_ROWS_AT_ONCE)])


def fit_baselines(
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    *,
    category_map: CategoryMap,
    codebook_sizes: Int[Tensor, "category level"],
    encoding_beam: int = 8,
    training_beam: int = 5,
    seed: int = 0,
) -> tuple[Coder, ...]:
    """The baselines, fitted on training rows, worst idea first.

    The column mean (no bits); principal components with scalar quantisers; residual k-means with the tokenizer's own
    codebook sizes: greedy, the same codebooks searched with a beam, and codebooks that were trained with a beam too.

    Args:
        x: normalised training rows.
        mask: True where a value is present.
        category_map: of the tokenizer.
        codebook_sizes: of the tokenizer; their bits are what each baseline may spend.
        encoding_beam: sums kept while encoding.
        training_beam: sums kept while fitting the last baseline's codebooks.
        seed: of the k-means starts.
    """
    greedy, beamed = (
        fit_residual_codebooks(x, mask, category_map=category_map, codebook_sizes=codebook_sizes, beam=beam, seed=seed)
        for beam in (1, training_beam)
    )
    return (
        ColumnMean(x, mask),
        PCAScalar(x, mask, bits=nominal_bits(codebook_sizes), seed=seed),
        ResidualKMeans(greedy, name="residual k-means, greedy"),
        ResidualKMeans(greedy, name=f"residual k-means, beam {encoding_beam}", beam=encoding_beam),
        ResidualKMeans(beamed, name=f"residual k-means, trained with a beam, beam {encoding_beam}", beam=encoding_beam),
    )
