"""Every configuration in the repository loads, and says what it is known for."""

from pathlib import Path

import pytest

from spinlock.config import GenerateConfig, TrainConfig, load_config
from spinlock.config.kinds import SECTIONS, as_yaml, json_schema, kind_of, starting_file
from spinlock.core.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
GENERATE = sorted((CONFIGS / "generate").glob("*.yaml"))
TRAIN = sorted((CONFIGS / "vqvae").glob("*.yaml"))


def test_the_known_names_are_shipped():
    assert {path.stem for path in GENERATE} >= {"tiny", "demo", "test_1k_inline_features"}
    assert {path.stem for path in TRAIN} >= {"tiny", "demo", "sd_features_1k"}


@pytest.mark.parametrize("path", GENERATE, ids=lambda path: path.stem)
def test_a_generation_file_loads(path):
    assert load_config(path, GenerateConfig).output_path == Path("datasets") / f"{path.stem}.h5"
    assert kind_of(path) == "generate"


@pytest.mark.parametrize("path", TRAIN, ids=lambda path: path.stem)
def test_a_training_file_loads(path):
    config = load_config(path, TrainConfig)
    assert (CONFIGS / "generate" / f"{config.dataset_path.stem}.yaml").exists()
    assert kind_of(path) == "train"


def test_the_1k_files_have_the_values_they_are_known_for():
    data = load_config(CONFIGS / "generate/test_1k_inline_features.yaml", GenerateConfig)
    assert (data.num_samples, data.num_timesteps, data.num_realizations, data.grid_size) == (1000, 250, 3, 128)
    config = load_config(CONFIGS / "vqvae/sd_features_1k.yaml", TrainConfig)
    family, model, training = config.families["summary"], config.model, config.training
    assert str(config.dataset_path) == "datasets/test_1k_inline_features.h5"
    assert family.encoder == "MLPEncoder"
    assert family.encoder_params == {
        "hidden_dims": [256, 128],
        "output_dim": 64,
        "dropout": 0.1,
        "activation": "relu",
        "batch_norm": True,
    }
    assert (model.group_embedding_dim, model.group_hidden_dim) == (64, 128)
    assert [(level.latent_dim, level.num_tokens) for level in model.levels] == [(32, 128), (16, 256), (8, 512)]
    assert (model.commitment_cost, model.use_ema, model.decay) == (0.45, True, 0.99)
    assert (model.orthogonality_weight, model.informativeness_weight) == (0.1, 0.1)
    assert (training.num_epochs, training.batch_size, training.learning_rate) == (410, 1024, 0.0007)
    assert str(training.category_mapping_file) == "configs/vqvae/sd_category_mapping.json"
    assert str(training.checkpoint_dir) == "checkpoints/vqvae_summary_1k"


@pytest.mark.parametrize("path", GENERATE + TRAIN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_with_every_default_written_out_loads_to_the_same(path, tmp_path):
    section = SECTIONS[kind_of(path)]
    config = load_config(path, section)
    full = tmp_path / "full.yaml"
    full.write_text(as_yaml(config), encoding="utf-8")
    assert load_config(full, section) == config


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_starting_file_loads_and_names_every_key(kind, tmp_path):
    path = tmp_path / "start.yaml"
    path.write_text(starting_file(kind), encoding="utf-8")
    config = load_config(path, SECTIONS[kind])
    assert kind_of(path) == kind
    for name in json_schema(kind)["properties"]:
        assert f"\n{name}:" in path.read_text(encoding="utf-8")
    assert config.model_dump()[{"generate": "seed", "train": "training", "cluster": "kind"}[kind]] is not None


def keys_of(section):
    return set(section.model_fields)


@pytest.mark.parametrize("kind", SECTIONS)
def test_the_json_schema_has_every_key_with_its_description(kind):
    schema = json_schema(kind)
    assert set(schema["properties"]) == keys_of(SECTIONS[kind])
    assert schema["additionalProperties"] is False
    for section in [schema, *schema.get("$defs", {}).values()]:
        for name, entry in section["properties"].items():
            assert entry.get("description") or "$ref" in entry or "allOf" in entry, name


def test_the_json_schema_knows_the_short_forms_of_systems():
    forms = json_schema("generate")["properties"]["systems"]["anyOf"]
    assert {"const": "all"} in forms
    assert any(form.get("type") == "array" for form in forms)


def test_a_shipped_configuration_is_found_by_its_name_from_anywhere(tmp_path, monkeypatch):
    there = load_config(CONFIGS / "generate/tiny.yaml", GenerateConfig)
    monkeypatch.chdir(tmp_path)
    assert load_config("configs/generate/tiny.yaml", GenerateConfig) == there
    with pytest.raises(ConfigError, match=r"^configs/generate/none\.yaml: no such file\.$"):
        load_config("configs/generate/none.yaml", GenerateConfig)
    (tmp_path / "configs/generate").mkdir(parents=True)
    (tmp_path / "configs/generate/tiny.yaml").write_text("num_samples: [")
    with pytest.raises(ConfigError, match=r"configs/generate/tiny\.yaml"):
        load_config("configs/generate/tiny.yaml", GenerateConfig)
