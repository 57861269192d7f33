"""Rows of a feature family, read block by block: a table in memory, a table in a file, or some rows of either."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from spinlock.core.feature_table import BLOCK_ROWS, FeatureRegistry, FeatureTable
from spinlock.core.seeds import key_of
from spinlock.core.shown import shown

FIT_ROWS = 50_000
"""Most rows that anything is fitted to which needs its rows in memory all at once."""


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


@shown
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


def selected(view: View, ids: Iterable[str]) -> Selection:
    """The rows of some ids, in their order; ids that the view does not have are left out."""
    place = {name: row for row, name in enumerate(view.ids)}
    return Selection(view, torch.tensor([place[name] for name in ids if name in place], dtype=torch.long))


def numbered(groups: Collection[str]) -> Int[Tensor, " row"]:
    """The number of each row's group, from 0, in the order of their sorted names."""
    return torch.from_numpy(np.unique(list(groups), return_inverse=True)[1])


def partners(groups: Int[Tensor, " row"]) -> Int[Tensor, " row"]:
    """For every row another of its group, half of the group away; itself where it is alone."""
    order = groups.argsort(stable=True)
    counts = torch.bincount(groups)
    first = counts.cumsum(0) - counts
    own = groups[order]
    place = torch.arange(len(groups), device=groups.device) - first[own]
    partner = order[first[own] + (place + (counts[own] + 1) // 2) % counts[own]]
    return torch.empty_like(order).index_copy_(0, order, partner)


def in_memory(view: View) -> FeatureTable:
    """All rows of a view as a table."""
    return view if isinstance(view, FeatureTable) else view.rows(torch.arange(len(view)))


def choose_rows(view: View, most: int, seed: int) -> Int[Tensor, " row"]:
    """Row numbers, ascending, of at most `most` rows: every row where there are no more, else groups by chance.

    Groups come in the order of a hash of their names with the seed, each with all of its rows, until the next no longer
    fits. So the choice does not depend on the order of the rows, and hardly on what other groups there are. Where that
    leaves more than half of `most` unused, as a few large groups do, the group that did not fit gives the rows whose ids
    come first in the same order.
    """
    if len(view) <= most:
        return torch.arange(len(view))
    number = {group: place for place, group in enumerate(dict.fromkeys(view.groups))}
    group_of = np.fromiter((number[group] for group in view.groups), dtype=np.int64, count=len(view))
    order = _by_hash(number, seed)
    num_rows = np.bincount(group_of)[order].cumsum()
    fitting = int(np.searchsorted(num_rows, most, side="right"))
    chosen = np.isin(group_of, order[:fitting])
    if 2 * chosen.sum() < most:
        next_rows = np.flatnonzero(group_of == order[fitting])
        ids = view.ids
        first = _by_hash([ids[row] for row in next_rows.tolist()], seed)[: most - int(chosen.sum())]
        chosen[next_rows[first]] = True
    return torch.from_numpy(np.flatnonzero(chosen))


def thinned(view: View, most: int, seed: int) -> View:
    """The rows of `choose_rows` as a view; the view itself where there are no more."""
    return view if len(view) <= most else Selection(view, choose_rows(view, most, seed))


def _by_hash(names: Collection[str], seed: int) -> Int[np.ndarray, " name"]:
    """Places of names in the order of their hashes."""
    keys = (key_of(seed, "rows to fit", name) % 2**64 for name in names)
    return np.argsort(np.fromiter(keys, dtype=np.uint64, count=len(names)), kind="stable")
