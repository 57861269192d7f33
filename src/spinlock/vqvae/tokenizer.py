"""A fitted tokenizer: from a table of raw columns to tokens, and back."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.core.feature_table import BLOCK_ROWS, FeatureRegistry, FeatureTable
from spinlock.core.tokens import MISSING, TokenTable
from spinlock.core.views import View
from spinlock.vqvae.behaviour import BehaviourEmbedding
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.joint import JointCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.corpus_distance import CorpusBoundary
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.part import Part, tensors_below
from spinlock.vqvae.vocabulary import Definition, definitions
from spinlock.vqvae.word_tree import WordTree

log = logging.getLogger(__name__)

PARTS: Mapping[str, type[Part]] = {
    part.__name__: part
    for part in (ClassicalCoder, JointCoder, LearnedCoder, TableNormalizer, CorpusBoundary, BehaviourEmbedding)
}


@dataclass(kw_only=True, eq=False, repr=False)
class FittedTokenizer(Part):
    """Everything that is needed to turn raw columns into tokens and tokens into columns.

    It is a torch module: `tokenizer.to("cuda")` moves it, and what comes out is on the CPU again.

    Attributes:
        normalizer: physical units → standardised rows of categories.
        category_map: which columns are quantised together.
        registry: the columns it was made for, by name.
        coder: the quantiser.
        boundary: from which distance on a row is called out of the corpus, in the embedding; None where nobody measured.
        embedding: where a row lies among behaviours, for search; None in folders of versions that had none.
        level_weights: share of the validation rows' error that each level takes off; weights of token distances.
        provenance: where it comes from: seeds, rows, versions; fit for JSON.
    """

    normalizer: TableNormalizer
    category_map: CategoryMap
    registry: FeatureRegistry
    coder: ClassicalCoder | JointCoder | LearnedCoder
    boundary: CorpusBoundary | None
    embedding: BehaviourEmbedding | None
    level_weights: tuple[float, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.category_map.check_names(self.registry.names, whose="the tokenizer's category map")
        if self.boundary is not None and self.embedding is None:
            raise InputError(
                "a boundary of the corpus is one in an embedding of behaviours; give both, or no boundary."
            )

    @property
    def codebook_sizes(self) -> Tensor:
        """Number of codes of each codebook, (category, level)."""
        return self.coder.codebook_sizes.cpu()

    @property
    def words(self) -> WordTree | None:
        """What the first level is, where it is no codebook."""
        return own.words if isinstance(own := self._own_coder, ClassicalCoder) else None

    @property
    def _own_coder(self) -> ClassicalCoder | LearnedCoder:
        """What codes each category alone."""
        return self.coder.own if isinstance(self.coder, JointCoder) else self.coder

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """What each coarse token means exactly, category by category; none where the first level is a codebook."""
        if self.words is None:
            return ()
        return definitions(
            self.words, normalizer=self.normalizer, category_map=self.category_map, registry=self.registry
        )

    def coarse_codes(self, view: View) -> Int[Tensor, "sample category"]:
        """The first level's token of every row, without a search where it is a word; -1 where a category is absent."""
        own, found = self._own_coder, []
        for block in view.blocks():
            batch = self.normalizer.packing.batch(self.normalize(block))
            if isinstance(own, ClassicalCoder) and own.words is not None:
                found.append(torch.where(own.present(batch), own.words(*batch), MISSING).cpu())
            else:
                found.append(self.coder.encode(batch)[:, :, 0].cpu())
        return torch.cat(found)

    def normalize(self, table: FeatureTable) -> Rows:
        """Standardised rows and their mask.

        Raises:
            NamesDifferError: if the table has other columns than the tokenizer was made for.
        """
        self.registry.check_same_names(table.names, whose="the table")
        return self.normalizer(table)

    def encode(
        self, view: View, *, told: Callable[[int], None] | None = None, with_embedding: bool = False
    ) -> TokenTable:
        """One token a category and level for every row, block by block; -1 for a category that is absent in a row.

        Where the boundary of the corpus is known, distances and the rows beyond it come along.

        Args:
            view: the rows.
            told: is called with the number of rows that are done, before every block and at the end.
            with_embedding: whether the tokens carry where each row lies among behaviours.

        Raises:
            InputError: if an embedding is asked for and the tokenizer has none.
            NamesDifferError: if the table has other columns than the tokenizer was made for.
        """
        codes, distances, embedded, told = [], [], [], told or _silent
        for block in view.blocks():
            told(sum(map(len, codes)))
            codes.append(self.coder.encode(self.normalizer.packing.batch(self.normalize(block))).cpu())
            if self.boundary is not None or with_embedding:
                embedded.append(self.embed(block))
            if self.boundary is not None:
                distances.append(self.boundary(embedded[-1]).cpu())
        told(len(view))
        tokens = TokenTable(
            codes=torch.cat(codes),
            category_names=self.category_map.categories,
            codebook_sizes=self.codebook_sizes,
            ids=view.ids,
            groups=view.groups,
            embedding=torch.cat(embedded) if with_embedding else None,
        )
        if self.boundary is None:
            return tokens
        measured = torch.cat(distances)
        return replace(tokens, distances=measured, out_of_corpus=self.boundary.is_outside(measured))

    def decode(self, tokens: TokenTable, num_levels: int | None = None) -> FeatureTable:
        """The columns that tokens stand for, in their own units; missing where a category is absent.

        Args:
            tokens: of this tokenizer's categories and codebook sizes.
            num_levels: decode from the first levels only; all when not given.

        Raises:
            InputError: if the tokens are of other categories or codebooks, or `num_levels` is out of range.
        """
        return self.table_of(self.decode_normalized(tokens, num_levels=num_levels), tokens)

    def table_of(self, z: Float[Tensor, "sample column"], tokens: TokenTable) -> FeatureTable:
        """Standardised columns that were made of tokens, in their own units."""
        values = self.normalizer.transform.invert(z.to(self.normalizer.transform.low.device)).cpu()
        return FeatureTable(values=values, registry=self.registry, ids=tokens.ids, groups=tokens.groups)

    def decode_normalized(self, tokens: TokenTable, *, num_levels: int | None = None) -> Float[Tensor, "sample column"]:
        """The same in standardised units."""
        self.check_tokens(tokens)
        most = self.codebook_sizes.shape[1]
        if num_levels is not None and not 1 <= num_levels <= most:
            raise InputError(f"`num_levels` must be between 1 and {most}; got {num_levels}.")
        return self.decoded(tokens.codes, num_levels=num_levels, is_settled=True)

    def decoded(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None, is_settled: bool
    ) -> Float[Tensor, "sample column"]:
        """Standardised columns that codes stand for, from as many of the first levels as there are: see `Coder.decode`."""
        packing = self.normalizer.packing
        parts = [
            packing.unpack(self.coder.decode(part, num_levels=num_levels, is_settled=is_settled)).cpu()
            for part in codes.to(packing.columns.device).split(BLOCK_ROWS)
        ]
        return torch.cat(parts)

    def within(
        self, y: Float[Tensor, "sample column"], codes: Int[Tensor, "sample category level"], *, is_settled: bool
    ) -> Float[Tensor, "sample column"]:
        """Standardised columns that some decoder made of codes, where this tokenizer allows them: see `Coder.within`."""
        packing = self.normalizer.packing
        device = packing.columns.device
        parts = zip(y.to(device).split(BLOCK_ROWS), codes.to(device).split(BLOCK_ROWS), strict=True)
        own = [packing.unpack(self.coder.within(packing.pack(z), some, is_settled=is_settled)) for z, some in parts]
        return torch.cat(own).cpu()

    def reconstruct(self, table: FeatureTable, num_levels: int | None = None) -> FeatureTable:
        """What is left of a table after encoding and decoding."""
        return self.decode(self.encode(table), num_levels)

    def embed(self, view: View) -> Float[Tensor, "sample axis"]:
        """Where rows lie among behaviours, block by block: see `BehaviourEmbedding`.

        Raises:
            InputError: if the tokenizer has no embedding.
            NamesDifferError: if the table has other columns than the tokenizer was made for.
        """
        if self.embedding is None:
            raise InputError(
                "this tokenizer was fitted by a version without an embedding of behaviours; fit it again, or compare by "
                'kind="decoded".'
            )
        self.registry.check_same_names(view.registry.names, whose="the table")
        return torch.cat([self.embedding(block).cpu() for block in view.blocks()])

    def token_vectors(self, tokens: TokenTable) -> Float[Tensor, "sample category latent"]:
        """The vector that each category's tokens stand for."""
        self.check_tokens(tokens)
        return self.coder.embed(tokens.codes.to(self.normalizer.packing.columns.device)).cpu()

    def check_tokens(self, tokens: TokenTable) -> None:
        """Refuse tokens of other categories or codebooks."""
        if tokens.category_names != self.category_map.categories:
            raise InputError(
                f"tokens of the categories {', '.join(tokens.category_names)} cannot be decoded by a tokenizer of "
                f"{', '.join(self.category_map.categories)}."
            )
        expected = self.codebook_sizes
        if not torch.equal(tokens.codebook_sizes.cpu().long(), expected.long()):
            raise InputError(
                f"tokens of codebooks of {tokens.codebook_sizes[0].tolist()} cannot be decoded by a tokenizer with codebooks "
                f"of {expected[0].tolist()}."
            )

    def settings(self) -> dict[str, Any]:
        """All that is not a tensor, fit for JSON; `restored` reads it."""
        return {
            "backend": self.coder.name,
            "normalizer": self.normalizer.settings(),
            "coder": self.coder.settings(),
            "boundary": None if self.boundary is None else self.boundary.settings(),
            "embedding": None if self.embedding is None else self.embedding.settings(),
            "category_map": self.category_map.to_plain(),
            "registry": self.registry.to_plain(),
            "level_weights": list(self.level_weights),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> "FittedTokenizer":
        """The tokenizer that `state_dict` and `settings` came from.

        Raises:
            InputError: if a part is missing or is not what it should be.
        """
        try:
            boundary = settings["boundary"]
            if "boundary.usual" in state:
                log.warning(
                    "this tokenizer's boundary of the corpus is of an older version, by what tokens leave over, and is not used: "
                    "tokens come without distances; fit it again to have them."
                )
                boundary = None
            known = {"boundary": boundary, "embedding": settings.get("embedding")}
            names = ["normalizer", "coder", *(name for name, one in known.items() if one is not None)]
            parts = {
                name: PARTS[settings[name]["part"]].restored(tensors_below(state, name), settings[name])
                for name in names
            }
            return cls(
                **{"boundary": None, "embedding": None, **parts},  # pyright: ignore[reportArgumentType] each of the kind that its name says
                category_map=CategoryMap.from_plain(settings["category_map"]),
                registry=FeatureRegistry.from_plain(settings["registry"]),
                level_weights=tuple(map(float, settings["level_weights"])),
                provenance=settings["provenance"],
            )
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise InputError(f"the tokenizer is not readable: {str(error).rstrip('.')}.") from error


def _silent(rows: int) -> None:
    """Nobody is told."""
