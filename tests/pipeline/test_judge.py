"""Figures of rows that are gone through block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.plain import to_plain
from spinlock.core.repeatability import NOT_LOOKED
from spinlock.pipeline import judge as judging
from spinlock.pipeline.judge import judge
from spinlock.pipeline.parameter_steps import DrawParameters
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


def test_blocks_of_rows_have_the_figures_of_all_rows(tokenizer, monkeypatch):
    tables = {"train": table(160, seed=2), "test": table(70, seed=4)}
    described = table(70, seed=5), table(70, seed=6)

    def halves(ids):
        rows = torch.tensor([int(name) for name in ids])
        return tuple(half.rows(rows) for half in described)

    told = {"backend_mse": {}, "provenance": {}, "seed": 0, "halves": halves}
    whole = judge(tokenizer, tables, **told)
    monkeypatch.setattr(judging, "BLOCK_ROWS", 16)
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


def without_noise(ids):
    rows = torch.tensor([int(name) for name in ids])
    return (table(70, seed=5).rows(rows),) * 2


def test_halves_that_are_identical_have_the_same_tokens_and_no_noise(tokenizer):
    tables = {"train": table(160, seed=2), "test": table(70, seed=4)}
    found = judge(tokenizer, tables, backend_mse={}, provenance={}, seed=0, halves=without_noise).splits["test"]
    assert [entry.at for entry in found.same_tokens] == ["other realizations"] * 2
    assert [entry.same for entry in found.same_tokens] == [1.0, 1.0]
    assert all(entry.num_detectors == entry.num_tokens > 1 for entry in found.agreements)
    assert found.reproducible_bits == pytest.approx(found.most_reproducible_bits)
    assert found.replicates.num_samples == 70
    assert found.replicates.r2 == pytest.approx(found.replicates.own_r2)
    assert set(found.replicates.column_noise) == set(tokenizer.registry.names)
    assert set(found.replicates.column_noise.values()) == {0.0}


def test_halves_of_other_samples_have_next_to_nothing_in_common(tokenizer):
    generator = torch.Generator().manual_seed(0)

    def halves(ids):
        kept = table(160, seed=5)
        return tuple(
            FeatureTable(
                values=kept.values[torch.randperm(160, generator=generator)[: len(ids)]], registry=kept.registry
            )
            for _ in range(2)
        )

    tables = {"train": table(160, seed=2), "test": table(70, seed=4)}
    found = judge(tokenizer, tables, backend_mse={}, provenance={}, seed=0, halves=halves).splits["test"]
    assert found.reproducible_bits == pytest.approx(0, abs=0.15 * found.most_reproducible_bits)
    for entry in found.same_tokens:
        assert entry.same == pytest.approx(entry.chance, abs=0.12)
    assert found.replicates.num_without_signal > 0


def test_training_rows_and_rows_without_replicates_are_not_looked_at_twice(tokenizer):
    tables = {"train": table(160, seed=2), "test": table(70, seed=4)}
    told = {"backend_mse": {}, "provenance": {}, "seed": 0}
    assert judge(tokenizer, tables, **told, halves=without_noise).splits["train"].good_for == NOT_LOOKED
    alone = judge(tokenizer, tables, **told).splits["test"]
    assert (alone.same_tokens, alone.replicates.num_samples, alone.replicates.r2) == ((), 0, ())


def test_samples_of_one_draw_show_what_another_start_changes(tokenizer):
    rows = table(70, seed=4)
    pairs = tuple(str(row // 2) for row in range(70))
    twice = torch.arange(70) // 2 * 2  # both samples of a draw are the same row
    test = FeatureTable(values=rows.values[twice], registry=rows.registry, groups=pairs)
    tables = {"train": table(160, seed=2), "test": test}
    found = judge(tokenizer, tables, backend_mse={}, provenance={}, seed=0).splits["test"]
    assert [(entry.at, entry.same) for entry in found.same_tokens] == [("another initial condition", 1.0)] * 2
    assert all(entry.chance < 0.8 for entry in found.same_tokens)


def test_draws_that_lie_next_to_each_other_are_compared(tokenizer):
    place = {str(row): np.array([float(row // 2)]) for row in range(70)}
    parameters = DrawParameters(system=dict.fromkeys(place, "wave"), place=place, is_choice={"wave": np.array([False])})
    rows = table(70, seed=4)
    test = FeatureTable(values=rows.values[torch.arange(70) // 2 * 2], registry=rows.registry)
    tables = {"train": table(160, seed=2), "test": test}
    found = judge(tokenizer, tables, backend_mse={}, provenance={}, seed=0, parameters=parameters).splits["test"]
    near = [entry for entry in found.same_tokens if entry.at == "a small step of the parameters"]
    far = [entry for entry in found.same_tokens if entry.at == "any other draw of its system"]
    assert [(entry.same, entry.step) for entry in near] == [(1.0, 0.0)] * 2
    assert [entry.same for entry in far] == pytest.approx([entry.chance for entry in far], abs=0.15)
