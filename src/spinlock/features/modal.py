"""Proper orthogonal and dynamic modes from the inner products of frames alone."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

MOST_MODES = 8
"""Orthogonal modes that the dynamic-mode matrix acts on."""
LEAST_SHARE = 1e-6
"""Energy, as a share of the first mode's, below which a mode is rounding of float32 states."""


class DynamicModes(NamedTuple):
    """The strongest dynamic mode, and what the linear map leaves over.

    Attributes:
        growth: log|μ| a step; NaN where nothing changes.
        frequency: |arg μ|/2π, cycles a step.
        left_over: share of the next frames' variance that no linear map of the modes predicts.
    """

    growth: Float[Tensor, " batch"]
    frequency: Float[Tensor, " batch"]
    left_over: Float[Tensor, " batch"]


def spread_indices(length: int, most: int) -> Int[Tensor, " index"]:
    """Up to `most` indices, evenly spread over 0 … length - 1, ends included."""
    return torch.linspace(0, length - 1, min(length, most)).round().long()


def centred(gram: Float[Tensor, "batch row column"]) -> Float[Tensor, "batch row column"]:
    """Inner products of frames less the mean of their own set, for rows and columns alike."""
    rows = gram - gram.mean(-2, keepdim=True)
    return rows - rows.mean(-1, keepdim=True)


def energy_shares(gram: Float[Tensor, "batch time time"]) -> Float[Tensor, "batch mode"]:
    """Energies of the orthogonal modes, descending, summing to 1; NaN where nothing changes."""
    gram = centred(gram)
    scale = gram.diagonal(dim1=-2, dim2=-1).mean(-1)
    present = scale > 0
    energies = torch.linalg.eigvalsh(gram / torch.where(present, scale, 1)[:, None, None]).flip(-1).clamp_min(0)
    return torch.where(present[:, None], energies / energies.sum(-1, keepdim=True), torch.nan)


def effective_rank(shares: Float[Tensor, "batch mode"]) -> Float[Tensor, " batch"]:
    """exp of the entropy of the energies: n where n modes share the energy equally.

    Source: Roy & Vetterli 2007, section 2.
    """
    return torch.exp(-torch.special.xlogy(shares, shares).sum(-1))


def dynamic_modes(
    gram: Float[Tensor, "batch time time"], first: Int[Tensor, " pair"], *, most_modes: int = MOST_MODES
) -> DynamicModes:
    """Dynamic modes of the map from frames `first` to the frames one step later.

    With X the earlier and Y the later frames, each less its mean, and XᵀX = VΛVᵀ (kept: at most 8 modes, at most a
    quarter of the pairs), the map is Ã = Λ^(-1/2) Vᵀ (XᵀY) V Λ^(-1/2). Taking both means away makes it exact for
    affine dynamics too. The strongest mode is the one with the largest mean square amplitude.

    Source: Schmid 2010, section 2.3; Kutz et al. 2016, chapter 1.
    """
    later = first + 1
    within, across = centred(gram[:, first[:, None], first]), centred(gram[:, first[:, None], later])
    next_energy = centred(gram[:, later[:, None], later])
    energies, vectors = torch.linalg.eigh(within)
    count = max(1, min(most_modes, len(first) // 4))
    energies, vectors = energies[:, -count:].flip(-1), vectors[:, :, -count:].flip(-1)
    present = energies[:, 0] > 0
    kept = energies > LEAST_SHARE * energies[:, :1]
    inverse = torch.where(kept, energies, 1).rsqrt() * kept
    vectors = vectors * kept[:, None, :]
    reduced = inverse[:, :, None] * (vectors.mT @ across @ vectors) * inverse[:, None, :]
    growth, frequency = _strongest(reduced, energies * kept, vectors)
    total = next_energy.diagonal(dim1=-2, dim2=-1).sum(-1)
    explained = (vectors * (next_energy @ vectors)).sum((1, 2))
    left_over = torch.where(total > 0, 1 - explained / torch.where(total > 0, total, 1), torch.nan)
    return DynamicModes(growth.masked_fill(~present, torch.nan), frequency.masked_fill(~present, torch.nan), left_over)


def _strongest(
    reduced: Float[Tensor, "batch mode mode"],
    energies: Float[Tensor, "batch mode"],
    vectors: Float[Tensor, "batch pair mode"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """log|μ| and |arg μ|/2π of the eigenvalue whose mode carries most energy."""
    eigenvalues, modes = torch.linalg.eig(reduced)
    coefficients = energies.clamp_min(0).sqrt()[:, :, None] * vectors.mT  # (batch, mode, pair)
    amplitude = (torch.linalg.pinv(modes) @ coefficients.to(modes.dtype)).abs().square().sum(-1)
    alive = eigenvalues.abs() > 1e-6
    best = torch.where(alive, amplitude, -1).argmax(-1, keepdim=True)
    chosen, lives = eigenvalues.gather(-1, best)[:, 0], alive.gather(-1, best)[:, 0]
    growth = torch.where(lives, chosen.abs().clamp_min(1e-6).log(), torch.nan)
    return growth, torch.where(lives, chosen.angle().abs() / (2 * torch.pi), torch.nan)


def mean_autocorrelation(gram: Float[Tensor, "batch time time"]) -> Float[Tensor, "batch lag"]:
    """Σ_t G(t, t + lag) / Σ_t G(t, t) for lags 0 … T - 1; NaN where nothing changes."""
    time = gram.shape[-1]
    # the row of a padded, flipped matrix starts one place later than the row above: diagonals become columns
    skewed = torch.nn.functional.pad(gram.flip(-2), (0, time)).flatten(1)[:, : time * (2 * time - 1)]
    sums = skewed.unflatten(1, (time, 2 * time - 1)).sum(1)[:, time - 1 :]
    return sums / torch.where(sums[:, :1] > 0, sums[:, :1], torch.nan)


def integral_scale(correlation: Float[Tensor, "batch lag"]) -> Float[Tensor, " batch"]:
    """Area under the correlation up to its first zero crossing, by the trapezoidal rule, in lags."""
    before = (correlation > 0).to(torch.uint8).cumprod(-1)
    kept = torch.where(before > 0, correlation, 0).sum(-1) - correlation[:, 0] / 2
    return kept.masked_fill(correlation.isnan().any(-1), torch.nan)
