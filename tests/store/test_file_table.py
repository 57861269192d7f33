"""A table that stays in its file is the table that is read from it."""

import re
import tracemalloc

import h5py
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spinlock.core.errors import InputError
from spinlock.core.views import View
from spinlock.store.dataset import open_dataset
from spinlock.store.guarded_hdf5 import open_guarded

PATH = "/features/sdf/aggregated/features"


def foreign(path, values, *, chunks=None, index=None, groups=None):
    with h5py.File(path, "w") as file:
        data = file.create_dataset(PATH, data=values, chunks=chunks)
        data.attrs["column_names"] = [f"f{column}" for column in range(values.shape[1])]
        for name, numbers in (("index", index), ("group", groups)):
            if numbers is not None:
                file[f"parameters/{name}"] = numbers
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    chance = np.random.default_rng(0)
    values = chance.normal(size=(9000, 5)).astype(np.float32)
    values[chance.random(values.shape) < 0.1] = np.nan
    path = tmp_path_factory.mktemp("table") / "x.h5"
    return foreign(path, values, chunks=(700, 5), index=np.arange(9000) + 7, groups=np.arange(9000) // 3)


def view_of(path) -> View:
    with open_dataset(path) as dataset:
        return dataset.view(PATH)


def assert_same_rows(one, other):
    np.testing.assert_array_equal(one.values.numpy(), other.values.numpy())
    assert torch.equal(one.mask, other.mask)
    assert (one.registry, one.ids, one.groups) == (other.registry, other.ids, other.groups)


def test_a_view_outlives_the_open_file_and_has_the_bits_of_the_table(file):
    view = view_of(file)
    with h5py.File(file) as opened:
        values = opened[PATH][...]
    assert isinstance(view, View)
    for _ in range(2):  # every pass opens the file anew
        np.testing.assert_array_equal(torch.cat([block.values for block in view.blocks(1000)]), values)
    assert (view.ids[0], view.ids[-1], view.groups[-1]) == ("7", "9006", "2999")
    with open_dataset(file) as dataset:
        assert_same_rows(dataset.feature_table(PATH), view.rows(np.arange(9000)))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.lists(st.integers(-9000, 8999), max_size=40, unique_by=lambda row: row % 9000))
def test_any_rows_come_in_the_order_that_is_asked_for(file, index):
    with open_dataset(file) as dataset:
        table = dataset.feature_table(PATH)
    index = torch.tensor(index, dtype=torch.int64)
    assert_same_rows(view_of(file).rows(index), table.rows(index))


def test_rows_may_be_chosen_by_booleans(file):
    view = view_of(file)
    is_chosen = np.arange(9000) % 7 == 3
    assert_same_rows(view.rows(torch.from_numpy(is_chosen)), view.rows(np.flatnonzero(is_chosen)))


@pytest.mark.parametrize("piece", [60, 4000, 100_000])
def test_pieces_of_any_size_give_the_same_rows(file, monkeypatch, piece):
    monkeypatch.setattr("spinlock.store.guarded_array.PIECE_BYTES", piece)
    monkeypatch.setattr("spinlock.store.guarded_array.MAX_READ", piece)
    monkeypatch.setattr("spinlock.store.guarded_array._GAP_BYTES", piece // 2)
    rows = np.random.default_rng(1).permutation(9000)[:500]
    with h5py.File(file) as opened:
        values = opened[PATH][...]
    with open_guarded(file) as guarded:
        array = guarded.numbers(PATH)
        np.testing.assert_array_equal(array.take(rows), values[rows])
        np.testing.assert_array_equal(np.concatenate([*array.pieces()]), values)


def test_row_numbers_stand_in_for_ids_and_groups_that_a_file_lacks(tmp_path):
    view = view_of(foreign(tmp_path / "x.h5", np.zeros((3, 2), dtype=np.float32)))
    assert view.ids == view.groups == ("0", "1", "2")


def test_a_file_that_changed_since_it_was_opened_is_refused(tmp_path):
    view = view_of(foreign(tmp_path / "x.h5", np.zeros((3, 2), dtype=np.float32)))
    foreign(tmp_path / "x.h5", np.zeros((4, 2), dtype=np.float32))
    with pytest.raises(
        InputError, match=r"x\.h5 was changed while it was read: .* had the shape \(3, 2\) and has \(4, 2\)"
    ):
        next(view.blocks())


def test_an_infinite_value_is_named_by_the_row_of_the_file(tmp_path):
    values = np.zeros((50, 2), dtype=np.float32)
    values[33, 1] = np.inf
    view = view_of(foreign(tmp_path / "x.h5", values))
    with pytest.raises(InputError, match=re.escape(f"{PATH}: feature 'f1' is infinite in row 33;")):
        list(view.blocks(10))


def test_ids_that_come_twice_are_refused(tmp_path):
    path = foreign(tmp_path / "x.h5", np.zeros((3, 2), dtype=np.float32), index=[0, 1, 1])
    with pytest.raises(InputError, match="`ids` must be unique"):
        view_of(path)


def test_memory_holds_a_block_and_the_names_of_the_rows(tmp_path):
    """60 000 rows of 40 columns are 9.6 MB."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(PATH, shape=(60_000, 40), dtype="f4", chunks=(4096, 40), fillvalue=1)
        data[...] = np.broadcast_to(np.float32(1), data.shape)
        data.attrs["column_names"] = [f"f{column}" for column in range(40)]
        file["parameters/group"] = np.arange(60_000) // 8
    tracemalloc.start()
    view = view_of(path)
    names = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    rows = sum(len(block) for block in view.blocks())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 60_000
    assert names < 10e6
    assert peak - names < 4e6
