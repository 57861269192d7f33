"""Every key of the model and of the training changes what the parts are told."""

import pytest
from config_texts import TRAIN, written

from spinlock.config import TrainConfig, load_config
from spinlock.config.train import ModelConfig, TrainingConfig
from spinlock.pipeline.train import cluster_bounds, tokenizer_config, training_settings


def load(tmp_path, *overrides):
    return load_config(written(tmp_path, TRAIN), TrainConfig, overrides=overrides)


OTHERS = {
    "training.num_epochs": 7,
    "training.pool_rows": 99,
    "training.refit_rounds": 2,
    "training.joint_decoding": "false",
    "training.num_centers": 12,
    "training.consistent_decoding": "false",
    "training.batch_size": 9,
    "training.learning_rate": 0.5,
    "training.seed": 4,
    "training.weight_decay": 0.25,
    "training.warmup": 0.5,
    "training.final_rate": 0.5,
    "training.input_noise": 0.75,
    "training.category_dropout": 0.25,
    "training.mixing_reach": 0.25,
    "training.num_neighbors": 3,
    "training.training_beam": 2,
    "training.beam": 3,
    "training.patience": 5,
    "training.evaluate_every": 6,
    "training.checkpoint_every": 8,
    "training.restart_threshold": 0.5,
    "training.corpus_quantile": 0.5,
    "training.column_warp": "linear",
    "training.max_clusters": 5,
    "training.min_features_per_category": 5,
    "training.orthogonality_target": 0.5,
    "model.backend": "classical",
    "model.category_tokens": "{drift: [5]}",
    "model.group_embedding_dim": 5,
    "model.group_hidden_dim": 6,
    "model.hierarchy": "parallel",
    "model.start": "random",
    "model.topographic_weight": 0.5,
    "model.commitment_cost": 0.5,
    "model.use_ema": "false",
    "model.decay": 0.5,
    "model.orthogonality_weight": 0.5,
    "model.informativeness_weight": 0.5,
    "model.levels.0.latent_dim": 9,
    "model.levels.0.num_tokens": 9,
    "families.summary.encoder": "IdentityEncoder",
    "families.summary.encoder_params": "{output_dim: 3}",
}


@pytest.mark.parametrize("key", OTHERS)
def test_every_key_that_shapes_or_trains_reaches_the_parts(tmp_path, key):
    def arguments(config):
        return tokenizer_config(config), training_settings(config), cluster_bounds(config)

    assert arguments(load(tmp_path, f"{key}={OTHERS[key]}")) != arguments(load(tmp_path))


def test_a_step_budget_reaches_the_parts(tmp_path):
    text = TRAIN.replace("num_epochs: 3", "num_steps: 7")
    assert training_settings(load_config(written(tmp_path, text), TrainConfig)).num_steps == 7


def test_bits_reach_the_parts(tmp_path):
    free, bound = (load(tmp_path, "model.levels=auto", *more) for more in ((), ("model.bits=24",)))
    assert tokenizer_config(free).levels is None
    assert (tokenizer_config(free).bits, tokenizer_config(bound).bits) == (None, 24)


def test_no_key_of_model_and_training_is_left_out_here():
    elsewhere = {
        "num_steps",
        "validation_fraction",
        "test_fraction",
        "category_assignment",
        "category_mapping_file",
        "resume_from",
    }
    named = {key.split(".")[1] for key in OTHERS if not key.startswith("families")}
    assert named | elsewhere | {"checkpoint_dir", "bits"} == set(ModelConfig.model_fields) | set(
        TrainingConfig.model_fields
    )
