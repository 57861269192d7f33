"""The learned quantiser: per category an encoder, levels and decoders; across categories one joint decoder."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from spinlock.core.tokens import Level
from spinlock.vqvae.beam_search import Codebook, codeword_sums
from spinlock.vqvae.decoders import CategoryDecoder, JointDecoder
from spinlock.vqvae.grouped_features import GroupedFeatureExtractor, principal_axes
from spinlock.vqvae.levels import HIERARCHIES
from spinlock.vqvae.losses import informativeness, orthogonality, reconstruction, topographic
from spinlock.vqvae.quantizer import CategoricalQuantizer

TOPOGRAPHIC_ROWS = 128
"""Rows of a batch whose distances are compared: 8128 pairs."""


class Losses(NamedTuple):
    """The terms of the training loss; `total` is their weighted sum."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    commitment: Float[Tensor, ""]
    orthogonality: Float[Tensor, ""]
    informativeness: Float[Tensor, ""]
    topographic: Float[Tensor, ""]


class CategoricalHierarchicalVQVAE(nn.Module):
    """Columns → embedding → one token a category and level, coarse to fine → columns.

    Each prefix of levels has a decoder of its own; the last one is corrected across categories. All
    categories run together; nothing on the way to the tokens mixes them.

    Args:
        num_categories: number of categories.
        width: columns of the widest one.
        levels: coarse to fine.
        encoder: name in `ENCODERS`.
        encoder_params: its parameters.
        group_hidden_dim: width of the layers after the encoder and in the decoders.
        group_embedding_dim: size of an embedding.
        decay: of the codebooks' moving averages.
        use_ema: codebooks follow moving averages (True) or gradients (False).
        restart_threshold: share of the mean use below which a code is moved.
        hierarchy: name in `HIERARCHIES`.
        generator: for the weights.
    """

    def __init__(  # noqa: PLR0913 the seed's configuration has this many knobs
        self,
        *,
        num_categories: int,
        width: int,
        levels: Sequence[Level],
        encoder: str = "MLPEncoder",
        encoder_params: Mapping[str, object],
        group_hidden_dim: int = 128,
        group_embedding_dim: int = 64,
        decay: float = 0.99,
        use_ema: bool = True,
        restart_threshold: float = 0.05,
        hierarchy: str = "residual",
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.extractor = GroupedFeatureExtractor(
            num_categories=num_categories,
            width=width,
            encoder=encoder,
            encoder_params=encoder_params,
            group_hidden_dim=group_hidden_dim,
            group_embedding_dim=group_embedding_dim,
            generator=generator,
        )
        sizes = {
            "num_categories": num_categories,
            "embedding_dim": group_embedding_dim,
            "hidden_dim": group_hidden_dim,
            "width": width,
        }
        self.levels = HIERARCHIES.build(
            hierarchy,
            num_categories=num_categories,
            embedding_dim=group_embedding_dim,
            levels=levels,
            decay=decay,
            use_ema=use_ema,
            restart_threshold=restart_threshold,
            generator=generator,
        )
        self.decoders = nn.ModuleList(CategoryDecoder(**sizes, generator=generator) for _ in levels)
        self.joint_decoders = nn.ModuleList(JointDecoder(**sizes, generator=generator) for _ in levels)
        for partial in self.joint_decoders[:-1]:
            partial.requires_grad_(False)  # set by regression alone

    @property
    def level_quantizers(self) -> tuple[CategoricalQuantizer, ...]:
        """Coarse to fine."""
        return self.levels.level_quantizers

    @property
    def prefix_decoders(self) -> tuple[CategoryDecoder, ...]:
        """One for each number of levels."""
        return cast(tuple[CategoryDecoder, ...], tuple(self.decoders))

    @property
    def prefix_joint_decoders(self) -> tuple[JointDecoder, ...]:
        """One for each number of levels."""
        return cast(tuple[JointDecoder, ...], tuple(self.joint_decoders))

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """What the codewords of each level stand for, as vectors of the embedding."""
        return self.levels.codebooks

    @torch.no_grad()
    def start_at_axes(self, rows: Float[Tensor, "category row width"]) -> Float[Tensor, "category row embedding"]:
        """Make the embedding the rows in their principal axes, and every decoder its inverse; returns the embedding."""
        axes = principal_axes(rows, num_axes=self.extractor.skip.shape[2])
        self.extractor.start_at(axes)
        for decoder in self.prefix_decoders:
            decoder.start_at(axes)
        return rows @ axes

    @torch.no_grad()
    def start_at_random(self, *, generator: torch.Generator, batch_size: int) -> None:
        """Random weights and codebooks everywhere and no linear paths: nothing is known of the data."""
        self.extractor.start_at_random(generator=generator)
        for decoder in (*self.prefix_decoders, self.prefix_joint_decoders[-1]):
            decoder.start_at_random(generator=generator)
        for quantizer in self.level_quantizers:
            quantizer.start_uniform(generator=generator, batch_size=batch_size)

    def losses(
        self,
        x: Float[Tensor, "category row width"],
        target: Float[Tensor, "category row width"],
        mask: Bool[Tensor, "category row width"],
        *,
        commitment_cost: float,
        orthogonality_weight: float,
        informativeness_weight: float,
        topographic_weight: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """The training loss of a batch; in training mode the codebooks take a step.

        Args:
            x: what the encoder sees.
            target: what the decoders are to give.
            mask: True where a target is present.
            commitment_cost: weight of the term that pulls embeddings to their codewords.
            orthogonality_weight: weight of the correlation between categories.
            informativeness_weight: weight of the partial decoders' error.
            topographic_weight: weight of the distances between rows; the term is 0 and not computed where it is 0.
            generator: for restarts of codes.
        """
        present = mask.any(dim=2)
        embedding = self.extractor(x)
        prefixes, commitment, codebook_loss = self.levels(embedding, present, generator=generator)
        decoded = [decoder(prefix) for decoder, prefix in zip(self.prefix_decoders, prefixes, strict=True)]
        some = slice(TOPOGRAPHIC_ROWS)
        terms = (
            reconstruction(decoded[-1] + self.prefix_joint_decoders[-1](prefixes[-1]), target, mask),
            commitment,
            orthogonality(self.levels.coarse(embedding).transpose(0, 1)),
            informativeness(decoded[:-1], target, mask),
            topographic(x[:, some], embedding[:, some]) if topographic_weight else x.new_zeros(()),
        )
        weights = (1.0, commitment_cost, orthogonality_weight, informativeness_weight, topographic_weight)
        weighted = sum(weight * term for weight, term in zip(weights, terms, strict=True))
        return Losses(weighted + codebook_loss, *terms)

    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category embedding"]:
        """Sum of the chosen codewords; 0 for an absent category."""
        return codeword_sums(codes, self.codebooks)

    def decode(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category width"]:
        """Columns from the first `codes.shape[2]` levels."""
        summed = self.embed(codes).transpose(0, 1)
        level = codes.shape[2] - 1
        return (self.prefix_decoders[level](summed) + self.prefix_joint_decoders[level](summed)).transpose(0, 1)
