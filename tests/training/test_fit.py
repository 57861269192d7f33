import math
from dataclasses import replace

import pytest
import torch
from training_samples import CATEGORIES, FIT, MODEL, changed, quick_fit, sample_table, sample_values

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import ConfigError, InputError, NamesDifferError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.masked import masked_mse
from spinlock.core.views import choose_rows
from spinlock.training.fit import fit_tokenizer
from spinlock.training.spec import FitSpec
from spinlock.vqvae.spec import EncoderSpec, ModelSpec


def validation_error(tokenizer):
    table = sample_table(rows=60, seed=7)
    x, mask = tokenizer.normalize(table)
    return masked_mse(x, tokenizer.decode_normalized(tokenizer.encode(table)), mask)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_every_backend_is_scored_and_the_best_on_validation_rows_is_kept(automatic):
    scores = {score.backend: score for score in automatic.comparison}
    assert set(scores) == {"classical", "predictive", "vqvae"}
    kept = [score for score in automatic.comparison if score.is_kept]
    assert len(kept) == 1
    assert kept[0].validation_mse == min(score.validation_mse for score in automatic.comparison)
    assert automatic.kept == automatic.tokenizer.coder.name
    assert validation_error(automatic.tokenizer) == pytest.approx(kept[0].validation_mse, rel=1e-5)


def test_joint_decoding_is_never_worse_on_validation_rows_than_decoding_each_category_from_its_own_tokens(automatic):
    scores = {score.backend: score.validation_mse for score in automatic.comparison}
    assert scores["predictive"] <= scores["classical"] + 1e-3
    alone = quick_fit(backend="vqvae", joint_decoding=False).comparison[0].validation_mse
    assert scores["vqvae"] <= alone + 1e-6
    start = automatic.history.curves["validation_mse"][0][1]
    assert alone <= start + 1e-6


def test_every_backend_can_be_asked_for(learned, predictive):
    assert [score.backend for score in quick_fit(backend="classical").comparison] == ["classical"]
    assert learned.kept == "vqvae"
    assert [score.backend for score in predictive.comparison] == ["predictive"]


def test_training_lowers_the_loss(automatic):
    curve = [value for _, value in automatic.history.curves["reconstruction"]]
    assert sum(curve[-3:]) < sum(curve[:3])
    epochs = [epoch for epoch, _ in automatic.history.curves["validation_mse"]]
    assert epochs == [0, 3, 6, 9, 12]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(learned, predictive):
    assert same(quick_fit(backend="vqvae").tokenizer.state_dict(), learned.tokenizer.state_dict())
    assert same(quick_fit(backend="predictive").tokenizer.state_dict(), predictive.tokenizer.state_dict())
    other = quick_fit(backend="vqvae", seed=1)
    assert not torch.equal(other.tokenizer.encode(sample_table()).codes, learned.tokenizer.encode(sample_table()).codes)


def test_values_of_validation_rows_move_neither_transform_nor_imputer():
    shuffled = sample_table(rows=60, seed=7)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    shuffled = FeatureTable.from_array(shuffled.values[order].flip(1), categories=CATEGORIES)
    one, two = (quick_fit(validation=v, backend="classical") for v in (None, shuffled))
    first, second = one.tokenizer, two.tokenizer
    assert same(first.normalizer.state_dict(), second.normalizer.state_dict())


@pytest.mark.parametrize("backend", ["classical", "vqvae", "predictive"])
def test_missing_values_are_no_obstacle(backend):
    values = sample_values()
    gaps = torch.rand(values.shape, generator=torch.Generator().manual_seed(3)) < 0.1
    values[gaps] = torch.nan
    values[:20, :4] = torch.nan
    values[:, 8] = torch.nan
    values[:, 7] = 5.0
    table = FeatureTable.from_array(values, categories=CATEGORIES)
    result = quick_fit(train=table, validation=table.rows(range(40)), backend=backend)
    tokens = result.tokenizer.encode(table)
    assert (tokens.codes[:20, 0] == -1).all()
    assert (tokens.codes[20:] >= 0).all()
    back = result.tokenizer.decode(tokens).values
    assert torch.isnan(back[:, 8]).all()
    assert (back[:, 7] == 5.0).all()
    assert result.comparison[-1].validation_mse < 0.9


