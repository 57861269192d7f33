"""What a tokenizer hands out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core import exports
from spinlock.core.errors import InputError
from spinlock.core.shown import shown

MISSING = -1
"""The token of a category that is absent in a sample."""


@shown
@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenTable:
    """One row a sample; for every category one token a level, coarse to fine.

    Attributes:
        codes: 0 <= code < size of its codebook, or -1 at all levels of an absent category.
        category_names: one a category.
        codebook_sizes: one a category and level.
        ids: one a row.
        groups: the parameter draw of each row.
        distances: how far each row is from rows of the corpus, over how far these are from each other: 1 where it lies as densely as
            its neighbours, more where it is alone; None where nobody measured.
        embedding: where each row lies among behaviours, float32 (`Tokenizer.embed`); None where it was not asked for.
        out_of_corpus: True for a row at a larger distance than a stated share of validation rows; None likewise.
        facts: what else is known of the rows, for example their `system` and parameters: name → one entry a row.
    """

    codes: Int[Tensor, "sample category level"]
    category_names: tuple[str, ...]
    codebook_sizes: Int[Tensor, "category level"]
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    distances: Float[Tensor, " sample"] | None = None
    out_of_corpus: Bool[Tensor, " sample"] | None = None
    embedding: Float[Tensor, "sample axis"] | None = None
    facts: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

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
        measured = {name: getattr(self, name) for name in ("distances", "out_of_corpus", "embedding")}
        for name, column in (*measured.items(), *self.facts.items()):
            if column is not None and len(column) != rows:
                raise InputError(f"`{name}` must have one entry for each of the {rows} rows; got {len(column)}.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def bits(self) -> float:
        """Nominal bits a sample: the sum of log2 of the codebook sizes."""
        return float(torch.log2(self.codebook_sizes.double()).sum())

    @property
    def column_names(self) -> tuple[str, ...]:
        """`<category>__level<n>`, category by category, coarse to fine: the columns of a token file."""
        return tuple(f"{name}__level{level}" for name in self.category_names for level in range(self.codes.shape[2]))

    @property
    def embedding_names(self) -> tuple[str, ...]:
        """`behaviour<n>`: the columns of the embedding in a token file; none where there is none."""
        return () if self.embedding is None else tuple(f"behaviour{axis}" for axis in range(self.embedding.shape[1]))

    def to_columns(self) -> np.ndarray:
        """Codes as integers, (sample, category x level), in the order of `column_names`."""
        return self.codes.flatten(1).cpu().numpy()

    def to_pandas(self) -> Any:
        """A pandas DataFrame: `id` the index, then `group`, the facts (system, parameters), a column a token (-1 where its category
        is absent), the embedding, and `distance` and `out_of_corpus` where they were measured.

        Raises:
            UsageError: if pandas is not installed.
        """
        return exports.to_pandas(self._columns())

    def to_xarray(self) -> Any:
        """An xarray DataArray of codes (sample, category, level) with id, group and facts as coordinates.

        Raises:
            UsageError: if xarray is not installed.
        """
        beside = {"id": self.ids, "group": self.groups, **self.facts}
        coords = {"category": list(self.category_names)}
        dims = ("sample", "category", "level")
        return exports.to_xarray(self.codes.cpu().numpy(), dims, beside=beside, coords=coords, name="tokens")

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The same columns for everything that reads Arrow's capsule: `pyarrow.table(tokens)`, `polars.DataFrame(tokens)`."""
        return exports.arrow_stream(self._columns(), requested_schema)

    def _columns(self) -> dict[str, Any]:
        codes = dict(zip(self.column_names, self.to_columns().T, strict=True))
        axes = () if self.embedding is None else self.embedding.mT
        measured = dict(zip(self.embedding_names, axes, strict=True))
        measured |= {"distance": self.distances, "out_of_corpus": self.out_of_corpus}
        beside = {name: column.cpu().numpy() for name, column in measured.items() if column is not None}
        return exports.together({"id": self.ids, "group": self.groups}, self.facts, codes, beside)

    def _facts(self) -> dict[str, object]:
        far = {} if self.out_of_corpus is None else {"out_of_corpus": int(self.out_of_corpus.sum())}
        return {
            "rows": len(self),
            "categories": self.category_names,
            "levels": self.codes.shape[2],
            "bits": round(self.bits, 1),
            "ids": self.ids,
            "facts": tuple(self.facts),
            **far,
        }

    def _head(self) -> list[tuple[object, ...]]:
        rows = [(id_, *codes[:8]) for id_, codes in zip(self.ids[:5], self.codes[:5].flatten(1).tolist(), strict=True)]
        return [("id", *self.column_names[:8]), *rows]
