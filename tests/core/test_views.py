import torch
from hypothesis import given
from hypothesis import strategies as st

from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import Selection, View


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


def test_tables_and_selections_are_views():
    table = a_table()
    assert isinstance(table, View)
    assert isinstance(Selection(table, torch.arange(2)), View)
    assert not isinstance("table", View)
