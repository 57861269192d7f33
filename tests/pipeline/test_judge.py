"""Figures of rows that are gone through block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.plain import to_plain
from spinlock.pipeline import judge as judging
from spinlock.pipeline.judge import judge
from spinlock.training.fit import fit_tokenizer
from spinlock.vqvae.spec import ModelSpec


@dataclass(frozen=True)
class InBlocks:
    """A table that hands out a few rows at a time."""

    table: FeatureTable
    size: int

    @property
    def registry(self) -> FeatureRegistry:
        return self.table.registry

    @property
    def ids(self) -> tuple[str, ...]:
        return self.table.ids

    @property
    def groups(self) -> tuple[str, ...]:
        return self.table.groups

    def __len__(self) -> int:
        return len(self.table)

    def rows(self, index) -> FeatureTable:
        return self.table.rows(index)

    def blocks(self, size: int = 4096) -> Iterator[FeatureTable]:
        return self.table.blocks(min(size, self.size))


def table(rows, *, seed):
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(rows, 2, generator=generator) @ torch.randn(2, 8, generator=generator)
    other = torch.Generator().manual_seed(seed)
    values += 0.2 * torch.randn(rows, 8, generator=other)
    values[torch.rand(rows, 8, generator=other) < 0.05] = torch.nan
    return FeatureTable.from_array(values, categories=["a"] * 4 + ["b"] * 4)


@pytest.fixture(scope="module")
def tokenizer():
    train = table(160, seed=2)
    model = ModelSpec(levels=[(2, 8), (2, 4)], backend="classical")
    category_map = CategoryMap.from_registry(train.registry)
    return fit_tokenizer(train, table(60, seed=3), category_map=category_map, model=model).tokenizer


def test_blocks_of_rows_have_the_figures_of_all_rows(tokenizer):
    tables = {"train": table(160, seed=2), "test": table(70, seed=4)}
    described = table(70, seed=5), table(70, seed=6)

    def halves(ids):
        rows = torch.tensor([int(name) for name in ids])
        return tuple(half.rows(rows) for half in described)

    told = {"backend_mse": {}, "provenance": {}, "seed": 0, "halves": halves}
    whole = judge(tokenizer, tables, **told)
    found = judge(tokenizer, {name: InBlocks(rows, 16) for name, rows in tables.items()}, **told)
    assert found.splits["test"].agreements == whole.splits["test"].agreements
    assert found.splits["test"].usage == whole.splits["test"].usage
    assert len(whole.splits["test"].agreements) == 4
    compared = 0
    for one, other in zip(numbers(to_plain(found)), numbers(to_plain(whole)), strict=True):
        assert one == pytest.approx(other, rel=1e-6)
        compared += 1
    assert compared > 100


def numbers(value):
    """Every number of nested plain values, in order."""
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from numbers(entry)
    elif isinstance(value, int | float):
        yield value


def test_of_many_rows_some_whole_draws_are_judged(tokenizer, monkeypatch):
    monkeypatch.setattr(judging, "FIT_ROWS", 50)
    tables = {"train": table(160, seed=2), "test": table(70, seed=4)}
    found = judge(tokenizer, tables, backend_mse={}, provenance={}, seed=0)
    assert {name: split.num_samples for name, split in found.splits.items()} == {"train": 50, "test": 50}
