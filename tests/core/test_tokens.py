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


def test_some_rows_keep_all_that_is_known_of_them():
    whole = table(
        [[[row % 4, 0], [0, row]] for row in range(5)],
        groups=tuple("aabbc"),
        embedding=torch.arange(10.0).view(5, 2),
        facts={"system": tuple("vwxyz")},
    )
    part = whole.rows([3, 0])
    assert (part.ids, part.groups, part.facts) == (("3", "0"), ("b", "a"), {"system": ("y", "v")})
    assert torch.equal(part.codes, whole.codes[[3, 0]])
    assert torch.equal(part.embedding, whole.embedding[[3, 0]])
    assert whole.rows(torch.tensor([False, True, False, False, True])).ids == ("1", "4")
    assert len(whole.rows([])) == 0
