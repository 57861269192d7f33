"""A data set with layers in bfloat16: said, refused, resumed, the same bits however it is made."""

import hashlib
import json

import pytest
from pipeline_runs import generate_config

from spinlock._version import __version__
from spinlock.core.errors import ConfigError, InputError
from spinlock.dynamics import precision
from spinlock.dynamics.precision import precision_mistake
from spinlock.features.sdf import SDF
from spinlock.pipeline.dataset_report import dataset_report
from spinlock.pipeline.estimate import estimate
from spinlock.pipeline.generate import generate
from spinlock.pipeline.recipe import data_configuration, fingerprint_of
from spinlock.store.dataset import open_dataset

SMALL = (
    "num_samples=6",
    "num_timesteps=8",
    "grid_size=8",
    "systems={cnn: {parameters: {num_channels: [8, 16]}}, gray_scott: null}",
    "storage.shard_size=2",
    "storage.workers=1",
    "storage.keep_states=none",
)
BFLOAT16 = (*SMALL, "precision=bfloat16")
WORDS = "bfloat16 in neural operators of 16 channels and more, float32 elsewhere"
needs_units = pytest.mark.skipif(
    precision_mistake("bfloat16", device="cpu") != "", reason="needs a processor with bfloat16 units"
)


def metadata_of(path):
    with open_dataset(path) as dataset:
        return dict(dataset.metadata)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return generate(generate_config(tmp_path_factory.mktemp("whole") / "whole.h5", *BFLOAT16))


@pytest.fixture
def without_units(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2\n")
    monkeypatch.setattr(precision, "CPU_FLAGS", tmp_path / "cpuinfo")


@needs_units
def test_bits_in_bfloat16_do_not_depend_on_workers_and_shards(whole, tmp_path):
    cut = ("storage.workers=2", "storage.shard_size=5")
    other = generate(generate_config(tmp_path / "other.h5", *BFLOAT16, *cut))
    plain = generate(generate_config(tmp_path / "plain.h5", *SMALL))
    content = [metadata_of(path)["content_sha256"] for path in (whole, other, plain)]
    assert content[0] == content[1] != content[2]


@needs_units
def test_a_data_set_states_its_precision(whole):
    about = metadata_of(whole)
    assert about["configuration"]["precision"] == "bfloat16"
    assert about["extra"]["precision"] == WORDS


@needs_units
def test_a_dry_run_states_the_precision(tmp_path):
    assert estimate(generate_config(tmp_path / "x.h5", *BFLOAT16)).precision == WORDS
    assert estimate(generate_config(tmp_path / "x.h5", *SMALL)).precision == "float32"


@needs_units
def test_a_data_set_is_not_gone_on_with_in_another_precision(whole):
    with pytest.raises(InputError, match="was made from another configuration"):
        generate(generate_config(whole, *SMALL))


@pytest.mark.usefixtures("without_units")
def test_a_machine_without_units_is_refused_before_anything_is_written(tmp_path):
    sentence = "precision bfloat16 needs a processor with avx512_bf16 or amx_bf16 and finds none here; use float32"
    for make in (generate, estimate):
        with pytest.raises(ConfigError, match=sentence):
            make(generate_config(tmp_path / "x.h5", *BFLOAT16))
    assert [path.name for path in tmp_path.iterdir()] == ["cpuinfo"]


@needs_units
@pytest.mark.usefixtures("without_units")
def test_a_report_on_a_machine_without_units_shows_no_pictures_and_says_why(whole, tmp_path):
    written = dataset_report(whole, tmp_path / "page.html")
    assert written.rollouts_shown == 0
    assert "precision bfloat16 needs a processor with" in written.rollouts_note


def test_the_precision_is_part_of_the_fingerprint(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("flags : avx512_bf16\n")
    monkeypatch.setattr(precision, "CPU_FLAGS", tmp_path / "cpuinfo")
    plain, rounded = (generate_config(tmp_path / "x.h5", *overrides) for overrides in (SMALL, BFLOAT16))
    assert fingerprint_of(plain) != fingerprint_of(rounded)
    assert [config.precision for config in (plain, rounded)] == ["float32", "bfloat16"]


def test_runs_from_before_there_was_a_choice_go_on_in_float32(tmp_path):
    config = generate_config(tmp_path / "x.h5", *SMALL)
    before = {key: value for key, value in data_configuration(config).items() if key != "precision"}
    content = json.dumps([before, SDF.to_json(), __version__], sort_keys=True)
    assert fingerprint_of(config) == hashlib.sha256(content.encode()).hexdigest()
