"""`spinlock words` from files: the dictionary of a small tokenizer of words, its sentences, its names, and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from spinlock.cli.app import root
from spinlock.core.errors import InputError
from spinlock.core.views import in_memory
from spinlock.pipeline.inspect_file import inspect_file
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.tokenize_table import tokenize_table
from spinlock.pipeline.words import words
from spinlock.training.estimator import Tokenizer


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    target = tmp_path_factory.mktemp("words") / "tokenizer"
    tokenizer = Tokenizer([(4, 4)], coarse="words", backend="classical", refit=False)
    tokenizer.fit(in_memory(load_table(dataset).table)).save_pretrained(target)
    return target


def told(*arguments: object) -> str:
    result = CliRunner().invoke(root, ["words", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_dictionary_says_every_word_twice_and_how_far_that_holds(folder):
    text = told("--tokenizer", folder)
    definitions = Tokenizer.from_pretrained(folder).definitions()
    assert text.count("  exactly  ") == text.count("  typically  ") == len(definitions)
    for word in definitions:
        assert word.title in text
        assert word.meaning in text
        assert f"{word.figures.share:.1%} of {word.figures.out_of} runs" in text
    assert "of training rows" in text


def test_a_data_set_brings_a_sentence_for_every_sample(folder, dataset):
    found = words(folder, dataset)
    assert len(found.sentences) == 24
    assert all(said.count(": ") == 6 for said in found.sentences.values())
    assert sum(word.figures.num_rows for word in found.words if word.category == "temporal") == 24
    assert "validation rows" in found.judged
    record = json.loads(told("--tokenizer", folder, "--input", dataset, "--json"))
    assert record["sentences"] == found.sentences
    first = record["words"][0]
    assert first["means_exactly"] == found.words[0].meaning
    assert {"share", "title_f1", "title_holds", "agreement", "systems", "parameters"} <= first.keys()


def test_tokens_are_described_without_their_data_set(folder, dataset, tmp_path):
    written = tokenize_table(folder, dataset, tmp_path / "tokens.csv")
    found = words(folder, written.output)
    assert written.words == len(Tokenizer.from_pretrained(folder).definitions()) > 0
    assert list(found.sentences) == [str(number) for number in range(24)]
    assert found.words[0].title in " ".join(found.sentences.values()) or not found.words[0].figures.num_rows


def test_a_name_is_kept_beside_the_tokenizer_and_shown_everywhere(folder, dataset):
    before = (folder / "manifest.json").read_bytes()
    assert "“restless waves”" in told("--tokenizer", folder, "--name", "temporal=0", "restless waves")
    assert (folder / "manifest.json").read_bytes() == before
    assert "“restless waves”" in told("--tokenizer", folder)
    assert any("Rhythm: restless waves (" in said for said in words(folder, dataset).sentences.values())
    assert inspect_file(folder)["named_words"] == {"temporal 0": "restless waves"}
    assert inspect_file(folder)["coarse_tokens"].startswith("words")
    assert "“" not in told("--tokenizer", folder, "--name", "temporal=0", "")


def test_what_is_neither_data_nor_tokens_is_refused(folder, dataset):
    dataset.with_name("map.json").write_text('{"a": [0]}')
    with pytest.raises(InputError, match="is category map; words need a data set"):
        words(folder, dataset.with_name("map.json"))
