"""A user's own states to tokens in one command, with the vocabulary that comes with the package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from spinlock import Tokenizer
from spinlock.cli import main
from spinlock.core.errors import UsageError
from spinlock.features.sdf import SDF
from spinlock.store.dataset import open_dataset
from spinlock.store.shipped import VOCABULARIES, shipped, vocabulary
from spinlock.store.token_file import load_tokens


@pytest.fixture
def states(tmp_path):
    waves = np.random.default_rng(0).standard_normal((3, 1, 16, 16)).cumsum(2)
    np.save(
        tmp_path / "mine.npy", np.concatenate([np.roll(waves, step, 3) for step in range(12)], 1).astype(np.float32)
    )
    return tmp_path / "mine.npy"


def run(*arguments, folder):
    command = (sys.executable, "-m", "spinlock", "tokenize", *map(str, arguments))
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_shipped_vocabulary_is_of_the_features_as_they_are(name):
    fitted = Tokenizer.from_pretrained(name).tokenizer_
    assert fitted.registry.names == SDF.aggregated().names
    assert fitted.registry.version == SDF.version
    assert len(fitted.definitions) == sum(fitted.codebook_sizes[:, 0])
    assert fitted.boundary is not None


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert vocabulary("behaviour-1") == shipped("vocabularies", "behaviour-1")
    (tmp_path / "behaviour-1").mkdir()
    assert str(vocabulary("behaviour-1")) == "behaviour-1"
    with pytest.raises(UsageError, match="configs/no.yaml is missing from this installation"):
        shipped("configs", "no.yaml")


def test_own_states_become_tokens_and_the_features_are_kept(states):
    ended = run(
        "--input", states, "--axes", "nthw", "--dt", "0.5", "--output", "tokens.csv", "--json", folder=states.parent
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["samples"], told["dataset"]) == (3, "tokens.features.h5")
    tokens = load_tokens(states.parent / "tokens.csv")
    with open_dataset(states.parent / "tokens.features.h5") as dataset:
        expected = Tokenizer.from_pretrained("behaviour-1").encode(dataset.feature_table())
    assert torch.equal(tokens.codes, expected.codes)
    assert list(told["sentences"]) == ["0", "1", "2"]
    assert all("Influence: " in sentence for sentence in told["sentences"].values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --dataset, a data-set file, or --input"),
        (("--input", "mine.npy", "--dataset", "mine.npy"), "give either --dataset, a data-set file, or --input"),
        (("--dataset", "mine.npy", "--tokenizer", "behavior-1"), "Did you mean 'behaviour-1'?"),
        (("--input", "mime.npy"), "mime.npy: no such file. Did you mean 'mine.npy'?"),
    ],
)
def test_what_is_missing_is_said(states, arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(states.parent)
    assert main(["tokenize", *arguments, "--output", "tokens.csv"]) in (2, 4)
    assert message in capsys.readouterr().err
    assert not (states.parent / "tokens.csv").exists()
