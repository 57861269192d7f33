"""Definitions of coarse tokens: held against raw columns by plain comparisons, they give the tokens that encoding gives."""

import math

import pytest
import torch

from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import torch_stream
from spinlock.training.estimator import Tokenizer

CATEGORIES = ["wave"] * 4 + ["heat"] * 5
NAMES = [f"{kind} {place}" for place, kind in enumerate(CATEGORIES)]


def replicated(*, draws: int = 160, seed: int = 0) -> FeatureTable:
    """Three runs of each draw in odd units; a column of each category is often missing, and one has many equal values."""
    chance = torch_stream(seed, "draws")
    own = torch.randn((draws, 1, 9), generator=chance)
    values = (own + 0.1 * torch.randn((draws, 3, 9), generator=chance)).exp() * 10.0 ** torch.arange(-4, 5)
    values[:, :, [1, 6]] = torch.where(own[:, :, [0, 5]] > 0.4, torch.nan, values[:, :, [1, 6]])
    values[:, :, 2] = torch.where(own[:, :, 2] < 0, 0.0, values[:, :, 2])
    groups = [f"draw {draw}" for draw in range(draws) for _ in range(3)]
    return FeatureTable.from_array(values.flatten(0, 1), names=NAMES, categories=CATEGORIES, groups=groups)


@pytest.fixture(scope="module", params=["columns", "behaviour"])
def fitted(request):
    return Tokenizer([(4, 8), (4, 4)], metric=request.param, coarse="words", backend="classical").fit(replicated())


def test_a_row_has_a_coarse_token_if_and_only_if_it_keeps_its_definition(fitted):
    new = replicated(seed=1)
    codes = fitted.encode(new).codes[:, :, 0]
    columns = {name: new.values[:, place].tolist() for place, name in enumerate(NAMES)}
    for place, category in enumerate(dict.fromkeys(CATEGORIES)):
        own = [one for one in fitted.definitions() if one.category == category]
        assert [one.token for one in own] == list(range(len(own)))
        for row in range(0, len(new), 5):
            keeps = [one.token for one in own if all(part.holds(columns[part.column][row]) for part in one.conditions)]
            assert keeps == [int(codes[row, place])]


def test_definitions_say_what_they_mean(fitted):
    said = [str(one.definition) for one in fitted.definitions()]
    assert len(set(said)) == len(said)
    assert any("wave 1 undefined" in one or "or undefined" in one for one in said)
    for one in fitted.definitions():
        assert 1 <= len(one.conditions) <= 3
        for part in one.conditions:
            edges = [edge for edge in (part.above, part.at_most) if edge is not None]
            assert all(math.isfinite(edge) for edge in edges)
            assert all(f"{edge:.4g}" in str(part) for edge in edges)


def test_a_folder_keeps_the_definitions(fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "words")
    assert Tokenizer.from_pretrained(tmp_path / "words").definitions() == fitted.definitions()


def test_words_may_be_all_that_there_is():
    fitted = Tokenizer([(4, 8)], coarse="words").fit(replicated())
    tokens = fitted.encode(replicated(seed=2))
    assert tokens.codes.shape[1:] == (2, 1)
    assert torch.equal(fitted.encode(fitted.decode(tokens)).codes, tokens.codes)


def test_codebooks_have_no_definitions():
    assert Tokenizer([(4, 8), (4, 4)], coarse="codebook", backend="classical").fit(replicated()).definitions() == ()


def test_decoded_rows_have_the_tokens_that_they_were_decoded_from(fitted):
    tokens = fitted.encode(replicated(seed=2))
    assert torch.equal(fitted.encode(fitted.decode(tokens)).codes, tokens.codes)
