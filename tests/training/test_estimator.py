from dataclasses import asdict

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from training_samples import SETTINGS, sample_table, sample_values

from spinlock.core.errors import ConfigError, InputError, NotFittedError
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


@pytest.mark.parametrize("kind", ["decoded", "levels", "hamming"])
def test_a_sample_is_its_own_nearest_neighbour(fitted, kind):
    table = sample_table(seed=3)
    found = fitted.neighbors(table, table, num_neighbors=1, kind=kind)
    assert (found.distances == 0).all() or float(found.distances.max()) < 1e-6
    tokens = fitted.encode(table)
    assert torch.equal(fitted.distances(tokens, kind=kind), fitted.distances(table, table, kind=kind))


def test_weighted_and_decoded_neighbours_are_closer_in_the_columns_than_hamming_ones(fitted):
    corpus, queries = sample_table(rows=300), sample_table(rows=100, seed=3)
    x = [fitted.tokenizer_.normalize(table).x for table in (queries, corpus)]
    error = {}
    for kind in ("decoded", "levels", "hamming"):
        rows = fitted.neighbors(queries, corpus, num_neighbors=5, kind=kind).rows
        error[kind] = float((x[0][:, None] - x[1][rows]).square().mean())
    assert error["decoded"] < error["hamming"]
    assert error["levels"] < error["hamming"]


def test_an_unknown_distance_is_refused(fitted):
    with pytest.raises(ConfigError, match="unknown distance 'haming'. Did you mean 'hamming'"):
        fitted.distances(sample_table(rows=2), kind="haming")


def test_what_is_saved_weighs_levels_and_flags_samples_as_before(fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "saved")
    again = Tokenizer.from_pretrained(tmp_path / "saved")
    far = sample_table(seed=3).values * 50
    assert torch.equal(again.encode(far).out_of_corpus, fitted.encode(far).out_of_corpus)
    assert fitted.encode(far).out_of_corpus.double().mean() > 0.9
    assert fitted.encode(sample_table(seed=3)).out_of_corpus.double().mean() < 0.1
    assert again.tokenizer_.level_weights == fitted.tokenizer_.level_weights


def odd_values(*, rows, seed):
    """Normal, log-normal, cubes, rare ones, whole numbers, mostly 0 and tiny: what decoding must keep in range."""
    draw = np.random.default_rng(seed)
    base = draw.standard_normal((rows, 4)) @ draw.standard_normal((4, 24)) + 0.5 * draw.standard_normal((rows, 24))
    x = np.split(base, 6, axis=1)
    odd = [x[0], np.exp(2 * x[1]), x[2] ** 3, x[3] > 2, np.round(x[4]), 1e-8 * np.where(x[5] > 2, np.sinh(x[5]), 0)]
    values = np.concatenate(odd, axis=1).astype(np.float32)
    values[draw.random(values.shape) < 0.03] = np.nan
    return values


@pytest.mark.parametrize("backend", ["classical", "predictive"])
@pytest.mark.parametrize("seed", range(3))
def test_decoded_tables_of_any_shape_of_columns_encode_to_the_same_tokens(backend, seed):
    values = odd_values(rows=200, seed=seed)
    fitted = Tokenizer(bits=48, backend=backend).fit(values)
    tokens = fitted.encode(values)
    assert torch.equal(fitted.encode(fitted.decode(tokens)).codes, tokens.codes)
