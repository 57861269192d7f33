"""Rows of a feature family, read block by block: a table in memory, a table in a file, or some rows of either."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from spinlock.core.feature_table import BLOCK_ROWS, FeatureRegistry, FeatureTable


@runtime_checkable
class View(Protocol):
    """Rows that are read when they are asked for; `FeatureTable` is the view that is in memory already.

    Whoever needs all rows goes through `blocks`; whoever fits to some takes `rows` of a stated choice.
    """

    @property
    def registry(self) -> FeatureRegistry:
        """One spec a column."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """One name a row, unique."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """The parameter draw of each row."""
        ...

    def __len__(self) -> int: ...

    def rows(self, index: Tensor | np.ndarray) -> FeatureTable:
        """Some rows in memory, in the order of `index`: row numbers, or one boolean a row."""
        ...

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[FeatureTable]:
        """All rows in order, at most `size` at a time."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Some rows of another view, read from it block by block.

    Attributes:
        view: where the rows are.
        index: row numbers of the view, in the order of the selection.
    """

    view: View
    index: Int[Tensor, " row"]
    ids: tuple[str, ...] = field(init=False)
    groups: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        chosen = self.index.tolist()
        for name in ("ids", "groups"):
            entries = getattr(self.view, name)
            object.__setattr__(self, name, tuple(entries[row] for row in chosen))

    @property
    def registry(self) -> FeatureRegistry:
        """One spec a column."""
        return self.view.registry

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, index: Tensor | np.ndarray) -> FeatureTable:
        """Some of the selected rows in memory, in the order of `index`."""
        return self.view.rows(self.index[torch.as_tensor(index)])

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[FeatureTable]:
        """The selected rows in order, at most `size` at a time."""
        return (self.view.rows(part) for part in self.index.split(size))
