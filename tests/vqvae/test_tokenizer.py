import copy
import json
from dataclasses import replace

import pytest
import torch
from tokenizer_samples import (
    HEAT,
    category_map,
    correlated_table,
    joint_coder,
    learned_coder,
)

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, NamesDifferError
from spinlock.core.feature_table import BLOCK_ROWS, FeatureTable
from spinlock.core.tokens import TokenTable
from spinlock.core.views import Selection
from spinlock.vqvae.behaviour import BehaviourEmbedding
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.corpus_distance import CorpusBoundary
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.tokenizer import FittedTokenizer

SIZES = (8, 4)


@pytest.fixture(scope="module")
def tokenizer():
    """Residual codebooks, without a boundary of the corpus."""
    table = correlated_table()
    normalizer = TableNormalizer.fit(table, category_map=category_map(), warp="auto")
    batch = normalizer.packing.batch(normalizer(table))
    return FittedTokenizer(
        normalizer=normalizer,
        category_map=category_map(),
        registry=table.registry,
        coder=ClassicalCoder.fit(batch, sizes=torch.tensor([SIZES] * 3)),
        boundary=None,
        embedding=None,
        level_weights=(0.75, 0.25),
        provenance={"seed": 0},
    )


def bounded(tokenizer):
    """The tokenizer with the boundary of the corpus that it was fitted to."""
    train, validation = correlated_table(), correlated_table(seed=2)
    embedding = BehaviourEmbedding.fit(train)
    boundary = CorpusBoundary.fit(embedding(train), embedding(validation), quantile=0.9)
    return replace(tokenizer, boundary=boundary, embedding=embedding)


@pytest.fixture(scope="module", params=["classical", "joint on classical", "joint on learned"])
def whole(request, tokenizer):
    """A tokenizer with a boundary, of every kind of coder."""
    coders = {
        "classical": lambda: tokenizer.coder,
        "joint on classical": lambda: joint_coder(tokenizer.coder),
        "joint on learned": lambda: joint_coder(learned_coder(SIZES)),
    }
    return bounded(replace(tokenizer, coder=coders[request.param]()))


def with_gaps(table):
    """The table without the second category of every fourth row and without one column of another."""
    values = table.values.clone()
    values[::4, HEAT] = torch.nan
    values[1::5, 0] = torch.nan
    return FeatureTable(values=values, registry=table.registry)


