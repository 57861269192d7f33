"""What the tokenizer is compared with at equal bits: textbook coders, FAISS, and codebooks learned by other recipes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import torch
from first_recipe import trained_by_first_recipe
from neural_codebooks import Training, trained_codebooks
from splits import SplitTable
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from spinlock.core.category_map import CategoryMap
from spinlock.core.masked import masked_mse
from spinlock.metrics.baselines import ResidualKMeans, fit_baselines, fit_residual_codebooks
from spinlock.vqvae.codebook_sizes import codebook_sizes, most_bits
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.packing import Rows

LEVEL_BITS = {24: (2, 1, 1), 48: (3, 3, 2), 72: (4, 4, 4), 96: (5, 5, 6), 144: (7, 8, 9)}
"""Bits of six categories together → bits of one category's three levels, for recipes with levels."""
FAISS_SHAPES = {24: (6, 1, 4), 48: (6, 1, 8), 72: (6, 2, 6), 96: (6, 2, 8), 144: (6, 3, 8)}
"""Bits → splits, levels and bits a level of FAISS's product residual quantiser."""
RESIDUAL_VQ_STEPS = 600
BEAMS = (5, 32)
"""Of FAISS's residual quantiser when it is tuned; it is shipped with the first."""
REGULARISATIONS = (1.0, 3.0, 10.0)
"""`lambd` of FAISS's local-search quantiser when it is tuned. It is shipped with .01, which fits few rows to the last digit."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What every coder is given.

    Attributes:
        train, validation, test: standardised rows of the splits, missing entries filled in; validation rows are for coders
            with a setting to choose.
        category_map: of the columns.
        bits: a sample.
        seed: of starts.
    """

    train: Rows
    validation: Rows
    test: Rows
    category_map: CategoryMap
    bits: int
    seed: int

    @classmethod
    def of(cls, split: SplitTable, *, category_map: CategoryMap, bits: int, seed: int, warp: str = "auto") -> "Problem":
        """The problem of a split, its rows mapped, standardised and filled as the tokenizer does it."""
        normalizer = TableNormalizer.fit(split.train, category_map=category_map, warp=warp)
        rows = {name: normalizer(table) for name, table in split._asdict().items()}
        return cls(**rows, category_map=category_map, bits=bits, seed=seed)

    def error(self, decoded: Tensor) -> float:
        """Mean squared error of decoded test rows."""
        return masked_mse(self.test.x, decoded, self.test.mask)


