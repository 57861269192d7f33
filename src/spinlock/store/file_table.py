"""The feature table of a data-set file, read block by block whenever its rows are asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.feature_table import BLOCK_ROWS, FeatureRegistry, FeatureTable
from spinlock.core.shown import shown
from spinlock.store.guarded_array import GuardedArray
from spinlock.store.guarded_hdf5 import open_guarded


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FileTable:
    """A view of rows that stay in their file, which is opened anew for every pass; made by `Dataset.view`.

    Attributes:
        path: of the file.
        feature_path: of the table inside it.
        registry: one spec a column.
        ids: one name a row, unique.
        groups: the parameter draw of each row.
    """

    path: Path
    feature_path: str
    registry: FeatureRegistry
    ids: tuple[str, ...]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: Tensor | np.ndarray) -> FeatureTable:
        """Some rows in memory, in the order of `index`: row numbers, or one boolean a row."""
        index = np.asarray(index)
        chosen = np.arange(len(self))[index if index.dtype == bool else index.astype(np.int64)]
        with self._opened() as array:
            return self._table(array.take(chosen), chosen.tolist())

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[FeatureTable]:
        """All rows in order, at most `size` at a time."""
        with self._opened() as array:
            for start in range(0, len(self), size):
                rows = range(start, min(start + size, len(self)))
                yield self._table(array.read(slice(rows.start, rows.stop)), rows)

    @contextmanager
    def _opened(self) -> Iterator[GuardedArray]:
        with open_guarded(self.path, expected="a data set (HDF5)") as file:
            array = file.numbers(self.feature_path)
            if array.shape != (len(self), len(self.registry)):
                raise InputError(
                    f"{self.path} was changed while it was read: {self.feature_path} had the shape "
                    f"{(len(self), len(self.registry))} and has {array.shape}; start again."
                )
            yield array

    def _table(self, values: np.ndarray, rows: Sequence[int]) -> FeatureTable:
        try:
            return FeatureTable(
                values=torch.from_numpy(values.astype(np.float32, copy=False)),
                registry=self.registry,
                ids=tuple(self.ids[row] for row in rows),
                groups=tuple(self.groups[row] for row in rows),
            )
        except InputError as error:
            raise InputError(f"{self.path}: {self.feature_path}: {error}") from error
