"""One tiny run of everything, from files."""

import json
import math
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from pipeline_runs import generate_config, train_config

from spinlock.categories.spec import ClusterSpec
from spinlock.core.errors import ConfigError, InputError, NamesDifferError, UsageError
from spinlock.core.plain import from_plain
from spinlock.core.report import Report
from spinlock.core.views import in_memory
from spinlock.pipeline.discover_categories import discover_categories
from spinlock.pipeline.extract_features import Source, extract_features
from spinlock.pipeline.generate import generate
from spinlock.pipeline.inspect_file import inspect_file
from spinlock.pipeline.realizations import load_halves
from spinlock.pipeline.report import report
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.tokenize_table import tokenize_table
from spinlock.pipeline.train import summary, train
from spinlock.pipeline.validate import validate, validate_dataset
from spinlock.store.dataset import open_dataset
from spinlock.store.token_file import load_tokens
from spinlock.training.estimator import Tokenizer


@pytest.fixture(scope="module")
def categories(dataset, tmp_path_factory) -> Path:
    return discover_categories(dataset, tmp_path_factory.mktemp("map") / "map.json").output


@pytest.fixture(scope="module")
def tokenizer(dataset, categories, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "tokenizer"
    overrides = ("training.category_assignment=null", f"training.category_mapping_file={categories}")
    return train(train_config(dataset, folder, *overrides)).folder


def fitted(folder):
    return Tokenizer.from_pretrained(folder).tokenizer_


def record_of(folder):
    return Tokenizer.from_pretrained(folder).record_


def report_of(folder) -> Report:
    return from_plain(Report, record_of(folder).report)


def test_the_data_set_keeps_to_its_format(dataset):
    assert validate_dataset(dataset).problems == ()


def test_the_semantic_map_has_the_columns_of_every_feature_in_its_category(dataset, categories):
    table = in_memory(load_table(dataset).table)
    found = json.loads(categories.read_text())
    assert found["feature_names"] == list(table.names)
    for category, columns in found["group_indices"].items():
        assert {table.registry.specs[column].category for column in columns} == {category}
    assert sum(map(len, found["group_indices"].values())) == len(table.names)


def test_the_splits_hold_every_sample_once(dataset, tokenizer):
    splits = record_of(tokenizer).splits
    ids = [name for rows in splits.values() for name in rows]
    assert sorted(splits) == ["test", "train", "validation"]
    assert sorted(ids) == sorted(in_memory(load_table(dataset).table).ids)


def test_what_was_judged_at_training_is_what_the_folder_gives_again(dataset, tokenizer):
    again = validate(tokenizer, dataset, split="test")
    report_then = report_of(tokenizer)
    now = {row["rows"]: row["mse"] for row in again["splits"]}
    assert {name: float(f"{split.mse:.4g}") for name, split in report_then.splits.items()} == now


def test_the_backend_with_the_lower_validation_error_is_kept(tokenizer):
    record = record_of(tokenizer)
    kept = [score for score in record.facts["comparison"] if score["is_kept"]]
    assert len(kept) == 1
    assert kept[0]["validation_mse"] == min(record.backend_mse.values())


@pytest.mark.parametrize("ending", [".h5", ".csv", ".parquet"])
def test_token_files_hold_the_tokens_of_every_sample(dataset, tokenizer, tmp_path, ending):
    written = tokenize_table(tokenizer, dataset, tmp_path / f"tokens{ending}")
    tokens = load_tokens(written.output)
    table = in_memory(load_table(dataset).table)
    assert tokens.ids == table.ids
    fresh = fitted(tokenizer).encode(table)
    assert torch.equal(tokens.codes, fresh.codes)
    assert torch.equal(tokens.distances, fresh.distances)
    assert written.out_of_corpus == int(tokens.out_of_corpus.sum())


def test_a_sample_has_the_same_tokens_alone_and_among_others(dataset, tokenizer):
    encoder, table = fitted(tokenizer), in_memory(load_table(dataset).table)
    together = encoder.encode(table).codes
    for row in (0, 7, 23):
        assert torch.equal(encoder.encode(table.rows([row])).codes[0], together[row])


def test_the_report_is_a_page_with_moving_pictures_and_its_numbers(dataset, tokenizer, tmp_path):
    written = report(tokenizer, dataset, tmp_path / "report.html")
    page = written.report.read_text()
    assert "Content-Security-Policy" in page
    assert page.count("data:image/webp") >= written.tokens_shown > 0
    assert json.loads(written.numbers.read_text())["bits"] == report_of(tokenizer).bits


def test_every_file_says_what_it_is(dataset, tokenizer, categories, tmp_path):
    tokens = tokenize_table(tokenizer, dataset, tmp_path / "tokens.csv").output
    kinds = [inspect_file(path)["kind"] for path in (dataset, tokenizer, categories, tokens)]
    assert kinds == ["data set", "tokenizer", "category map", "tokens"]


def test_the_card_says_what_the_tokenizer_was_made_of_and_how_good_it_is(dataset, tokenizer):
    card = (tokenizer / "README.md").read_text()
    report, splits = report_of(tokenizer), record_of(tokenizer).splits
    for said in (
        "- file: small.h5",
        "- samples: 24",
        "- saved states: 32",
        "gray\\_scott 6",
        f"- split by draw of parameters: train {len(splits['train'])}, validation {len(splits['validation'])}",
        f"{len(splits['test'])} test rows) | {report.figures('test').mse:.3f} |",
        "240 of 360 columns describe their spread",
        record_of(tokenizer).dataset["content_sha256"],
        f"spinlock train-vqvae --dataset {dataset} --output FOLDER -o ",
    ):
        assert said in card, said


def test_a_training_file_asks_for_the_curves_of_tensorboard(dataset, tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    overrides = ("model.backend=classical", f"training.tensorboard={tmp_path / 'board'}")
    trained = train(train_config(dataset, tmp_path / "t", *overrides))
    board = reading.EventAccumulator(str(tmp_path / "board")).Reload()
    (score,) = board.Scalars("validation_mse/classical")
    assert score.value == pytest.approx(trained.report.backend_mse["classical"])
    assert "tensorboard" not in (trained.folder / "training.json").read_text()


def test_the_auto_mode_groups_every_column(dataset, tmp_path):
    trained = train(train_config(dataset, tmp_path / "auto", "model.backend=classical"))
    found = fitted(trained.folder).category_map
    assert all(name.startswith("cluster_") for name in found.categories)
    assert found.feature_names == in_memory(load_table(dataset).table).names
    page = report(trained.folder, dataset, tmp_path / "auto.html").report.read_text()
    assert "groups have the highest silhouette" in page


def test_bounds_of_the_clustering_reach_it(dataset, tmp_path):
    free = discover_categories(dataset, tmp_path / "free.json", method="auto")
    bounds = ClusterSpec(max_clusters=1)
    bounded = discover_categories(dataset, tmp_path / "bounded.json", method="auto", bounds=bounds)
    assert len(free.categories) > len(bounded.categories) == 1
    trained = train(train_config(dataset, tmp_path / "auto", "model.backend=classical", "training.max_clusters=1"))
    assert fitted(trained.folder).category_map.categories == ("cluster_0",)


def test_the_maps_of_columns_are_told(dataset, tmp_path):
    overrides = ("model.backend=classical", "training.column_warp=signed_log")
    folder = train(train_config(dataset, tmp_path / "mapped", *overrides)).folder
    told = fitted(folder)
    maps = told.normalizer.transform.warp.names(told.registry.names)
    assert told.provenance["column_warps"] == maps
    assert maps["signed_log"]
    assert f"signed_log {len(maps['signed_log'])}, rank_gauss {len(maps['rank_gauss'])}" in str(
        report_of(folder).provenance
    )


def test_a_resumed_run_takes_the_categories_of_its_checkpoint(dataset, tokenizer, tmp_path):
    overrides = (
        "model.backend=classical",
        "training.category_assignment=null",
        f"training.resume_from={tokenizer}",
    )
    resumed = fitted(train(train_config(dataset, tmp_path / "resumed", *overrides)).folder)
    assert resumed.category_map == fitted(tokenizer).category_map


@pytest.mark.parametrize(
    "contradiction",
    [
        ("training.category_mapping_file=map.json",),
        ("training.resume_from=somewhere",),
        (
            "training.category_assignment=null",
            "training.category_mapping_file=m.json",
            "training.resume_from=somewhere",
        ),
    ],
)
def test_two_sources_of_categories_contradict_each_other(dataset, tmp_path, contradiction):
    with pytest.raises(ConfigError, match="contradicts"):
        train_config(dataset, tmp_path, *contradiction)


def test_a_mapping_made_for_other_columns_is_refused_with_the_names(dataset, categories, tmp_path):
    content = json.loads(categories.read_text())
    content["feature_names"][3] = "phase_of_the_moon__mean"
    del content["content_sha256"]  # as whoever edits a map does
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content))
    config = train_config(
        dataset, tmp_path / "t", "training.category_assignment=null", f"training.category_mapping_file={other}"
    )
    with pytest.raises(NamesDifferError, match="phase_of_the_moon__mean"):
        train(config)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Path:
    return generate(generate_config(tmp_path_factory.mktemp("foreign") / "other.h5", "seed=5", "num_samples=4"))


