"""What the tokenizer is compared with at equal bits: textbook coders, FAISS, and codebooks learned by other recipes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import torch
from spinlock.training.settings import TrainingSettings
from splits import SplitTable
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.masked import masked_mse
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.metrics.baselines import ResidualKMeans, fit_baselines, fit_residual_codebooks
from spinlock.training.fit import LATENT_DIMS, fit_tokenizer
from spinlock.vqvae.codebook_sizes import codebook_sizes, most_bits
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.imputation import CategoryImputer
from spinlock.vqvae.packing import Packing

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
        train, validation, test: tables of the three splits.
        x, mask: standardised training rows (sample, column), and where a value is present.
        y, seen: the same of the test rows.
        held_out, held_out_seen: the same of the validation rows, for coders with a setting to choose.
        category_map: of the columns.
        bits: a sample.
        seed: of starts.
        warp: what was done to heavy-tailed columns before all this.
    """

    train: FeatureTable
    validation: FeatureTable
    test: FeatureTable
    x: Tensor
    mask: Tensor
    y: Tensor
    seen: Tensor
    held_out: Tensor
    held_out_seen: Tensor
    category_map: CategoryMap
    bits: int
    seed: int
    warp: str

    @classmethod
    def of(cls, split: SplitTable, *, category_map: CategoryMap, bits: int, seed: int, warp: str = "auto") -> "Problem":
        """The problem of a split, its rows mapped, standardised and filled as the tokenizer does it."""
        transform = ColumnTransform.fit(split.train.values, split.train.mask, warp=warp)
        z, mask = transform.apply(split.train.values, split.train.mask)
        imputer = CategoryImputer.fit(z, mask, packing=Packing.of(category_map))
        v, held_out_seen = transform.apply(split.validation.values, split.validation.mask)
        w, seen = transform.apply(split.test.values, split.test.mask)
        return cls(
            train=split.train,
            validation=split.validation,
            test=split.test,
            x=imputer.fill(z, mask),
            mask=mask,
            y=imputer.fill(w, seen),
            seen=seen,
            held_out=imputer.fill(v, held_out_seen),
            held_out_seen=held_out_seen,
            category_map=category_map,
            bits=bits,
            seed=seed,
            warp=warp,
        )


def textbook(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """The coders of every report: column mean, PCA with scalar quantisers, residual k-means in three forms.

    Every category has the same bits; its codebooks follow the rule that spinlock's follow.
    """
    count = len(problem.category_map.categories)
    sizes = codebook_sizes((problem.bits // count,) * count, most=most_bits(len(problem.x)))
    for coder in fit_baselines(
        problem.x, problem.mask, category_map=problem.category_map, codebook_sizes=sizes, seed=problem.seed
    ):
        yield coder.name, coder.reconstruct(problem.y, problem.seen)


def faiss_quantizers(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """FAISS's quantisers of whole vectors and of six equal blocks of columns."""
    columns, bits = problem.x.shape[1], problem.bits
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
    quantizer = kind(problem.x.shape[1], problem.bits // 8, 8)
    for name, value in settings.items():
        setattr(quantizer, name, value)
    return quantizer


def _best_on_validation_rows(problem: Problem, quantizers: list[Any]) -> Tensor:
    for quantizer in quantizers:
        quantizer.train(_array(problem.x))
    best = min(
        quantizers, key=lambda one: masked_mse(problem.held_out, _through(one, problem.held_out), problem.held_out_seen)
    )
    return _through(best, problem.y)


def _decoded_by_faiss(problem: Problem, quantizers: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    for name, quantizer in quantizers.items():
        quantizer.train(_array(problem.x))
        yield name, _through(quantizer, problem.y)


def _through(quantizer: Any, rows: Tensor) -> Tensor:
    return torch.from_numpy(quantizer.decode(quantizer.compute_codes(_array(rows))))


def _array(rows: Tensor) -> np.ndarray:
    return np.ascontiguousarray(rows.numpy())


def category_kmeans(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """One codebook a category by k-means, where that needs at most half as many codes as there are rows."""
    count = len(problem.category_map.categories)
    codes = 2 ** (problem.bits // count)
    if codes <= len(problem.x) / 2:
        books = fit_residual_codebooks(
            problem.x,
            problem.mask,
            category_map=problem.category_map,
            codebook_sizes=torch.full((count, 1), codes),
            seed=problem.seed,
        )
        yield "k-means, one codebook a category", ResidualKMeans(books, name="").reconstruct(problem.y, problem.seen)


def residual_vq(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """vector-quantize-pytorch's `ResidualVQ` in each category: k-means start, moving averages, dead codes replaced."""
    if problem.bits not in FAISS_SHAPES:
        return
    _, levels, level_bits = FAISS_SHAPES[problem.bits]
    torch.manual_seed(problem.seed)
    decoded = torch.empty_like(problem.y)
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
        rows = problem.x[:, group]
        with torch.no_grad():
            quantizer(rows[None])  # the start sees all rows
            for _ in range(RESIDUAL_VQ_STEPS):
                quantizer(rows[torch.randint(len(rows), (1024,))][None])
            decoded[:, group] = quantizer.eval()(problem.y[None, :, group])[0][0]
    yield "vector-quantize-pytorch ResidualVQ", decoded


def seed_recipe(problem: Problem) -> Iterator[tuple[str, Tensor]]:
    """The recipe of the project's first document: 410 epochs, parallel levels, random start, no restart of dead codes."""
    if problem.bits not in LEVEL_BITS:
        return
    bits = LEVEL_BITS[problem.bits]
    levels = tuple(Level(latent_dim=latent, num_tokens=2**one) for latent, one in zip(LATENT_DIMS, bits, strict=True))
    config = TokenizerConfig(
        levels=levels,
        backend="vqvae",
        hierarchy="parallel",
        start="random",
        encoder_params={"hidden_dims": (256, 128), "output_dim": 64, "dropout": 0.1},
        group_embedding_dim=64,
        group_hidden_dim=128,
        commitment_cost=0.45,
        decay=0.99,
    )
    settings = TrainingSettings(
        seed=problem.seed,
        column_warp=problem.warp,
        num_epochs=410,
        evaluate_every=410,
        mixing_reach=0.0,
        num_neighbors=0,
        input_noise=0.0,
        restart_threshold=0.0,
        warmup=0.0,
        final_rate=1.0,
        weight_decay=0.0,
        beam=1,
    )
    tokenizer = fit_tokenizer(
        problem.train, problem.validation, category_map=problem.category_map, config=config, settings=settings
    ).tokenizer
    yield "the first document's recipe", tokenizer.decode_normalized(tokenizer.encode(problem.test))


KINDS: dict[str, Callable[[Problem], Iterator[tuple[str, Tensor]]]] = {
    "textbook": textbook,
    "faiss": faiss_quantizers,
    "faiss_lsq": local_search,
    "faiss_tuned": tuned_faiss,
    "kmeans": category_kmeans,
    "residual_vq": residual_vq,
    "seed": seed_recipe,
}
