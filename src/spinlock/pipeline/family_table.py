"""The table of a feature family that is a function of another array of a data set, computed whenever its rows are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.shown import shown
from spinlock.features.families import FAMILIES, FIELD, SERIES, Family, field_family
from spinlock.store.dataset import Dataset, open_dataset
from spinlock.store.dataset_paths import ARRAYS

BLOCK_ROWS = 512
"""Samples whose series are in memory at a time."""


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FamilyTable:
    """A view of a data-set file's samples as one family sees them; made by `family_table`.

    Attributes:
        path: of the file.
        family: what is described.
        array: that it is computed from, by its name in `ARRAYS`.
        ids: one name a row, unique.
        groups: the parameter draw of each row.
    """

    path: Path
    family: Family
    array: str
    ids: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def registry(self) -> FeatureRegistry:
        """One spec a column."""
        return self.family.registry

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: Tensor | np.ndarray) -> FeatureTable:
        """Some rows in memory, in the order of `index`: row numbers, or one boolean a row."""
        index = np.asarray(index)
        chosen = np.arange(len(self))[index if index.dtype == bool else index.astype(np.int64)]
        parts = [chosen[start : start + BLOCK_ROWS] for start in range(0, max(1, len(chosen)), BLOCK_ROWS)]
        with open_dataset(self.path) as dataset:
            source = dataset.array(self.array)
            values = [self.family.describe(torch.from_numpy(source.take(part))) for part in parts]
        return FeatureTable(
            values=torch.cat(values),
            registry=self.registry,
            ids=tuple(self.ids[row] for row in chosen),
            groups=tuple(self.groups[row] for row in chosen),
        )

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[FeatureTable]:
        """All rows in order, at most `size` at a time."""
        rows = np.arange(len(self))
        return (self.rows(rows[start : start + size]) for start in range(0, len(self), size))


def family_table(path: Path, name: str) -> FamilyTable:
    """The samples of a data-set file as the family `name` sees them.

    Raises:
        InputError: if the file keeps no features of saved states, or others than the package's own; no initial states for "field".
    """
    with open_dataset(path) as dataset:
        rows = dataset.view()
        if name == FIELD:
            family, array = _field_family(dataset), "inputs"
        else:
            _check_series(dataset, name)
            family, array = FAMILIES[name], "per_timestep"
        return FamilyTable(path=path, family=family, array=array, ids=rows.ids, groups=rows.groups)


def _field_family(dataset: Dataset) -> Family:
    if dataset.file.kind(ARRAYS["inputs"].path) is None:
        raise InputError(
            f"{dataset.path}: family '{FIELD}' is the initial states themselves, and the file has none at {ARRAYS['inputs'].path}; "
            "generate or import the runs anew, or leave the family out."
        )
    return field_family(*dataset.array("inputs").shape[1:])


def _check_series(dataset: Dataset, name: str) -> None:
    needed = f"family '{name}' is computed from the features of saved states"
    if dataset.file.kind(ARRAYS["per_timestep"].path) is None:
        raise InputError(
            f"{dataset.path}: {needed}, and the file has none at {ARRAYS['per_timestep'].path}; compute them with extract-features."
        )
    found = dataset.registry().with_scope("per_timestep").names
    if found != SERIES.names:
        other = sorted(set(found) ^ set(SERIES.names)) or list(found)
        raise InputError(f"{dataset.path}: {needed}, and those of the file are others: {listed(other)}.")
