"""Joint decoding, and every setting of it."""

from dataclasses import replace

import pytest
import torch
from training_samples import FIT, quick_fit, sample_table

from spinlock.core.category_map import CategoryMap
from spinlock.training.data import TrainingData
from spinlock.training.joint_fit import fit_joint
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.packing import Rows


def decoded(result):
    return result.tokenizer.reconstruct(sample_table(rows=400, seed=5)).values


@pytest.mark.parametrize(
    "changes", [{"joint_decoding": False}, {"num_centers": 0}, {"num_centers": 20}, {"consistent_decoding": False}]
)
def test_every_setting_of_the_predictive_backend_acts(changes, predictive):
    assert not torch.equal(decoded(quick_fit(backend="predictive", **changes)), decoded(predictive))


def test_decoding_together_is_never_worse_on_validation_rows():
    alone = quick_fit(backend="predictive", joint_decoding=False, consistent_decoding=False)
    together = quick_fit(backend="predictive", consistent_decoding=False)
    assert together.comparison[0].validation_mse < alone.comparison[0].validation_mse


def test_decoded_tables_are_fixed_points_of_encoding(predictive):
    tokens = predictive.tokenizer.encode(sample_table(rows=200, seed=5))
    again = predictive.tokenizer.encode(predictive.tokenizer.decode(tokens))
    assert float((again.codes == tokens.codes).all(dim=2).float().mean()) > 0.99


@pytest.mark.parametrize("backend", ["predictive", "vqvae"])
def test_choices_made_once_give_the_same_decoders_without_a_look_at_validation_rows(backend):
    coder = quick_fit(backend=backend).tokenizer.coder
    data = training_data()
    first = fit_joint(coder.own, data)
    blind = replace(data, validation=Rows(torch.zeros(1, 9), torch.ones(1, 9, dtype=torch.bool)))
    second = fit_joint(coder.own, blind, choices=first.choices)
    one, two = first.coder.state_dict(), second.coder.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_neighbours_are_searched_once():
    data = training_data()
    assert data.row_neighbors is data.row_neighbors
    assert data.category_neighbors is data.category_neighbors


def training_data():
    table = sample_table()
    normalizer = TableNormalizer.fit(table, category_map=CategoryMap.from_registry(table.registry), warp="auto")
    rows = [normalizer(one) for one in (table, sample_table(rows=60, seed=7))]
    return TrainingData(train=rows[0], validation=rows[1], packing=normalizer.packing, spec=FIT)
