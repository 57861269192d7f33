"""Bits over levels and categories."""

import itertools
import math

import pytest

from spinlock.vqvae.codebook_sizes import codebook_sizes, level_bits, most_bits, spread_bits


@pytest.mark.parametrize(
    ("bits", "most", "levels"),
    [
        (0, 8, (0,)),
        (5, 8, (5,)),
        (8, 8, (8,)),
        (9, 8, (8, 1)),
        (24, 9, (9, 8, 7)),
        (17, 8, (8, 5, 4)),
        (12, 10, (10, 2)),
    ],
)
def test_the_first_level_is_as_large_as_can_be_and_the_others_few_and_equal(bits, most, levels):
    assert level_bits(bits, most=most) == levels
    assert sum(levels) == bits


def test_sizes_are_padded_with_codebooks_of_one_code():
    assert codebook_sizes((9, 0, 4), most=8).tolist() == [[256, 2], [1, 1], [16, 1]]


def test_the_largest_codebook_has_rows_to_learn_from():
    assert [most_bits(rows, rows_per_token=16.0) for rows in (1, 31, 32, 800, 8000)] == [1, 1, 1, 5, 8]
    assert most_bits(10**9) == 10


def test_bits_are_spread_as_brute_force_spreads_them():
    widths, variances = (9.0, 3.0, 5.0), (1.0, 4.0, 0.5)

    def error(bits):
        pairs = zip(widths, variances, bits, strict=True)
        return sum(width * variance * 2 ** (-2 * b / width) for width, variance, b in pairs)

    every = [b for b in itertools.product(range(0, 25, 2), repeat=3) if sum(b) == 24]
    assert spread_bits(24, num_categories=3, error=error) == min(every, key=error)


def test_spread_bits_add_up_and_one_category_gets_all():
    def error(bits):
        return sum(math.exp(-b / (place + 1)) for place, b in enumerate(bits))

    assert sum(spread_bits(23, num_categories=4, error=error)) == 23
    assert spread_bits(7, num_categories=1, error=error) == (7,)
