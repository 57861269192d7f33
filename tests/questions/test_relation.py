"""Mutual information given the system, without chance."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from spinlock.core.errors import InputError
from spinlock.questions.relation import (
    cells_of,
    conditional_information,
    conditional_table,
    relate_columns,
)

LABELS = 16


def planted(rng, rows, share, labels=2):
    """Two columns of equally frequent labels; the second repeats the first in `share` of the rows, by chance else."""
    first = rng.integers(0, labels, rows)
    return first, np.where(rng.random(rows) < share, first, rng.integers(0, labels, rows))


def bits_of(share):
    """Mutual information of two such columns of two labels: 1 - H((1 + share) / 2)."""
    p = (1 + share) / 2
    return 1 + p * np.log2(p) + (1 - p) * np.log2(1 - p)


def one(first, second, systems, groups=None, **settings):
    groups = groups if groups is not None else [str(row) for row in range(len(first))]
    return relate_columns({"a": first}, {"b": second}, given=systems, groups=groups, **settings)[0]


def test_information_of_one_system_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    first, second = planted(rng, 500, 0.5, labels=5)
    expected = mutual_info_score(first, second) / np.log(2)
    assert conditional_information(first, second, np.zeros(500, dtype=int)) == pytest.approx(expected)


def test_information_given_the_system_is_the_mean_over_systems():
    rng = np.random.default_rng(1)
    systems = rng.integers(0, 3, 900)
    first, second = planted(rng, 900, 0.4, labels=4)
    parts = [mutual_info_score(first[systems == s], second[systems == s]) / np.log(2) for s in range(3)]
    expected = np.average(parts, weights=np.bincount(systems))
    assert conditional_information(first, second, systems) == pytest.approx(expected)


def test_what_the_system_alone_explains_is_no_relation():
    """Both columns name the system, with labels of their own beside it: raw bits are many, given the system there are none."""
    rng = np.random.default_rng(2)
    systems = np.repeat(np.arange(4), 300)
    first, second = (4 * rng.integers(0, 3, 1200) + systems for _ in range(2))
    assert mutual_info_score(first, second) / np.log(2) > 1.9
    found = one(first, second, [str(s) for s in systems])
    assert not found.is_significant
    assert abs(found.bits) < 0.01


def test_at_most_five_of_a_hundred_shuffled_tables_have_a_significant_relation():
    """Tables as real ones are: tokens and cells that differ between systems, of draws with two samples each that resemble each other."""
    rng = np.random.default_rng(3)
    draws = 200
    draw = np.repeat(np.arange(draws), 2)
    system = draw % 4
    wrong = 0
    for table in range(100):
        names, columns = ("a", "b"), {}
        for name in (*names, "c", "d"):
            base = rng.integers(0, 8, draws) + (np.arange(draws) % 4) * 2
            columns[name] = np.where(rng.random(2 * draws) < 0.6, base[draw], rng.integers(0, LABELS, 2 * draws))
        found = relate_columns(
            {name: columns[name] for name in names},
            {name: columns[name] for name in ("c", "d")},
            given=[str(s) for s in system],
            groups=[str(d) for d in draw],
            seed=table,
            num_shuffles=20,
        )
        wrong += any(relation.is_significant for relation in found)
    assert wrong <= 5


def test_shuffling_samples_of_a_draw_apart_would_find_what_is_not_there():
    """Why draws stay together: a parameter of a draw and tokens that its samples share are seen as often as there are samples."""
    rng = np.random.default_rng(4)
    draws, samples = 60, 8
    draw = np.repeat(np.arange(draws), samples)
    p_values = {"together": [], "apart": []}
    for table in range(10):
        parameter, token = (rng.integers(0, 4, draws)[draw] for _ in range(2))
        for how, groups in (("together", draw), ("apart", np.arange(len(draw)))):
            found = one(parameter, token, ["s"] * len(draw), [str(g) for g in groups], seed=table, num_shuffles=30)
            p_values[how].append(found.q)  # of one relation alone, q is p
    assert np.mean(np.array(p_values["together"]) < 0.05) <= 0.2
    assert np.mean(np.array(p_values["apart"]) < 0.05) >= 0.9


def test_a_planted_tenth_of_a_bit_is_found_among_many_columns_at_3000_rows():
    rng = np.random.default_rng(5)
    rows, share = 3000, 0.3666
    assert bits_of(share) == pytest.approx(0.1, abs=0.001)
    first, second = planted(rng, rows, share)
    noise = {f"n{k}": rng.integers(0, LABELS, rows) for k in range(6)}
    found = relate_columns(
        {"a": first, **noise},
        {"b": second, "m": rng.integers(0, LABELS, rows)},
        given=[str(s) for s in rng.integers(0, 24, rows)],
        groups=[str(row) for row in range(rows)],
        num_shuffles=50,
    )
    assert (found[0].first, found[0].second) == ("a", "b")
    assert found[0].is_significant
    assert found[0].bits == pytest.approx(0.1, abs=0.03)
    assert sum(relation.is_significant for relation in found) == 1


def test_the_raw_figure_is_chance_and_the_corrected_one_together():
    rng = np.random.default_rng(6)
    found = one(*planted(rng, 400, 0.5, labels=4), ["s"] * 400)
    assert found.raw == pytest.approx(found.bits + found.chance)
    assert found.chance > 0


def test_rows_without_a_label_are_left_out():
    rng = np.random.default_rng(7)
    first, second = planted(rng, 400, 0.8)
    there = one(first[:300], second[:300], ["s"] * 300)
    first[300:350], second[350:] = -1, -1
    found = one(first, second, ["s"] * 400)
    assert found.rows == 300
    assert found.raw == pytest.approx(there.raw)


def test_a_pair_of_columns_is_looked_at_once():
    rng = np.random.default_rng(8)
    columns = {name: rng.integers(0, 3, 100) for name in "abc"}
    found = relate_columns(columns, columns, given=["s"] * 100, groups=[str(k) for k in range(100)], num_shuffles=10)
    assert sorted((relation.first, relation.second) for relation in found) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_the_table_holds_counts_and_what_the_system_alone_gives():
    first = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    second = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    found = {(cell.first, cell.second): cell for cell in conditional_table(first, second, given=list("aaaabbbb"))}
    assert found[0, 0].rows == 3
    assert found[0, 0].expected == pytest.approx(2.0)
    assert found[0, 0].share == pytest.approx(0.75)
    assert sum(cell.expected for cell in found.values()) == pytest.approx(8.0)


def test_cells_hold_equally_many_rows_and_equal_values_stay_together():
    values = np.array([5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, np.nan])
    assert cells_of(values, 4).tolist() == [2, 0, 0, 1, 1, 2, 3, 3, -1]
    assert cells_of(np.array([1.0, 1.0, 1.0, 2.0]), 4).tolist() == [0, 0, 0, 1]
    heap = cells_of(np.array([0.0] * 50 + [*range(1, 51)]), 4)
    assert len(set(heap[:50].tolist())) == 1


@pytest.mark.parametrize(
    ("second", "systems", "shuffles", "message"),
    [
        (
            {"b": np.zeros(4, int)},
            "sss",
            20,
            "`a`, the systems and the draws must have one entry a row; got 4, 3 and 4",
        ),
        ({}, "ssss", 20, "needs a column on each side"),
        ({"b": np.zeros(4, int)}, "ssss", 5, "at least 10 shuffles; got 5"),
    ],
)
def test_what_cannot_be_related_is_refused(second, systems, shuffles, message):
    with pytest.raises(InputError, match=message):
        relate_columns({"a": np.zeros(4, int)}, second, given=list(systems), groups=list("abcd"), num_shuffles=shuffles)


def test_columns_without_two_labels_or_draws_to_exchange_are_left_out():
    constant, varied = np.zeros(4, int), np.array([0, 1, 0, 1])
    settings = {"groups": list("abcd"), "num_shuffles": 10}
    assert relate_columns({"a": constant}, {"b": varied}, given=["s"] * 4, **settings) == []
    assert relate_columns({"a": varied}, {"b": varied}, given=list("stuv"), **settings) == []
