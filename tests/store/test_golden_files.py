"""Files that a release wrote are read by every later one, with the same contents; what is too old is refused with the way out."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

import spinlock
from spinlock.core.errors import InputError
from spinlock.core.views import in_memory
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import family_path, load_table
from spinlock.store.category_file import load_category_map
from spinlock.store.dataset import damage_of, open_dataset
from spinlock.store.dataset_paths import FORMAT_VERSION
from spinlock.store.manifest import FORMAT_VERSIONS

RELEASES = sorted((Path(__file__).parents[1] / "golden").iterdir())


@pytest.fixture(scope="module", params=RELEASES, ids=lambda folder: folder.name)
def golden(request) -> Path:
    return request.param


@pytest.fixture(scope="module")
def expected(golden) -> dict[str, Any]:
    """What `scripts/write_golden_files.py` wrote down of the files."""
    return json.loads((golden / "expected.json").read_text(encoding="utf-8"))


def numbers(rows) -> torch.Tensor:
    nested = rows if isinstance(rows[0], list) else [rows]
    return torch.tensor([[float("nan") if each is None else each for each in row] for row in nested])


def assert_same(found, rows, *, within: float = 0.0):
    torch.testing.assert_close(
        found.double().reshape(len(numbers(rows)), -1), numbers(rows).double(), rtol=1e-8, atol=within, equal_nan=True
    )


def test_a_data_set_has_the_systems_and_values_that_it_was_written_with(golden, expected):
    with open_dataset(golden / "dataset.h5") as dataset:
        table = in_memory(dataset.view())
        assert list(dataset.systems) == expected["dataset"]["systems"]
        assert dataset.metadata["content_sha256"] == expected["dataset"]["content_sha256"]
        assert not damage_of(dataset)
    assert_same(table.columns(expected["dataset"]["columns"]).values, expected["dataset"]["values"])


def test_a_category_map_has_the_categories_that_it_was_written_with(golden, expected):
    found = load_category_map(golden / "categories.json")
    assert {name: len(columns) for name, columns in found.group_indices.items()} == expected["dataset"]["categories"]


def test_a_tokenizer_gives_the_tokens_values_and_words_that_it_gave(golden, expected):
    tokenizer = spinlock.Tokenizer.from_pretrained(golden / "families/summary")
    tokens = tokenizer.encode(load_table(golden / "mine.h5", family_path("mine")).table)
    assert tokens.codes.tolist() == expected["codes"]
    assert_same(tokenizer.decode(tokens).values, expected["decoded"], within=1e-5)
    assert [word.title for word in tokenizer.definitions()] == expected["titles"]
    assert [word.name for word in tokenizer.definitions()].count("quiet") == 1


@pytest.mark.parametrize("ending", ["csv", "h5", "parquet"])
def test_a_token_file_has_the_tokens_that_it_was_written_with(golden, expected, ending):
    tokens = spinlock.load_tokens(golden / f"tokens.{ending}")
    assert tokens.codes.tolist() == expected["codes"]
    assert_same(tokens.distances, expected["distances"])


def test_a_folder_of_families_gives_the_tokens_that_it_gave(golden, expected):
    families = spinlock.FamilyTokenizer.from_pretrained(golden / "families")
    summary = load_table(golden / "mine.h5", family_path("mine")).table
    assert families.encode({"summary": summary}).codes.tolist() == expected["codes"]
    tokens = families.encode({"parameters": run_parameters(golden / "dataset.h5")})
    assert list(tokens.category_names) == expected["parameters"]["names"]
    assert tokens.codes.tolist() == expected["parameters"]["codes"]


@pytest.mark.parametrize(("kind", "inside"), [("tokenizer", "families/summary"), ("families", "families")])
@pytest.mark.parametrize("change", [-1, 1], ids=["older", "newer"])
def test_a_folder_of_another_format_version_is_refused_with_both_versions_and_a_way_out(tmp_path, kind, inside, change):
    shutil.copytree(RELEASES[-1] / inside, tmp_path / inside)
    manifest = tmp_path / inside / "manifest.json"
    other = FORMAT_VERSIONS[kind] + change
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": other}))
    load = {"tokenizer": spinlock.Tokenizer, "families": spinlock.FamilyTokenizer}[kind].from_pretrained
    with pytest.raises(InputError) as refusal:
        load(tmp_path / inside)
    assert f"format version {other}; this spinlock reads version {FORMAT_VERSIONS[kind]}" in str(refusal.value)
    assert "spinlock train-vqvae" in str(refusal.value)
    assert "or read it with the spinlock that wrote it" in str(refusal.value)


def test_a_data_set_of_a_later_format_is_refused_with_both_versions_and_a_way_out(tmp_path):
    path = Path(shutil.copy(RELEASES[-1] / "dataset.h5", tmp_path))
    with h5py.File(path, "r+") as file:
        file["metadata"].attrs["format_version"] = FORMAT_VERSION + 1
    says = f"format version {FORMAT_VERSION + 1}; this spinlock reads versions up to {FORMAT_VERSION}, update it"
    with pytest.raises(InputError, match=says), open_dataset(path):
        pass


def test_a_data_set_from_before_samples_had_extents_of_their_own_is_read(tmp_path, expected):
    path = Path(shutil.copy(RELEASES[-1] / "dataset.h5", tmp_path))
    with h5py.File(path, "r+") as file:
        del file["parameters/extent"]
    with open_dataset(path) as dataset:
        assert list(dataset.systems) == expected["dataset"]["systems"]
        assert_same(
            in_memory(dataset.view()).columns(expected["dataset"]["columns"]).values, expected["dataset"]["values"]
        )


def test_tokens_from_before_distances_were_written_are_read(tmp_path, expected):
    lines = (RELEASES[-1] / "tokens.csv").read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if not line.startswith("#")][0].split(",")
    kept = [place for place, name in enumerate(head) if name not in ("distance", "out_of_corpus")]
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    older = tmp_path / "tokens.csv"
    older.write_text("\n".join(",".join(row[place] for place in kept) for row in rows) + "\n", encoding="utf-8")
    tokens = spinlock.load_tokens(older, codebook_sizes={"temporal": [6, 4], "causality": [6, 4]})
    assert tokens.codes.tolist() == expected["codes"]
    assert tokens.distances is None