def test_codebooks_larger_than_the_training_set_are_no_obstacle():
    levels = [(4, 16), (4, 32)]
    small = sample_table(rows=12)
    result = quick_fit(train=small, levels=levels, num_epochs=3)
    assert result.tokenizer.encode(small).codes.shape == (12, 2, 2)


def test_embeddings_smaller_than_a_category_are_no_obstacle():
    assert quick_fit(backend="vqvae", group_embedding_dim=2).comparison[-1].validation_mse < 1.0


CHANGES = {
    "levels": [(1, 8), (2, 4)],
    "group_embedding_dim": 4,
    "group_hidden_dim": 7,
    "encoder": "IdentityEncoder",
    "encoder_params": {"hidden_dims": (9,), "output_dim": 6},
    "commitment_cost": 2.0,
    "use_ema": False,
    "decay": 0.5,
    "restart_threshold": 1.0,
    "orthogonality_weight": 3.0,
    "informativeness_weight": 3.0,
    "backend": "classical",
    "num_epochs": 2,
    "pool_rows": 200,
    "fit_rows": 100,
    "refit": True,
    "refit_rounds": 0,
    "batch_size": 20,
    "learning_rate": 1e-4,
    "seed": 5,
    "weight_decay": 0.5,
    "warmup": 0.5,
    "final_rate": 0.5,
    "input_noise": 0.5,
    "mixing_reach": 0.1,
    "num_neighbors": 2,
    "training_beam": 1,
    "beam": 1,
    "evaluate_every": 1,
    "joint_decoding": False,
    "num_centers": 0,
    "corpus_quantile": 0.5,
    "column_warp": "rank_gauss",
    "metric": "behaviour",
    "coarse": "words",
}
ELSEWHERE = {
    "bits": "test_sizes.py",
    "category_tokens": "test_sizes.py",
    "patience": "test_resume.py",
    "checkpoint_every": "test_resume.py",
    "consistent_decoding": "test_joint_fit.py",
    "validation_fraction": "test_estimator.py",
    "category_assignment": "test_estimator.py",
    "max_clusters": "test_estimator.py",
    "min_features_per_category": "test_estimator.py",
    "orthogonality_target": "test_estimator.py",
    "device": "test_device.py",
}
"""Settings that this file cannot show to act → the file that does."""
BRIEF = changed(FIT, num_epochs=3, evaluate_every=3)


def replicated_table():
    """The same rows, said to be three runs of each draw."""
    return replace(sample_table(), groups=tuple(f"draw {row // 3}" for row in range(150)))


def outcome(result):
    table = sample_table()
    tokens = result.tokenizer.encode(table)
    decoded = result.tokenizer.decode(tokens).values
    return result.history.curves, result.tokenizer.boundary.threshold, tokens.codes.tolist(), decoded.tolist()


@pytest.fixture(scope="module")
def brief():
    return outcome(quick_fit(backend="vqvae", fit=BRIEF))


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_acts(name, brief):
    changes = {"backend": "vqvae", name: CHANGES[name]}
    if name == "encoder":
        changes["encoder_params"] = {}
    if name in ("metric", "coarse"):
        changes |= {"backend": "classical", "train": replicated_table()}
        brief = outcome(quick_fit(fit=BRIEF, backend="classical", train=replicated_table()))
    assert outcome(quick_fit(fit=BRIEF, **changes)) != brief


def test_without_several_runs_of_a_draw_behaviour_is_columns_and_a_sentence_says_so(caplog):
    found = quick_fit(metric="behaviour", backend="predictive")
    assert "every draw has one here; columns are kept" in caplog.text
    assert outcome(found) == outcome(quick_fit(backend="predictive"))
    caplog.clear()
    assert outcome(quick_fit(train=replicated_table(), metric="behaviour", backend="predictive")) != outcome(found)
    assert "columns are kept" not in caplog.text


def test_every_setting_is_here_or_known_to_be_elsewhere():
    assert {name for spec in (ModelSpec, EncoderSpec, FitSpec) for name in spec.model_fields} == {*CHANGES, *ELSEWHERE}


def test_patience_ends_a_training_that_gains_nothing():
    result = quick_fit(backend="vqvae", num_epochs=60, patience=2, learning_rate=0.5)
    epochs = [epoch for epoch, _ in result.history.curves["total"]]
    assert epochs[-1] < 60


