import json

import h5py
import numpy as np
import pytest
import torch
from pipeline_runs import train_config

from spinlock.config.train import FAMILIES as TRAINED
from spinlock.config.train import PARAMETERS, SUMMARY, TrainConfig
from spinlock.core.errors import ConfigError, InputError, UsageError
from spinlock.core.views import in_memory
from spinlock.features.families import FAMILIES, FIELD
from spinlock.pipeline.family_table import family_table
from spinlock.pipeline.report import report
from spinlock.pipeline.search import search
from spinlock.pipeline.search_question import Question
from spinlock.pipeline.tables import family_path, load_table, open_families
from spinlock.pipeline.tokenize_table import tokenize_table
from spinlock.pipeline.train import summary, train
from spinlock.pipeline.validate import validate
from spinlock.pipeline.validate_families import validate_families
from spinlock.store.dataset import open_dataset
from spinlock.store.token_file import load_tokens
from spinlock.training.estimator import Tokenizer
from spinlock.training.families import FamilyTokenizer
from spinlock.training.parameters import ParameterTokenizer

CHOSEN = ("summary", "initial", "time_series")


def families_config(dataset, folder, *overrides: str) -> TrainConfig:
    quick = (
        "model.backend=predictive",
        "training.num_centers=20",
        "training.refit=false",
        "training.category_assignment=semantic",
    )
    config = train_config(dataset, folder, *quick, *overrides)
    values = config.model_dump()
    return TrainConfig(
        **{**values, "families": {**dict.fromkeys(CHOSEN, {}), "summary": values["families"]["summary"]}}
    )


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """Three families, of which one has a shape of its own."""
    config = families_config(dataset, tmp_path_factory.mktemp("families") / "tokenizers")
    own = {**config.model_dump()["families"], "initial": {"model": {"levels": [(8, 3)], "coarse": "codebook"}}}
    return train(TrainConfig(**{**config.model_dump(), "families": own}))


@pytest.fixture(scope="module")
def folder(trained):
    return trained.folder


def test_what_can_be_trained_are_the_families_that_there_are():
    assert {*SUMMARY, *FAMILIES, FIELD, PARAMETERS} == set(TRAINED)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_of_a_data_set_is_what_its_series_say(dataset, name):
    loaded = load_table(dataset, family_path(name))
    with open_dataset(dataset) as file:
        series = torch.from_numpy(file.numbers("per_timestep"))
    table = in_memory(loaded.table)
    torch.testing.assert_close(table.values, FAMILIES[name].describe(series), equal_nan=True)
    some = loaded.table.rows(np.array([5, 2]))
    assert some.ids == (table.ids[5], table.ids[2])
    torch.testing.assert_close(some.values, table.values[[5, 2]], equal_nan=True)
    assert sum(len(block) for block in loaded.table.blocks(7)) == len(table)


def test_the_family_of_fields_is_the_initial_states_cell_by_cell(dataset, tmp_path):
    table = open_families(dataset, ("field",))["field"]
    with open_dataset(dataset) as file:
        states = torch.from_numpy(file.numbers("inputs"))
    values = in_memory(table).values
    torch.testing.assert_close(values, states.flatten(1), equal_nan=True)
    column = table.registry.names.index("field__0__2__3")
    torch.testing.assert_close(values[:, column], states[:, 0, 2, 3])
    target = tmp_path / "without.h5"
    target.write_bytes(dataset.read_bytes())
    with h5py.File(target, "r+") as file:
        del file["inputs/fields"]
    with pytest.raises(
        InputError, match="family 'field' is the initial states themselves, and the file has none at /inputs/fields"
    ):
        family_table(target, "field")


def test_every_family_is_a_tokenizer_on_the_same_split(folder):
    splits = [Tokenizer.from_pretrained(folder / name).record_.splits for name in CHOSEN]
    assert splits[0] == splits[1] == splits[2]


def test_tokens_of_all_families_stand_side_by_side(dataset, folder, tmp_path):
    found = tokenize_table(folder, dataset, tmp_path / "tokens.csv")
    tokens = load_tokens(found.output)
    assert {name.split("__")[0] for name in tokens.column_names} == set(CHOSEN)
    families = FamilyTokenizer.from_pretrained(folder)
    tables = {name: in_memory(load_table(dataset, family_path(name)).table) for name in CHOSEN}
    together = families.encode(tables)
    assert torch.equal(together.codes, tokens.codes)
    back = families.decode(together)
    for name in CHOSEN:
        alone = families.families[name]
        torch.testing.assert_close(back[name].values, alone.decode(alone.encode(tables[name])).values, equal_nan=True)


def test_saved_again_it_is_the_same(folder, tmp_path):
    FamilyTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "again")
    for file in sorted(path.relative_to(folder) for path in folder.rglob("*.json")):
        if "checkpoints" not in file.parts and file.name != "category_mapping.json":
            assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()


def test_the_verdict_is_told_family_by_family(trained):
    told = summary(trained)
    assert list(told["families"]) == list(CHOSEN)
    assert all("thresholds" in one for one in told["families"].values())


def test_one_family_alone_is_trained_as_a_tokenizer(dataset, tmp_path):
    config = families_config(dataset, tmp_path / "one", "training.category_assignment=null")
    config = config.model_copy(update={"families": {"initial": config.families["initial"]}})
    assert train(config).folder == tmp_path / "one"
    assert Tokenizer.from_pretrained(tmp_path / "one").tokenizer_.category_map.categories == ("spatial", "spectral")


