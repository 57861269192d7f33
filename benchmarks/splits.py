"""Rows of a data set as the benchmarks of the tokenizer draw and split them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import spinlock
from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.masked import masked_mse
from spinlock.core.seeds import stream
from spinlock.core.views import in_memory
from spinlock.pipeline.tables import family_path, load_table
from spinlock.store.atomic import sha256_of_bytes
from spinlock.training.fit import fit_tokenizer
from spinlock.training.spec import FitSpec
from spinlock.training.split import split_by_group
from spinlock.vqvae.spec import ModelSpec
from spinlock.vqvae.tokenizer import FittedTokenizer


class SplitTable(NamedTuple):
    """The three splits of a table."""

    train: FeatureTable
    validation: FeatureTable
    test: FeatureTable


def code_version() -> str:
    """Of the package and the benchmarks as they are now: what was measured with other code is measured anew."""
    folders = (Path(spinlock.__file__).parent, Path(__file__).parent)
    sources = [path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.py"))]
    return sha256_of_bytes(b"\0".join(sources))[:12]


def summary_table(dataset: Path) -> FeatureTable:
    """All rows of a data-set file."""
    return in_memory(load_table(dataset, family_path("summary")).table)


def drawn(table: FeatureTable, *, rows: int, seed: int) -> FeatureTable:
    """`rows` rows of a table, or all of fewer; every seed draws others."""
    chosen = np.sort(stream(seed, "rows").permutation(len(table))[:rows])
    return table.rows(torch.from_numpy(chosen))


def split_table(table: FeatureTable, *, seed: int) -> SplitTable:
    """Training, validation and test rows; no group is in two of them."""
    split = split_by_group(table.groups, seed=seed)
    return SplitTable(*(table.rows(rows) for rows in (split.train, split.validation, split.test)))


def fitted(split: SplitTable, *, category_map: CategoryMap, model: ModelSpec, **settings: Any) -> FittedTokenizer:
    """The tokenizer of a split, fitted to training rows alone, as whatever it is compared with."""
    fit = FitSpec(refit=False, **settings)
    return fit_tokenizer(split.train, split.validation, category_map=category_map, model=model, fit=fit).tokenizer


def coding_error(tokenizer: FittedTokenizer, test: FeatureTable) -> float:
    """Mean squared error of rows after coding, in standardised units."""
    y, seen = tokenizer.normalize(test)
    return masked_mse(y, tokenizer.decode_normalized(tokenizer.encode(test)), seen)