def test_another_seed_gives_other_frames_and_parameters(dataset, foreign):
    with open_dataset(dataset) as one, open_dataset(foreign) as other:
        frames, others = (file.numbers("inputs")[:, 0, 0] for file in (one, other))
        values, others_values = (file.parameters.values for file in (one, other))
    assert not any(np.array_equal(frame, another) for frame in frames for another in others)
    assert not np.isin(others_values[others_values % 1 != 0], values).any()  # whole numbers are few, and meet


def test_a_tokenizer_is_judged_on_data_that_it_never_saw(dataset, tokenizer, foreign):
    found = validate(tokenizer, foreign)
    assert found["judged_on"] == "all rows of a data set of which none were seen"
    assert [row["rows"] for row in found["splits"]] == ["train", "unseen"]
    assert found["splits"][1]["samples"] == 4
    assert all(row["unseen"] > 0 for row in found["baselines_at_equal_bits_mse"])
    assert found["rows_equal_to_training_rows"] == 0
    own = validate(tokenizer, dataset, split="train")
    assert found["splits"][0]["mse"] == next(row["mse"] for row in own["splits"] if row["rows"] == "train")


def test_data_that_was_never_seen_has_no_splits_and_needs_the_training_rows(tokenizer, foreign, tmp_path):
    with pytest.raises(UsageError, match="so it has no test rows; leave --split out"):
        validate(tokenizer, foreign, split="test")
    with pytest.raises(UsageError, match="is not there; say where that data set is now by --training-dataset"):
        validate(tokenizer, foreign, training_dataset=tmp_path / "gone.h5")
    with pytest.raises(UsageError, match=r"checksums differ\); say where that is now by --training-dataset"):
        validate(tokenizer, foreign, training_dataset=foreign)


