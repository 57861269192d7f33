"""Sizes left to the data, and every setting of the predictive backend."""

from dataclasses import replace

import pytest
import torch
from training_samples import SETTINGS, quick_fit, sample_table

from spinlock.core.errors import ConfigError
from spinlock.training.estimator import Tokenizer


def decoded(result):
    return result.tokenizer.reconstruct(sample_table(rows=400, seed=5)).values


@pytest.mark.parametrize(
    "changes", [{"joint_decoding": False}, {"num_centers": 0}, {"num_centers": 20}, {"consistent_decoding": False}]
)
def test_every_setting_of_the_predictive_backend_acts(changes, predictive):
    assert not torch.equal(
        decoded(quick_fit(backend="predictive", settings=replace(SETTINGS, **changes))), decoded(predictive)
    )


def test_decoding_together_is_never_worse_on_validation_rows():
    alone = quick_fit(backend="predictive", settings=replace(SETTINGS, joint_decoding=False, consistent_decoding=False))
    together = quick_fit(backend="predictive", settings=replace(SETTINGS, consistent_decoding=False))
    assert together.comparison[0].validation_mse < alone.comparison[0].validation_mse


def test_decoded_tables_are_fixed_points_of_encoding(predictive):
    tokens = predictive.tokenizer.encode(sample_table(rows=200, seed=5))
    again = predictive.tokenizer.encode(predictive.tokenizer.decode(tokens))
    assert float((again.codes == tokens.codes).all(dim=2).float().mean()) > 0.99


def test_test_rows_say_nothing_about_the_sizes_and_bits_are_spent_exactly():
    result = quick_fit(backend="classical", levels=None, bits=11)
    assert result.tokenizer.encode(sample_table(rows=3)).bits == 11
    why = result.tokenizer.provenance["codebook_sizes"]["reason"]
    assert why.startswith("11 bits, spread by the error of validation rows (wave ")
    again = quick_fit(
        backend="classical",
        levels=result.tokenizer.config.levels,
        bits=None,
        category_tokens=result.tokenizer.config.category_tokens,
    )
    assert torch.equal(again.tokenizer.backend.codebook_sizes, result.tokenizer.backend.codebook_sizes)


def test_sizes_by_data_leave_sixteen_rows_a_code():
    result = quick_fit(backend="auto", levels=None, settings=replace(SETTINGS, num_epochs=1))
    sizes = result.tokenizer.backend.codebook_sizes
    assert int(sizes.max()) * 16 <= 150
    assert result.tokenizer.encode(sample_table(rows=3)).bits == 3 * 3 * 2


def test_a_category_has_its_own_sizes_where_they_are_given(tmp_path):
    one = Tokenizer(levels=[(5, 8), (2, 4)], category_tokens={"heat": (16, 2)}, backend="predictive", settings=SETTINGS)
    tokens = one.fit(sample_table()).encode(sample_table(rows=40))
    assert tokens.codebook_sizes.tolist() == [[8, 4], [16, 2]]
    one.save_pretrained(tmp_path / "saved")
    two = Tokenizer.from_pretrained(tmp_path / "saved")
    assert torch.equal(two.encode(sample_table(rows=40)).codes, tokens.codes)
    assert torch.equal(two.decode(tokens).values, one.decode(tokens).values)


def test_bits_of_the_public_tokenizer_are_spread():
    one = Tokenizer(bits=8, backend="classical", settings=SETTINGS).fit(sample_table())
    assert one.encode(sample_table(rows=2)).bits == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 8}, "`bits` contradicts `levels`"),
        ({"levels": None, "category_tokens": {"heat": (4,)}}, "`category_tokens` needs `levels`"),
        ({"category_tokens": {"haet": (4, 4)}}, "unknown category 'haet'. Did you mean 'heat'?"),
        ({"category_tokens": {"heat": (4,)}}, r"one size for each of the 2 levels; got \[4\]"),
        ({"category_tokens": {"heat": (4, 0)}}, r"sizes of at least 1; got \[4, 0\]"),
        ({"category_tokens": {"heat": (4, 4)}, "backend": "vqvae"}, "one codebook size for all categories"),
        ({"levels": None, "backend": "vqvae"}, "one codebook size for all categories"),
        ({"levels": None, "bits": 1}, "every category one bit; got 1 for 2 categories"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        quick_fit(**changes)
