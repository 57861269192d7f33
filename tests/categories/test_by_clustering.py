import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

from spinlock.categories.by_clustering import cluster_categories
from spinlock.categories.rank_correlation import centred_ranks, rank_correlation
from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import Selection


def planted(*, sizes, rows=300, noise=0.7, seed=0):
    """Columns that are noisy, monotonically bent copies of one hidden factor a group."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    factors = generator.standard_normal((rows, len(sizes)))
    values = factors[:, labels] * generator.choice([-1, 1], len(labels))
    values = values + noise * generator.standard_normal(values.shape)
    return np.sinh(values), labels


def labels_of(result):
    labels = np.empty(len(result.map.feature_names), dtype=int)
    for number, columns in enumerate(result.map.group_indices.values()):
        labels[list(columns)] = number
    return labels


def test_planted_groups_are_found_with_their_number():
    values, labels = planted(sizes=(12, 7, 9, 5))
    shuffled = np.random.default_rng(1).permutation(len(labels))
    result = cluster_categories(FeatureTable.from_array(values[:, shuffled]))
    assert result.num_clusters == 4
    assert adjusted_rand_score(labels_of(result), labels[shuffled]) == 1.0
    assert max(result.scores, key=lambda number: result.scores[number]) == 4
    assert result.stability == pytest.approx(1.0)


def test_grouping_follows_ranks_and_not_scales():
    values, _ = planted(sizes=(6, 6, 6))
    bent = np.sign(values) * np.abs(values) ** 0.2 * 1e4 + 3
    one, other = (cluster_categories(FeatureTable.from_array(v)) for v in (values, bent))
    assert one.map == other.map


def test_same_rows_and_seed_give_the_same_result():
    table = FeatureTable.from_array(planted(sizes=(6, 6, 6))[0])
    one, other = cluster_categories(table, seed=3), cluster_categories(table, seed=3)
    assert one.map == other.map
    assert one.stability == other.stability
    np.testing.assert_array_equal(one.linkage, other.linkage)


def test_of_many_rows_some_are_looked_at_whatever_their_order(monkeypatch):
    monkeypatch.setattr("spinlock.categories.by_clustering.FIT_ROWS", 200)
    values, labels = planted(sizes=(6, 8, 7), rows=900)
    table = FeatureTable.from_array(values, ids=range(900))
    order = np.random.default_rng(5).permutation(900)
    one, other = cluster_categories(table), cluster_categories(Selection(table, torch.from_numpy(order)))
    assert (one.fitted_rows, one.num_rows) == (200, 900)
    assert one.map == other.map
    assert one.scores == pytest.approx(other.scores)
    assert adjusted_rand_score(labels_of(one), labels) == 1.0


def test_names_count_up_in_the_order_of_the_first_column():
    result = cluster_categories(FeatureTable.from_array(planted(sizes=(4, 9, 5))[0]))
    assert result.map.categories == ("cluster_0", "cluster_1", "cluster_2")
    firsts = [columns[0] for columns in result.map.group_indices.values()]
    assert firsts == sorted(firsts)


def test_group_that_is_too_small_joins_the_nearest():
    values, labels = planted(sizes=(8, 8, 2))
    values[:, labels == 2] = 0.9 * values[:, labels == 2] + 1.5 * values[:, [0]]  # leans on the first group
    result = cluster_categories(FeatureTable.from_array(values), min_features_per_category=3)
    found = labels_of(result)
    assert min(len(columns) for columns in result.map.group_indices.values()) >= 3
    assert (found[labels == 2] == found[0]).all()


def test_column_that_stands_outside_all_groups_has_a_home():
    generator = np.random.default_rng(9)
    akin = generator.standard_normal((300, 1)) + 1.2 * generator.standard_normal((300, 2))  # two related factors
    values = np.repeat(akin, 8, axis=1) + 0.5 * generator.standard_normal((300, 16))
    values = np.column_stack([values, generator.standard_normal(300)])
    result = cluster_categories(FeatureTable.from_array(values))
    assert result.num_clusters == 2
    assert 16 in {column for columns in result.map.group_indices.values() for column in columns}


def test_no_group_swallows_nearly_everything_beside_pairs_of_near_copies():
    generator = np.random.default_rng(4)
    values = generator.standard_normal((300, 6)) @ generator.standard_normal((6, 60)) + generator.standard_normal(
        (300, 60)
    )
    values[:, 1::20] = values[:, 0::20] + 0.05 * generator.standard_normal((300, 3))
    result = cluster_categories(FeatureTable.from_array(values))
    assert max(len(columns) for columns in result.map.group_indices.values()) <= 45


def test_unrelated_columns_are_one_category():
    result = cluster_categories(FeatureTable.from_array(np.random.default_rng(0).standard_normal((400, 30))))
    assert result.num_clusters == 1
    assert np.isnan(result.stability)


def test_max_clusters_is_kept():
    values, _ = planted(sizes=(5,) * 6)
    assert cluster_categories(FeatureTable.from_array(values), max_clusters=3).num_clusters <= 3
    assert cluster_categories(FeatureTable.from_array(values), max_clusters=1).num_clusters == 1


def test_noise_makes_groups_less_stable():
    clear = cluster_categories(FeatureTable.from_array(planted(sizes=(6,) * 4)[0]))
    noisy = cluster_categories(FeatureTable.from_array(planted(sizes=(6,) * 4, rows=60, noise=2.0)[0]))
    assert noisy.num_clusters > 1
    assert noisy.stability < 0.9 < clear.stability


def test_constant_and_absent_columns_are_named_and_in_the_largest_group():
    values, _ = planted(sizes=(4, 9))
    values = np.column_stack([values, np.full(len(values), 2.5), np.full(len(values), np.nan)])
    result = cluster_categories(FeatureTable.from_array(values))
    assert result.constant_columns == ("feature_13", "feature_14")
    assert set(result.map.group_indices["cluster_1"]) == set(range(4, 15))
    assert "feature_13" not in result.leaves


@pytest.mark.parametrize("columns", [1, 3])
def test_table_whose_columns_do_not_vary_is_one_category(columns):
    result = cluster_categories(FeatureTable.from_array(np.ones((10, columns))))
    assert result.num_clusters == 1
    assert result.linkage.shape == (0, 4)


def test_missing_values_do_not_hide_the_groups():
    values, labels = planted(sizes=(8, 8, 8))
    values[np.random.default_rng(2).random(values.shape) < 0.2] = np.nan
    result = cluster_categories(FeatureTable.from_array(values))
    assert adjusted_rand_score(labels_of(result), labels) == 1.0


def test_rank_correlation_is_scipys_spearman():
    values, _ = planted(sizes=(3, 3), rows=80)
    values[:, 2] = np.round(values[:, 2])  # ties
    np.testing.assert_allclose(rank_correlation(centred_ranks(values)), spearmanr(values).statistic, atol=1e-12)


def test_rank_correlation_with_gaps_is_close_to_spearman_of_the_common_rows():
    values, _ = planted(sizes=(2,), rows=500)
    values[np.random.default_rng(3).random(values.shape) < 0.1] = np.nan
    common = ~np.isnan(values).any(1)
    expected = spearmanr(values[common]).statistic
    assert rank_correlation(centred_ranks(values))[0, 1] == pytest.approx(expected, abs=0.01)


def test_linkage_is_over_the_columns_that_vary():
    values, _ = planted(sizes=(4, 4))
    result = cluster_categories(FeatureTable.from_array(values))
    assert result.linkage.shape == (len(result.leaves) - 1, 4)


@pytest.mark.parametrize("bounds", [{"max_clusters": 0}, {"min_features_per_category": 0}])
def test_bound_below_one_is_refused(bounds):
    with pytest.raises(InputError, match="must be at least 1"):
        cluster_categories(FeatureTable.from_array(np.eye(4)), **bounds)


def test_two_rows_are_too_few():
    with pytest.raises(InputError, match="at least 3 rows; got 2"):
        cluster_categories(FeatureTable.from_array(np.eye(2)))


def related(rows=400):
    """Four factors, two pairs of which are akin."""
    generator = np.random.default_rng(3)
    pairs = np.repeat(generator.standard_normal((rows, 2)), 2, axis=1)
    factors = pairs + 0.5 * generator.standard_normal((rows, 4))
    return np.repeat(factors, 5, axis=1) + 0.1 * generator.standard_normal((rows, 20))


def test_correlation_between_groups_is_scipys():
    values = related()
    result = cluster_categories(FeatureTable.from_array(values), orthogonality_target=1.0)
    squares = spearmanr(values).statistic ** 2
    labels = labels_of(result)
    expected = squares[labels[:, None] != labels].mean()
    assert result.correlations[result.num_clusters] == pytest.approx(expected)


def test_a_stricter_target_leaves_fewer_and_less_related_groups():
    table = FeatureTable.from_array(related())
    free, strict = (cluster_categories(table, orthogonality_target=target) for target in (1.0, 0.05))
    assert (free.num_clusters, strict.num_clusters) == (4, 2)
    assert strict.correlations[2] <= 0.05 < free.correlations[4]


def test_a_target_that_nothing_meets_is_said_and_the_nearest_taken(caplog):
    result = cluster_categories(FeatureTable.from_array(related()), orthogonality_target=1e-9)
    assert result.correlations[result.num_clusters] == min(result.correlations.values())
    assert "no grouping of the columns meets orthogonality_target=1e-09; the nearest has" in caplog.text


@pytest.mark.parametrize("target", [0.0, 1.5, float("nan")])
def test_a_target_out_of_range_is_refused(target):
    with pytest.raises(InputError, match="`orthogonality_target` must be above 0 and at most 1; got"):
        cluster_categories(FeatureTable.from_array(related()), orthogonality_target=target)