def test_tokens_agree_between_disjoint_realizations_more_often_than_between_samples(dataset, tokenizer):
    found = validate(tokenizer, dataset)["agreement_between_realizations"]
    assert [entry["level"] for entry in found] == [0, 1] * (len(found) // 2)
    assert sum(entry["same_sample"] for entry in found) > sum(entry["other_samples"] for entry in found)


def test_the_verdict_begins_with_what_a_token_is_good_for(dataset, tokenizer):
    found = validate(tokenizer, dataset)
    assert next(iter(found)) == "good_for"
    assert found["good_for"].startswith("A coarse token is the same at other realizations in ")
    assert found["good_for"].endswith("as no two judged samples share their draw of parameters.")
    rates = {entry["at"]: entry for entry in found["same_token"] if entry["level"] == 0}
    assert set(rates) == {"other realizations", "a small step of the parameters", "any other draw of its system"}
    assert 0 < rates["a small step of the parameters"]["step"] < 1
    useful = [entry["useful"] for entry in found["levels"]]
    assert useful == sorted(useful, reverse=True)
    assert [entry["columns"] for entry in found["noise"]] == ["mean", "std", "cv"]


def test_the_numbers_of_a_training_have_the_noise_of_every_column(dataset, tokenizer):
    test = report_of(tokenizer).figures("test")
    assert set(test.replicates.column_noise) == set(load_table(dataset).table.registry.names)
    known = [share for share in test.replicates.column_noise.values() if not math.isnan(share)]
    assert min(known) >= 0
    assert 100 < len(known) <= test.replicates.num_columns  # a column that never varies has no share
    assert report_of(tokenizer).figures("train").replicates.column_noise == {}


def test_the_halves_are_aggregates_of_disjoint_realizations(dataset):
    table = in_memory(load_table(dataset).table)
    first, second = load_halves(dataset, table).of((table.ids[3], table.ids[1]))
    with open_dataset(dataset) as opened:
        runs = torch.from_numpy(opened.numbers("per_trajectory"))
    assert first.ids == (table.ids[3], table.ids[1])
    half = runs.shape[1] // 2
    means = runs[[3, 1], :half].nanmean(dim=1)
    torch.testing.assert_close(first.values[:, ::3], means, equal_nan=True)
    assert not torch.equal(first.values[:, ::3], second.values[:, ::3])


def test_values_of_test_rows_change_nothing_in_the_tokenizer(dataset, tokenizer, categories, tmp_path):
    """Byte for byte: the same run on a copy of the data set in which the test rows' features are reversed."""
    copy = tmp_path / dataset.name
    shutil.copy(dataset, copy)
    test = [int(name) for name in record_of(tokenizer).splits["test"]]
    with h5py.File(copy, "r+") as file:
        values = file["/features/sdf/aggregated/features"]
        values[sorted(test)] = values[sorted(test)][:, ::-1]
    overrides = ("training.category_assignment=null", f"training.category_mapping_file={categories}")
    again = train(train_config(copy, tmp_path / "again", *overrides)).folder
    assert report_of(again).figures("test") != report_of(tokenizer).figures("test")
    for name in ("weights.safetensors", "tokenizer.json"):
        assert (again / name).read_bytes() == (tokenizer / name).read_bytes(), name


def test_resuming_without_a_checkpoint_is_refused(dataset, tmp_path):
    overrides = ("training.category_assignment=null", f"training.resume_from={tmp_path}")
    with pytest.raises(InputError, match="holds no checkpoint to go on from"):
        train(train_config(dataset, tmp_path / "t", *overrides))


def test_states_that_are_read_back_have_the_features_that_were_stored(dataset, tmp_path):
    output = extract_features(Source(path=dataset), output=tmp_path / "again.h5").output
    assert validate_dataset(output).missing_by_definition == {
        "no step operator": 14 * 3,
        "too few steps": 2 * 3,  # 24 steps; rolling_variability_fine wants 64, bicoherence 48
    }
    again = in_memory(load_table(output).table)
    stored = in_memory(load_table(dataset).table)
    # The step operator is not in the file: its features are missing, all others are the same bits.
    without_operator = [i for i, spec in enumerate(stored.registry.specs) if spec.category != "operator_sensitivity"]
    for column in without_operator:
        torch.testing.assert_close(again.values[:, column], stored.values[:, column], equal_nan=True, rtol=0, atol=0)


def test_both_doors_make_the_same_tokenizer(dataset, tokenizer, categories):
    """`train-vqvae` and `Tokenizer.fit` with the file's settings, on the same rows: the same weights and the same record."""
    record, table = record_of(tokenizer), in_memory(load_table(dataset).table)
    place = {name: row for row, name in enumerate(table.ids)}
    rows = {name: table.rows([place[one] for one in ids]) for name, ids in record.splits.items()}
    config = train_config(dataset, tokenizer)
    settings = {**dict(config.model), **dict(config.families["summary"]), "num_epochs": 10}
    del settings["model"], settings["frozen"]  # of one family of several
    halves = load_halves(dataset, table)
    python = Tokenizer(category_map=categories, **settings).fit(
        rows["train"], validation=rows["validation"], runs=halves and halves.runs(rows["train"].ids)
    )
    ours, theirs = python.tokenizer_.state_dict(), fitted(tokenizer).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert python.record_.facts["comparison"] == record.facts["comparison"]
    assert python.record_.curves == record.curves


def test_a_folder_saved_over_itself_keeps_every_byte_of_every_file(tokenizer, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(tokenizer, folder)
    before = contents(folder)
    assert {"report.json", "training.json", "category_mapping.json"} <= set(before)
    Tokenizer.from_pretrained(folder).save_pretrained(folder)
    assert contents(folder) == before


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def from_python(dataset, tmp_path_factory) -> Path:
    """A tokenizer that was fitted in Python to most rows of the data set, with its checkpoints, and saved."""
    folder = tmp_path_factory.mktemp("python") / "tokenizer"
    table = in_memory(load_table(dataset).table)
    python().fit(table.rows(range(18)), checkpoints=folder).save_pretrained(folder)
    return folder


def python(**changes) -> Tokenizer:
    return Tokenizer(
        [(8, 4), (4, 4)], backend="vqvae", num_epochs=10, group_embedding_dim=8, group_hidden_dim=16, **changes
    )


def test_a_folder_made_in_python_is_judged_by_the_rows_it_never_saw(dataset, from_python, foreign):
    found = validate(from_python, dataset)
    assert found["judged_on"] == "test rows"
    assert {row["rows"]: row["samples"] for row in found["splits"]} == {"train": 18, "test": 6}
    elsewhere = validate(from_python, foreign, training_dataset=dataset)
    assert [row["rows"] for row in elsewhere["splits"]] == ["train", "unseen"]
    with pytest.raises(UsageError, match="the file with them is not known; say where that data set is now"):
        validate(from_python, foreign)


def test_a_folder_made_in_python_has_a_page(dataset, from_python, tmp_path):
    written = report(from_python, dataset, tmp_path / "page.html")
    assert json.loads(written.numbers.read_text())["splits"]["test"]["num_samples"] == 6


def test_a_folder_fitted_to_every_row_says_that_nothing_is_left_to_judge_it_by(dataset, tmp_path):
    table = in_memory(load_table(dataset).table)
    python().fit(table).save_pretrained(tmp_path / "whole")
    with pytest.raises(UsageError, match="was fitted to every row of this data set, so nothing is left to judge it by"):
        validate(tmp_path / "whole", dataset)
    python(refit=False).fit(table).save_pretrained(tmp_path / "part")
    assert validate(tmp_path / "part", dataset)["judged_on"] == "validation rows"


def test_a_folder_made_in_python_goes_on_from_its_checkpoint(dataset, from_python):
    table = in_memory(load_table(dataset).table)
    again = python().fit(table.rows(range(18)), checkpoints=from_python, resume=True)
    first, second = Tokenizer.from_pretrained(from_python).tokenizer_.state_dict(), again.tokenizer_.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_tokenizer_without_a_report_takes_the_place_of_another_with_one(dataset, tokenizer, from_python, tmp_path):
    """The report of the tokenizer that is replaced would be a lie beside the new one."""
    folder = tmp_path / "copy"
    shutil.copytree(tokenizer, folder)
    Tokenizer.from_pretrained(from_python).save_pretrained(folder)
    assert not (folder / "report.json").exists()
    assert (folder / "category_mapping.json").read_bytes() == (tokenizer / "category_mapping.json").read_bytes()
    assert validate(folder, dataset)["judged_on"] == "test rows"


def test_without_test_rows_training_says_what_it_judged_by(dataset, tmp_path):
    trained = train(train_config(dataset, tmp_path / "t", "model.backend=classical", "training.test_fraction=0"))
    assert summary(trained)["judged_on"] == "train rows"
    assert report(trained.folder, dataset, tmp_path / "page.html").report.is_file()
    with pytest.raises(UsageError, match="was fitted to every row of this data set"):
        validate(trained.folder, dataset)
