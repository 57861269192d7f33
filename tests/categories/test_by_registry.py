from dataclasses import replace

import pytest

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry, FeatureSpec

FEATURES = FeatureRegistry(
    specs=(
        FeatureSpec(name="decay_rate", category="temporal", scope="per_trajectory"),
        FeatureSpec(name="rms", category="spatial", scope="per_trajectory"),
        FeatureSpec(name="period", category="temporal", scope="per_trajectory"),
    ),
    version="2.0",
)


def reordered(registry, order):
    return replace(registry, specs=tuple(registry.specs[i] for i in order))


def test_mean_std_and_cv_of_a_feature_are_in_its_category():
    columns = FEATURES.aggregated()
    found = semantic_categories(columns)
    assert {c: [columns.names[i] for i in found.group_indices[c]] for c in found.categories} == {
        "temporal": [f"{f}__{a}" for f in ("decay_rate", "period") for a in ("mean", "std", "cv")],
        "spatial": ["rms__mean", "rms__std", "rms__cv"],
    }
    assert found.registry_version == "2.0"


def test_columns_are_mapped_by_name_whatever_their_order():
    columns = FEATURES.aggregated()
    mean_major = reordered(columns, [0, 3, 6, 1, 4, 7, 2, 5, 8])
    by_name = {
        mean_major.names[i]: category
        for category, indices in semantic_categories(mean_major).group_indices.items()
        for i in indices
    }
    assert by_name == {spec.name: spec.category for spec in columns.specs}


def test_plain_columns_are_one_a_feature():
    assert semantic_categories(FEATURES).group_indices == {"temporal": (0, 2), "spatial": (1,)}


def test_feature_without_one_of_its_aggregations_is_named():
    columns = reordered(FEATURES.aggregated(), [0, 1, 2, 3, 5, 6, 7, 8])
    with pytest.raises(InputError, match="1 of 3 have not: rms has cv, mean"):
        semantic_categories(columns)


def test_column_that_is_no_aggregate_is_named():
    columns = FEATURES.aggregated()
    columns = replace(columns, specs=(*columns.specs, FeatureSpec(name="extra", category="spatial")))
    with pytest.raises(InputError, match="1 of 10 columns are no mean, std or cv.*extra"):
        semantic_categories(columns)


def test_feature_torn_between_categories_is_named():
    columns = FEATURES.aggregated()
    columns = replace(columns, specs=(replace(columns.specs[0], category="spectral"), *columns.specs[1:]))
    with pytest.raises(InputError, match="decay_rate are in spectral, temporal"):
        semantic_categories(columns)


def test_registry_without_features_is_refused():
    with pytest.raises(InputError, match="needs at least one feature"):
        semantic_categories(FeatureRegistry(specs=()))