def test_a_family_has_a_shape_of_its_own_where_it_is_given_one(dataset, folder):
    families = FamilyTokenizer.from_pretrained(folder)
    assert families.families["initial"].tokenizer_.codebook_sizes.tolist() == [[3], [3]]
    assert families.families["summary"].tokenizer_.codebook_sizes.shape[1] == 2
    tables = {name: load_table(dataset, family_path(name)).table for name in CHOSEN}
    tokens = families.encode(tables)
    assert tokens.codes.shape[2] == 2
    assert tokens.bits == pytest.approx(sum(families.families[name].encode(tables[name]).bits for name in CHOSEN))


def test_what_is_refused_says_what_it_is(dataset, folder, tmp_path):
    with pytest.raises(ConfigError, match=r"unknown feature family 'trajectories'. Did you mean 'trajectory'"):
        TrainConfig(dataset_path=dataset, families={"trajectories": {}})
    with pytest.raises(ConfigError, match="another name of summary"):
        TrainConfig(dataset_path=dataset, families={"summary": {}, "sdf": {}})
    with pytest.raises(ConfigError, match="is of one family"):
        families_config(dataset, tmp_path, f"training.resume_from={folder}", "training.category_assignment=null")
    families = FamilyTokenizer.from_pretrained(folder)
    with pytest.raises(InputError, match="unknown family 'rates'"):
        families.encode({"rates": None})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        FamilyTokenizer.from_pretrained(tmp_path / "empty")
    with pytest.raises(InputError, match=r"several families \(initial, summary, time_series\); give the folder of one"):
        Tokenizer.from_pretrained(folder)


def test_a_file_without_series_says_what_is_needed(dataset, tmp_path):
    target = tmp_path / "without.h5"
    target.write_bytes(dataset.read_bytes())
    with h5py.File(target, "r+") as file:
        del file["features/sdf/per_timestep/features"]
    with pytest.raises(InputError, match="features of saved states, and the file has none"):
        family_table(target, "trajectory")


def test_a_folder_of_families_is_not_written_over_a_tokenizer(dataset, folder):
    config = families_config(dataset, folder / "summary")
    before = json.loads((folder / "summary" / "manifest.json").read_text())
    with pytest.raises(InputError, match="is not a folder of families"):
        train(config)
    assert json.loads((folder / "summary" / "manifest.json").read_text()) == before


def test_every_family_is_judged_as_it_is_alone(dataset, folder):
    found = validate_families(folder, dataset)
    assert [line["family"] for line in found["families"]] == list(CHOSEN)
    alone = validate(folder / "initial", dataset)
    assert found["verdicts"]["initial"] == alone
    line = found["families"][1]
    assert line["bits"] == pytest.approx(alone["bits"], rel=1e-3)
    assert line["error"] == alone["splits"][-1]["mse"]
    assert 0 < line["codes_used"] <= 1
    assert found["passed"] == all(one["passed"] for one in found["verdicts"].values())
    assert {one["family"] for one in found["failed"]} == {
        name for name, one in found["verdicts"].items() if not one["passed"]
    }


def test_a_question_is_answered_by_the_summary_which_is_said(dataset, folder, caplog):
    question = Question(like=load_table(dataset).table.ids[0], num_hits=2)
    by_folder = search(folder, dataset, question)
    assert "the answer is by" in caplog.text
    assert by_folder == search(folder / "summary", dataset, question)


def test_families_are_opened_fitted_and_encoded_in_python(dataset):
    tables = open_families(dataset, ("summary", "initial", "parameters"))
    quick = {"levels": [(4, 3)], "backend": "classical", "coarse": "codebook", "refit": False}
    members = {"parameters": ParameterTokenizer(), "summary": Tokenizer(**quick), "initial": Tokenizer(**quick)}
    families = FamilyTokenizer(members).fit(tables)
    tokens = families.encode(tables)
    assert set(tokens.category_names) > {"summary__temporal", "initial__spatial", "parameters__regime"}
    splits = [members[name].record_.splits for name in ("summary", "initial")]
    assert splits[0] == splits[1]
    draws = {
        name: {tables["summary"].groups[tables["summary"].ids.index(one)] for one in ids}
        for name, ids in splits[0].items()
    }
    assert not draws["train"] & draws["validation"]
    assert members["parameters"].rules
    with pytest.raises(
        InputError, match="the family initial has no table to be fitted to; got tables of summary, parameters"
    ):
        families.fit({name: tables[name] for name in ("summary", "parameters")})


def test_a_file_gives_all_families_that_it_has_something_for(dataset):
    assert list(open_families(dataset)) == ["summary", *FAMILIES, PARAMETERS]
    with pytest.raises(UsageError, match="unknown family 'trajectories'. Did you mean 'trajectory'"):
        open_families(dataset, ("trajectories",))


def test_the_page_of_families_is_that_of_the_summary_with_a_table_of_all(dataset, folder, tmp_path):
    page = report(folder, dataset, tmp_path / "all.html").report.read_text("utf-8")
    table = page[page.index('<section id="families">') :].split("</section>")[0]
    assert [name for name in CHOSEN if f'<th scope="row">{name}</th>' in table] == list(CHOSEN)
