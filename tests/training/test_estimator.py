import copy
import inspect
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from training_samples import QUICK, sample_table, sample_values

from spinlock.categories.by_clustering import cluster_categories
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import ConfigError, InputError, NamesDifferError, NotFittedError
from spinlock.core.feature_table import FeatureTable
from spinlock.training.estimator import SETTINGS, Tokenizer
from spinlock.training.split import split_by_group
from spinlock.vqvae.spec import Level


def tokenizer(**changes):
    return Tokenizer(
        **{
            "levels": [(5, 8), {"latent_dim": 2, "num_tokens": 4}],
            **QUICK,
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


def test_without_levels_validation_rows_choose_the_sizes():
    one = Tokenizer(backend="classical", **QUICK).fit(sample_table(rows=150))
    assert one.encode(sample_table(rows=2)).bits == 3 * 2 * 3  # 128 rows leave 16 a code in codebooks of 8
    assert "spread by the error of validation rows" in one.tokenizer_.provenance["codebook_sizes"]["reason"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": [(1, 2, 3)]}, "`levels.0` must be a mapping of keys to values; got a list of 3"),
        ({"levels": [{"dim": 3}]}, "unknown setting 'levels.0.dim'"),
        ({"levels": [(4, 1)]}, "`levels.0.num_tokens` must be at least 2; got 1"),
        ({"levels": "few"}, "`levels` must be a list; got 'few'"),
        ({"validation_fraction": 1.0}, "`validation_fraction` must be less than 1; got 1.0"),
        ({"category_map": "map.json", "category_assignment": "auto"}, "map.json"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_at_fit(changes, message):
    with pytest.raises((ConfigError, InputError), match=re.escape(message)):
        tokenizer(**changes).fit(sample_table())


def test_a_parameter_that_is_none_is_refused_with_the_one_that_was_meant():
    with pytest.raises(TypeError, match="Tokenizer has no setting 'decai'. Did you mean 'decay'"):
        Tokenizer(decai=0.5)


def test_a_map_contradicts_clustering():
    given = CategoryMap.from_registry(sample_table().registry)
    with pytest.raises(ConfigError, match="`category_map` contradicts category_assignment='auto'"):
        tokenizer(category_map=given, category_assignment="auto").fit(sample_table())


def test_every_setting_is_a_parameter_with_the_default_of_its_file():
    parameters = inspect.signature(Tokenizer).parameters
    assert {name: parameters[name].default for name in SETTINGS} == SETTINGS
    assert Tokenizer().get_params() == {"levels": "auto", "category_map": None, "random_state": 0, **SETTINGS}


@pytest.mark.parametrize("kind", [np.int64(3), np.random.RandomState(1), np.random.default_rng(1)])
def test_a_random_state_is_what_scikit_learn_calls_one(kind):
    again = copy.deepcopy(kind)
    one, two = (tokenizer(random_state=state).fit(sample_table(rows=60)) for state in (kind, again))
    assert one.record_.seed == two.record_.seed
    assert torch.equal(one.encode(sample_table()).codes, two.encode(sample_table()).codes)


def test_without_a_random_state_every_fit_has_another_seed():
    one = tokenizer(random_state=None)
    assert one.fit(sample_table(rows=60)).record_.seed != one.fit(sample_table(rows=60)).record_.seed


def test_numbers_of_numpy_are_numbers():
    one = tokenizer(levels=[(np.int64(5), np.int64(8)), (2, 4)], decay=np.float64(0.9), num_epochs=np.int32(3))
    assert one.fit(sample_table(rows=60)).encode(sample_table(rows=2)).codebook_sizes.tolist() == [[8, 4]] * 2


def test_a_loaded_tokenizer_fits_again_to_the_same_tokens(fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "saved")
    again = clone(Tokenizer.from_pretrained(tmp_path / "saved")).fit(sample_table())
    assert torch.equal(again.encode(sample_table()).codes, fitted.encode(sample_table()).codes)


@pytest.mark.parametrize("bits", [None, 8])
def test_sizes_that_were_left_to_the_data_are_left_to_it_again(bits, tmp_path):
    one = Tokenizer(backend="predictive", bits=bits, **QUICK).fit(sample_table())
    one.save_pretrained(tmp_path / "saved")
    two = Tokenizer.from_pretrained(tmp_path / "saved")
    assert two.get_params()["levels"] == "auto"
    assert two.get_params()["bits"] == bits


def test_saved_over_itself_a_folder_keeps_every_byte(fitted, tmp_path):
    folder = tmp_path / "saved"
    fitted.save_pretrained(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    Tokenizer.from_pretrained(folder).save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_record_tells_curves_splits_and_comparison(tmp_path):
    one = tokenizer(backend="vqvae").fit(sample_table())
    one.save_pretrained(tmp_path / "saved")
    record = Tokenizer.from_pretrained(tmp_path / "saved").record_
    assert record.curves["validation_mse"][0][0] == 0
    assert len(record.curves) == 6
    assert sorted(name for ids in record.splits.values() for name in ids) == sorted(sample_table().ids)
    assert set(record.backend_mse) == {"vqvae"}


def test_a_fraction_of_the_draws_chooses():
    half = tokenizer(validation_fraction=0.5).fit(sample_table())
    assert [len(half.record_.splits[name]) for name in ("train", "validation")] == [75, 75]


def test_rows_that_choose_may_be_given():
    table = sample_table()
    split = split_by_group(table.groups, fractions=(0.85, 0.15, 0.0), seed=0)
    one = tokenizer().fit(table.rows(split.train), validation=table.rows(split.validation))
    assert torch.equal(one.encode(table).codes, tokenizer().fit(table).encode(table).codes)


@pytest.mark.parametrize(
    "bounds", [{}, {"max_clusters": 1}, {"min_features_per_category": 4}, {"orthogonality_target": 0.9}]
)
def test_columns_are_grouped_by_clustering_on_request(bounds):
    table = clustered_table()
    fitted = tokenizer(category_assignment="auto", **bounds).fit(table)
    expected = cluster_categories(table.rows([int(i) for i in fitted.record_.splits["train"]]), **bounds)
    assert fitted.tokenizer_.category_map == expected.map
    assert fitted.record_.facts["clustering"]["leaves"] == list(expected.leaves)


def clustered_table():
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(80, 4, generator=generator).repeat_interleave(torch.tensor([2, 3, 4, 5]), dim=1)
    return FeatureTable.from_array(hidden + 0.3 * torch.randn(80, 14, generator=generator))


def test_a_run_that_was_killed_goes_on_from_its_folder(tmp_path):
    class Killed(BaseException):
        """Raised in the middle of a run."""

    class Kill:
        def on_epoch(self, figures):
            if figures["epoch"] == 6:
                raise Killed

        def on_end(self, result): ...

    whole = tokenizer(backend="vqvae").fit(sample_table())
    with pytest.raises(Killed):
        tokenizer(backend="vqvae").fit(sample_table(), checkpoints=tmp_path, callbacks=[Kill()])
    (tmp_path / ".category_mapping.json.partial-host-1-ab").write_text("half")
    resumed = tokenizer(backend="vqvae").fit(sample_table(), checkpoints=tmp_path, resume=True)
    assert {path.name for path in tmp_path.iterdir()} == {"category_mapping.json", "checkpoints"}
    first, second = whole.tokenizer_.state_dict(), resumed.tokenizer_.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.record_.curves == whole.record_.curves


def test_a_run_does_not_go_on_with_other_categories(tmp_path):
    tokenizer(backend="vqvae").fit(sample_table(), checkpoints=tmp_path)
    other = CategoryMap(group_indices={"one": tuple(range(9))}, feature_names=sample_table().names)
    with pytest.raises(InputError, match="contradicts the categories that"):
        tokenizer(backend="vqvae", category_map=other).fit(sample_table(), checkpoints=tmp_path, resume=True)


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


def test_by_behaviour_a_sample_is_at_0_from_itself_and_from_nothing_else(fitted):
    table = sample_table(rows=100, seed=3)
    assert torch.equal(fitted.distances(table) == 0, torch.eye(100, dtype=torch.bool))
    found = fitted.neighbors(table, table, num_neighbors=1)
    assert torch.equal(found.rows[:, 0], torch.arange(100))


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


@pytest.mark.parametrize(("backend", "seed"), [("classical", 0), ("classical", 1), ("predictive", 2)])
def test_decoded_tables_of_any_shape_of_columns_encode_to_the_same_tokens(backend, seed):
    values = odd_values(rows=200, seed=seed)
    fitted = Tokenizer(bits=48, backend=backend).fit(values)
    tokens = fitted.encode(values)
    assert torch.equal(fitted.encode(fitted.decode(tokens)).codes, tokens.codes)


@pytest.mark.parametrize("as_frame", [True, False], ids=["frame", "table"])
def test_columns_are_told_by_name_in_any_order(fitted, as_frame, tmp_path):
    table = sample_table(rows=20)
    expected = fitted.encode(table)
    turned = table.columns(table.names[::-1])
    if as_frame:
        pandas = pytest.importorskip("pandas")
        turned = pandas.DataFrame(turned.values.numpy(), columns=list(turned.names), index=list(turned.ids))
    fitted.save_pretrained(tmp_path / "saved")
    for again in (fitted, Tokenizer.from_pretrained(tmp_path / "saved")):
        tokens = again.encode(turned)
        assert torch.equal(tokens.codes, expected.codes)
        assert tokens.ids == table.ids
    fewer, renamed = table.names[1:], {table.names[0]: "another"}
    without = turned[list(fewer)] if as_frame else turned.columns(fewer)
    with pytest.raises(NamesDifferError, match=f"lacks {table.names[0]}"):
        fitted.encode(without)
    if as_frame:
        with pytest.raises(NamesDifferError, match="has another on top"):
            fitted.encode(turned.rename(columns=renamed))


def test_what_is_known_of_the_rows_goes_with_their_tokens(fitted):
    table = replace(sample_table(rows=3), facts={"system": ("a", "b", "c")})
    assert fitted.encode(table).facts == {"system": ("a", "b", "c")}


def test_a_notebook_shows_a_tokenizer_in_few_words(fitted):
    for value in (fitted, Tokenizer(), fitted.tokenizer_, fitted.record_):
        assert len(repr(value)) < 1000
    assert set(fitted._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert 100 < len(fitted._repr_html_()) < 20_000
