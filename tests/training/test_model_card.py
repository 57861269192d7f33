"""The card of a tokenizer: true, the same every time, safe from what users call things, and no part of what is checked."""

import html
import logging
import shlex
import socket

import pytest
import yaml
from markdown_it import MarkdownIt
from training_samples import QUICK, sample_values

from spinlock.config.load import load_config, shipped_config
from spinlock.config.train import TrainConfig
from spinlock.core.feature_table import FeatureTable
from spinlock.training.estimator import Tokenizer
from spinlock.training.model_card import train_command

EVIL = ["a|b", "<script>x</script>", "[l](javascript:1)", "`c`\n# heading", "*d*_e_", "&amp;", "-->", "f", "g"]
NAMES = ["<b>wave</b> | `x`", "# heat\n---"]


@pytest.fixture(scope="module")
def tokenizer():
    table = FeatureTable.from_array(sample_values(), names=EVIL, categories=[NAMES[0]] * 4 + [NAMES[1]] * 5)
    words = {**QUICK, "coarse": "words", "backend": "classical"}
    return Tokenizer([(5, 8), (2, 4)], **words).fit(table)


def test_model_hubs_read_the_front_matter(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "t")
    _, header, _ = (tmp_path / "t/README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(header)["license"] == "mit"
    assert yaml.safe_load(header)["library_name"] == "spinlock"


def test_the_licence_that_was_given_is_kept(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "t", license='own: "x"\n---')
    Tokenizer.from_pretrained(tmp_path / "t").save_pretrained(tmp_path / "u")
    for folder in ("t", "u"):
        card = (tmp_path / folder / "README.md").read_text()
        assert yaml.safe_load(card.split("---\n")[1])["license"] == 'own: "x"\n---'
    tokenizer.save_pretrained(tmp_path / "v", license="mit")


def test_a_loaded_tokenizer_writes_the_same_card(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "t")
    Tokenizer.from_pretrained(tmp_path / "t").save_pretrained(tmp_path / "u")
    assert (tmp_path / "t/README.md").read_bytes() == (tmp_path / "u/README.md").read_bytes()


def test_names_of_users_are_shown_and_not_obeyed(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "t")
    page = MarkdownIt("commonmark").enable("table").render((tmp_path / "t/README.md").read_text().split("---\n", 2)[2])
    assert "<script" not in page
    assert "<b>" not in page
    assert 'javascript:1"' not in page
    assert [line for line in page.splitlines() if line.startswith("<h1>")] == ["<h1>A behaviour tokenizer</h1>"]
    shown = html.unescape(page)
    assert "<b>wave</b> | `x`" in shown
    assert "# heat\\x0a---" in shown
    assert "means exactly" in shown


def test_loading_needs_no_card_and_no_network(tokenizer, tmp_path, monkeypatch):
    def refused(*_, **__):
        raise AssertionError("a tokenizer is loaded offline")

    tokenizer.save_pretrained(tmp_path / "t")
    (tmp_path / "t/README.md").unlink()
    monkeypatch.setattr(socket, "socket", refused)
    assert Tokenizer.from_pretrained(tmp_path / "t").tokenizer_.registry.names == tuple(EVIL)


def test_an_edited_card_is_kept_and_an_untouched_one_follows(tokenizer, tmp_path, caplog):
    card = tmp_path / "t/README.md"
    tokenizer.save_pretrained(tmp_path / "t")
    first = card.read_text()
    with caplog.at_level(logging.WARNING):
        tokenizer.save_pretrained(tmp_path / "t", license="cc0-1.0")
        assert "cc0-1.0" in card.read_text()
        assert not caplog.messages
        card.write_text(first.replace("A behaviour tokenizer", "Ours"))
        Tokenizer.from_pretrained(tmp_path / "t").save_pretrained(tmp_path / "t")
    assert "# Ours" in card.read_text()
    assert "README.md was edited" in caplog.text


def test_the_command_on_the_card_is_the_training():
    overrides = (
        'families={"trajectory": {"encoder_params": {"hidden_dims": [8]}}}',
        'model.levels=[{"latent_dim": 3, "num_tokens": 4}]',
        "training.num_epochs=3",
        "training.category_assignment=null",
        "training.category_mapping_file=it's mine.json",
    )
    asked = load_config(shipped_config("vqvae/default.yaml"), TrainConfig, overrides=overrides)
    words = shlex.split(train_command(asked.model_dump(mode="json")))
    assert words[:3] == ["spinlock", "train-vqvae", "--dataset"]
    again = load_config(
        shipped_config("vqvae/default.yaml"),
        TrainConfig,
        overrides=tuple(words[place + 1] for place, word in enumerate(words) if word == "-o"),
        options={"--dataset": ("dataset_path", words[3])},
    )
    assert again == asked
