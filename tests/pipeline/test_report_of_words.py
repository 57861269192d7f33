"""`spinlock report` of a small tokenizer of words: its map, its cards, and the atlas beside it."""

import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from spinlock.cli.app import root
from spinlock.core.errors import InputError, UsageError
from spinlock.core.views import in_memory
from spinlock.pipeline.report import report
from spinlock.pipeline.tables import load_table
from spinlock.store.atlas_file import save_atlas
from spinlock.store.dataset import open_dataset
from spinlock.training.estimator import Tokenizer


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "tokenizer"
    tokenizer = Tokenizer([(4, 4), (2, 2)], coarse="words", backend="classical", refit=False)
    tokenizer.fit(in_memory(load_table(dataset).table)).save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def written(folder, dataset, tmp_path_factory):
    pytest.importorskip("pyarrow")
    place = tmp_path_factory.mktemp("out")
    return report(folder, dataset, place / "page.html", atlas=place / "atlas.parquet")


def test_the_page_and_the_atlas_are_the_same_bytes_again(written, folder, dataset, tmp_path):
    again = report(folder, dataset, tmp_path / "page.html", atlas=tmp_path / "atlas.parquet")
    assert again.report.read_bytes() == written.report.read_bytes()
    assert again.atlas.read_bytes() == written.atlas.read_bytes()


def test_every_coarse_word_has_its_card_and_every_run_its_mark(written, folder):
    page = written.report.read_text()
    words = Tokenizer.from_pretrained(folder).definitions()
    for word in words:
        assert f'id="token-{word.category}-0-{word.token}"' in page
    drawing = page[page.index('id="map-plane"') : page.index('id="map-run"')]
    assert len(re.findall(r'<use href="#mark-(circle|square|dot)"', drawing)) == 24
    assert ">finer</span>" in page


def test_an_atlas_has_a_row_for_each_run(written, folder, dataset):
    table = pytest.importorskip("pyarrow.parquet").read_table(written.atlas).to_pydict()
    rows = in_memory(load_table(dataset).table)
    fitted = Tokenizer.from_pretrained(folder)
    tokens = fitted.encode(rows)
    assert table["id"] == list(rows.ids)
    assert np.allclose(table["embedding"], fitted.embed(rows).numpy())
    assert len(set(zip(table["x"], table["y"], strict=True))) == 24
    assert all(text.count(": ") == 6 for text in table["sentence"])
    assert table["temporal__level0"] == tokens.codes[:, tokens.category_names.index("temporal"), 0].tolist()
    assert [int(text.split()[0]) for text in table["temporal"]] == table["temporal__level0"]
    with open_dataset(dataset) as opened:
        assert table["system"] == list(opened.systems)
        parameters = [opened.parameters.of_sample(sample) for sample in range(24)]
    for sample, system in enumerate(table["system"]):
        for name, value in parameters[sample].items():
            assert table[f"{system}.{name}"][sample] == value


def test_an_atlas_takes_the_place_of_an_atlas_alone(written, folder, dataset, tmp_path):
    other = tmp_path / "other.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pytest.importorskip("pyarrow").table({"x": [1]}), other)
    with pytest.raises(InputError, match=r"other\.parquet is there and is not an atlas of spinlock"):
        report(folder, dataset, tmp_path / "page.html", atlas=other)
    save_atlas({"x": np.zeros(1)}, tmp_path / "own.parquet")
    again = report(folder, dataset, tmp_path / "page.html", atlas=tmp_path / "own.parquet")
    assert again.atlas.read_bytes() == written.atlas.read_bytes()


def test_without_pyarrow_one_sentence_says_what_to_install(folder, dataset, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"] + ["pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    command = ["report", "--tokenizer", folder, "--dataset", dataset, "--output", tmp_path / "page.html"]
    result = CliRunner().invoke(root, [*map(str, command), "--export-atlas", str(tmp_path / "a.parquet")])
    assert isinstance(result.exception, UsageError)
    assert (
        str(result.exception) == "Parquet needs pyarrow: pip install 'spinlock[parquet]', or leave --export-atlas out."
    )
    assert list(tmp_path.iterdir()) == []


def test_an_atlas_needs_tokens(dataset, tmp_path):
    command = ["report", "--dataset", dataset, "--output", tmp_path / "page.html"]
    result = CliRunner().invoke(root, [*map(str, command), "--export-atlas", str(tmp_path / "a.parquet")])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--export-atlas needs tokens to write; name a tokenizer by --tokenizer."
