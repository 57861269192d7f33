"""What a tokenizer hands out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import TensorDataset

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
    def sizes(self) -> dict[str, list[int]]:
        """Category → number of tokens of each level."""
        return dict(zip(self.category_names, self.codebook_sizes.tolist(), strict=True))

    @property
    def column_names(self) -> tuple[str, ...]:
        """`<category>__level<n>`, category by category, coarse to fine: the columns of a token file."""
        return tuple(f"{name}__level{level}" for name in self.category_names for level in range(self.codes.shape[2]))

    @property
    def embedding_names(self) -> tuple[str, ...]:
        """`behaviour<n>`: the columns of the embedding in a token file; none where there is none."""
        return () if self.embedding is None else tuple(f"behaviour{axis}" for axis in range(self.embedding.shape[1]))

    def rows(self, index: Tensor | np.ndarray | Sequence[int]) -> "TokenTable":
        """The tokens of some rows, in the order of `index`: row numbers, or one boolean a row."""
        index = torch.as_tensor(np.asarray(index))
        index = index.nonzero().squeeze(1) if index.dtype == torch.bool else index.long()
        chosen = index.tolist()
        measured = {name: getattr(self, name) for name in ("distances", "out_of_corpus", "embedding")}
        return replace(
            self,
            codes=self.codes[index],
            ids=tuple(self.ids[row] for row in chosen),
            groups=tuple(self.groups[row] for row in chosen),
            facts={name: tuple(entries[row] for row in chosen) for name, entries in self.facts.items()},
            **{name: None if column is None else column[index] for name, column in measured.items()},
        )

    def to_columns(self) -> np.ndarray:
        """Codes as integers, (sample, category x level), in the order of `column_names`."""
        return self.codes.flatten(1).cpu().numpy()

    def to_pandas(self) -> Any:
        """A pandas DataFrame: `id` the index, then `group`, the facts (system, parameters), a column a token (-1 where its category
        is absent), the embedding, and `distance` and `out_of_corpus` where they were measured.

        Raises:
            UsageError: if pandas is not installed.
        """
        return exports.to_pandas(self._columns(), {"codebook_sizes": self.sizes})

    @classmethod
    def from_frame(cls, frame: Any, *, codebook_sizes: Mapping[str, Sequence[int]] | None = None) -> "TokenTable":
        """The tokens that became a DataFrame or an Arrow table, exactly, with their facts, embedding and distances.

        Args:
            frame: what `to_pandas` gave, `polars.DataFrame(tokens)`, `pyarrow.table(tokens)` or anything that hands out Arrow's
                stream; rows and facts may have been removed or added.
            codebook_sizes: category → size of each level, as `sizes` has them; what pandas and Arrow kept beside the columns when
                not given. polars keeps nothing of the kind.

        Raises:
            InputError: if nothing says how large the codebooks are, a column is not there, or a token is none of its codebook.
            UsageError: if the frame is not of pandas, and pyarrow is not installed.
        """
        read = exports.from_frame(frame)
        sizes = codebook_sizes or read.about.get("codebook_sizes")
        if not sizes:
            raise InputError(
                "nothing says how large the codebooks of the frame are: give `codebook_sizes`, for example `tokens.sizes` of the "
                "tokens that it came from."
            )
        names = [f"{name}__level{level}" for name, row in sizes.items() for level in range(len(row))]
        axes = [f"behaviour{axis}" for axis in range(len(read.columns)) if f"behaviour{axis}" in read.columns]
        measured = {"distances", "out_of_corpus"} if {"distance", "out_of_corpus"} <= set(read.columns) else set()
        codes = torch.from_numpy(read.numbers(names, "int64"))
        beside = ("distance", "out_of_corpus") if measured else ()
        return cls(
            codes=codes.reshape(len(codes), len(sizes), -1),
            category_names=tuple(sizes),
            codebook_sizes=torch.tensor([list(row) for row in sizes.values()]),
            ids=read.words("id"),
            groups=read.words("group"),
            distances=torch.from_numpy(read.numbers(["distance"], "float32")[:, 0]) if measured else None,
            out_of_corpus=torch.from_numpy(read.numbers(["out_of_corpus"], "bool")[:, 0]) if measured else None,
            embedding=torch.from_numpy(read.numbers(axes, "float32")) if axes else None,
            facts=read.facts(("id", "group", *names, *axes, *beside)),
        )

    def to_torch(self, *facts: str) -> TensorDataset:
        """A data set of torch, for its `DataLoader`: each item has the codes of a sample, (category, level), and its facts.

        Args:
            facts: names of facts, for example "system": words as the number of their place among all of the fact, in order.

        Raises:
            InputError: if a fact is not there.
        """
        return exports.to_torch((self.codes,), self.facts, facts)

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
        """The same columns for everything that reads Arrow's capsule: `pyarrow.table(tokens)`, `polars.DataFrame(tokens)`; what is
        missing is null.
        """
        return exports.to_arrow(self._columns(), {"codebook_sizes": self.sizes}).__arrow_c_stream__(requested_schema)

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


def side_by_side(tables: Mapping[str, TokenTable]) -> TokenTable:
    """Tokens of several families of the same samples as one table, whose categories are `<family>__<category>`.

    It has a row for every sample that any family has, in the order in which they come, with the facts and measurements of the
    first family where that has it; a family without a row of it has -1. Families with fewer levels than others get levels of one
    code, which are worth no bits.

    Args:
        tables: by family.
    """
    ids = tuple(dict.fromkeys(name for table in tables.values() for name in table.ids))
    groups = {name: group for table in tables.values() for name, group in zip(table.ids, table.groups, strict=True)}
    levels = max(table.codes.shape[2] for table in tables.values())
    place = {name: row for row, name in enumerate(ids)}
    codes, sizes, names = [], [], []
    for family, table in tables.items():
        rows = torch.tensor([place[name] for name in table.ids])
        more = levels - table.codes.shape[2]
        deeper = torch.where(table.codes[:, :, :1] < 0, MISSING, 0).expand(-1, -1, more)
        full = table.codes.new_full((len(ids), table.codes.shape[1], levels), MISSING)
        full[rows] = torch.cat([table.codes, deeper], dim=2)
        codes.append(full)
        sizes.append(torch.nn.functional.pad(table.codebook_sizes, (0, more), value=1))
        names += [f"{family}__{category}" for category in table.category_names]
    first = next(iter(tables.values()))
    measured = {name: getattr(first, name) for name in ("distances", "out_of_corpus", "embedding")}
    return TokenTable(
        codes=torch.cat(codes, dim=1),
        category_names=tuple(names),
        codebook_sizes=torch.cat(sizes),
        ids=ids,
        groups=tuple(groups[name] for name in ids),
        **(measured if first.ids == ids else {}),
        facts=first.facts if first.ids == ids else {},
    )


def of_family(tokens: TokenTable, family: str) -> TokenTable:
    """The tokens of one family of a table that `side_by_side` made, in the rows that have any.

    Raises:
        InputError: if no category is of the family.
    """
    chosen = [place for place, name in enumerate(tokens.category_names) if name.startswith(f"{family}__")]
    if not chosen:
        raise InputError(
            f"the tokens have no category of the family '{family}'; they have {', '.join(tokens.category_names)}."
        )
    codes, sizes = tokens.codes[:, chosen], tokens.codebook_sizes[chosen]
    levels = max(1, int((sizes > 1).any(dim=0).sum()))
    rows = (codes >= 0).flatten(1).any(dim=1).nonzero().squeeze(1)
    return TokenTable(
        codes=codes[rows, :, :levels],
        category_names=tuple(tokens.category_names[place].removeprefix(f"{family}__") for place in chosen),
        codebook_sizes=sizes[:, :levels],
        ids=tuple(tokens.ids[row] for row in rows),
        groups=tuple(tokens.groups[row] for row in rows),
    )
