import torch

from spinlock.core.category_map import CategoryMap
from spinlock.vqvae.packing import Packing, Rows

MAP = CategoryMap(group_indices={"a": (4, 0), "b": (1, 2, 3)}, feature_names=("p", "q", "r", "s", "t"))


def test_packing_puts_each_column_in_its_category_and_zeros_elsewhere():
    packed = Packing.of(MAP).pack(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    assert packed.tolist() == [[[5.0, 1.0, 0.0], [2.0, 3.0, 4.0]]]


def test_unpacking_is_the_inverse_of_packing():
    x = torch.arange(10.0).view(2, 5)
    packing = Packing.of(MAP)
    torch.testing.assert_close(packing.unpack(packing.pack(x)), x)


def test_a_batch_is_values_and_mask_category_by_category():
    mask = torch.tensor([[False, False, True, False, False], [True, False, False, False, True]])
    batch = Packing.of(MAP).batch(Rows(torch.arange(10.0).view(2, 5), mask))
    assert batch.values.tolist() == [[[4.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [[9.0, 5.0, 0.0], [6.0, 7.0, 8.0]]]
    assert batch.mask.tolist() == [[[False] * 3, [False, True, False]], [[True, True, False], [False] * 3]]


def test_a_category_is_present_where_one_of_its_columns_is():
    mask = torch.tensor([[False, False, True, False, False], [True, False, False, False, True]])
    batch = Packing.of(MAP).batch(Rows(torch.zeros(2, 5), mask))
    assert batch.present.tolist() == [[False, True], [True, False]]


def test_padding_is_what_no_column_fills():
    packing = Packing.of(MAP)
    assert packing.filled.tolist() == [[True, True, False], [True, True, True]]
    assert (packing.num_categories, packing.width, packing.num_columns) == (2, 3, 5)
