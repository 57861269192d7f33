"""Small correlated tables, and the coders that the tests of quantisers fit to them."""

from dataclasses import replace

import torch
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.vqvae.category_metric import CategoryMetric, Runs
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.joint import JointCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.joint_decoder import fit_joint_decoder, no_correction
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.packing import Batch, Packing, Rows
from spinlock.vqvae.spec import EncoderSpec, ModelSpec
from spinlock.vqvae.word_tree import WordTree

CATEGORIES = ["wave"] * 4 + ["heat"] * 6 + ["drift"] * 5
HEAT = slice(4, 10)
"""Columns of the second category."""


def correlated_values(*, rows: int = 120, seed: int = 0) -> Tensor:
    """15 columns that are nonlinear in 4 hidden numbers, in odd units."""
    draw = torch.Generator().manual_seed(100)
    first, second = torch.randn(4, 12, generator=draw), torch.randn(12, 15, generator=draw)
    hidden = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
    noise = 0.1 * torch.randn(rows, 15, generator=torch.Generator().manual_seed(seed + 1))
    scales = 10.0 ** torch.arange(-3, 12).remainder(5)
    return (torch.tanh(hidden @ first) @ second + noise).exp() * scales


def correlated_table(*, rows: int = 120, seed: int = 0, groups: tuple[str, ...] = ()) -> FeatureTable:
    return FeatureTable.from_array(correlated_values(rows=rows, seed=seed), categories=CATEGORIES, groups=groups)


def category_map() -> CategoryMap:
    return CategoryMap.from_registry(correlated_table(rows=2).registry)


def packing() -> Packing:
    return Packing.of(category_map())


def standard_rows(*, rows: int = 120, seed: int = 0) -> Tensor:
    x = correlated_values(rows=rows, seed=seed).log()
    return (x - x.mean(dim=0)) / x.std(dim=0)


def everywhere(rows: Tensor) -> Tensor:
    return torch.ones_like(rows, dtype=torch.bool)


def batch_of(x: Tensor, mask: Tensor | None = None) -> Batch:
    """Rows as a coder sees them; 0 where the mask is False."""
    mask = everywhere(x) if mask is None else mask
    return packing().batch(Rows(torch.where(mask, x, 0.0), mask))


def columns(values: Tensor) -> Tensor:
    """The flat table of what a coder decoded."""
    return packing().unpack(values)


def classical_coder(sizes: object, *, rows: Tensor | None = None, **settings: object) -> ClassicalCoder:
    """Codebooks of these sizes: one row a category, or one row for all three."""
    sizes = torch.tensor(sizes).expand(3, -1)
    return ClassicalCoder.fit(batch_of(standard_rows() if rows is None else rows), sizes=sizes, **settings)


def replicates(*, draws: int = 130, seed: int = 0) -> Runs:
    """Three standardised runs of every draw; noise moves the last columns of a category more than the first."""
    own = standard_rows(rows=draws, seed=seed).repeat_interleave(3, dim=0)
    chance = torch.Generator().manual_seed(seed + 2)
    x = own + 0.9 * torch.linspace(0, 1, own.shape[1]) * torch.randn(own.shape, generator=chance)
    return Runs(Rows(x, everywhere(x)), torch.arange(draws).repeat_interleave(3))


def behaviour_metric(runs: Runs, *, num_axes: int = 3) -> CategoryMetric:
    """Coordinates in units of noise, fewer than a category has columns."""
    of_runs = torch.ones(runs.rows.x.shape[1], dtype=torch.bool)
    return CategoryMetric.fit(runs.rows, runs, packing=packing(), of_runs=of_runs, num_axes=num_axes)


def behaviour_coder(sizes: tuple[int, ...]) -> ClassicalCoder:
    """Codebooks of coordinates in units of noise."""
    runs = replicates()
    return ClassicalCoder.fit(
        packing().batch(runs.rows), sizes=torch.tensor(sizes).expand(3, -1), metric=behaviour_metric(runs)
    )


def word_coder(sizes: tuple[int, ...], *, by_columns: bool = False) -> ClassicalCoder:
    """Words as the first level; some rows lack some columns, so that words speak of it."""
    runs = replicates()
    mask = runs.rows.mask.clone()
    mask[:, [1, 5, 11]] = (runs.rows.x.view(-1, 3, 15).mean(1)[:, [0, 4, 10]] < 0.8).repeat_interleave(3, dim=0)
    rows = Rows(torch.where(mask, runs.rows.x, 0.0), mask)
    batch, metric = packing().batch(rows), behaviour_metric(Runs(rows, runs.groups))
    partners = torch.arange(len(rows.x)).view(-1, 3).roll(1, dims=1).flatten()
    words = WordTree.fit(batch, metric(batch.values), partners, usable=packing().filled, most_words=sizes[0])
    below = metric.below(words.undefined, rows, packing=packing())
    return ClassicalCoder.fit(
        batch, sizes=torch.tensor(sizes).expand(3, -1), metric=None if by_columns else below, words=words
    )


def learned_coder(sizes: tuple[int, ...]) -> LearnedCoder:
    """A model with random weights everywhere: nothing may depend on a start."""
    spec = ModelSpec(levels=[(4, size) for size in sizes], group_embedding_dim=6, group_hidden_dim=7)
    encoder = EncoderSpec(encoder_params={"hidden_dims": (16,), "output_dim": 9})
    draw = torch.Generator().manual_seed(0)
    model = CategoricalHierarchicalVQVAE(num_categories=3, width=6, spec=spec, encoder=encoder, generator=draw)
    with torch.no_grad():
        for tensor in [*model.parameters(), *(quantizer.codewords for quantizer in model.level_quantizers)]:
            tensor.copy_(torch.randn(tensor.shape, generator=draw) / 3)
    return LearnedCoder.of(model, encoder=encoder, beam=4)


def uncorrected(own: ClassicalCoder | LearnedCoder) -> JointCoder:
    """A joint coder that decodes every category from its own codes alone."""
    batch = batch_of(standard_rows())
    e = columns(own.decode(own.encode(batch)))
    return JointCoder(
        own=own,
        packing=packing(),
        decoders=(no_correction(e),) * own.codebook_sizes.shape[1],
        covariance=e.mT @ e / len(e),
        low=batch.values.amin(dim=0),
        high=batch.values.amax(dim=0),
        is_consistent=isinstance(own, ClassicalCoder),
    )


def joint_coder(own: ClassicalCoder | LearnedCoder) -> JointCoder:
    """A joint coder whose decoders were fitted to the rows that its own coder was fitted to."""
    plain, rows = uncorrected(own), standard_rows()
    codes = own.encode(batch_of(rows))
    decoders = [
        fit_joint_decoder(
            plain.own_columns(codes[:, :, : level + 1]),
            rows,
            everywhere(rows),
            penalties=[(0.02, 0.01)],
            num_centers=40,
            width=1.0,
        )[0]
        for level in range(codes.shape[2])
    ]
    return replace(plain, decoders=tuple(decoders))
