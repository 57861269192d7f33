"""Sizes of codebooks: left to the data, spread over a number of bits, or given."""

import pytest
import torch
from training_samples import QUICK, quick_fit, sample_table

from spinlock.core.errors import ConfigError
from spinlock.training.estimator import Tokenizer


def test_test_rows_say_nothing_about_the_sizes_and_bits_are_spent_exactly():
    result = quick_fit(backend="classical", levels="auto", bits=11)
    assert result.tokenizer.encode(sample_table(rows=3)).bits == 11
    why = result.tokenizer.provenance["codebook_sizes"]["reason"]
    assert why.startswith("11 bits, spread by the error of validation rows (wave ")
    again = quick_fit(
        backend="classical",
        levels=result.model.model_dump()["levels"],
        bits=None,
        category_tokens=result.model.category_tokens,
    )
    assert torch.equal(again.tokenizer.codebook_sizes, result.tokenizer.codebook_sizes)


def test_sizes_by_data_leave_sixteen_rows_a_code():
    result = quick_fit(backend="auto", levels="auto", num_epochs=1)
    sizes = result.tokenizer.codebook_sizes
    assert int(sizes.max()) * 16 <= 150
    assert result.tokenizer.encode(sample_table(rows=3)).bits == 3 * 3 * 2


def test_a_category_has_its_own_sizes_where_they_are_given(tmp_path):
    one = Tokenizer(levels=[(5, 8), (2, 4)], category_tokens={"heat": (16, 2)}, backend="predictive", **QUICK)
    tokens = one.fit(sample_table()).encode(sample_table(rows=40))
    assert tokens.codebook_sizes.tolist() == [[8, 4], [16, 2]]
    one.save_pretrained(tmp_path / "saved")
    two = Tokenizer.from_pretrained(tmp_path / "saved")
    assert torch.equal(two.encode(sample_table(rows=40)).codes, tokens.codes)
    assert torch.equal(two.decode(tokens).values, one.decode(tokens).values)


def test_below_words_there_are_as_many_first_codes_as_words_and_the_rest_is_spread_evenly():
    given = quick_fit(coarse="words", backend="classical").tokenizer
    words = [len([one for one in given.definitions if one.category == name]) for name in ("wave", "heat")]
    assert given.codebook_sizes.tolist() == [[count, 4] for count in words]
    free = quick_fit(coarse="words", backend="classical", levels="auto", bits=16)
    assert free.tokenizer.codebook_sizes[:, 1:].tolist() == [[4, 4], [4, 4]]
    assert free.tokenizer.provenance["codebook_sizes"]["reason"].startswith(
        "words of at most 4 bits a category, and 8 bits"
    )
    by_data = quick_fit(coarse="words", backend="classical", levels="auto").tokenizer.codebook_sizes
    assert by_data.shape == (2, 3)


def test_bits_of_the_public_tokenizer_are_spread():
    one = Tokenizer(bits=8, backend="classical", **QUICK).fit(sample_table())
    assert one.encode(sample_table(rows=2)).bits == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 8}, "`bits` contradicts levels, whose sizes are given"),
        ({"levels": "auto", "category_tokens": {"heat": (4,)}}, "`category_tokens` contradicts levels: auto"),
        ({"category_tokens": {"haet": (4, 4)}}, "unknown category 'haet'. Did you mean 'heat'?"),
        ({"category_tokens": {"heat": (4,)}}, "one size for each of the 2 levels; got 1"),
        ({"category_tokens": {"heat": (4, 0)}}, "`category_tokens.heat.1` must be at least 1; got 0"),
        ({"category_tokens": {"heat": (4, 4)}, "backend": "vqvae"}, "one size for all categories"),
        ({"levels": "auto", "backend": "vqvae"}, "vqvae needs levels with sizes"),
        ({"levels": "auto", "bits": 1}, "every category one bit; got 1 for 2 categories"),
        (
            {"levels": "auto", "bits": 9, "coarse": "words"},
            "one bit below its words, which take 4; got 9 for 2 categories",
        ),
        ({"coarse": "words", "backend": "vqvae"}, "set codebook, or choose another backend"),
        ({"metric": "behaviour", "backend": "vqvae"}, "set columns, or choose another backend"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        quick_fit(**changes)
