"""A fitted tokenizer: from a table of raw columns to tokens, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.tokens import TokenizerConfig, TokenTable
from spinlock.vqvae.backend import Backend, config_from_json
from spinlock.vqvae.classical import ClassicalBackend
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.corpus_distance import CorpusBoundary, category_errors, corpus_distance
from spinlock.vqvae.imputation import CategoryImputer
from spinlock.vqvae.learned import LearnedBackend
from spinlock.vqvae.packing import Packing
from spinlock.vqvae.predictive.backend import PredictiveBackend

BACKENDS: Mapping[str, type[Backend]] = {
    "classical": ClassicalBackend,
    "vqvae": LearnedBackend,
    "predictive": PredictiveBackend,
}


class NormalizedTable(NamedTuple):
    """Standardised columns as a quantiser sees them.

    Attributes:
        x: missing entries filled in from the same category.
        mask: True where a value was present.
    """

    x: Float[Tensor, "sample column"]
    mask: Bool[Tensor, "sample column"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedTokenizer:
    """Everything that is needed to turn raw columns into tokens and tokens into columns.

    Attributes:
        transform: physical units → standardised columns.
        imputer: a likely value for what is missing.
        category_map: which columns are quantised together.
        registry: the columns it was made for, by name.
        config: the shape it was asked to have.
        backend: the quantiser.
        level_weights: share of the validation rows' error that each level takes off; weights of token distances.
        boundary: from which distance on a row is called out of the corpus; None where nobody measured.
        provenance: where it comes from: seeds, rows, versions; fit for JSON.
    """

    transform: ColumnTransform
    imputer: CategoryImputer
    category_map: CategoryMap
    registry: FeatureRegistry
    config: TokenizerConfig
    backend: Backend
    level_weights: tuple[float, ...] = ()
    boundary: CorpusBoundary | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.category_map.check_names(self.registry.names, whose="the tokenizer's category map")

    def normalize(self, table: FeatureTable) -> NormalizedTable:
        """Standardised columns and their mask.

        Raises:
            NamesDifferError: if the table has other columns than the tokenizer was made for.
        """
        self.registry.check_same_names(table.names, whose="the table")
        x, mask = self.transform.apply(table.values, table.mask)
        return NormalizedTable(self.imputer.fill(x, mask), mask)

    def encode(self, table: FeatureTable) -> TokenTable:
        """One token a category and level for every row; -1 for a category that is absent in a row.

        Where the boundary of the corpus is known, distances and the rows beyond it come along.
        """
        x, mask = self.normalize(table)
        tokens = TokenTable(
            codes=self.backend.encode(x, mask),
            category_names=self.category_map.categories,
            codebook_sizes=self.backend.codebook_sizes,
            ids=table.ids,
            groups=table.groups,
        )
        if self.boundary is None:
            return tokens
        distances = corpus_distance(self.leftovers(table, tokens), tokens.codes[:, :, 0], self.boundary.usual).float()
        return replace(tokens, distances=distances, out_of_corpus=self.boundary.is_outside(distances))

    def leftovers(self, table: FeatureTable, tokens: TokenTable) -> Float[Tensor, "sample category"]:
        """What tokens leave over of the rows that they were made of: `category_errors`.

        What lies beyond the training rows' quantiles counts too, although encoding does not see it.
        """
        z, mask = self.transform.apply(table.values, table.mask)
        missed = z - self.backend.decode(tokens.codes) + self.transform.excess(table.values, mask)
        pack = self.backend.packing.pack
        return category_errors(pack(torch.where(mask, missed, 0.0)), pack(mask))

    def decode(self, tokens: TokenTable, num_levels: int | None = None) -> FeatureTable:
        """The columns that tokens stand for, in their own units; missing where a category is absent.

        Args:
            tokens: of this tokenizer's categories and codebook sizes.
            num_levels: decode from the first levels only; all when not given.

        Raises:
            InputError: if the tokens are of other categories or codebooks, or `num_levels` is out of range.
        """
        z = self.decode_normalized(tokens, num_levels=num_levels)
        return FeatureTable(
            values=self.transform.invert(z), registry=self.registry, ids=tokens.ids, groups=tokens.groups
        )

    def decode_normalized(self, tokens: TokenTable, *, num_levels: int | None = None) -> Float[Tensor, "sample column"]:
        """The same in standardised units."""
        self._check_tokens(tokens)
        most = self.backend.codebook_sizes.shape[1]
        if num_levels is not None and not 1 <= num_levels <= most:
            raise InputError(f"`num_levels` must be between 1 and {most}; got {num_levels}.")
        return self.backend.decode(tokens.codes, num_levels=num_levels)

    def reconstruct(self, table: FeatureTable, num_levels: int | None = None) -> FeatureTable:
        """What is left of a table after encoding and decoding."""
        return self.decode(self.encode(table), num_levels)

    def embed(self, tokens: TokenTable) -> Float[Tensor, "sample category latent"]:
        """The vector that each category's tokens stand for."""
        self._check_tokens(tokens)
        return self.backend.embed(tokens.codes)

    def _check_tokens(self, tokens: TokenTable) -> None:
        if tokens.category_names != self.category_map.categories:
            raise InputError(
                f"tokens of the categories {', '.join(tokens.category_names)} cannot be decoded by a tokenizer of "
                f"{', '.join(self.category_map.categories)}."
            )
        expected = self.backend.codebook_sizes
        if not torch.equal(tokens.codebook_sizes.cpu().long(), expected.cpu().long()):
            raise InputError(
                f"tokens of codebooks of {tokens.codebook_sizes[0].tolist()} cannot be decoded by a tokenizer with codebooks "
                f"of {expected[0].tolist()}."
            )

    def tensors(self) -> dict[str, Tensor]:
        """All that was fitted, by dotted name; `from_parts` reads it."""
        parts = {"transform": self.transform, "imputer": self.imputer, "backend": self.backend}
        if self.boundary is not None:
            parts["boundary"] = self.boundary
        return {f"{part}.{name}": t for part, owner in parts.items() for name, t in owner.tensors().items()}

    def description(self) -> dict[str, Any]:
        """All that is not a tensor, fit for JSON; `from_parts` reads it."""
        return {
            "backend": self.backend.name,
            "backend_settings": self.backend.settings(),
            "config": asdict(self.config),
            "category_map": json.loads(self.category_map.to_json()),
            "registry": json.loads(self.registry.to_json()),
            "level_weights": list(self.level_weights),
            "boundary": None if self.boundary is None else self.boundary.settings(),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> "FittedTokenizer":
        """The tokenizer that `tensors()` and `description()` came from.

        Raises:
            InputError: if a part is missing or is not what it should be.
        """
        try:
            category_map = CategoryMap.from_json(json.dumps(description["category_map"]))
            registry = FeatureRegistry.from_json(json.dumps(description["registry"]))
            packing = Packing.of(category_map)
            backend_type = BACKENDS[description["backend"]]
            backend = backend_type.from_tensors(
                _part(tensors, "backend"), description["backend_settings"], packing=packing
            )
            settings = description["boundary"]
            boundary = CorpusBoundary.from_tensors(_part(tensors, "boundary"), settings) if settings else None
            return cls(
                transform=ColumnTransform.from_tensors(_part(tensors, "transform")),
                imputer=CategoryImputer.from_tensors(_part(tensors, "imputer"), packing=packing),
                category_map=category_map,
                registry=registry,
                config=config_from_json(description["config"]),
                backend=backend,
                level_weights=tuple(map(float, description["level_weights"])),
                boundary=boundary,
                provenance=description["provenance"],
            )
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(f"the tokenizer is not readable: {error}.") from error


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}