def assert_same_bits(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_tokens_carry_ids_groups_names_and_sizes(tokenizer):
    table = correlated_table(rows=3, groups=("x", "x", "y"))
    tokens = tokenizer.encode(table)
    assert tokens.ids == table.ids
    assert tokens.groups == ("x", "x", "y")
    assert tokens.category_names == ("wave", "heat", "drift")
    assert tokens.codebook_sizes.tolist() == [[8, 4]] * 3


def test_decoding_brings_columns_back_in_their_own_units(tokenizer):
    table = correlated_table(seed=5)
    back = tokenizer.reconstruct(table)
    assert back.names == table.names
    assert back.ids == table.ids
    x, mask = tokenizer.normalize(table)
    z = tokenizer.normalize(back).x
    assert mask.all()
    assert float((z - x).square().mean()) < 0.6 * float(x.square().mean())


def test_more_levels_decode_better(tokenizer):
    table = correlated_table(seed=5)
    tokens, (x, _) = tokenizer.encode(table), tokenizer.normalize(table)
    errors = [float((tokenizer.decode_normalized(tokens, num_levels=n) - x).square().mean()) for n in (1, 2)]
    assert errors[1] < errors[0]


def test_tokens_of_decoded_columns_are_the_same_tokens(tokenizer):
    tokens = tokenizer.encode(correlated_table(seed=5))
    again = tokenizer.encode(tokenizer.decode(tokens))
    assert float((again.codes == tokens.codes).all(dim=2).float().mean()) > 0.9  # clipped columns may move a token


def test_a_missing_category_is_missing_in_tokens_and_columns(tokenizer):
    values = correlated_table(rows=4).values.clone()
    values[1, HEAT] = torch.nan
    table = FeatureTable(values=values, registry=tokenizer.registry)
    tokens = tokenizer.encode(table)
    assert tokens.codes[1].tolist()[1] == [-1, -1]
    assert torch.isnan(tokenizer.decode(tokens).values[1]).tolist() == [False] * 4 + [True] * 6 + [False] * 5
    all_there = tokenizer.encode(correlated_table(rows=4)).codes
    assert torch.equal(tokens.codes[:, [0, 2]], all_there[:, [0, 2]])


def test_a_missing_column_leaves_the_category_its_tokens(tokenizer):
    values = correlated_table(rows=40).values.clone()
    values[:, 5] = torch.nan
    codes = tokenizer.encode(FeatureTable(values=values, registry=tokenizer.registry)).codes
    all_there = tokenizer.encode(correlated_table(rows=40)).codes
    assert (codes >= 0).all()
    assert float((codes[:, 1, 0] == all_there[:, 1, 0]).float().mean()) > 0.5


def test_a_table_with_other_columns_is_refused_by_name(tokenizer):
    table = correlated_table(rows=2)
    names = [*table.names[:-1], "vorticity"]
    other = FeatureTable.from_array(table.values, names=names)
    with pytest.raises(NamesDifferError, match="it lacks feature_14 and has vorticity on top"):
        tokenizer.encode(other)


def test_a_map_for_other_columns_is_refused(tokenizer):
    wrong = CategoryMap(group_indices={"a": (0,)}, feature_names=("other",))
    with pytest.raises(NamesDifferError, match="category map"):
        replace(tokenizer, category_map=wrong)


def test_tokens_of_another_tokenizer_are_refused(tokenizer):
    codes = torch.zeros(1, 3, 2, dtype=torch.long)
    sizes = torch.tensor([[8, 4]] * 3)
    renamed = TokenTable(codes=codes, category_names=("a", "b", "c"), codebook_sizes=sizes)
    with pytest.raises(InputError, match="categories a, b, c cannot be decoded by a tokenizer of wave, heat, drift"):
        tokenizer.decode(renamed)
    resized = TokenTable(codes=codes, category_names=("wave", "heat", "drift"), codebook_sizes=2 * sizes)
    with pytest.raises(InputError, match=r"codebooks of \[16, 8\] cannot be decoded"):
        tokenizer.decode(resized)


@pytest.mark.parametrize("levels", [0, 3])
def test_a_number_of_levels_that_there_is_not_is_refused(tokenizer, levels):
    tokens = tokenizer.encode(correlated_table(rows=2))
    with pytest.raises(InputError, match=f"`num_levels` must be between 1 and 2; got {levels}"):
        tokenizer.decode(tokens, num_levels=levels)


def test_rows_are_tokenized_the_same_alone_among_others_and_in_another_order(whole):
    table = with_gaps(correlated_table(seed=5))
    tokens = whole.encode(table)
    decoded = whole.decode(tokens).values
    for index in (*torch.arange(0, 120, 11).split(1), torch.arange(7, 90), torch.arange(119, -1, -3)):
        some = whole.encode(Selection(table, index))
        assert torch.equal(some.codes, tokens.codes[index])
        assert_same_bits(some.distances, tokens.distances[index])
        assert torch.equal(some.out_of_corpus, tokens.out_of_corpus[index])
        assert some.ids == tuple(table.ids[row] for row in index.tolist())
        assert_same_bits(whole.decode(some).values, decoded[index])


def test_blocks_of_rows_are_tokenized_and_decoded_as_all_rows_at_once(whole):
    few = with_gaps(correlated_table(rows=60, seed=5))
    tokens, decoded = whole.encode(few), whole.decode(whole.encode(few)).values
    numbers = torch.arange(BLOCK_ROWS + 77) % 60
    values = few.values[numbers]
    many = FeatureTable(values=values, registry=few.registry)
    found = whole.encode(many)
    assert len(list(many.blocks())) == 2
    assert torch.equal(found.codes, tokens.codes[numbers])
    assert_same_bits(found.distances, tokens.distances[numbers])
    assert found.ids == many.ids
    assert_same_bits(whole.decode(found).values, decoded[numbers])
    at_once = whole.coder.encode(whole.normalizer.packing.batch(whole.normalize(many)))
    assert torch.equal(found.codes, at_once)


def test_a_selection_is_tokenized_as_the_table_of_its_rows(tokenizer):
    table, index = correlated_table(seed=5, groups=tuple("abcd" * 30)), torch.arange(119, -1, -7)
    found, expected = tokenizer.encode(Selection(table, index)), tokenizer.encode(table.rows(index))
    assert torch.equal(found.codes, expected.codes)
    assert (found.ids, found.groups) == (expected.ids, expected.groups)


def test_rows_unlike_the_corpus_are_told_from_rows_like_it(whole):
    like = whole.encode(correlated_table(seed=9, rows=200))
    unlike = correlated_table(seed=9, rows=200).values[
        :, torch.randperm(15, generator=torch.Generator().manual_seed(0))
    ]
    foreign = whole.encode(FeatureTable(values=unlike, registry=whole.registry))
    assert float(like.out_of_corpus.float().mean()) < 0.25
    assert float(foreign.out_of_corpus.float().mean()) > 0.9
    assert foreign.distances.median() > like.distances.median()


def test_without_a_boundary_no_distance_is_measured(tokenizer):
    tokens = tokenizer.encode(correlated_table(rows=3))
    assert (tokens.distances, tokens.out_of_corpus) == (None, None)


def test_a_tokenizer_is_a_module_and_its_state_that_of_its_parts(whole):
    names = {name.split(".")[0] for name in whole.state_dict()}
    assert names == {"normalizer", "coder", "boundary", "embedding"}
    moved = copy.deepcopy(whole).double()
    assert {tensor.dtype for tensor in moved.state_dict().values() if tensor.is_floating_point()} == {torch.float64}


def test_state_and_settings_bring_the_tokenizer_back(whole):
    again = FittedTokenizer.restored(copy.deepcopy(whole.state_dict()), json.loads(json.dumps(whole.settings())))
    table = with_gaps(correlated_table(seed=9))
    tokens, found = whole.encode(table), again.encode(table)
    assert torch.equal(found.codes, tokens.codes)
    assert_same_bits(found.distances, tokens.distances)
    assert_same_bits(again.reconstruct(table).values, whole.reconstruct(table).values)
    assert torch.equal(again.token_vectors(tokens), whole.token_vectors(tokens))
    assert again.settings() == whole.settings()
    assert again.provenance == {"seed": 0}
    assert again.level_weights == (0.75, 0.25)


def test_a_tokenizer_without_a_boundary_comes_back_without_one(tokenizer):
    again = FittedTokenizer.restored(tokenizer.state_dict(), json.loads(json.dumps(tokenizer.settings())))
    assert again.boundary is None
    assert torch.equal(again.encode(correlated_table()).codes, tokenizer.encode(correlated_table()).codes)


def test_a_row_without_a_value_to_go_by_has_no_distance_and_is_not_flagged(whole):
    values = correlated_table(rows=3).values.clone()
    values[1] = torch.nan
    tokens = whole.encode(FeatureTable(values=values, registry=whole.registry))
    assert tokens.distances.isnan().tolist() == [False, True, False]
    assert not tokens.out_of_corpus[1]


def test_a_boundary_needs_the_embedding_that_it_is_measured_in(whole):
    with pytest.raises(InputError, match="a boundary of the corpus is one in an embedding of behaviours; give both"):
        replace(whole, embedding=None)


def test_a_boundary_by_what_tokens_leave_over_is_left_out_and_that_is_said(whole, caplog):
    """Folders of versions that measured it so hold these tensors and settings."""
    old = {"part": "CorpusBoundary", "threshold": 1.5, "quantile": 0.95, "num_rows": 40}
    state = {name: tensor for name, tensor in whole.state_dict().items() if not name.startswith("boundary.")}
    again = FittedTokenizer.restored(state | {"boundary.usual": torch.ones(3, 8)}, whole.settings() | {"boundary": old})
    assert "boundary of the corpus is of an older version" in caplog.text
    assert "fit it again" in caplog.text
    tokens = again.encode(correlated_table(rows=3))
    assert (tokens.distances, tokens.out_of_corpus) == (None, None)
    assert torch.equal(tokens.codes, whole.encode(correlated_table(rows=3)).codes)
    assert not [name for name in again.state_dict() if name.startswith("boundary")]


@pytest.mark.parametrize("part", ["normalizer", "coder", "boundary", "category_map", "registry", "level_weights"])
def test_settings_without_a_part_are_refused(tokenizer, part):
    settings = tokenizer.settings()
    del settings[part]
    with pytest.raises(InputError, match=f"the tokenizer is not readable: '{part}'"):
        FittedTokenizer.restored(tokenizer.state_dict(), settings)


@pytest.mark.parametrize(
    "change",
    [
        {"coder": None},
        {"coder": 3},
        {"coder": {"part": "Linear"}},
        {"coder": {"part": "ClassicalCoder"}},
        {"coder": {"part": "LearnedCoder", "model": {}, "encoder": {}, "beam": 1}},
        {"boundary": {"part": "CorpusBoundary"}},
        {"category_map": None},
        {"registry": None},
        {"registry": {"specs": 3}},
        {"level_weights": ["much"]},
        {"level_weights": 1},
    ],
    ids=str,
)
def test_settings_that_are_not_what_they_should_be_are_refused(tokenizer, change):
    with pytest.raises(InputError):
        FittedTokenizer.restored(tokenizer.state_dict(), tokenizer.settings() | change)


@pytest.mark.parametrize("name", ["coder.codewords.1", "coder.low", "normalizer.transform.warp.kind"])
def test_a_state_without_a_tensor_is_refused(tokenizer, name):
    state = tokenizer.state_dict()
    del state[name]
    with pytest.raises(InputError, match="the tokenizer is not readable: '" + name.rpartition(".")[2]):
        FittedTokenizer.restored(state, tokenizer.settings())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_tokenizer_on_a_gpu_gives_the_same_tokens_on_the_cpu(whole):
    table = with_gaps(correlated_table(seed=9))
    moved, tokens = copy.deepcopy(whole).to("cuda"), whole.encode(table)
    found = moved.encode(table)
    assert torch.equal(found.codes, tokens.codes)
    torch.testing.assert_close(found.distances, tokens.distances, atol=1e-4, rtol=1e-4, equal_nan=True)
    back, expected = moved.decode(found), whole.decode(tokens)
    torch.testing.assert_close(back.values, expected.values, atol=1e-4, rtol=1e-4, equal_nan=True)
    assert not moved.token_vectors(found).is_cuda