def test_an_unknown_backend_is_refused():
    with pytest.raises(
        ConfigError, match="`backend` must be one of 'auto', 'vqvae', 'classical' or 'predictive'; got 'clasical'"
    ):
        quick_fit(backend="clasical")


def test_no_level_is_refused():
    with pytest.raises(ConfigError, match="`levels` needs at least 1"):
        quick_fit(levels=())


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="at least 2 training rows and 1 validation row; got 1 and 60"):
        quick_fit(train=sample_table(rows=1))


def test_tables_of_other_columns_are_refused():
    other = FeatureTable.from_array(sample_values(rows=5), names=[f"column {i}" for i in range(9)])
    with pytest.raises(NamesDifferError, match="the validation table"):
        quick_fit(validation=other)
    with pytest.raises(NamesDifferError, match="the category map"):
        fit_tokenizer(
            sample_table(),
            sample_table(),
            category_map=CategoryMap.from_registry(other.registry),
            model=MODEL,
            fit=FIT,
        )


def test_progress_is_told_of_every_epoch():
    told = []
    fit_tokenizer(
        sample_table(),
        sample_table(rows=60, seed=7),
        category_map=CategoryMap.from_registry(sample_table().registry),
        model=changed(MODEL, backend="vqvae"),
        fit=changed(FIT, num_epochs=3),
        on_progress=told.append,
    )
    assert [figures["epoch"] for figures in told] == [1.0, 2.0, 3.0]
    assert "validation_mse" in told[-1]


def test_a_second_fit_takes_validation_rows_in_and_judges_no_better_than_it_should():
    """Codebooks and decoders move, what validation rows chose stays, and the boundary is still that of held-out rows."""
    result = quick_fit(backend="predictive", refit=True)
    before, after = result.chosen, result.tokenizer
    assert same(before.normalizer.state_dict(), after.normalizer.state_dict())
    assert not same(before.coder.state_dict(), after.coder.state_dict())
    assert same(before.boundary.state_dict(), after.boundary.state_dict())
    assert same(before.embedding.state_dict(), after.embedding.state_dict())
    assert after.boundary.threshold == before.boundary.threshold
    assert torch.equal(after.codebook_sizes, before.codebook_sizes)
    assert validation_error(after) < validation_error(before)


def test_the_boundary_is_of_training_rows_and_its_threshold_of_validation_rows():
    validation = sample_table(rows=60, seed=7)
    tokenizer = quick_fit(validation=validation, backend="classical", corpus_quantile=0.9).tokenizer
    found = tokenizer.boundary
    assert torch.equal(found.reference, tokenizer.embed(sample_table()).unique(dim=0))
    assert (found.num_rows, found.quantile) == (60, 0.9)
    distances = tokenizer.encode(validation).distances
    assert found.threshold == float(distances.sort().values[math.ceil(61 * 0.9) - 1])


def test_a_second_fit_leaves_trained_networks_as_they_are():
    result = quick_fit(backend="vqvae", refit=True)
    before, after = (tokenizer.coder for tokenizer in (result.chosen, result.tokenizer))
    assert same(before.own.state_dict(), after.own.state_dict())
    assert not same(before.state_dict(), after.state_dict())


def test_without_a_second_fit_the_chosen_tokenizer_is_the_one_that_is_kept(predictive):
    assert predictive.tokenizer is predictive.chosen


def test_more_rows_than_are_to_be_fitted_to_are_thinned_by_whole_draws():
    """150 rows, of which 100 are wanted, are fitted to like the 100 rows that the choice names."""
    train, validation = sample_table(), sample_table(rows=60, seed=7)
    thinned = quick_fit(train=train, validation=validation, backend="classical", fit_rows=100)
    chosen = train.rows(choose_rows(train, 100, FIT.seed)), validation.rows(choose_rows(validation, 40, FIT.seed))
    alone = quick_fit(train=chosen[0], validation=chosen[1], backend="classical")
    assert len(chosen[0]) == 100
    assert same(thinned.tokenizer.state_dict(), alone.tokenizer.state_dict())
    assert thinned.tokenizer.provenance["num_fitted"] == 100
    assert thinned.tokenizer.provenance["num_train"] == 150
