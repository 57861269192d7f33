"""One tiny run of everything, from files."""

import json
from pathlib import Path

import pytest
import torch
from pipeline_runs import generate_config, train_config

from spinlock.core.errors import ConfigError, InputError, NamesDifferError, UsageError
from spinlock.pipeline.artefact import load_artefact
from spinlock.pipeline.discover_categories import discover_categories
from spinlock.pipeline.extract_features import Source, extract_features
from spinlock.pipeline.generate import generate
from spinlock.pipeline.inspect_file import inspect_file
from spinlock.pipeline.report import report
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.tokenize_table import tokenize_table
from spinlock.pipeline.train import train
from spinlock.pipeline.validate import validate, validate_dataset
from spinlock.store.token_file import load_tokens


@pytest.fixture(scope="module")
def categories(dataset, tmp_path_factory) -> Path:
    return discover_categories(dataset, tmp_path_factory.mktemp("map") / "map.json").output


@pytest.fixture(scope="module")
def tokenizer(dataset, categories, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "tokenizer"
    overrides = ("training.category_assignment=null", f"training.category_mapping_file={categories}")
    return train(train_config(dataset, folder, *overrides)).folder


def test_the_data_set_keeps_to_its_format(dataset):
    assert validate_dataset(dataset).problems == ()


def test_the_semantic_map_has_the_columns_of_every_feature_in_its_category(dataset, categories):
    table = load_table(dataset).table
    found = json.loads(categories.read_text())
    assert found["feature_names"] == list(table.names)
    for category, columns in found["group_indices"].items():
        assert {table.registry.specs[column].category for column in columns} == {category}
    assert sum(map(len, found["group_indices"].values())) == len(table.names)


def test_the_splits_hold_every_sample_once(dataset, tokenizer):
    splits = load_artefact(tokenizer).splits
    ids = [name for rows in splits.values() for name in rows]
    assert sorted(splits) == ["test", "train", "validation"]
    assert sorted(ids) == sorted(load_table(dataset).table.ids)


def test_what_was_judged_at_training_is_what_the_folder_gives_again(dataset, tokenizer):
    again = validate(tokenizer, dataset, split="test")
    report_then = load_artefact(tokenizer).report
    now = {row["rows"]: row["mse"] for row in again["splits"]}
    assert {name: float(f"{split.mse:.4g}") for name, split in report_then.splits.items()} == now


def test_the_backend_with_the_lower_validation_error_is_kept(tokenizer):
    artefact = load_artefact(tokenizer)
    kept = [score for score in artefact.training["comparison"] if score["is_kept"]]
    assert len(kept) == 1
    assert kept[0]["validation_mse"] == min(artefact.backend_mse.values())


@pytest.mark.parametrize("ending", [".h5", ".csv", ".parquet"])
def test_token_files_hold_the_tokens_of_every_sample(dataset, tokenizer, tmp_path, ending):
    written = tokenize_table(tokenizer, dataset, tmp_path / f"tokens{ending}")
    tokens = load_tokens(written.output)
    table = load_table(dataset).table
    assert tokens.ids == table.ids
    assert torch.equal(tokens.codes, load_artefact(tokenizer).tokenizer.encode(table).codes)


def test_a_sample_has_the_same_tokens_alone_and_among_others(dataset, tokenizer):
    encoder, table = load_artefact(tokenizer).tokenizer, load_table(dataset).table
    together = encoder.encode(table).codes
    for row in (0, 7, 35):
        assert torch.equal(encoder.encode(table.rows([row])).codes[0], together[row])


def test_the_report_is_a_page_with_moving_pictures_and_its_numbers(dataset, tokenizer, tmp_path):
    written = report(tokenizer, dataset, tmp_path / "report.html")
    page = written.report.read_text()
    assert "Content-Security-Policy" in page
    assert page.count("data:image/webp") >= written.tokens_shown > 0
    assert json.loads(written.numbers.read_text())["bits"] == load_artefact(tokenizer).report.bits


def test_every_file_says_what_it_is(dataset, tokenizer, categories, tmp_path):
    tokens = tokenize_table(tokenizer, dataset, tmp_path / "tokens.csv").output
    kinds = [inspect_file(path)["kind"] for path in (dataset, tokenizer, categories, tokens)]
    assert kinds == ["data set", "tokenizer", "category map", "tokens"]


def test_the_auto_mode_groups_every_column(dataset, tmp_path):
    trained = train(train_config(dataset, tmp_path / "auto"))
    found = load_artefact(trained.folder).tokenizer.category_map
    assert all(name.startswith("cluster_") for name in found.categories)
    assert found.feature_names == load_table(dataset).table.names
    page = report(trained.folder, dataset, tmp_path / "auto.html").report.read_text()
    assert "groups have the highest silhouette" in page


def test_a_resumed_run_takes_the_categories_of_its_checkpoint(dataset, tokenizer, tmp_path):
    overrides = ("training.category_assignment=null", f"training.resume_from={tokenizer}")
    resumed = load_artefact(train(train_config(dataset, tmp_path / "resumed", *overrides)).folder)
    assert resumed.tokenizer.category_map == load_artefact(tokenizer).tokenizer.category_map


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
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content))
    config = train_config(
        dataset, tmp_path / "t", "training.category_assignment=null", f"training.category_mapping_file={other}"
    )
    with pytest.raises(NamesDifferError, match="phase_of_the_moon__mean"):
        train(config)


def test_a_tokenizer_is_judged_on_its_own_data_only(tokenizer, tmp_path):
    other = generate(generate_config(tmp_path / "other.h5", "seed=5", "num_samples=4"))
    with pytest.raises(UsageError, match="is not the data set that"):
        validate(tokenizer, other)


def test_resuming_without_a_checkpoint_is_refused(dataset, tmp_path):
    overrides = ("training.category_assignment=null", f"training.resume_from={tmp_path}")
    with pytest.raises(InputError, match="holds no checkpoint to go on from"):
        train(train_config(dataset, tmp_path / "t", *overrides))


def test_states_that_are_read_back_have_the_features_that_were_stored(dataset, tmp_path):
    output = extract_features(Source(path=dataset), output=tmp_path / "again.h5").output
    assert validate_dataset(output).missing_by_definition == {"no step operator": 14 * 3}
    again = load_table(output).table
    stored = load_table(dataset).table
    # The step operator is not in the file: its features are missing, all others are the same bits.
    without_operator = [i for i, spec in enumerate(stored.registry.specs) if spec.category != "operator_sensitivity"]
    for column in without_operator:
        torch.testing.assert_close(again.values[:, column], stored.values[:, column], equal_nan=True, rtol=0, atol=0)
