import json

import pytest
import torch
from tokenizer_samples import category_map, correlated_table, packing

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, NamesDifferError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig, TokenTable
from spinlock.vqvae.classical import ClassicalBackend
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.imputation import CategoryImputer
from spinlock.vqvae.tokenizer import FittedTokenizer

SIZES = (8, 4)


@pytest.fixture(scope="module")
def tokenizer():
    table = correlated_table()
    transform = ColumnTransform.fit(table.values, table.mask)
    x, mask = transform.apply(table.values, table.mask)
    return FittedTokenizer(
        transform=transform,
        imputer=CategoryImputer.fit(x, mask, packing=packing()),
        category_map=category_map(),
        registry=table.registry,
        config=TokenizerConfig(levels=tuple(Level(latent_dim=4, num_tokens=size) for size in SIZES)),
        backend=ClassicalBackend.fit(x, mask, packing=packing(), num_tokens=SIZES, seed=0),
        provenance={"seed": 0},
    )


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
    z = tokenizer.transform.apply(back.values, back.mask)[0]
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
    values[1, 4:10] = torch.nan
    table = FeatureTable(values=values, registry=tokenizer.registry)
    tokens = tokenizer.encode(table)
    assert tokens.codes[1].tolist()[1] == [-1, -1]
    assert torch.isnan(tokenizer.decode(tokens).values[1]).tolist() == [False] * 4 + [True] * 6 + [False] * 5
    whole = tokenizer.encode(correlated_table(rows=4)).codes
    assert torch.equal(tokens.codes[:, [0, 2]], whole[:, [0, 2]])


def test_a_missing_column_leaves_the_category_its_tokens(tokenizer):
    values = correlated_table(rows=40).values.clone()
    values[:, 5] = torch.nan
    codes = tokenizer.encode(FeatureTable(values=values, registry=tokenizer.registry)).codes
    whole = tokenizer.encode(correlated_table(rows=40)).codes
    assert (codes >= 0).all()
    assert float((codes[:, 1, 0] == whole[:, 1, 0]).float().mean()) > 0.5


def test_a_table_with_other_columns_is_refused_by_name(tokenizer):
    table = correlated_table(rows=2)
    names = [*table.names[:-1], "vorticity"]
    other = FeatureTable.from_array(table.values, names=names)
    with pytest.raises(NamesDifferError, match="it lacks feature_14 and has vorticity on top"):
        tokenizer.encode(other)


def test_a_map_for_other_columns_is_refused(tokenizer):
    wrong = CategoryMap(group_indices={"a": (0,)}, feature_names=("other",))
    with pytest.raises(NamesDifferError, match="category map"):
        FittedTokenizer(
            transform=tokenizer.transform,
            imputer=tokenizer.imputer,
            category_map=wrong,
            registry=tokenizer.registry,
            config=tokenizer.config,
            backend=tokenizer.backend,
        )


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


def test_parts_bring_the_tokenizer_back(tokenizer):
    description = json.loads(json.dumps(tokenizer.description()))
    again = FittedTokenizer.from_parts(tokenizer.tensors(), description)
    table = correlated_table(seed=9)
    assert torch.equal(again.encode(table).codes, tokenizer.encode(table).codes)
    assert torch.equal(again.reconstruct(table).values, tokenizer.reconstruct(table).values)
    assert again.config == tokenizer.config
    assert again.provenance == {"seed": 0}


@pytest.mark.parametrize("part", ["backend", "config", "category_map", "registry"])
def test_a_description_without_a_part_is_refused(tokenizer, part):
    description = tokenizer.description()
    del description[part]
    with pytest.raises(InputError, match=f"the tokenizer is not readable: '{part}'"):
        FittedTokenizer.from_parts(tokenizer.tensors(), description)
