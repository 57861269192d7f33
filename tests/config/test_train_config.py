"""The training file: what contradicts itself, what is checked against the tables, and where every key goes."""

import pytest
from config_texts import TRAIN, written

from spinlock.config import TrainConfig, load_config
from spinlock.core.errors import ConfigError
from spinlock.pipeline.train_columns import estimator


def load(tmp_path, *overrides):
    return load_config(written(tmp_path, TRAIN), TrainConfig, overrides=overrides)


@pytest.mark.parametrize(
    ("keys", "source"),
    [
        ({}, ("auto", None)),
        ({"category_assignment": "auto"}, ("auto", None)),
        ({"category_mapping_file": "a.json"}, (None, "a.json")),
    ],
)
def test_categories_come_from_the_one_source_that_is_named(tmp_path, keys, source):
    made = estimator(load(tmp_path, *(f"training.{key}={value}" for key, value in keys.items()))).get_params()
    assert (made["category_assignment"], made["category_map"] and str(made["category_map"])) == source


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            ("category_assignment=auto", "category_mapping_file=a.json"),
            "training.category_mapping_file: contradicts category_assignment: auto; remove one of the two",
        ),
        (
            ("resume_from=runs/a", "category_mapping_file=a.json"),
            "training.category_mapping_file: contradicts resume_from, which brings the checkpoint's categories; remove one",
        ),
        (
            ("category_mapping_file=a.json", "max_clusters=4"),
            "training.max_clusters: bounds the clustering of columns, but category_mapping_file brings the categories",
        ),
        (
            ("resume_from=runs/a", "category_assignment=auto"),
            "training.category_assignment: contradicts resume_from, which brings the checkpoint's categories; remove one",
        ),
        (
            ("validation_fraction=0.6", "test_fraction=0.4"),
            "training.test_fraction: with validation_fraction leaves nothing to train on; lower one",
        ),
    ],
)
def test_a_contradiction_is_refused_with_the_remedy(tmp_path, keys, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, *(f"training.{key}" for key in keys))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "families.summary.encoder=MLPEncode",
            "families.summary.encoder: unknown encoder 'MLPEncode'. Did you mean 'MLPEncoder'?",
        ),
        (
            "families.summary.encoder_params={hiden_dims: [3]}",
            "families.summary.encoder_params.hiden_dims: encoder 'MLPEncoder' has no parameter 'hiden_dims'. Did you mean 'hidden_dims'?",
        ),
        (
            "families.summary.encoder_params={hidden_dims: [3, a], output_dim: 2.5}",
            "families.summary.encoder_params.hidden_dims.1: must be a whole number [got 'a']",
        ),
        ("families.summary.encoder_params={batch_norm: 1}", "encoder_params.batch_norm: must be true or false [got 1]"),
        ("families.summary.encoder_params={activation: rely}", "unknown activation 'rely'. Did you mean 'relu'?"),
        ("families.summary.encoder_params={output_dim: 0}", "must be greater than 0"),
        ("families.summary.encoder_params={input_dim: 3}", "encoder 'MLPEncoder' has no parameter 'input_dim'"),
        ("families={sumary: {}}", "families.sumary: unknown feature family 'sumary'. Did you mean 'summary'?"),
        ("families={}", "families: needs at least 1"),
        ("families={summary: {}, sdf: {}}", "families.sdf: is another name of summary, which is there too"),
        ("model.levels=[]", "model.levels: needs at least 1"),
        ("model.levels=3", "model.levels: must be a list [got 3]"),
        ("model.decay=1", "model.decay: must be less than 1 [got 1]"),
        ("model.use_ema=yes", "model.use_ema: must be true or false [got 'yes']"),
        (
            "model.backend=vqva",
            "model.backend: must be one of 'auto', 'vqvae', 'classical' or 'predictive' (did you mean 'vqvae')",
        ),
        ("training.learning_rate=.nan", "training.learning_rate: must be"),
        ("training.learning_rate=0", "training.learning_rate: must be greater than 0 [got 0]"),
        (
            "training.category_assignment=meaning",
            "training.category_assignment: must be one of 'auto' or 'semantic' [got 'meaning']",
        ),
        ("training.input_noise=.inf", "training.input_noise: must be finite"),
    ],
)
def test_a_wrong_value_is_refused_with_the_rule(tmp_path, override, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, override)
    assert words in str(caught.value)


def test_an_encoder_of_any_width_is_checked_without_being_made(tmp_path):
    config = load(tmp_path, "families.summary.encoder_params={hidden_dims: [1000000000, 1000000000]}")
    assert config.family == "summary"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("bits=24",), "model.bits: contradicts levels, whose sizes are given; remove it, or set levels: auto"),
        (("levels=auto", "category_tokens={drift: [4]}"), "model.category_tokens: contradicts levels: auto"),
        (("levels=auto", "backend=vqvae"), "model.backend: vqvae needs levels with sizes"),
        (("category_tokens={drift: [4]}", "backend=vqvae"), "the vqvae backend has one size for all categories"),
        (
            ("category_tokens={drift: [4, 4]}",),
            "model.category_tokens.drift: must have one size for each of the 1 levels",
        ),
        (("levels=null",), "model.levels: must be a list of levels or 'auto'"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(tmp_path, keys, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, *(f"model.{key}" for key in keys))
    assert words in str(caught.value)
