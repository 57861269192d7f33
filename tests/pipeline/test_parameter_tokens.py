import h5py
import pytest
import torch
from pipeline_runs import train_config

from spinlock.config.train import TrainConfig
from spinlock.core.errors import ConfigError, InputError
from spinlock.core.tokens import of_family
from spinlock.core.views import in_memory
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.tokenize_table import tokenize_table
from spinlock.pipeline.train import summary, train
from spinlock.pipeline.validate_families import validate_families
from spinlock.store.dataset import open_dataset
from spinlock.store.token_file import load_tokens
from spinlock.training.estimator import Tokenizer
from spinlock.training.families import FamilyTokenizer
from spinlock.training.parameters import ParameterTokenizer, RunParameters

QUICK = (
    "model.backend=predictive",
    "training.num_centers=20",
    "training.refit=false",
    "training.category_assignment=semantic",
)


def parameters_config(dataset, folder, families, *overrides: str) -> TrainConfig:
    values = train_config(dataset, folder, *QUICK, *overrides).model_dump()
    return TrainConfig(**{**values, "families": families})


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parameters") / "tokenizers"
    return train(parameters_config(dataset, folder, {"parameters": {}, "summary": {}}))


def test_what_samples_were_made_from_is_what_the_file_says(dataset):
    runs = run_parameters(dataset)
    with open_dataset(dataset) as file:
        assert runs.systems == file.systems
        assert runs.ids == file.view().ids
        assert runs.groups == file.view().groups
        assert runs.initial_conditions == file.initial_conditions
        assert runs.table.of_sample(3) == file.parameters.of_sample(3)


def test_parameters_come_last_and_share_the_split_of_the_summary(trained):
    assert list(trained.families) == ["summary", "parameters"]
    parameters = ParameterTokenizer.from_pretrained(trained.folder / "parameters")
    assert parameters.facts["splits"] == Tokenizer.from_pretrained(trained.folder / "summary").record_.splits
    assert set(parameters.rules) == set(parameters.systems)
    told = summary(trained)["families"]["parameters"]
    assert max(told["bits_a_system"].values()) <= 24
    assert 0 <= told["parameter_error"] < 0.5


def test_tokens_of_runs_and_of_what_they_were_made_from_stand_side_by_side(dataset, trained, tmp_path):
    tokens = load_tokens(tokenize_table(trained.folder, dataset, tmp_path / "tokens.csv").output)
    names = [name for name in tokens.column_names if name.startswith("parameters__")]
    assert names[0] == "parameters__system__level0"
    assert "parameters__regime__level0" in names
    assert "parameters__slot_0__level0" in names
    families, runs = FamilyTokenizer.from_pretrained(trained.folder), run_parameters(dataset)
    together = families.encode({"summary": in_memory(load_table(dataset).table), "parameters": runs})
    assert torch.equal(together.codes, tokens.codes)
    own = families.families["parameters"].encode(runs)
    assert torch.equal(of_family(together, "parameters").codes, own.codes)
    back = families.decode(together)["parameters"]
    assert isinstance(back, RunParameters)
    assert back.systems == runs.systems


def test_validating_families_tells_the_error_of_parameters_again(dataset, trained):
    line = validate_families(trained.folder, dataset)["families"][1]
    told = summary(trained)["families"]["parameters"]
    assert line["error"] == pytest.approx(told["parameter_error"], rel=1e-3)
    assert line["passed"] is None


def test_parameters_alone_need_no_features_and_have_no_regimes(dataset, tmp_path, caplog):
    bare = tmp_path / "bare.h5"
    bare.write_bytes(dataset.read_bytes())
    with h5py.File(bare, "r+") as file:
        del file["features"]
    config = parameters_config(bare, tmp_path / "alone", {"parameters": {"model": {"bits": 16}}})
    found = train(config)
    assert "there is no family summary, by whose tokens regimes are found" in caplog.text
    fitted = ParameterTokenizer.from_pretrained(found.folder)
    assert fitted.bits == 16
    assert "regime" not in fitted.categories
    tokenized = tokenize_table(found.folder, bare, tmp_path / "tokens.csv")
    assert tokenized.categories == fitted.categories
    assert tokenized.samples == len(run_parameters(dataset))


def test_what_is_refused_says_what_it_is(dataset, trained, tmp_path):
    with pytest.raises(ConfigError, match=r"takes model: \{bits: …\} alone"):
        parameters_config(dataset, tmp_path, {"parameters": {"model": {"levels": [(8, 4)]}}})
    with pytest.raises(ConfigError, match=r"takes model: \{bits: …\} alone"):
        parameters_config(dataset, tmp_path, {"parameters": {"encoder": "IdentityEncoder"}})
    with pytest.raises(InputError, match="is not a folder of parameter tokens"):
        train(parameters_config(dataset, trained.folder / "summary", {"parameters": {}}))
    without = tmp_path / "without.h5"
    without.write_bytes(dataset.read_bytes())
    with h5py.File(without, "r+") as file:
        del file["parameters/params"]
    with pytest.raises(InputError, match=r"nothing at /parameters/params, .* leave out the family parameters"):
        run_parameters(without)
