"""The space that codes live in: the metric that they keep, and the words of their first level."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.views import numbered, partners
from spinlock.training.data import TrainingData, joined
from spinlock.vqvae.category_metric import CategoryMetric, Runs
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.spec import ModelSpec
from spinlock.vqvae.word_tree import WordTree

log = logging.getLogger(__name__)


def fit_code_space(  # noqa: PLR0913 rows and runs with their draws, and what to fit
    data: TrainingData,
    *,
    groups: Sequence[str],
    runs: FeatureTable | None,
    normalizer: TableNormalizer,
    registry: FeatureRegistry,
    model: ModelSpec,
    category_names: tuple[str, ...],
) -> TrainingData:
    """The same rows with the metric and the words that the model asks for, fitted to training rows and single runs.

    Args:
        data: rows in their columns.
        groups: the draw of each training row.
        runs: single runs of the same draws; the training rows are taken for them when not given.
        normalizer: what standardised the rows.
        registry: of the columns.
        model: `metric` and `coarse`.
        category_names: in the order of the packing.
    """
    if (model.metric, model.coarse) == ("columns", "codebook"):
        return data
    packing, device = data.packing, data.train.x.device
    rows = Runs(data.train, numbered(groups).to(device))
    single = None if runs is None else Runs(normalizer(runs), numbered(runs.groups).to(device))
    of_runs = torch.tensor([spec.is_of_a_run for spec in registry.specs], device=device)
    metric = None
    if model.metric == "behaviour":
        metric = CategoryMetric.fit(data.train, single or rows, packing=packing, of_runs=of_runs)
        plain = [name for name, known in zip(category_names, metric.by_noise.tolist(), strict=True) if not known]
        if plain:
            log.warning(
                "metric: behaviour needs several runs of a draw with columns of the category; coded by columns: %s.",
                ", ".join(plain),
            )
        data = replace(data, metric=metric, runs=None if single is None else _as_many(single, len(data.train.x)))
    if model.coarse == "codebook":
        return data
    parts = [part for part in (rows, single) if part is not None]
    others = [partners(part.groups) for part in parts]
    batch = packing.batch(joined(*(part.rows for part in parts)))
    words = WordTree.fit(
        batch,
        batch.values if metric is None else metric(batch.values),
        torch.cat([others[0], *(part + len(groups) for part in others[1:])]),
        usable=packing.pack(_speaking(registry, of_runs, data)[None])[0],
    )
    below = None if metric is None else metric.below(words.undefined, data.train, packing=packing)
    return replace(data, words=words, metric=below)


def _as_many(runs: Runs, count: int) -> Rows:
    """At most `count` of the runs, evenly taken."""
    count = min(count, len(runs.groups))
    chosen = torch.arange(count, device=runs.groups.device) * len(runs.groups) // max(1, count)
    return Rows(runs.rows.x[chosen], runs.rows.mask[chosen])


def _speaking(
    registry: FeatureRegistry, of_runs: Bool[Tensor, " column"], data: TrainingData
) -> Bool[Tensor, " column"]:
    """Columns that words may speak of: those of single runs that depend on no setting; in a category without, all that there are."""
    travels = torch.tensor([not spec.scale for spec in registry.specs], device=of_runs.device)
    speaking = torch.zeros_like(of_runs)
    for places in data.packing.columns:
        columns = places[places >= 0]
        for kind in (of_runs & travels, of_runs, torch.ones_like(of_runs)):
            if kind[columns].any():
                speaking[columns] = kind[columns]
                break
    return speaking
