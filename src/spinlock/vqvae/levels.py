"""The levels of a category, coarse to fine, in one of two hierarchies.

residual   each level codes what the ones before leave over: the sum of the codewords approaches the embedding
parallel   each level codes a projection of its own of the same embedding, and the decoders add up what the codes stand for
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from spinlock.core.registry import Registry
from spinlock.core.tokens import Level
from spinlock.vqvae.beam_search import Codebook, beam_search
from spinlock.vqvae.grouped_features import principal_axes
from spinlock.vqvae.kmeans import kmeans, nearest
from spinlock.vqvae.quantizer import CategoricalQuantizer


class Prefixes(NamedTuple):
    """What a batch becomes.

    Attributes:
        embeddings: what the first level, the first two, … stand for; 0 where a category is absent. Their gradient reaches the
            encoder straight through.
        commitment, codebook_loss: means over the levels.
    """

    embeddings: list[Float[Tensor, "category row embedding"]]
    commitment: Float[Tensor, ""]
    codebook_loss: Float[Tensor, ""]


class ResidualLevels(nn.Module):
    """Levels that add up: each looks up what is left over among `latent_dim` axes and subtracts a whole codeword.

    The codeword is subtracted detached, so that deeper levels move the encoder too.

    Args:
        num_categories: number of codebooks a level.
        embedding_dim: size of an embedding.
        levels: coarse to fine.
        decay, use_ema, restart_threshold: of `CategoricalQuantizer`.
        generator: taken for the common face; codebooks wait for a start.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        embedding_dim: int,
        levels: Sequence[Level],
        decay: float,
        use_ema: bool,
        restart_threshold: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        del generator
        self.quantizers = nn.ModuleList(
            CategoricalQuantizer(
                num_categories=num_categories,
                num_tokens=level.num_tokens,
                embedding_dim=embedding_dim,
                latent_dim=level.latent_dim,
                decay=decay,
                use_ema=use_ema,
                restart_threshold=restart_threshold,
            )
            for level in levels
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
    def start_at_codebooks(
        self, codebooks: Sequence[Codebook], embedding: Float[Tensor, "category row embedding"], *, batch_size: int
    ) -> None:
        """Set every level's codewords, and its look-up space to the principal axes of what it is to quantise."""
        residuals = embedding
        for quantizer, book in zip(self.level_quantizers, codebooks, strict=True):
            axes = principal_axes(residuals, num_axes=quantizer.axes.shape[2])
            quantizer.start_at(book, axes=axes, batch_size=batch_size)
            codes, _ = nearest(residuals, *book)
            residuals = residuals - book.codewords.gather(1, codes[..., None].expand(-1, -1, residuals.shape[2]))

    def coarse(self, embedding: Float[Tensor, "category row embedding"]) -> Float[Tensor, "category row latent"]:
        """The coordinates in which the first level looks up."""
        return embedding @ self.level_quantizers[0].axes

    def forward(
        self,
        embedding: Float[Tensor, "category row embedding"],
        present: Bool[Tensor, "category row"],
        *,
        generator: torch.Generator | None = None,
    ) -> Prefixes:
        """The prefixes of a batch; in training mode the codebooks take a step."""
        residual, total, prefixes = embedding, torch.zeros_like(embedding), []
        commitments, codebook_losses = [], []
        for quantizer in self.level_quantizers:
            step = quantizer(residual, present, generator=generator)
            residual = residual - step.codewords.detach()
            total = total + step.codewords.detach()
            commitments.append(step.commitment)
            codebook_losses.append(step.codebook_loss)
            # Straight through: the value of the codewords, the gradient of the embedding.
            prefixes.append((embedding + (total - embedding).detach()) * present[..., None])
        return Prefixes(prefixes, torch.stack(commitments).mean(), torch.stack(codebook_losses).mean())

    def encode(
        self, embedding: Float[Tensor, "row category embedding"], *, beam: int
    ) -> Int[Tensor, "row category level"]:
        """Codes by beam search for the closest sum."""
        return beam_search(embedding, self.codebooks, beam=beam)


class ParallelLevels(nn.Module):
    """Levels side by side: level l looks up embedding x down_l among codewords of its own size; they stand for Σ_l codeword x up_l.

    Args: as for `ResidualLevels`; `generator` draws the projections, uniform within ±1/√size.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        embedding_dim: int,
        levels: Sequence[Level],
        decay: float,
        use_ema: bool,
        restart_threshold: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        sizes = [min(level.latent_dim, embedding_dim) for level in levels]

        def drawn(rows: int, columns: int) -> nn.Parameter:
            uniform = 2 * torch.rand((num_categories, rows, columns), generator=generator) - 1
            return nn.Parameter(uniform / rows**0.5)

        self.down = nn.ParameterList(drawn(embedding_dim, size) for size in sizes)
        self.up = nn.ParameterList(drawn(size, embedding_dim) for size in sizes)
        self.quantizers = nn.ModuleList(
            CategoricalQuantizer(
                num_categories=num_categories,
                num_tokens=level.num_tokens,
                embedding_dim=size,
                latent_dim=size,
                decay=decay,
                use_ema=use_ema,
                restart_threshold=restart_threshold,
            )
            for level, size in zip(levels, sizes, strict=True)
        )

    @property
    def level_quantizers(self) -> tuple[CategoricalQuantizer, ...]:
        """Coarse to fine."""
        return cast(tuple[CategoricalQuantizer, ...], tuple(self.quantizers))

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """What the codewords of each level stand for, as vectors of the embedding."""
        books = (quantizer.codebook for quantizer in self.level_quantizers)
        return tuple(
            Codebook(book.codewords @ up.detach(), book.is_used) for book, up in zip(books, self.up, strict=True)
        )

    @torch.no_grad()
    def start_at_rows(
        self,
        embedding: Float[Tensor, "category row embedding"],
        present: Bool[Tensor, "category row"],
        *,
        batch_size: int,
        generator: torch.Generator,
    ) -> None:
        """Project on the principal axes of all training rows, and start each codebook at k-means of its projections."""
        for quantizer, down, up in zip(self.level_quantizers, self.down, self.up, strict=True):
            axes = principal_axes(embedding, num_axes=down.shape[2])
            down.copy_(axes)
            up.copy_(axes.mT)
            weights = present.to(embedding.dtype)
            found = kmeans(embedding @ axes, num_centers=quantizer.num_tokens, generator=generator, weights=weights)
            quantizer.start_at(Codebook(found.centers, found.is_used), axes=quantizer.axes, batch_size=batch_size)

    def coarse(self, embedding: Float[Tensor, "category row embedding"]) -> Float[Tensor, "category row latent"]:
        """The coordinates in which the first level looks up."""
        return embedding @ self.down[0]

    def forward(
        self,
        embedding: Float[Tensor, "category row embedding"],
        present: Bool[Tensor, "category row"],
        *,
        generator: torch.Generator | None = None,
    ) -> Prefixes:
        """The prefixes of a batch; in training mode the codebooks take a step."""
        total, prefixes, commitments, codebook_losses = torch.zeros_like(embedding), [], [], []
        for quantizer, down, up in zip(self.level_quantizers, self.down, self.up, strict=True):
            latent = embedding @ down
            step = quantizer(latent, present, generator=generator)
            commitments.append(step.commitment)
            codebook_losses.append(step.codebook_loss)
            total = total + (latent + (step.codewords - latent).detach()) @ up
            prefixes.append(total * present[..., None])
        return Prefixes(prefixes, torch.stack(commitments).mean(), torch.stack(codebook_losses).mean())

    def encode(
        self, embedding: Float[Tensor, "row category embedding"], *, beam: int
    ) -> Int[Tensor, "row category level"]:
        """The nearest codeword of every level; levels do not depend on each other, so `beam` changes nothing."""
        del beam
        codes = [
            beam_search((embedding.transpose(0, 1) @ down.to(embedding)).transpose(0, 1), [quantizer.codebook], beam=1)
            for quantizer, down in zip(self.level_quantizers, self.down, strict=True)
        ]
        return torch.cat(codes, dim=2)


HIERARCHIES: Registry[ResidualLevels | ParallelLevels] = Registry(
    "hierarchy", {"residual": ResidualLevels, "parallel": ParallelLevels}
)
