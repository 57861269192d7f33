import torch

from spinlock.core.category_map import CategoryMap
from spinlock.vqvae.packing import Packing

MAP = CategoryMap(group_indices={"a": (4, 0), "b": (1, 2, 3)}, feature_names=("p", "q", "r", "s", "t"))


def test_packing_puts_each_column_in_its_category_and_zeros_elsewhere():
    packed = Packing.of(MAP).pack(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    assert packed.tolist() == [[[5.0, 1.0, 0.0], [2.0, 3.0, 4.0]]]


def test_unpacking_is_the_inverse_of_packing():
    x = torch.arange(10.0).view(2, 5)
    packing = Packing.of(MAP)
    torch.testing.assert_close(packing.unpack(packing.pack(x)), x)


def test_a_category_is_present_where_one_of_its_columns_is():
    mask = torch.tensor([[False, False, True, False, False], [True, False, False, False, True]])
    assert Packing.of(MAP).present(mask).tolist() == [[False, True], [True, False]]
