"""One level of codebooks, all categories at once."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from spinlock.core import ranks
from spinlock.vqvae.beam_search import Codebook
from spinlock.vqvae.kmeans import nearest
from spinlock.vqvae.spec import Level, QuantizerSpec

SMOOTHING = 1e-5


class CodebookStatistics(NamedTuple):
    """What a batch says about a level's codebooks; `CategoricalQuantizer.follow` applies it.

    Attributes:
        counts: rows that chose each code.
        sums: of their residuals.
        residuals: of the batch, to which rarely chosen codes may be moved.
        weight: 0 for rows that lack the category.
    """

    counts: Float[Tensor, "category token"]
    sums: Float[Tensor, "category token embedding"]
    residuals: Float[Tensor, "category row embedding"]
    weight: Float[Tensor, "category row 1"]


class Quantized(NamedTuple):
    """What a level makes of residuals.

    Attributes:
        codes: the chosen codewords.
        codewords: the chosen codewords themselves; without gradient where they follow moving averages.
        commitment: mean squared distance of the residuals to their codewords; moves the encoder.
        codebook_loss: the same distance, moving the codewords; 0 where they follow moving averages.
        statistics: what the codebooks are to follow; None where they follow gradients, and outside of training.
    """

    codes: Int[Tensor, "category row"]
    codewords: Float[Tensor, "category row embedding"]
    commitment: Float[Tensor, ""]
    codebook_loss: Float[Tensor, ""]
    statistics: CodebookStatistics | None


class CategoricalQuantizer(nn.Module):
    """Nearest codewords of every category, which follow moving averages of what they are chosen for.

    A codeword is a vector of the embedding space; it is looked up by its `latent_dim` coordinates along `axes`.
    With moving averages (van den Oord et al. 2017, arXiv:1711.00937, appendix A.1; Razavi et al. 2019, arXiv:1906.00446):
    n ← decay n + (1 - decay) count,  s ← decay s + (1 - decay) Σ residual,  codeword = s / n, with n smoothed on a copy.

    Args:
        num_categories: number of codebooks.
        level: their number of codewords, and the size of the space in which they are looked up.
        embedding_dim: size of a codeword.
        spec: how the codewords move.
    """

    axes: Float[Tensor, "category embedding latent"]
    counts: Float[Tensor, "category token"]
    sums: Float[Tensor, "category token embedding"]
    is_used: Bool[Tensor, "category token"]
    codewords: Float[Tensor, "category token embedding"]

    def __init__(self, *, num_categories: int, level: Level, embedding_dim: int, spec: QuantizerSpec) -> None:
        super().__init__()
        self.spec, self.num_tokens = spec, level.num_tokens
        latent_dim = min(level.latent_dim, embedding_dim)
        words = torch.zeros(num_categories, self.num_tokens, embedding_dim)
        if spec.use_ema:
            self.register_buffer("codewords", words)
        else:
            self.codewords = nn.Parameter(words)
        self.register_buffer("axes", torch.eye(embedding_dim)[:, :latent_dim].repeat(num_categories, 1, 1))
        self.register_buffer("counts", torch.ones(num_categories, self.num_tokens))
        self.register_buffer("sums", torch.zeros(num_categories, self.num_tokens, embedding_dim))
        self.register_buffer("is_used", torch.ones(num_categories, self.num_tokens, dtype=torch.bool))

    @torch.no_grad()
    def start_at(
        self, codebook: Codebook, *, axes: Float[Tensor, "category embedding latent"], batch_size: int
    ) -> None:
        """Set codewords and look-up space; every count starts at batch_size / num_tokens.

        A count of 0 would let codewords that nothing chose in the first steps blow up.
        """
        self.codewords.copy_(codebook.codewords)
        self.is_used.copy_(codebook.is_used)
        self.axes.copy_(axes)
        self.counts.fill_(batch_size / self.num_tokens)
        self.sums.copy_(codebook.codewords * self.counts[..., None])

    @property
    def codebook(self) -> Codebook:
        """The codewords."""
        return Codebook(self.codewords.detach(), self.is_used)

    def forward(
        self, residuals: Float[Tensor, "category row embedding"], present: Bool[Tensor, "category row"]
    ) -> Quantized:
        """The nearest codewords; nothing is changed.

        Args:
            residuals: what the levels before left over.
            present: False for rows that lack the category; they count for nothing.
        """
        latent = residuals @ self.axes
        keys = self.codewords.detach() @ self.axes
        codes, _ = nearest(latent.detach(), keys, self.is_used)
        words = self.codewords.gather(1, codes[..., None].expand(-1, -1, residuals.shape[2]))
        weight = present.to(latent.dtype)[..., None]
        # Over all coordinates, not only those of the look-up: the others would grow without anything to hold them.
        missed = ((residuals - words.detach()) * weight).flatten()
        squares, rows = ranks.summed(missed.dot(missed), weight.sum())
        entries = rows.clamp(min=1.0) * residuals.shape[2]
        commitment = squares / entries
        codebook_loss, statistics = commitment.new_zeros(()), None
        if not self.spec.use_ema:
            (squares,) = ranks.summed(((residuals.detach() - words).square() * weight).sum())
            codebook_loss = squares / entries
        elif self.training:
            statistics = self._statistics(residuals.detach(), codes, weight)
        return Quantized(codes, words, commitment, codebook_loss, statistics)

    def _statistics(
        self,
        residuals: Float[Tensor, "category row embedding"],
        codes: Int[Tensor, "category row"],
        weight: Float[Tensor, "category row 1"],
    ) -> CodebookStatistics:
        categories, _, embedding = residuals.shape
        place = (codes + self.num_tokens * torch.arange(categories, device=codes.device)[:, None]).flatten()
        sums = torch.zeros_like(self.sums).view(-1, embedding)
        sums.index_add_(0, place, (residuals * weight).flatten(0, 1))
        counts = torch.zeros_like(self.counts).view(-1).index_add_(0, place, weight.flatten())
        return CodebookStatistics(counts.view_as(self.counts), sums.view_as(self.sums), residuals, weight)

    @torch.no_grad()
    def follow(self, statistics: CodebookStatistics, *, generator: torch.Generator | None = None) -> None:
        """One step of the moving averages, then restarts, by the rows of all processes.

        Args:
            statistics: of a batch.
            generator: for restarts; none without.
        """
        counts, sums = ranks.summed(statistics.counts, statistics.sums)
        self.counts.lerp_(counts, 1 - self.spec.decay)
        self.sums.lerp_(sums, 1 - self.spec.decay)
        if generator is not None:
            self._restart(statistics, counts.sum(dim=1, keepdim=True), generator)
        total = self.counts.sum(dim=1, keepdim=True)
        # Laplace smoothing, on a copy: a code that nothing chose keeps a finite codeword.
        smoothed = (self.counts + SMOOTHING) / (total + self.num_tokens * SMOOTHING) * total
        self.codewords.copy_(self.sums / smoothed[..., None])

    def _restart(
        self, statistics: CodebookStatistics, present: Float[Tensor, "category 1"], generator: torch.Generator
    ) -> None:
        """Move rarely chosen codes to random ones of the `present` rows of the batch: vector, sum and count."""
        rows = present / self.num_tokens  # of a code, if all were chosen alike
        dead = (self.counts < self.spec.restart_threshold * rows) | ~self.is_used
        if not dead.any():
            return
        residuals, weight = (ranks.gathered(part, dim=1) for part in (statistics.residuals, statistics.weight))
        chances = (weight[..., 0] + torch.finfo(weight.dtype).tiny).cpu()
        drawn = torch.multinomial(chances, self.num_tokens, replacement=True, generator=generator).to(residuals.device)
        vectors = residuals.gather(1, drawn[..., None].expand(-1, -1, residuals.shape[2]))
        fresh = rows.expand_as(self.counts).clamp(min=1.0 / self.num_tokens)
        self.counts.copy_(torch.where(dead, fresh, self.counts))
        self.sums.copy_(torch.where(dead[..., None], vectors * fresh[..., None], self.sums))
        self.is_used.logical_or_(dead)
