"""A file becomes a frozen section; every mistake is reported, each with its place."""

import pytest
from config_texts import GENERATE, TRAIN, written
from pydantic import ValidationError

from spinlock.config import GenerateConfig, TrainConfig, load_config
from spinlock.config.document import read_document
from spinlock.core.errors import ConfigError


def refusal(path, section, **arguments):
    with pytest.raises(ConfigError) as caught:
        load_config(path, section, **arguments)
    return str(caught.value).replace(str(path), "x.yaml").splitlines()


def test_a_file_becomes_a_section_with_its_defaults(tmp_path):
    config = load_config(written(tmp_path, GENERATE), GenerateConfig)
    assert (config.num_samples, config.storage.keep_states, config.initial_conditions) == (8, "none", None)


def test_a_section_is_frozen(tmp_path):
    config = load_config(written(tmp_path, GENERATE), GenerateConfig)
    with pytest.raises(ValidationError, match="frozen"):
        config.num_samples = 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7e-4", 7e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-2.", -2.0),
        ("12", 12),
        ("1_000", 1000),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("yes", "yes"),
        ("no", "no"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("-.inf", float("-inf")),
        ("9" * 50, 1e50),
        ("[1, a, {b: 2.5}]", [1, "a", {"b": 2.5}]),
    ],
)
def test_scalars_are_read_as_in_yaml_1_2(tmp_path, text, value):
    found = read_document(written(tmp_path, f"a: {text}")).values["a"]
    assert (found, type(found)) == (value, type(value))


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file(tmp_path):
    text = """\
num_samples: 0
num_timestep: 3
num_realizations: 2
grid_size: 15
output_path: data.h5
systems: {gray_scot: {weight: -1}, gray_scott: {parameters: {feed: 1, fed: 2}}}
storage: {keep_states: float17}
num_samples: 4
"""
    known = "known: advection_diffusion"
    lines = refusal(written(tmp_path, text), GenerateConfig)
    assert [line.split(":", 4)[1:4] for line in lines] == [
        ["1", "1", " num_timesteps"],
        ["2", "1", " num_timestep"],
        ["4", "12", " grid_size"],
        ["6", "11", " systems.gray_scot"],
        ["6", "31", " systems.gray_scot.weight"],
        ["7", "24", " storage.keep_states"],
        ["8", "1", " num_samples"],
    ]
    assert lines[0] == "x.yaml:1:1: num_timesteps: is required"
    assert lines[1] == "x.yaml:2:1: num_timestep: unknown key (did you mean 'num_timesteps')"
    assert lines[2] == "x.yaml:4:12: grid_size: must be a multiple of 2 [got 15]"
    assert "unknown system 'gray_scot'. Did you mean 'gray_scott'?" in lines[3]
    assert known not in lines[3]
    assert lines[4].endswith("must be greater than 0 [got -1]")
    assert lines[5].endswith("must be one of 'none', 'float32' or 'float16' (did you mean 'float16') [got 'float17']")
    assert lines[6].endswith("is already set in line 1; give it once")


def test_a_list_with_a_wrong_item_is_not_also_reported_as_too_short(tmp_path):
    text = TRAIN.replace("num_tokens: 8", "num_tokens: 1")
    lines = refusal(written(tmp_path, text), TrainConfig)
    assert lines == ["x.yaml:6:35: model.levels.0.num_tokens: must be at least 2 [got 1]"]


def test_a_key_of_another_section_is_told_where_it_belongs(tmp_path):
    lines = refusal(written(tmp_path, TRAIN + "batch_size: 3\n"), TrainConfig)
    assert lines == ["x.yaml:9:1: batch_size: unknown key (did you mean 'training.batch_size')"]


def test_a_key_that_resembles_none_gets_the_list_of_keys(tmp_path):
    text = GENERATE + "sampling: {zzz: 1}\n"
    lines = refusal(written(tmp_path, text), GenerateConfig)
    assert lines == ["x.yaml:7:12: sampling.zzz: unknown key; known: samples_per_group"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x\n", "x.yaml:1:4: anchors (&x) are not allowed; write the value out"),
        ("b: *x\n", "x.yaml:1:4: aliases (*x) are not allowed; write the value out"),
        ("a: !!python/object:os.system x\n", "x.yaml:1:4: tags (tag:yaml.org,2002:python/object:os.system) are not"),
        ("a: " + "[" * 33 + "]" * 33, "x.yaml:1:35: nests deeper than 32 levels"),
        ("a: " + "[" * 5000, "nests deeper than 32 levels"),
        ("a: [1, 2\nb: 3\n", "x.yaml:2:2: is not YAML"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("a: \x07\n", "x.yaml: is not YAML"),
        ("- 1\n- 2\n", "x.yaml:1:1: must be a mapping of keys to values"),
        ("{[1, 2]: 3}", "a key must be a word, not a list or a mapping"),
        (b"a: \xff\xfe\n", "x.yaml: is not UTF-8 text (byte 3)"),
        ("#" * (2**20 + 1), "x.yaml: is larger than 1 MiB"),
    ],
)
def test_what_a_stranger_could_put_into_yaml_is_refused(tmp_path, text, words):
    assert words in "\n".join(refusal(written(tmp_path, text), GenerateConfig))


def test_a_key_that_is_no_word_is_one_mistake(tmp_path):
    lines = refusal(written(tmp_path, GENERATE + "? [a, b]\n: 1\n"), GenerateConfig)
    assert lines == ["x.yaml:7:3: a key must be a word, not a list or a mapping"]


def test_depth_32_is_read(tmp_path):
    text = GENERATE.replace("output_path: data.h5", "output_path: " + "[" * 31 + "]" * 31)
    assert refusal(written(tmp_path, text), GenerateConfig) == [
        "x.yaml:5:14: output_path: must be a path [got a list of 1]"
    ]


def test_an_empty_file_lacks_every_required_key(tmp_path):
    lines = refusal(written(tmp_path, ""), TrainConfig)
    assert lines == [f"x.yaml:1:1: {key}: is required" for key in ("dataset_path", "families")]


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file\."):
        load_config(tmp_path / "none.yaml", TrainConfig)
    with pytest.raises(ConfigError, match="is a folder; a configuration is a YAML file"):
        load_config(tmp_path, TrainConfig)


def test_a_windows_file_with_a_byte_order_mark_is_read(tmp_path):
    text = GENERATE.replace("\n", "\r\n").encode("utf-8-sig")
    assert load_config(written(tmp_path, text), GenerateConfig).grid_size == 16
