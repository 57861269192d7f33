from dataclasses import asdict, fields, replace

import pytest
import torch
from training_samples import CATEGORIES, CONFIG, SETTINGS, quick_fit, sample_table, sample_values

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import ConfigError, InputError, NamesDifferError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.training.fit import fit_tokenizer
from spinlock.training.rows import masked_mse
from spinlock.training.settings import TrainingSettings
from spinlock.vqvae.classical import ResidualFit


def validation_error(tokenizer):
    table = sample_table(rows=60, seed=7)
    x, mask = tokenizer.normalize(table)
    return masked_mse(tokenizer.decode_normalized(tokenizer.encode(table)), x, mask)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_every_backend_is_scored_and_the_best_on_validation_rows_is_kept(automatic):
    scores = {score.backend: score for score in automatic.comparison}
    assert set(scores) == {"classical", "predictive", "vqvae start", "vqvae"}
    kept = [score for score in automatic.comparison if score.is_kept]
    assert len(kept) == 1
    assert kept[0].validation_mse == min(score.validation_mse for score in automatic.comparison)
    assert automatic.kept == automatic.tokenizer.backend.name
    assert validation_error(automatic.tokenizer) == pytest.approx(kept[0].validation_mse, rel=1e-5)


def test_the_learned_backend_is_never_worse_than_its_start_nor_that_than_classical(automatic):
    scores = {score.backend: score.validation_mse for score in automatic.comparison}
    assert scores["vqvae"] <= scores["vqvae start"] + 1e-6
    assert scores["vqvae start"] <= scores["classical"] + 1e-6


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
    assert same(quick_fit(backend="vqvae").tokenizer.tensors(), learned.tokenizer.tensors())
    assert same(quick_fit(backend="predictive").tokenizer.tensors(), predictive.tokenizer.tensors())
    other = quick_fit(backend="vqvae", settings=replace(SETTINGS, seed=1))
    assert not torch.equal(other.tokenizer.encode(sample_table()).codes, learned.tokenizer.encode(sample_table()).codes)


def test_values_of_validation_rows_move_neither_transform_nor_imputer():
    shuffled = sample_table(rows=60, seed=7)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    shuffled = FeatureTable.from_array(shuffled.values[order].flip(1), categories=CATEGORIES)
    one, two = (quick_fit(validation=v, backend="classical") for v in (None, shuffled))
    first, second = one.tokenizer, two.tokenizer
    assert same(first.transform.tensors(), second.transform.tensors())
    assert same(first.imputer.tensors(), second.imputer.tensors())


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
    levels = (Level(latent_dim=4, num_tokens=16), Level(latent_dim=4, num_tokens=32))
    small = sample_table(rows=12)
    result = quick_fit(train=small, levels=levels, settings=replace(SETTINGS, num_epochs=3))
    assert result.tokenizer.encode(small).codes.shape == (12, 2, 2)


def test_embeddings_smaller_than_a_category_are_no_obstacle():
    assert quick_fit(backend="vqvae", group_embedding_dim=2).comparison[-1].validation_mse < 1.0


CHANGES = {
    "levels": (Level(latent_dim=1, num_tokens=8), Level(latent_dim=2, num_tokens=4)),
    "group_embedding_dim": 4,
    "group_hidden_dim": 7,
    "encoder": "IdentityEncoder",
    "encoder_params": {"hidden_dims": (9,), "output_dim": 6},
    "hierarchy": "parallel",
    "start": "random",
    "topographic_weight": 1.0,
    "commitment_cost": 2.0,
    "use_ema": False,
    "decay": 0.5,
    "orthogonality_weight": 3.0,
    "informativeness_weight": 3.0,
    "backend": "classical",
}
IN_TEST_SIZES = {"bits", "category_tokens"}
BRIEF = replace(SETTINGS, num_epochs=3, evaluate_every=3)


@pytest.fixture(scope="module")
def brief():
    return quick_fit(backend="vqvae", settings=BRIEF)


@pytest.mark.parametrize("name", [field.name for field in fields(TokenizerConfig) if field.name not in IN_TEST_SIZES])
def test_every_key_of_the_configuration_acts(name, brief):
    changes = {"backend": "vqvae", name: CHANGES[name]}
    if name == "encoder":
        changes["encoder_params"] = {}
    changed = quick_fit(settings=BRIEF, **changes)
    assert changed.history.curves.get("total") != brief.history.curves["total"]


SETTING_CHANGES = {
    "num_epochs": 2,
    "pool_rows": 200,
    "refit_rounds": 0,
    "batch_size": 20,
    "learning_rate": 1e-4,
    "seed": 5,
    "weight_decay": 0.5,
    "warmup": 0.5,
    "final_rate": 0.5,
    "input_noise": 0.5,
    "num_steps": 7,
    "category_dropout": 0.5,
    "mixing_reach": 0.1,
    "num_neighbors": 2,
    "training_beam": 1,
    "beam": 1,
    "evaluate_every": 1,
    "restart_threshold": 1.0,
    "corpus_quantile": 0.5,
    "column_warp": "rank_gauss",
}


