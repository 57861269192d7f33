import math

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError, NamesDifferError
from spinlock.core.feature_table import AGGREGATIONS, FeatureRegistry, FeatureSpec, FeatureTable, check_same_names


@pytest.fixture
def registry() -> FeatureRegistry:
    specs = (
        FeatureSpec(name="energy_slope", category="spectral", scope="per_timestep"),
        FeatureSpec(name="decay_rate", category="temporal", scope="per_trajectory", unit="1/time"),
        FeatureSpec(name="speed", category="causality", scope="per_trajectory"),
    )
    return FeatureRegistry(specs=specs, version="2.0")


def test_aggregated_columns_are_the_per_trajectory_features_by_mean_std_and_cv(registry):
    aggregated = registry.aggregated()
    assert aggregated.names == tuple(f"{f}__{a}" for f in ("decay_rate", "speed") for a in AGGREGATIONS)
    assert {spec.feature for spec in aggregated.specs} == {"decay_rate", "speed"}
    assert aggregated.categories == {"temporal": (0, 1, 2), "causality": (3, 4, 5)}


def test_registry_survives_its_json(registry):
    assert FeatureRegistry.from_json(registry.to_json()) == registry


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "features": [{"colour": 3}]}', '{"features": 3}'])
def test_unreadable_registry_is_refused(text):
    with pytest.raises(InputError, match="the feature registry is not readable"):
        FeatureRegistry.from_json(text)


def test_a_name_that_comes_twice_is_refused():
    spec = FeatureSpec(name="speed", category="a")
    with pytest.raises(InputError, match="must be unique; speed came twice"):
        FeatureRegistry(specs=(spec, spec))


def test_mask_is_true_exactly_where_a_value_is_present():
    table = FeatureTable.from_array([[1.0, math.nan], [2.0, 3.0]])
    assert table.mask.tolist() == [[True, False], [True, True]]


def test_masking_a_value_makes_it_missing_not_zero():
    base = FeatureTable.from_array([[1.0, 2.0]])
    table = FeatureTable(values=base.values, registry=base.registry, mask=torch.tensor([[True, False]]))
    assert table.values[0, 0] == 1.0
    assert torch.isnan(table.values[0, 1])


def test_rows_keep_their_ids_groups_and_order():
    table = FeatureTable.from_array(np.arange(6).reshape(3, 2), ids="abc", groups="xxy")
    chosen = table.rows([2, 0])
    assert (chosen.ids, chosen.groups) == (("c", "a"), ("y", "x"))
    assert chosen.values.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert table.rows(np.array([False, True, False])).ids == ("b",)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"values": np.array([1.0, 2.0])}, r"must have the axes \(sample, feature\)"),
        ({"values": np.empty((0, 3))}, "neither empty"),
        ({"values": np.array([["a", "b"]])}, "must be an array of numbers"),
        ({"values": [[1.0, math.inf]]}, "feature 'feature_1' is infinite in row 0; replace it by NaN"),
        ({"values": [[1.0]], "names": ["a", "b"]}, "must name 1 columns; got 2"),
        ({"values": [[1.0, 2.0]], "categories": ["a"]}, "a category for each of 2 columns; got 1"),
        (
            {"values": [[1.0, 2.0]], "names": ["a", "b"], "categories": {"a": "x"}},
            "1 of 2 features are in no category: b",
        ),
        ({"values": [[1.0], [2.0]], "ids": ["a", "a"]}, "`ids` must be unique"),
        ({"values": [[1.0], [2.0]], "groups": ["a"]}, "one entry for each of the 2 rows; got 1"),
    ],
)
def test_a_bad_table_is_refused_with_the_rule(arguments, words):
    with pytest.raises(InputError, match=words):
        FeatureTable.from_array(**arguments)


def test_names_that_differ_are_named():
    with pytest.raises(NamesDifferError, match="the table was made for other columns: .* lacks b and has c on top"):
        check_same_names(["a", "b"], ["a", "c"], whose="the table")


def test_the_same_names_in_another_order_are_refused():
    with pytest.raises(NamesDifferError, match="in another order: column 0 is 'b', expected 'a'"):
        check_same_names(["a", "b"], ["b", "a"], whose="the table")
