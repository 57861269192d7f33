"""What a search found as a page: self-contained, with a moving picture of every run that kept its states."""

import json
import re

import numpy as np
import pytest

from spinlock.cli.app import run
from spinlock.store.dataset import open_dataset
from spinlock.store.token_file import load_tokens

NUM_HITS = 4


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    """States of a sample as a file of its own, and the tokens of the small data set with an embedding."""
    folder = tmp_path_factory.mktemp("pages")
    with open_dataset(dataset) as opened:
        np.save(folder / "mine.npy", opened.states(5)[0].numpy())
    words = ("tokenize", "--dataset", str(dataset), "--embedding", "--output", str(folder / "tokens.h5"), "-q")
    assert run([*words]) == 0
    return folder


def page_of(dataset, path, capsys, *words):
    capsys.readouterr()
    asked = ("search", "--dataset", str(dataset), *map(str, words), "--count", str(NUM_HITS), "--page", str(path))
    assert run([*asked, "--json", "-q"]) == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == str(path)
    return path.read_text(), told


def test_a_page_shows_the_query_and_every_hit_and_loads_nothing(dataset, tmp_path, capsys):
    page, told = page_of(dataset, tmp_path / "found.html", capsys, "--like", "8")
    assert page.count("<img ") == 1 + NUM_HITS
    assert page.count("<blockquote") == 0
    assert "<script" not in page
    assert "default-src 'none'; img-src data:" in page
    assert not re.search(r"(src|href|srcset)=\"(?!data:|#)", page)
    assert "prefers-color-scheme: dark" in page
    for hit in told["hits"]:
        assert f"distance {hit['distance']:.3g}" in page
    assert len(re.findall(r'alt="Animation of [^"]+"', page)) == 1 + NUM_HITS
    again, _ = page_of(dataset, tmp_path / "again.html", capsys, "--like", "8")
    assert again == page


def test_states_of_ones_own_are_shown_beside_what_is_like_them(dataset, folder, tmp_path, capsys):
    states = folder / "mine.npy"
    page, _ = page_of(dataset, tmp_path / "found.html", capsys, "--like", states, "--axes", "tchw", "--dt", "1")
    assert "Runs like mine.npy" in page
    assert page.count("<img ") == 1 + NUM_HITS


@pytest.mark.parametrize(
    ("words", "title", "measure"),
    [
        (("--unlike",), "Runs unlike any other", "times as far from others"),
        (("--subset", "4"), "Runs that stand for all", "stands for "),
        (("--where", "system=cnn"), "Runs that meet the conditions", "cnn"),
    ],
)
def test_other_questions_have_a_page_too(dataset, tmp_path, capsys, words, title, measure):
    page, told = page_of(dataset, tmp_path / "found.html", capsys, *words)
    assert f"<h1>{title}</h1>" in page
    assert measure in page
    assert page.count("<img ") == len(told["hits"]) == NUM_HITS


def test_pairs_are_shown_side_by_side(dataset, tmp_path, capsys):
    page, told = page_of(dataset, tmp_path / "found.html", capsys, "--duplicates", "--nearer-than", "1e6")
    firsts = {hit["id"] for hit in told["hits"]}
    assert page.count('class="asked"') == len(firsts)
    assert page.count("<img ") == len(firsts) + NUM_HITS


def test_without_states_a_page_says_so(folder, tmp_path, capsys):
    page, _ = page_of(
        folder / "tokens.h5", tmp_path / "found.html", capsys, "--like", load_tokens(folder / "tokens.h5").ids[0]
    )
    assert "<img" not in page
    assert "No states were kept of these runs" in page


def test_nothing_found_is_said(dataset, tmp_path, capsys):
    page, told = page_of(
        dataset, tmp_path / "found.html", capsys, "--like", "8", "--where", "system=cnn", "--where", "system=gray_scott"
    )
    assert told["hits"] == []
    assert "Nothing was found." in page


def test_a_page_is_not_written_over_something_else(dataset, tmp_path, capsys):
    other = tmp_path / "mine.html"
    other.write_text("<title>mine</title>")
    assert run(["search", "--dataset", str(dataset), "--like", "8", "--page", str(other)]) == 4
    assert "is there and is not a report of spinlock" in capsys.readouterr().err
    assert other.read_text() == "<title>mine</title>"
