"""What is typed on the command line takes the place of what the file says."""

import pytest
from config_texts import GENERATE, TRAIN, written

from spinlock.config import GenerateConfig, TrainConfig, load_config
from spinlock.config.document import read_document
from spinlock.core.errors import ConfigError


def train(tmp_path, *overrides, **options):
    return load_config(written(tmp_path, TRAIN), TrainConfig, overrides=overrides, options=options.get("options"))


def test_a_dotted_key_is_set(tmp_path):
    assert train(tmp_path, "training.num_epochs=20").training.num_epochs == 20


def test_a_section_that_the_file_does_not_have_is_made(tmp_path):
    config = load_config(written(tmp_path, GENERATE), GenerateConfig, overrides=["storage.workers=2"])
    assert config.storage.workers == 2


def test_the_later_one_wins(tmp_path):
    assert train(tmp_path, "training.seed=1", "training.seed=2").training.seed == 2


def test_a_position_in_a_list_is_a_key(tmp_path):
    assert train(tmp_path, "model.levels.0.num_tokens=64").model.levels[0].num_tokens == 64


def test_a_value_is_yaml(tmp_path):
    config = train(tmp_path, "model.levels=[{latent_dim: 2, num_tokens: 3}]", "training.learning_rate=7e-4")
    assert (config.model.levels[0].num_tokens, config.training.learning_rate) == (3, 7e-4)


def test_null_takes_a_value_away(tmp_path):
    path = written(tmp_path, TRAIN + "  category_mapping_file: a.json\n")
    overrides = ["training.category_mapping_file=null", "training.resume_from=runs/a"]
    assert load_config(path, TrainConfig, overrides=overrides).training.category_mapping_file is None


@pytest.mark.parametrize("value", [0, 1, 7, 0.5, 7e-4, True, False, None, "1", "null"], ids=repr)
def test_a_named_option_keeps_its_type(tmp_path, value):
    document = read_document(written(tmp_path, TRAIN), options={"--x": ("training.x", value)})
    found = document.values["training"]["x"]
    assert (found, type(found)) == (value, type(value))


def test_a_named_option_is_taken_literally_and_wins(tmp_path):
    options = {"--output": ("training.checkpoint_dir", "a: [b"), "--seed": ("training.seed", 5)}
    config = train(tmp_path, "training.seed=1", options=options)
    assert (str(config.training.checkpoint_dir), config.training.seed) == ("a: [b", 5)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "training.num_epochs=many",
            "-o training.num_epochs=many: training.num_epochs: must be a whole number [got 'many']",
        ),
        (
            "training.num_epoch=3",
            "-o training.num_epoch=3: training.num_epoch: unknown key (did you mean 'num_epochs')",
        ),
        ("seed=3", "-o seed=3: seed: unknown key (did you mean 'training.seed')"),
        ("training.seed", "-o training.seed: an override is key=value, for example -o training.num_epochs=20"),
        ("=3", "-o =3: an override is key=value, for example -o training.num_epochs=20"),
        ("a..b=3", "-o a..b=3: an override is key=value, for example -o training.num_epochs=20"),
        ("dataset_path.x=3", "-o dataset_path.x=3: dataset_path: is a single value and has no keys"),
        (
            "model.levels.7.num_tokens=3",
            "-o model.levels.7.num_tokens=3: model.levels: is a list of 1; '7' is no position in it",
        ),
        ("training.seed=[1", "-o training.seed=[1: training.seed: is not YAML"),
        ("training.seed=*a", "-o training.seed=*a: training.seed: aliases (*a) are not allowed; write the value out"),
        ("dataset_path=", "-o dataset_path=: dataset_path: must be a path"),
    ],
)
def test_a_mistake_in_an_override_is_reported_as_it_was_typed(tmp_path, override, words):
    with pytest.raises(ConfigError) as caught:
        train(tmp_path, override)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_named_option_is_reported_as_it_was_typed(tmp_path):
    with pytest.raises(ConfigError, match=r"^--seed -1: training\.seed: must be at least 0 \[got -1\]$"):
        train(tmp_path, options={"--seed": ("training.seed", -1)})
