"""Every key of a training file is a setting of the same estimator that Python users make; that each acts is shown in tests/training."""

import inspect

import pytest
from config_texts import TRAIN, written
from pydantic import TypeAdapter

from spinlock.config import TrainConfig, load_config
from spinlock.pipeline.train_columns import estimator
from spinlock.training.estimator import Tokenizer
from spinlock.training.spec import FitSpec, TrainingSpec
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

OTHERS = {
    "training.num_epochs": 7,
    "training.fit_rows": 50,
    "training.pool_rows": 99,
    "training.refit_rounds": 2,
    "training.refit": False,
    "training.joint_decoding": False,
    "training.num_centers": 12,
    "training.consistent_decoding": False,
    "training.batch_size": 9,
    "training.learning_rate": 0.5,
    "training.seed": 4,
    "training.weight_decay": 0.25,
    "training.warmup": 0.5,
    "training.final_rate": 0.5,
    "training.input_noise": 0.75,
    "training.mixing_reach": 0.25,
    "training.num_neighbors": 3,
    "training.training_beam": 2,
    "training.beam": 3,
    "training.patience": 5,
    "training.evaluate_every": 6,
    "training.checkpoint_every": 8,
    "training.corpus_quantile": 0.5,
    "training.column_warp": "linear",
    "training.device": "cuda:1",
    "training.max_clusters": 5,
    "training.min_features_per_category": 5,
    "training.orthogonality_target": 0.5,
    "training.validation_fraction": 0.25,
    "training.category_assignment": "auto",
    "training.category_mapping_file": "maps/some.json",
    "model.backend": "classical",
    "model.metric": "behaviour",
    "model.coarse": "words",
    "model.category_tokens": {"drift": [5]},
    "model.group_embedding_dim": 5,
    "model.group_hidden_dim": 6,
    "model.commitment_cost": 0.5,
    "model.use_ema": False,
    "model.decay": 0.5,
    "model.restart_threshold": 0.5,
    "model.orthogonality_weight": 0.5,
    "model.informativeness_weight": 0.5,
    "model.levels": [{"latent_dim": 9, "num_tokens": 8}],
    "families.summary.encoder": "IdentityEncoder",
    "families.summary.encoder_params": {"output_dim": 3},
}
RENAMED = {"seed": "random_state", "category_mapping_file": "category_map"}
"""Key of a file → its name in Python: scikit-learn's, and the one that takes a map as well as a file."""
OF_FILES = {"checkpoint_dir": "checkpoints", "resume_from": "resume", "tensorboard": "callbacks"}
"""Keys that say where files are → the argument of `fit` that says it in Python."""


def load(tmp_path, **values):
    overrides = [f"{key}={TypeAdapter(object).dump_json(value).decode()}" for key, value in values.items()]
    return load_config(written(tmp_path, TRAIN), TrainConfig, overrides=overrides)


def parameters(tokenizer):
    return {name: _comparable(value) for name, value in tokenizer.get_params().items()}


def _comparable(value):
    if isinstance(value, list | tuple):
        return [_comparable(one) for one in value]
    if isinstance(value, dict):
        return {key: _comparable(one) for key, one in value.items()}
    return value.model_dump() if hasattr(value, "model_dump") else str(value) if hasattr(value, "suffix") else value


@pytest.mark.parametrize("key", OTHERS)
def test_a_key_of_a_file_and_the_same_setting_in_python_make_the_same_estimator(tmp_path, key):
    name = key.rpartition(".")[2]
    before, after = estimator(load(tmp_path)), estimator(load(tmp_path, **{key: OTHERS[key]}))
    python = estimator(load(tmp_path)).set_params(**{RENAMED.get(name, name): OTHERS[key]})
    if name == "category_mapping_file":
        python.set_params(category_assignment=None)  # one source of categories
    assert parameters(after) == parameters(python)
    assert name == "category_assignment" or parameters(after) != parameters(before)


OF_FAMILIES = {"joint", "family_decoding"}
"""Keys of several families, which one tokenizer has not."""


def test_no_key_is_left_out():
    keys = {name for spec in (ModelSpec, EncoderSpec, TrainingSpec) for name in spec.model_fields}
    assert {key.rpartition(".")[2] for key in OTHERS} | {"bits", "test_fraction", *OF_FILES, *OF_FAMILIES} == keys


def test_every_key_of_the_specs_is_a_setting_of_the_tokenizer():
    keys = {name for spec in (ModelSpec, EncoderSpec, FitSpec) for name in spec.model_fields}
    assert set(inspect.signature(Tokenizer).parameters) == (keys - {"seed"}) | {"random_state", "category_map"}
    assert set(OF_FILES.values()) <= set(inspect.signature(Tokenizer.fit).parameters)


def test_sizes_left_to_the_data_are_left_to_it_from_both_doors(tmp_path):
    free = estimator(load(tmp_path, **{"model.levels": "auto", "model.bits": 24})).get_params()
    assert (free["levels"], free["bits"]) == ("auto", 24)


def test_defaults_are_the_same_from_both_doors(tmp_path):
    bare = "dataset_path: x.h5\nfamilies: {summary: {}}\nmodel: {}\n"
    found = parameters(estimator(load_config(written(tmp_path, bare), TrainConfig)))
    own = parameters(Tokenizer())
    assert {name for name in own if own[name] != found[name]} == {"category_assignment"}
