"""The learned quantiser: per category an encoder, residual levels and decoders."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from spinlock.vqvae.beam_search import Codebook, codeword_sums
from spinlock.vqvae.decoders import CategoryDecoder
from spinlock.vqvae.grouped_features import GroupedFeatureExtractor, principal_axes
from spinlock.vqvae.kmeans import nearest
from spinlock.vqvae.losses import informativeness, orthogonality, reconstruction
from spinlock.vqvae.quantizer import CategoricalQuantizer, CodebookStatistics
from spinlock.vqvae.spec import EncoderSpec, ModelSpec


class Losses(NamedTuple):
    """The terms of the training loss; `total` is their weighted sum."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    commitment: Float[Tensor, ""]
    orthogonality: Float[Tensor, ""]
    informativeness: Float[Tensor, ""]


class Forward(NamedTuple):
    """What a batch says.

    Attributes:
        losses: of training.
        statistics: what the codebooks are to follow, level by level.
        quantised: each category's embedding as all levels have it, with the gradient of the embedding; 0 where it is absent.
    """

    losses: Losses
    statistics: list[CodebookStatistics | None]
    quantised: Float[Tensor, "category row latent"]


class CategoricalHierarchicalVQVAE(nn.Module):
    """Columns → embedding → one token a category and level, coarse to fine → columns.

    Levels add up: each codes what the ones before leave over, and every prefix of levels has a decoder of its own. All
    categories run together; nothing mixes them.

    Args:
        num_categories: number of categories.
        width: columns of the widest one.
        spec: levels, sizes and loss weights; its levels have sizes.
        encoder: what encodes the columns.
        generator: for the weights.
    """

    def __init__(
        self, *, num_categories: int, width: int, spec: ModelSpec, encoder: EncoderSpec, generator: torch.Generator
    ) -> None:
        super().__init__()
        if spec.levels is None or spec.category_tokens:
            raise ValueError("the learned quantiser needs `levels` of one codebook size for all categories; give them.")
        self.spec = spec
        self.extractor = GroupedFeatureExtractor(
            num_categories=num_categories,
            width=width,
            encoder=encoder.encoder,
            encoder_params=encoder.encoder_params,
            group_hidden_dim=spec.group_hidden_dim,
            group_embedding_dim=spec.group_embedding_dim,
            generator=generator,
        )
        self.quantizers = nn.ModuleList(
            CategoricalQuantizer(
                num_categories=num_categories, level=level, embedding_dim=spec.group_embedding_dim, spec=spec
            )
            for level in spec.levels
        )
        self.decoders = nn.ModuleList(
            CategoryDecoder(
                num_categories=num_categories,
                embedding_dim=spec.group_embedding_dim,
                hidden_dim=spec.group_hidden_dim,
                width=width,
                generator=generator,
            )
            for _ in spec.levels
        )

    @property
    def level_quantizers(self) -> tuple[CategoricalQuantizer, ...]:
        """Coarse to fine."""
        return cast(tuple[CategoricalQuantizer, ...], tuple(self.quantizers))

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """The codewords of each level, as vectors of the embedding."""
        return tuple(quantizer.codebook for quantizer in self.level_quantizers)

    @torch.no_grad()
    def start_at(
        self, rows: Float[Tensor, "category row width"], codebooks: Sequence[Codebook], *, batch_size: int
    ) -> None:
        """Make the embedding the rows in their principal axes, every decoder its inverse, and the codewords those given.

        Every level's look-up space becomes the principal axes of what it is to quantise.

        Args:
            rows: training rows.
            codebooks: of these rows, in the space of their columns.
            batch_size: rows a step, for the counts that codes start with.
        """
        axes = principal_axes(rows, num_axes=self.extractor.skip.shape[2])
        self.extractor.start_at(axes)
        for decoder in self.decoders:
            cast(CategoryDecoder, decoder).start_at(axes)
        residuals = rows @ axes
        for quantizer, book in zip(self.level_quantizers, codebooks, strict=True):
            words = book.codewords @ axes
            looked_up = principal_axes(residuals, num_axes=quantizer.axes.shape[2])
            quantizer.start_at(Codebook(words, book.is_used), axes=looked_up, batch_size=batch_size)
            codes, _ = nearest(residuals, words, book.is_used)
            residuals = residuals - words.gather(1, codes[..., None].expand(-1, -1, residuals.shape[2]))

    def losses(
        self,
        x: Float[Tensor, "category row width"],
        target: Float[Tensor, "category row width"],
        mask: Bool[Tensor, "category row width"],
    ) -> Forward:
        """The training loss of a batch, and what the codebooks are to follow; no codebook is changed.

        Args:
            x: what the encoder sees.
            target: what the decoders are to give.
            mask: True where a target is present.
        """
        present = mask.any(dim=2)
        embedding = self.extractor(x, mask)
        residual, total, decoded, steps = embedding, torch.zeros_like(embedding), [], []
        quantised = embedding
        for quantizer, decoder in zip(self.level_quantizers, self.decoders, strict=True):
            step = quantizer(residual, present)
            # Detached, so that deeper levels move the encoder too.
            residual, total = residual - step.codewords.detach(), total + step.codewords.detach()
            # Straight through: the value of the codewords, the gradient of the embedding; 0 where a category is absent.
            quantised = (embedding + (total - embedding).detach()) * present[..., None]
            decoded.append(decoder(quantised))
            steps.append(step)
        coarse = embedding @ self.level_quantizers[0].axes
        terms = (
            reconstruction(decoded[-1], target, mask),
            torch.stack([step.commitment for step in steps]).mean(),
            orthogonality(coarse.transpose(0, 1)),
            informativeness(decoded[:-1], target, mask),
        )
        spec = self.spec
        weights = (1.0, spec.commitment_cost, spec.orthogonality_weight, spec.informativeness_weight)
        weighted = sum(weight * term for weight, term in zip(weights, terms, strict=True))
        codebook_loss = torch.stack([step.codebook_loss for step in steps]).mean()
        return Forward(Losses(weighted + codebook_loss, *terms), [step.statistics for step in steps], quantised)

    def follow(self, statistics: Sequence[CodebookStatistics | None], *, generator: torch.Generator | None) -> None:
        """Let the codebooks of every level take a step towards what a batch said."""
        for quantizer, one in zip(self.level_quantizers, statistics, strict=True):
            if one is not None:
                quantizer.follow(one, generator=generator)

    def decode(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category width"]:
        """Columns from the first `codes.shape[2]` levels."""
        summed = codeword_sums(codes, self.codebooks).transpose(0, 1)
        return self.decoders[codes.shape[2] - 1](summed).transpose(0, 1)
