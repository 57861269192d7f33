from dataclasses import asdict

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from training_samples import SETTINGS, sample_table, sample_values

from spinlock.core.errors import InputError, NotFittedError
from spinlock.core.tokens import Level
from spinlock.training.estimator import Tokenizer


def tokenizer(**changes):
    return Tokenizer(
        **{
            "levels": [(5, 8), {"latent_dim": 2, "num_tokens": 4}],
            "settings": SETTINGS,
            "backend": "classical",
            **changes,
        }
    )


@pytest.fixture(scope="module")
def fitted():
    return tokenizer().fit(sample_table())


def test_fit_returns_the_estimator_which_encodes_and_decodes(fitted):
    tokens = fitted.encode(sample_table(rows=5))
    assert tokens.codes.shape == (5, 2, 2)
    assert tokens.codebook_sizes.tolist() == [[8, 4]] * 2
    assert fitted.decode(tokens, 1).names == sample_table().names
    check_is_fitted(fitted)


def test_before_fitting_every_method_says_so(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet: call `fit` before `encode`"):
        tokenizer().encode(sample_table())
    with pytest.raises(NotFittedError, match="before `save_pretrained`"):
        tokenizer().save_pretrained(tmp_path)


def test_a_clone_has_the_parameters_and_is_not_fitted(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.decode(fitted.encode(sample_table()))


def test_parameters_can_be_set(fitted):
    assert clone(fitted).set_params(backend="vqvae").get_params()["backend"] == "vqvae"


@pytest.mark.parametrize("backend", ["classical", "vqvae"])
def test_a_saved_tokenizer_gives_identical_tokens(backend, tmp_path):
    one = tokenizer(backend=backend).fit(sample_table())
    one.save_pretrained(tmp_path / "saved")
    two = Tokenizer.from_pretrained(tmp_path / "saved")
    fresh = sample_table(seed=3)
    assert torch.equal(one.encode(fresh).codes, two.encode(fresh).codes)
    assert torch.equal(one.decode(one.encode(fresh)).values, two.decode(one.encode(fresh)).values)
    two.save_pretrained(tmp_path / "again")
    assert torch.equal(Tokenizer.from_pretrained(tmp_path / "again").encode(fresh).codes, one.encode(fresh).codes)


def test_an_array_is_one_category_of_numbered_features():
    one = tokenizer().fit(sample_values().numpy())
    assert one.encode(sample_values()).category_names == ("all",)


def test_without_levels_a_token_has_about_sixteen_rows():
    one = tokenizer(levels=None).fit(sample_table(rows=150))
    assert one.encode(sample_table(rows=2)).codebook_sizes.tolist() == [[8, 8, 8]] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": [(1, 2, 3)]}, r"a level is a pair \(latent_dim, num_tokens\); got \(1, 2, 3\)"),
        ({"levels": [{"dim": 3}]}, "a level has the keys latent_dim and num_tokens; got dim"),
        ({"levels": [(4, 1)]}, "num_tokens >= 2"),
        ({"validation_fraction": 1.0}, "between 0 and 1; got 1.0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_at_fit(changes, message):
    with pytest.raises(InputError, match=message):
        tokenizer(**changes).fit(sample_table())


def test_levels_may_be_values_of_the_core(fitted):
    one = tokenizer(levels=[Level(latent_dim=5, num_tokens=8), Level(latent_dim=2, num_tokens=4)]).fit(sample_table())
    assert np.array_equal(one.encode(sample_table()).codes, fitted.encode(sample_table()).codes)


def test_the_comparison_is_there_to_read(fitted):
    assert [asdict(score)["backend"] for score in fitted.result_.comparison] == ["classical"]
