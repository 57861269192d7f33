"""Two sets of one kind are rarely told apart; a planted difference is found, named once and in words."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu, spearmanr

from spinlock.core.errors import InputError, NamesDifferError
from spinlock.core.feature_table import FeatureRegistry, FeatureSpec, FeatureTable
from spinlock.core.tokens import TokenTable
from spinlock.questions.column_differences import detectable_auc, different_columns, rank_correlations
from spinlock.questions.compare import compare_sets
from spinlock.questions.draws import draw_means
from spinlock.questions.energy import energy_test
from spinlock.questions.token_changes import token_changes

NUM_COLUMNS = 12


def registry_of(columns):
    specs = tuple(
        FeatureSpec(name=f"f{column}", category="all", unit="1/time", definition="How fast it goes.")
        for column in range(columns)
    )
    return FeatureRegistry(specs=specs)


def drawn(num_draws, *, rows=1, seed=0, name="a", spread=2.0):
    """Columns with one part a draw, `spread` times as large as that of each of its rows."""
    noise = np.random.default_rng(seed)
    draws = spread * noise.normal(size=(num_draws, NUM_COLUMNS)).repeat(rows, 0)
    values = draws + noise.normal(size=draws.shape)
    return FeatureTable(
        values=torch.from_numpy(values).float(),
        registry=registry_of(NUM_COLUMNS),
        ids=tuple(f"{name}{row}" for row in range(len(values))),
        groups=tuple(f"{name}{row // rows}" for row in range(len(values))),
    )


def moved(table, column, by):
    values = table.values.clone()
    values[:, column] += by
    return replace(table, values=values)


@pytest.mark.parametrize("rows", [1, 2])
def test_of_null_splits_one_in_twenty_at_most_has_a_discovery(rows):
    """120 of them; 12 or more would come by chance in 2 % of cases at a rate of .05."""
    found = 0
    for seed in range(120):
        sides = drawn(20, rows=rows, seed=2 * seed), drawn(20, rows=rows, seed=2 * seed + 1, name="b")
        means = [draw_means(side.values, side.groups) for side in sides]
        found += len(different_columns(*means)[1].columns) > 0
    assert found < 12


def test_rows_of_a_draw_are_not_counted_as_draws():
    """Rows that are copies of each other prove nothing more."""
    one, two = drawn(12, seed=1), drawn(12, seed=2, name="b")
    copied = [
        FeatureTable(
            values=side.values.repeat_interleave(5, 0),
            registry=side.registry,
            groups=tuple(group for group in side.groups for _ in range(5)),
        )
        for side in (one, two)
    ]
    copies = replace(copied[1], ids=tuple(f"b{row}" for row in range(60)))
    assert compare_sets(copied[0], copies) == compare_sets(one, two)


def test_a_planted_shift_is_found_and_no_other_column():
    found = compare_sets(drawn(60, rows=2), moved(drawn(60, rows=2, seed=1, name="b"), 7, 3.0))
    assert [difference.column for difference in found.differences] == ["f7"]
    (difference,) = found.differences
    assert difference.auc > 0.75
    assert difference.second_median > difference.first_median
    assert difference.sentence("calm", "wild").startswith("f7 (how fast it goes) is larger in wild: median ")
    assert " 1/time in calm, and so in " in difference.sentence("calm", "wild")
    assert (found.num_draws, found.num_columns, found.num_found) == ((60, 60), NUM_COLUMNS, 1)


def test_the_area_is_that_of_scipy_and_swaps_with_the_sides():
    one, two = (
        draw_means(side.values, side.groups) for side in (drawn(30), moved(drawn(30, seed=1, name="b"), 0, 4.0))
    )
    _, found = different_columns(one, two)
    _, back = different_columns(two, one)
    at = found.columns.tolist().index(0)
    assert found.auc[at] == pytest.approx(mannwhitneyu(two[:, 0], one[:, 0]).statistic / 900)
    np.testing.assert_allclose(back.auc, 1 - found.auc)


def test_correlated_columns_are_one_difference():
    one, two = drawn(60, seed=4), moved(drawn(60, seed=5, name="b"), 3, 4.0)
    for side in (one, two):
        side.values[:, 4] = -2 * side.values[:, 3] + 0.1 * side.values[:, 9]
    found = compare_sets(one, two)
    assert found.num_found == 2
    assert [(d.column, d.correlated) for d in found.differences] in ([("f3", ("f4",))], [("f4", ("f3",))])
    assert found.differences[0].sentence("a", "b").endswith(("; with it f3.", "; with it f4."))


def test_rank_correlations_are_spearmans_over_common_rows():
    values = np.random.default_rng(0).normal(size=(50, 4))
    values[:, 1] += values[:, 0]
    np.testing.assert_allclose(rank_correlations(values), spearmanr(values).statistic)
    values[:9, 0] = np.nan
    assert rank_correlations(values)[0, 1] == pytest.approx(spearmanr(values[9:, 0], values[9:, 1]).statistic, abs=0.03)


def test_columns_without_values_on_a_side_are_not_tested():
    one, two = drawn(10), drawn(10, seed=1, name="b")
    values = two.values.clone()
    values[2:, 5] = torch.nan
    constant = one.values.clone()
    constant[:, 6], values[:, 6] = 1.0, 1.0
    found = compare_sets(
        FeatureTable(values=constant, registry=one.registry, ids=one.ids, groups=one.groups),
        FeatureTable(values=values, registry=two.registry, ids=two.ids, groups=two.groups),
    )
    assert found.num_columns == NUM_COLUMNS - 2


def test_spreads_over_realizations_are_not_compared():
    one, two = drawn(10), drawn(10, seed=1, name="b")
    specs = tuple(
        replace(spec, aggregation="std" if place % 2 else "mean") for place, spec in enumerate(one.registry.specs)
    )
    registry = FeatureRegistry(specs=specs)
    assert (
        compare_sets(replace(one, registry=registry), replace(two, registry=registry)).num_columns == NUM_COLUMNS // 2
    )


def test_the_stated_area_is_found_in_about_four_of_five():
    """One column, 40 draws a side: normal values whose shift has the stated area."""
    auc = detectable_auc(40, 40, 1)
    shift = np.sqrt(2) * torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(auc)).item()
    noise = np.random.default_rng(3)
    found = 0
    for _ in range(300):
        one, two = torch.from_numpy(noise.normal(size=(40, 1))), torch.from_numpy(noise.normal(size=(40, 1)) + shift)
        found += len(different_columns(one, two)[1].columns)
    assert 0.74 < found / 300 < 0.9


def test_few_draws_detect_nothing_and_many_detect_much():
    assert detectable_auc(3, 3, 120) is None
    assert detectable_auc(60, 60, 120) == pytest.approx(0.727, abs=0.01)
    assert detectable_auc(5000, 5000, 120) < 0.53


def test_the_energy_distance_is_that_of_all_pairs_of_draws():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(14, 3, generator=generator)
    draws = torch.tensor([0, 0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 6, 6, 6])
    is_first = torch.tensor([True, True, True, False, False, False, False])
    apart = np.zeros((7, 7))
    for g in range(7):
        for h in range(7):
            pairs = [
                (rows[i] - rows[j]).norm().item()
                for i in range(14)
                for j in range(14)
                if (draws[i], draws[j]) == (g, h)
            ]
            apart[g, h] = np.mean(pairs)
    within = [np.mean([apart[g, h] for g in side for h in side if g != h]) for side in (range(3), range(3, 7))]
    between = np.mean([apart[g, h] for g in range(3) for h in range(3, 7)])
    assert energy_test(rows, draws, is_first).distance == pytest.approx(2 * between - sum(within), rel=1e-5)


@pytest.mark.parametrize("rows", [1, 2])
def test_the_energy_test_keeps_its_level(rows):
    """200 null splits; 19 or more below .05 would come by chance in .6 % of cases."""
    low = 0
    for seed in range(200):
        values = drawn(24, rows=rows, seed=seed).values[:, :6]
        draws, is_first = torch.arange(24).repeat_interleave(rows), torch.arange(24) < 12
        low += energy_test(values, draws, is_first, num_permutations=199, seed=seed).p <= 0.05
    assert low < 19


def tokens_of(codes, name):
    codes = torch.as_tensor(codes)
    return TokenTable(
        codes=codes[:, None, None],
        category_names=("temporal",),
        codebook_sizes=torch.tensor([[4]]),
        ids=tuple(f"{name}{row}" for row in range(len(codes))),
    )


def test_shares_of_tokens_have_cohens_h_and_an_interval():
    first, second = tokens_of([0] * 30 + [1] * 10, "a"), tokens_of([0] * 10 + [1] * 27 + [2] * 3, "b")
    changes = {change.token: change for change in token_changes(first, second)}
    assert set(changes) == {0, 1, 2}
    assert changes[0].h == pytest.approx(2 * np.arcsin(0.5) - 2 * np.arcsin(np.sqrt(0.75)))
    assert changes[0].low == pytest.approx(changes[0].h - 1.96 * np.sqrt(2 / 40))
    assert (changes[0].first, changes[0].second) == (0.75, 0.25)
    assert changes[0].q < 0.01
    assert np.isnan(changes[2].q)  # of three draws


def test_the_permutation_test_of_a_token_is_fishers():
    """The exact two-sided probability of 12 of 15 against 5 of 15 is .0253."""
    first, second = tokens_of([0] * 12 + [1] * 3, "a"), tokens_of([0] * 5 + [1] * 10, "b")
    change = next(change for change in token_changes(first, second) if change.token == 0)
    assert change.q == pytest.approx(0.0253, abs=0.005)


def test_the_whole_is_tested_where_rows_have_an_embedding():
    one, other = drawn(20), drawn(20, seed=1, name="b")
    found = compare_sets(one, other, embeddings=(one.values[:, :8], other.values[:, :8] + 3))
    assert found.energy is not None
    assert found.energy.p == 0.001
    assert found.energy.distance > 0
    assert compare_sets(one, other).energy is None
    unknown = one.values[:, :8] * torch.nan
    assert compare_sets(one, other, embeddings=(unknown, other.values[:, :8])).energy is None


def test_refused_sets():
    with pytest.raises(InputError, match="at least 3 draws; got 2 and 10"):
        compare_sets(drawn(2), drawn(10, name="b"))
    with pytest.raises(InputError, match="5 have rows on both sides, the first 'a0'"):
        compare_sets(drawn(5), drawn(5))
    one = drawn(5)
    with pytest.raises(NamesDifferError, match="the second set was made for other columns"):
        compare_sets(one, one.columns(one.names[:3]))