def outcome(result):
    return result.history.curves, result.tokenizer.boundary.threshold


@pytest.mark.parametrize("name", list(SETTING_CHANGES))
def test_every_setting_acts(name, brief):
    changed = quick_fit(backend="vqvae", settings=replace(BRIEF, **{name: SETTING_CHANGES[name]}))
    assert outcome(changed) != outcome(brief)


def test_defaults_of_settings_are_those_of_the_classical_fit():
    assert TrainingSettings().pool_rows == ResidualFit().pool_rows  # written twice: settings load without torch


def test_no_setting_is_untested():
    elsewhere = {"joint_decoding", "num_centers", "consistent_decoding"}  # in test_predictive_fit.py
    assert set(asdict(SETTINGS)) - set(SETTING_CHANGES) - elsewhere == {
        "patience",
        "checkpoint_every",
    }  # in test_resume.py


def test_patience_ends_a_training_that_gains_nothing():
    settings = replace(SETTINGS, num_epochs=60, patience=2, learning_rate=0.5)
    epochs = [epoch for epoch, _ in quick_fit(backend="vqvae", settings=settings).history.curves["total"]]
    assert epochs[-1] < 60


def test_an_unknown_backend_is_refused():
    with pytest.raises(ConfigError, match="unknown backend 'clasical'. Did you mean 'classical'"):
        quick_fit(backend="clasical")


def test_no_level_is_refused():
    with pytest.raises(ConfigError, match="at least one level"):
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
            config=CONFIG,
            settings=SETTINGS,
        )


def test_progress_is_told_of_every_epoch():
    told = []
    fit_tokenizer(
        sample_table(),
        sample_table(rows=60, seed=7),
        category_map=CategoryMap.from_registry(sample_table().registry),
        config=replace(CONFIG, backend="vqvae"),
        settings=replace(SETTINGS, num_epochs=3),
        on_progress=told.append,
    )
    assert [figures["epoch"] for figures in told] == [1.0, 2.0, 3.0]
    assert "validation_mse" in told[-1]


def test_a_step_budget_ends_the_training_in_the_middle_of_an_epoch():
    """150 rows in batches of 40 are 4 steps an epoch: 7 steps are one epoch and three steps of the next."""
    result = quick_fit(backend="vqvae", settings=replace(SETTINGS, num_steps=7))
    curve = result.history.curves
    assert [epoch for epoch, _ in curve["total"]] == [1, 2]
    assert [epoch for epoch, _ in curve["validation_mse"]] == [0, 2]


def test_category_dropout_makes_an_absent_category_cost_the_others_less():
    """Two categories that say the same: the decoder may lean on the other one only as far as it is there."""
    values = sample_values(rows=300)
    values = torch.cat([values[:, :4], values[:, :5] + 0.1 * sample_values(rows=300, seed=4)[:, :5]], dim=1)
    fresh = values[200:].clone()
    fresh[:, 4:] = torch.nan
    names = {"categories": CATEGORIES}
    train, rest = FeatureTable.from_array(values[:150], **names), FeatureTable.from_array(values[150:200], **names)
    whole, partial = FeatureTable.from_array(values[200:], **names), FeatureTable.from_array(fresh, **names)
    cost = []
    for dropout in (0.0, 0.5):
        settings = replace(SETTINGS, num_epochs=0, category_dropout=dropout)
        fitted = quick_fit(train=train, validation=rest, backend="vqvae", settings=settings).tokenizer
        x, mask = fitted.normalize(whole)
        errors = [
            masked_mse(fitted.decode_normalized(fitted.encode(table))[:, :4], x[:, :4], mask[:, :4])
            for table in (partial, whole)
        ]
        cost.append(errors[0] - errors[1])
    assert cost[1] < 0.8 * cost[0]


def test_a_random_start_learns_and_the_classical_one_is_better():
    how = {"num_epochs": 15, "learning_rate": 1e-2, "num_neighbors": 0, "input_noise": 0.0, "restart_threshold": 0.0}
    settings = replace(SETTINGS, **how)
    changes = {"backend": "vqvae", "hierarchy": "parallel", "settings": settings}
    random, classical = (quick_fit(start=start, **changes) for start in ("random", "classical"))
    validation = [value for _, value in random.history.curves["validation_mse"]]
    assert min(validation) < 0.95 * validation[0]
    assert classical.comparison[-1].validation_mse < random.comparison[-1].validation_mse


def test_an_unknown_start_is_refused():
    with pytest.raises(ConfigError, match="unknown start 'clasical'. Did you mean 'classical'"):
        quick_fit(start="clasical")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_steps": 0}, "num_steps >= 1; got 0"),
        ({"category_dropout": 1.0}, "at least 0 and below 1; got 1.0"),
        ({"corpus_quantile": 0.0}, "above 0 and at most 1; got 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        replace(SETTINGS, **changes)