def textbook(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """The coders of every report: column mean, PCA with scalar quantisers, residual k-means in three forms.

    Every category has the same bits; its codebooks follow the rule that spinlock's follow.
    """
    count = len(problem.category_map.categories)
    sizes = codebook_sizes((problem.bits // count,) * count, most=most_bits(len(problem.train.x)))
    for coder in fit_baselines(
        *problem.train, category_map=problem.category_map, codebook_sizes=sizes, seed=problem.seed
    ):
        yield coder.name, coder.reconstruct(*problem.test)


def faiss_quantizers(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """FAISS's quantisers of whole vectors and of six equal blocks of columns."""
    columns, bits = problem.train.x.shape[1], problem.bits
    quantizers: dict[str, Any] = {}
    if bits % 8 == 0:
        quantizers["FAISS ResidualQuantizer"] = _of_bytes(faiss.ResidualQuantizer, problem)
        if columns % (bits // 8) == 0:
            quantizers["FAISS ProductQuantizer"] = _of_bytes(faiss.ProductQuantizer, problem)
    if bits in FAISS_SHAPES and columns % FAISS_SHAPES[bits][0] == 0:
        quantizers["FAISS ProductResidualQuantizer"] = faiss.ProductResidualQuantizer(columns, *FAISS_SHAPES[bits])
    yield from _decoded_by_faiss(problem, quantizers)


def local_search(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """FAISS's local-search quantiser of whole vectors; by far the slowest of all."""
    if problem.bits % 8 == 0:
        yield from _decoded_by_faiss(
            problem, {"FAISS LocalSearchQuantizer": _of_bytes(faiss.LocalSearchQuantizer, problem)}
        )


def tuned_faiss(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """FAISS's residual and local-search quantisers with the beam and the regularisation that validation rows choose."""
    if problem.bits % 8 == 0:
        residual = [_of_bytes(faiss.ResidualQuantizer, problem, max_beam_size=beam) for beam in BEAMS]
        yield "FAISS ResidualQuantizer, tuned", _best_on_validation_rows(problem, residual)
        local = [_of_bytes(faiss.LocalSearchQuantizer, problem, lambd=strength) for strength in REGULARISATIONS]
        yield "FAISS LocalSearchQuantizer, tuned", _best_on_validation_rows(problem, local)


def _of_bytes(kind: Callable[..., Any], problem: Problem, **settings: float) -> Any:
    """A quantiser of whole vectors with 8 bits a level."""
    quantizer = kind(problem.train.x.shape[1], problem.bits // 8, 8)
    for name, value in settings.items():
        setattr(quantizer, name, value)
    return quantizer


def _best_on_validation_rows(problem: Problem, quantizers: list[Any]) -> Tensor:
    for quantizer in quantizers:
        quantizer.train(_array(problem.train.x))
    x, mask = problem.validation
    best = min(quantizers, key=lambda one: masked_mse(x, _through(one, x), mask))
    return _through(best, problem.test.x)


def _decoded_by_faiss(problem: Problem, quantizers: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    for name, quantizer in quantizers.items():
        quantizer.train(_array(problem.train.x))
        yield name, _through(quantizer, problem.test.x)


def _through(quantizer: Any, rows: Tensor) -> Tensor:
    return torch.from_numpy(quantizer.decode(quantizer.compute_codes(_array(rows))))


def _array(rows: Tensor) -> np.ndarray:
    return np.ascontiguousarray(rows.numpy())


def neural_codebooks(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """Codebooks that networks adapt to what is decoded so far, trained from those of FAISS's residual quantiser."""
    if problem.bits % 8 == 0:
        start = _of_bytes(faiss.ResidualQuantizer, problem)
        start.train(_array(problem.train.x))
        shape = (problem.bits // 8, 256, problem.train.x.shape[1])
        codebooks = torch.from_numpy(faiss.vector_to_array(start.codebooks).reshape(shape))
        how = Training()
        model, _ = trained_codebooks(problem.train, problem.validation, codebooks, how=how, seed=problem.seed)
        yield "neural residual codebooks", model.reconstruct(problem.test.x, beam=how.test_beam)


def category_kmeans(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """One codebook a category by k-means, where that needs at most half as many codes as there are rows."""
    count = len(problem.category_map.categories)
    codes = 2 ** (problem.bits // count)
    if codes <= len(problem.train.x) / 2:
        books = fit_residual_codebooks(
            *problem.train,
            category_map=problem.category_map,
            codebook_sizes=torch.full((count, 1), codes),
            seed=problem.seed,
        )
        yield "k-means, one codebook a category", ResidualKMeans(books, name="").reconstruct(*problem.test)


def residual_vq(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """vector-quantize-pytorch's `ResidualVQ` in each category: k-means start, moving averages, dead codes replaced."""
    if problem.bits not in FAISS_SHAPES:
        return
    _, levels, level_bits = FAISS_SHAPES[problem.bits]
    torch.manual_seed(problem.seed)
    decoded = torch.empty_like(problem.test.x)
    for group in map(list, problem.category_map.group_indices.values()):
        quantizer = ResidualVQ(
            dim=len(group),
            num_quantizers=levels,
            codebook_size=2**level_bits,
            kmeans_init=True,
            kmeans_iters=25,
            decay=0.99,
            threshold_ema_dead_code=1,
        )
        rows = problem.train.x[:, group]
        with torch.no_grad():
            quantizer(rows[None])  # the start sees all rows
            for _ in range(RESIDUAL_VQ_STEPS):
                quantizer(rows[torch.randint(len(rows), (1024,))][None])
            decoded[:, group] = quantizer.eval()(problem.test.x[None, :, group])[0][0]
    yield "vector-quantize-pytorch ResidualVQ", decoded


def first_recipe(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """The recipe of the project's first document."""
    if problem.bits in LEVEL_BITS:
        groups = list(problem.category_map.group_indices.values())
        model = trained_by_first_recipe(problem.train, groups, level_bits=LEVEL_BITS[problem.bits], seed=problem.seed)
        yield "the first document's recipe", model.reconstruct(problem.test.x)


KINDS: dict[str, Callable[[Problem], Iterator[tuple[str, Tensor]]]] = {
    "textbook": textbook,
    "faiss": faiss_quantizers,
    "faiss_lsq": local_search,
    "faiss_tuned": tuned_faiss,
    "neural": neural_codebooks,
    "kmeans": category_kmeans,
    "residual_vq": residual_vq,
    "first_recipe": first_recipe,
}
