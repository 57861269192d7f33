import torch
from hypothesis import given
from hypothesis import strategies as st

from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import Selection, View, choose_rows, in_memory, selected


def a_table(rows: int = 11) -> FeatureTable:
    values = torch.arange(rows * 3.0).view(rows, 3)
    values[2, 1] = torch.nan
    return FeatureTable.from_array(
        values, ids=[f"run {row}" for row in range(rows)], groups=[row // 2 for row in range(rows)]
    )


def whole(view: View, size: int) -> tuple[torch.Tensor, tuple[str, ...], tuple[str, ...]]:
    blocks = list(view.blocks(size))
    assert all(len(block) <= size for block in blocks)
    values = torch.cat([block.values for block in blocks])
    return values, sum((block.ids for block in blocks), ()), sum((block.groups for block in blocks), ())


@given(size=st.integers(1, 13))
def test_blocks_hold_every_row_once_in_order_whatever_their_size(size):
    table = a_table()
    values, ids, groups = whole(table, size)
    assert torch.equal(values.nan_to_num(-1), table.values.nan_to_num(-1))
    assert ids == table.ids
    assert groups == table.groups


@given(index=st.lists(st.integers(0, 10), min_size=1, max_size=11, unique=True), size=st.integers(1, 5))
def test_a_selection_is_the_rows_of_its_index(index, size):
    table = a_table()
    selection = Selection(table, torch.tensor(index))
    expected = table.rows(index)
    values, ids, groups = whole(selection, size)
    assert torch.equal(values.nan_to_num(-1), expected.values.nan_to_num(-1))
    assert (ids, groups) == (expected.ids, expected.groups) == (selection.ids, selection.groups)
    assert len(selection) == len(index)


def test_a_selection_of_a_selection_counts_in_the_inner_one():
    outer = Selection(Selection(a_table(), torch.tensor([9, 4, 1])), torch.tensor([2, 0]))
    assert outer.ids == ("run 1", "run 9")
    assert outer.rows(torch.tensor([1])).ids == ("run 9",)


def draws(rows: int, *, a_group: int) -> FeatureTable:
    values = torch.zeros(rows, 1)
    groups = [f"draw {row // a_group}" for row in range(rows)]
    return FeatureTable.from_array(values, ids=[f"run {row}" for row in range(rows)], groups=groups)


def test_all_rows_are_chosen_where_there_are_no_more_than_asked_for():
    assert choose_rows(draws(20, a_group=2), 20, seed=0).tolist() == list(range(20))


def test_groups_are_chosen_whole_and_by_seed():
    table = draws(3000, a_group=7)
    chosen = table.rows(choose_rows(table, 500, seed=3))
    assert 500 - 7 < len(chosen) <= 500
    assert all(chosen.groups.count(group) == table.groups.count(group) for group in set(chosen.groups))
    assert table.rows(choose_rows(table, 500, seed=3)).ids == chosen.ids
    assert table.rows(choose_rows(table, 500, seed=4)).ids != chosen.ids


def test_the_choice_of_rows_does_not_depend_on_their_order():
    table = draws(900, a_group=4)
    order = torch.randperm(900, generator=torch.Generator().manual_seed(0))
    one, other = table.rows(choose_rows(table, 100, seed=0)), Selection(table, order)
    assert set(one.ids) == set(other.rows(choose_rows(other, 100, seed=0)).ids)


def test_rows_that_stay_stay_chosen_when_others_leave():
    table = draws(900, a_group=4)
    fewer = table.rows(torch.arange(600))
    before, after = (set(view.rows(choose_rows(view, 100, seed=0)).groups) for view in (table, fewer))
    assert after >= before & set(fewer.groups)


def test_of_one_large_group_the_rows_are_chosen_by_their_ids():
    table = draws(900, a_group=900)
    order = torch.randperm(900, generator=torch.Generator().manual_seed(0))
    one, other = table.rows(choose_rows(table, 100, seed=0)), Selection(table, order)
    assert len(one) == 100
    assert set(one.ids) == set(other.rows(choose_rows(other, 100, seed=0)).ids)


def test_a_view_in_memory_is_a_table_of_all_its_rows():
    table = a_table()
    assert in_memory(table) is table
    assert in_memory(Selection(table, torch.tensor([4, 2]))).ids == ("run 4", "run 2")


def test_tables_and_selections_are_views():
    table = a_table()
    assert isinstance(table, View)
    assert isinstance(Selection(table, torch.arange(2)), View)
    assert not isinstance("table", View)


def test_rows_of_ids_come_in_their_order_and_others_are_left_out():
    table = FeatureTable.from_array([[0.0], [1.0], [2.0]], ids=["a", "b", "c"])
    assert selected(table, ["c", "x", "a"]).rows(torch.arange(2)).values.flatten().tolist() == [2.0, 0.0]
    assert len(selected(table, ["x"])) == 0
    assert selected(table, []).ids == ()
