"""Tokens along time from files, by the command line: windows, the vocabulary they are of, and runs in sentences."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import spinlock
from spinlock.cli.app import run
from spinlock.store.token_file import load_tokens

NUM_RUNS = 24
SHAPE = ("--window", "8", "--stride", "4")


@pytest.fixture(scope="module")
def files(dataset, tmp_path_factory):
    """Tokens of windows of the small data set, their vocabulary beside them."""
    folder = tmp_path_factory.mktemp("windows")
    words = ["tokenize", "--dataset", dataset, *SHAPE, "--output", folder / "tokens.h5"]
    assert run([*map(str, words), "-q"]) == 0
    return folder


def asked(capsys, *words):
    capsys.readouterr()
    assert run([*map(str, words), "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_window_of_every_run_has_a_row_and_says_where_it_is(files, dataset):
    tokens = load_tokens(files / "tokens.h5")
    first, last = (torch.tensor(tokens.facts[name]) for name in ("first_state", "last_state"))
    assert torch.equal(last - first, torch.full_like(first, 7))
    table = spinlock.load_windows(dataset, window=8, stride=4)
    assert tokens.ids == table.ids
    np.testing.assert_allclose(tokens.facts["last_time"], table.facts["last_time"])
    assert len({name.split("@")[0] for name in tokens.ids}) == NUM_RUNS
    assert tokens.category_names == ("spatial", "unrest", "trend", "spectral")


def test_the_vocabulary_encodes_them_again_and_its_words_are_defined(files, dataset):
    vocabulary = spinlock.Tokenizer.from_pretrained(files / "tokens.vocabulary")
    tokens = vocabulary.encode(spinlock.load_windows(dataset, window=8, stride=4))
    assert torch.equal(tokens.codes, load_tokens(files / "tokens.h5").codes)
    assert len(vocabulary.definitions()) == int(tokens.codebook_sizes[:, 0].sum())
    with pytest.raises(spinlock.NamesDifferError):
        vocabulary.encode(spinlock.FeatureTable.from_array(np.zeros((2, 3))))


def test_a_vocabulary_that_is_given_is_used_for_another_stride_and_other_files(files, dataset, tmp_path, capsys):
    vocabulary = files / "tokens.vocabulary"
    told = asked(
        capsys, "tokenize", "--tokenizer", vocabulary, "--dataset", dataset,
        "--window", "8", "--stride", "8", "--embedding", "--output", tmp_path / "few.csv",
    )  # fmt: skip
    assert (told["vocabulary"], told["fitted_here"]) == (str(vocabulary), False)
    assert (told["window"], told["stride"], told["runs"]) == (8, 8, NUM_RUNS)
    every, few = load_tokens(files / "tokens.h5"), load_tokens(tmp_path / "few.csv")
    place = {name: row for row, name in enumerate(every.ids)}
    assert torch.equal(few.codes, every.codes[[place[name] for name in few.ids]])
    assert few.embedding is not None
    assert told["windows"] == len(few) < len(every)
    assert not (tmp_path / "few.vocabulary").exists()


def test_states_of_ones_own_become_windows(files, tmp_path, capsys):
    waves = np.random.default_rng(0).standard_normal((1, 16, 16)).cumsum(1).astype(np.float32)
    np.save(tmp_path / "mine.npy", np.concatenate([np.roll(waves, step, 2) for step in range(20)])[None])
    told = asked(
        capsys, "tokenize", "--input", tmp_path / "mine.npy", "--axes", "nthw", "--dt", "0.5", *SHAPE,
        "--tokenizer", files / "tokens.vocabulary", "--output", tmp_path / "mine.csv",
    )  # fmt: skip
    tokens = load_tokens(tmp_path / "mine.csv")
    assert tokens.ids == tuple(f"0@{state}" for state in (0, 4, 8, 12))
    assert tokens.facts["last_time"] == (3.5, 5.5, 7.5, 9.5)
    assert told["sentences"].keys() == {"0"}


def test_words_tell_runs_along_time(files, capsys):
    found = asked(capsys, "words", "--tokenizer", files / "tokens.vocabulary", "--input", files / "tokens.h5")
    assert len(found["sentences"]) == NUM_RUNS
    assert all("Course: " in sentence for sentence in found["sentences"].values())


def test_changes_say_what_a_run_does_before_and_after(files, dataset, capsys):
    words = ("--tokenizer", files / "tokens.vocabulary")
    found = asked(capsys, "changes", "--dataset", dataset, *SHAPE, "--false-alarms", "0.1", *words)
    assert sum(line["beyond"] for line in found["changes"]) == 2
    for line in found["changes"]:
        changed = " until " in line["sentence"] or "It changes at" in line["sentence"]
        assert changed == line["beyond"], line
    assert run(["changes", "--dataset", str(dataset), *map(str, words), "--window", "4"]) == 2
    assert "was fitted to windows of 8 states; got --window 4: say --window 8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--window", "6", "--stride", "7"), "got a window of 6 every 7"),
        (("--stride", "2"), "--stride belongs to --window"),
        (("--window", "40"), "no run has the 40 saved states of a window"),
        (
            (*SHAPE, "--tokenizer", "behaviour-1"),
            "was fitted to whole runs, whose words do not fit windows; leave --tokenizer out to fit one to these windows",
        ),
    ],
)
def test_what_cannot_be_tokenized_is_refused(dataset, tmp_path, capsys, words, message):
    assert run(["tokenize", "--dataset", str(dataset), *words, "--output", str(tmp_path / "tokens.csv")]) in (2, 4)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "tokens.csv").exists()
    assert not (tmp_path / "tokens.vocabulary").exists()


def test_a_vocabulary_that_is_there_is_not_overwritten(files, dataset, capsys):
    assert run(["tokenize", "--dataset", str(dataset), *SHAPE, "--output", str(files / "tokens.h5")]) == 2
    assert "tokens.vocabulary is there already" in capsys.readouterr().err


def test_the_example_of_a_model_of_language_runs_and_is_short(files):
    example = Path(__file__).parents[2] / "examples/token_sequences.py"
    assert len(example.read_text().splitlines()) < 60
    command = (sys.executable, str(example), str(files / "tokens.h5"), "20")
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    said = re.search(r"marginal ([\d.]+), sticky ([\d.]+), bigram ([\d.]+), GRU ([\d.]+)", ended.stdout)
    marginal, sticky, _, gru = map(float, said.groups())
    assert sticky < marginal
    words = spinlock.SequenceVocabulary.of(load_tokens(files / "tokens.h5"), num_levels=1)
    assert 0 < gru < math.log2(len(words))  # better than any word alike; of 24 runs it cannot learn more
