"""Columns of all categories as one padded array, so that every step runs over all categories at once."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.vqvae.part import Part


class Rows(NamedTuple):
    """Standardised rows, column by column.

    Attributes:
        x: missing entries filled in from the same category.
        mask: True where a value was present.
    """

    x: Float[Tensor, "sample column"]
    mask: Bool[Tensor, "sample column"]

    def to(self, device: torch.device | str) -> "Rows":
        """The same on a device."""
        return Rows(self.x.to(device), self.mask.to(device))


class Batch(NamedTuple):
    """The same rows, category by category, as a coder sees them; 0 and False in padding."""

    values: Float[Tensor, "sample category width"]
    mask: Bool[Tensor, "sample category width"]

    @property
    def present(self) -> Bool[Tensor, "sample category"]:
        """Whether a category has at least one value in a row."""
        return self.mask.any(dim=2)


@dataclass(kw_only=True, eq=False, repr=False)
class Packing(Part):
    """Where each category's columns stand in the padded array (sample, category, width).

    Attributes:
        columns: column of each place; -1 in padding.
        num_columns: of the flat table.
    """

    columns: Int[Tensor, "category width"]
    num_columns: int

    @classmethod
    def of(cls, category_map: CategoryMap) -> "Packing":
        """The packing of a category map; the width is that of its largest category."""
        groups = list(category_map.group_indices.values())
        columns = torch.full((len(groups), max(map(len, groups))), -1)
        for row, group in zip(columns, groups, strict=True):
            row[: len(group)] = torch.tensor(group)
        return cls(columns=columns, num_columns=len(category_map.feature_names))

    @property
    def num_categories(self) -> int:
        """Number of categories."""
        return self.columns.shape[0]

    @property
    def width(self) -> int:
        """Columns of the largest category."""
        return self.columns.shape[1]

    @property
    def filled(self) -> Bool[Tensor, "category width"]:
        """False in padding."""
        return self.columns >= 0

    def batch(self, rows: Rows) -> Batch:
        """Rows as a coder sees them."""
        return Batch(self.pack(rows.x), self.pack(rows.mask))

    def pack(self, x: Shaped[Tensor, "sample column"]) -> Shaped[Tensor, "sample category width"]:
        """The padded array; zero (or False) in padding."""
        extended = torch.cat([x, x.new_zeros((len(x), 1))], dim=1)
        return extended[:, self.columns]

    def unpack(self, packed: Float[Tensor, "sample category width"]) -> Float[Tensor, "sample column"]:
        """The flat table: the inverse of `pack`."""
        flat = packed.new_zeros((len(packed), self.num_columns))
        flat[:, self.columns[self.filled]] = packed[:, self.filled]
        return flat
