import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable

SIZES = torch.tensor([[4, 8], [4, 8]])


def table(codes: list, **arguments) -> TokenTable:
    return TokenTable(codes=torch.tensor(codes), category_names=("x", "y"), codebook_sizes=SIZES, **arguments)


def test_bits_are_the_logarithms_of_the_codebook_sizes():
    assert table([[[0, 0], [0, 0]]]).bits == 2 + 3 + 2 + 3


def test_columns_go_category_by_category_coarse_to_fine():
    tokens = table([[[1, 2], [3, 4]]])
    assert tokens.column_names == ("x__level0", "x__level1", "y__level0", "y__level1")
    assert tokens.to_columns().tolist() == [[1, 2, 3, 4]]


def test_an_absent_category_has_the_token_minus_one():
    assert table([[[-1, -1], [3, 7]]]).codes[0, 0].tolist() == [-1, -1]


@pytest.mark.parametrize("code", [-2, 4, 100])
def test_a_token_outside_its_codebook_is_refused(code):
    with pytest.raises(InputError, match=f"token {code} of row 0, category 'y', level 0 is outside its codebook of 4"):
        table([[[0, 0], [code, 0]]])
