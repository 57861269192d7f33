"""What a tokenizer hands out."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError

MISSING = -1
"""The token of a category that is absent in a sample."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenTable:
    """One row a sample; for every category one token a level, coarse to fine.

    Attributes:
        codes: 0 <= code < size of its codebook, or -1 at all levels of an absent category.
        category_names: one a category.
        codebook_sizes: one a category and level.
        ids: one a row.
        groups: the parameter draw of each row.
        distances: how much the tokens leave over of each row, about 1 for training rows; None where nobody measured.
        out_of_corpus: True for a row that is further from the codebooks than rows of the corpus are; None likewise.
    """

    codes: Int[Tensor, "sample category level"]
    category_names: tuple[str, ...]
    codebook_sizes: Int[Tensor, "category level"]
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    distances: Float[Tensor, " sample"] | None = None
    out_of_corpus: Bool[Tensor, " sample"] | None = None

    def __post_init__(self) -> None:
        rows, categories, levels = self.codes.shape
        if len(self.category_names) != categories or tuple(self.codebook_sizes.shape) != (categories, levels):
            raise InputError(
                f"codes of {categories} categories x {levels} levels need as many names and sizes; got "
                f"{len(self.category_names)} names and sizes {tuple(self.codebook_sizes.shape)}."
            )
        bad = (self.codes < MISSING) | (self.codes >= self.codebook_sizes)
        if bad.any():
            row, category, level = (int(i) for i in bad.nonzero()[0])
            raise InputError(
                f"token {int(self.codes[row, category, level])} of row {row}, category '{self.category_names[category]}', level "
                f"{level} is outside its codebook of {int(self.codebook_sizes[category, level])}."
            )
        object.__setattr__(self, "ids", tuple(self.ids) or tuple(str(row) for row in range(rows)))
        object.__setattr__(self, "groups", tuple(self.groups) or tuple(self.ids))
        if len(self.ids) != rows or len(self.groups) != rows:
            raise InputError(
                f"{rows} rows of tokens need as many ids and groups; got {len(self.ids)} and {len(self.groups)}."
            )
        if (self.distances is None) != (self.out_of_corpus is None):
            raise InputError("`distances` and `out_of_corpus` come together: give both or neither.")
        for name in ("distances", "out_of_corpus"):
            column = getattr(self, name)
            if column is not None and len(column) != rows:
                raise InputError(f"`{name}` must have one entry for each of the {rows} rows; got {len(column)}.")

    @property
    def bits(self) -> float:
        """Nominal bits a sample: the sum of log2 of the codebook sizes."""
        return float(torch.log2(self.codebook_sizes.double()).sum())

    @property
    def column_names(self) -> tuple[str, ...]:
        """`<category>__level<n>`, category by category, coarse to fine: the columns of a token file."""
        return tuple(f"{name}__level{level}" for name in self.category_names for level in range(self.codes.shape[2]))

    def to_columns(self) -> np.ndarray:
        """Codes as integers, (sample, category x level), in the order of `column_names`."""
        return self.codes.flatten(1).cpu().numpy()
