"""Spectral features: how one frame's variance is spread over wavenumbers, directions and channels.

Wavenumbers are in cycles per domain (its longer side) and rounded to shells 0, 1, 2, …; P(k) is the power of a mode, E(k)
that of a shell, both summed over channels and without the mean. A domain that does not wrap around is seen through a Hann
window.
"""

import math
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features.feature import CHANNELS, GRID, feature
from spinlock.features.fields import Fields

CONSTANT = "where the frame is constant"
CONSTANT_PLANE = "where the frame is constant and has extent in space (without any it is 0)"
"""States without a value, in words."""

EXTENT, PLANE = Needs(longer_side=2), Needs(longer_side=2, plane=True)

spectral = partial(feature, category="spectral", undefined=CONSTANT)

PerTimestep = Float[Tensor, "batch time"]

FLOOR = 1e-12
"""Smallest share of the power that a logarithm sees: what float32 resolves."""


def _where_varied(fields: Fields, values: PerTimestep) -> PerTimestep:
    return torch.where(fields.is_varied, values, torch.nan)


def _shell_shares(fields: Fields) -> Float[Tensor, "batch time shell"]:
    """Shares of the power in shells 1, 2, …; NaN where the frame is constant."""
    power = fields.radial_power[..., 1:]
    return torch.where(fields.is_varied[..., None], power / power.sum(-1, keepdim=True), torch.nan)


def _shells(fields: Fields) -> Float[Tensor, " shell"]:
    return fields.radial_wavenumber[1:]


def _band(fields: Fields, first: int, last: int | None) -> PerTimestep:
    """Share of the power in shells `first` to `last`, both included."""
    return _where_varied(fields, _shell_shares(fields)[..., first - 1 : last].sum(-1))


@spectral(
    needs=EXTENT,
)
def band_power_1(fields: Fields) -> PerTimestep:
    """Share of the variance at 1 cycle per domain: the largest structure that fits.

    E(1) / Σ E, in [0, 1].
    """
    return _band(fields, 1, 1)


@spectral(
    needs=EXTENT,
)
def band_power_2_3(fields: Fields) -> PerTimestep:
    """Share of the variance at 2 to 3 cycles per domain.

    Σ E(2…3) / Σ E, in [0, 1].
    """
    return _band(fields, 2, 3)


@spectral(
    needs=EXTENT,
)
def band_power_4_7(fields: Fields) -> PerTimestep:
    """Share of the variance at 4 to 7 cycles per domain.

    Σ E(4…7) / Σ E, in [0, 1].
    """
    return _band(fields, 4, 7)


@spectral(
    needs=EXTENT,
)
def band_power_8_15(fields: Fields) -> PerTimestep:
    """Share of the variance at 8 to 15 cycles per domain.

    Σ E(8…15) / Σ E, in [0, 1]; 0 on a grid that resolves no such wave.
    """
    return _band(fields, 8, 15)


@spectral(
    needs=EXTENT,
)
def band_power_16_up(fields: Fields) -> PerTimestep:
    """Share of the variance at 16 cycles per domain and more, in decades.

    log10(Σ E(16…) / Σ E), floored at -12; in [-12, 0].
    """
    return _band(fields, 16, None).clamp_min(FLOOR).log10()


@spectral(unit="cycles/domain", undefined=CONSTANT_PLANE)
def spectral_centroid(fields: Fields) -> PerTimestep:
    """Mean wavenumber, weighted by power.

    k̄ = Σ k E(k) / Σ E(k), >= 1.
    """
    return _shell_shares(fields) @ _shells(fields)


@spectral(unit="cycles/domain", undefined=CONSTANT_PLANE)
def spectral_spread(fields: Fields) -> PerTimestep:
    """Standard deviation of the wavenumber, weighted by power.

    √(Σ (k - k̄)² E(k) / Σ E(k)), >= 0; 0 for a single shell.
    """
    shares, k = _shell_shares(fields), _shells(fields)
    centred = k - (shares @ k)[..., None]
    return (shares * centred.square()).sum(-1).sqrt()


@spectral(needs=Needs(longer_side=6), scale=GRID)
def spectral_slope(fields: Fields) -> PerTimestep:
    """Exponent of the best power law through the shell spectrum.

    Least-squares slope of log E(k) on log k over the full shells 1 … N/2, E floored at 1e-12 of the total; any real
    number: -5/3 in the inertial range of turbulence, +1 for white noise in two dimensions.
    """
    return _log_log_fit(fields)[0]


@spectral(needs=Needs(longer_side=8), scale=GRID)
def spectral_curvature(fields: Fields) -> PerTimestep:
    """Bend of the shell spectrum away from a power law.

    Coefficient of (log k)² in the least-squares parabola through log E(k) over the full shells 1 … N/2, E floored at
    1e-12 of the total; any real number: 0 for a power law, negative where the spectrum is cut off or peaks inside.
    """
    return _log_log_fit(fields)[1]


def _full_shells(fields: Fields) -> int:
    """Number of shells 1 … that lie inside the square of resolved wavenumbers."""
    return max(fields.u.shape[-2:]) // 2


def _log_log_fit(fields: Fields) -> tuple[PerTimestep, PerTimestep]:
    """Slope of the straight fit and second-order coefficient of the parabola through log E against log k."""
    count = _full_shells(fields)
    log_power = _shell_shares(fields)[..., :count].clamp_min(FLOOR).log()
    missing = torch.full_like(fields.total_std, torch.nan)
    log_k = _shells(fields)[:count].log()
    if count < 3:
        return missing, missing
    linear = log_k - log_k.mean()
    slope = log_power @ (linear / linear.square().sum())
    if count < 4:
        return slope, missing
    # The parabola's leading coefficient is the regression on log² k, made orthogonal to 1 and log k.
    square = linear.square() - linear.square().mean()
    square = square - linear * ((square @ linear) / (linear @ linear))
    return slope, log_power @ (square / square.square().sum())


@spectral(source="Gray & Markel 1974, doi:10.1109/TASSP.1974.1162572", needs=EXTENT, scale=GRID)
def spectral_flatness(fields: Fields) -> PerTimestep:
    """Geometric against arithmetic mean of the shell spectrum, in decades.

    log10(exp(mean log E) / mean E) over the full shells 1 … N/2, E floored at 1e-12 of the total; in [-12, 0]: 0 for
    equal shells, near -12 for a single one.
    """
    power = _shell_shares(fields)[..., : _full_shells(fields)].clamp_min(FLOOR)
    return power.log10().mean(-1) - power.mean(-1).log10()


@spectral(source="Powell & Percival 1979, doi:10.1088/0305-4470/12/11/017", needs=Needs(longer_side=4), scale=GRID)
def spectral_entropy(fields: Fields) -> PerTimestep:
    """Entropy of the shares of power in the shells.

    -Σ p log p / log(number of shells), in [0, 1]: 0 for one shell, 1 for equal shells.
    """
    shares = _shell_shares(fields)
    if shares.shape[-1] < 2:
        return torch.full_like(fields.total_std, torch.nan)
    return -torch.special.xlogy(shares, shares).sum(-1) / math.log(shares.shape[-1])


@spectral(
    unit="decades",
    needs=EXTENT,
)
def active_modes(fields: Fields) -> PerTimestep:
    """Number of Fourier modes that carry the field.

    log10 of 1 / Σ p², p the share of each mode of the whole plane; >= 0: 0.3 for one wave and its conjugate, higher for
    noise.
    """
    return _where_varied(fields, -fields.spectra.peak[..., 3].log10())


@spectral(
    unit="cycles/domain",
    needs=EXTENT,
)
def spectral_rolloff(fields: Fields) -> PerTimestep:
    """Wavenumber below which 90 % of the power lies.

    Linear between the edges k ± 1/2 of the shells; > 0.
    """
    shares = _shell_shares(fields)
    if shares.shape[-1] == 0:
        return torch.full_like(fields.total_std, torch.nan)
    cumulative = shares.cumsum(-1)
    shell = (cumulative >= 0.9).int().argmax(-1, keepdim=True)
    inside, upto = shares.gather(-1, shell), cumulative.gather(-1, shell)
    return (shell + 1.5 - (upto - 0.9) / inside).squeeze(-1)


@spectral(
    unit="cycles/domain",
    needs=EXTENT,
)
def dominant_wavenumber(fields: Fields) -> PerTimestep:
    """Wavenumber of the strongest Fourier mode.

    |k| at the largest P(k), > 0: the inverse of the pattern's wavelength in domains.
    """
    peak = fields.spectra.peak
    return _where_varied(fields, peak[..., 0].hypot(peak[..., 1]))


@spectral(
    needs=EXTENT,
)
def dominant_share(fields: Fields) -> PerTimestep:
    """Share of the power in the strongest wave.

    P(k) / Σ P at the largest P(k), a wave counted with its conjugate; in (0, 1], 1 for a plane wave.
    """
    return _where_varied(fields, fields.spectra.peak[..., 2])


@spectral(
    needs=EXTENT,
)
def peak_concentration(fields: Fields) -> PerTimestep:
    """Share of the power within one shell of the strongest shell.

    Σ E(k₀-1 … k₀+1) / Σ E, in (0, 1]: high for a pattern of one wavelength, whatever its directions.
    """
    shares = _shell_shares(fields)
    if shares.shape[-1] == 0:
        return torch.full_like(fields.total_std, torch.nan)
    padded = torch.nn.functional.pad(shares, (1, 1))
    shell = shares.nan_to_num().argmax(-1, keepdim=True)
    return padded.gather(-1, torch.cat((shell, shell + 1, shell + 2), -1)).sum(-1)


@spectral(
    needs=PLANE,
)
def dominant_axis(fields: Fields) -> PerTimestep:
    """Direction of the strongest wave, as its preference for x over y.

    cos 2θ = (kx² - ky²) / |k|², in [-1, 1]: 1 for stripes along y, -1 for stripes along x.
    """
    ky, kx = fields.spectra.peak[..., 0], fields.spectra.peak[..., 1]
    return _where_varied(fields, (kx.square() - ky.square()) / (kx.square() + ky.square()))


@spectral(
    needs=PLANE,
)
def dominant_diagonal(fields: Fields) -> PerTimestep:
    """Direction of the strongest wave, as its preference for one diagonal.

    sin 2θ = 2 kx ky / |k|², in [-1, 1]; always 0 in one dimension.
    """
    ky, kx = fields.spectra.peak[..., 0], fields.spectra.peak[..., 1]
    return _where_varied(fields, 2 * kx * ky / (kx.square() + ky.square()))


def _angular_order(fields: Fields, index: int) -> PerTimestep:
    """|Σ P e^{imθ}| / Σ P of the index-th of m = 2, 4, 6."""
    moment = fields.spectra.angular[..., index, :]
    return _where_varied(fields, moment[..., 0].hypot(moment[..., 1]))


@spectral(
    needs=PLANE,
)
def spectral_anisotropy(fields: Fields) -> PerTimestep:
    """How much the power agrees on one axis.

    |Σ P e^{2iθ}| / Σ P, in [0, 1]: 1 for stripes (and in one dimension), 0 without a preferred axis. Unlike
    `gradient_anisotropy` it weighs large structures as much as fine ones.
    """
    return _angular_order(fields, 0)


@spectral(
    source="Nelson & Halperin 1979, doi:10.1103/PhysRevB.19.2457",
    needs=PLANE,
)
def fourfold_order(fields: Fields) -> PerTimestep:
    """How much the power lies on a cross of two perpendicular axes.

    |Σ P e^{4iθ}| / Σ P, in [0, 1]: 1 for a square lattice and for stripes, 0 for directions at random.
    """
    return _angular_order(fields, 1)


@spectral(
    source="Nelson & Halperin 1979, doi:10.1103/PhysRevB.19.2457",
    needs=PLANE,
)
def sixfold_order(fields: Fields) -> PerTimestep:
    """How much the power lies on a star of three axes at 60°.

    |Σ P e^{6iθ}| / Σ P, in [0, 1]: 1 for a hexagonal lattice and for stripes, 0 for directions at random.
    """
    return _angular_order(fields, 2)


@spectral(needs=Needs(longer_side=5), undefined="where the frame is constant or 2k is not resolved")
def second_harmonic(fields: Fields) -> PerTimestep:
    """Power at twice the strongest wave vector against the power at it, in decades.

    log10 of P(2k) / P(k), floored at -12; in [-12, 0]. Non-sinusoidal, asymmetric waves have one.
    """
    return _where_varied(fields, fields.spectra.harmonics[..., 0].clamp_min(FLOOR).log10())


@spectral(needs=Needs(longer_side=7), undefined="where the frame is constant or 3k is not resolved")
def third_harmonic(fields: Fields) -> PerTimestep:
    """Power at three times the strongest wave vector against the power at it, in decades.

    log10 of P(3k) / P(k), floored at -12; in [-12, 0]: -0.95 for a square wave.
    """
    return _where_varied(fields, fields.spectra.harmonics[..., 1].clamp_min(FLOOR).log10())


@spectral(unit="decades", needs=EXTENT, scale=GRID)
def fine_scale_power(fields: Fields) -> PerTimestep:
    """Share of the power above half of the grid's Nyquist wavenumber: how well the grid resolves the field.

    log10 of Σ E(k > N/4) / Σ E, floored at -12, in [-12, 0]; N pixels on the longer side.
    """
    first = max(fields.u.shape[-2:]) // 4 + 1
    return _band(fields, first, None).clamp_min(FLOOR).log10()


@spectral(
    unit="decades",
    source="Welch 1967, doi:10.1109/TAU.1967.1161901; Daniell 1946, averaging over wavenumbers",
    needs=Needs(channels=2, longer_side=3),
    scale=CHANNELS,
)
def coherence_low(fields: Fields) -> PerTimestep:
    """Coherence between channels at 1 to 4 cycles per domain, in decades of what is not shared.

    -log10(1 - γ²), γ² = |Σ û_a û_b*|² / (Σ |û_a|² Σ |û_b|²) with sums over 3 x 3 neighbouring modes (a single mode
    always has γ = 1), averaged over the band by power and over pairs of channels; in [0, 6]. About 0.05 for unrelated
    channels (0.2 in one dimension), 1 where 90 % of the power is shared, whatever the phase; at most 6, the floor,
    where one channel is a multiple of the other.
    """
    return _incoherence_decades(fields, 0)


@spectral(
    unit="decades",
    source="Welch 1967, doi:10.1109/TAU.1967.1161901; Daniell 1946, averaging over wavenumbers",
    needs=Needs(channels=2, longer_side=9),
    undefined="where the frame is constant or the grid resolves no such wave",
    scale=CHANNELS,
)
def coherence_high(fields: Fields) -> PerTimestep:
    """Coherence between channels at 5 to 16 cycles per domain, in decades of what is not shared.

    -log10(1 - γ²) as in `coherence_low`, for finer structure; in [0, 6].
    """
    return _incoherence_decades(fields, 1)


def _incoherence_decades(fields: Fields, band: int) -> PerTimestep:
    unshared = (1 - fields.spectra.coherence[..., band]).clamp_min(1e-6)
    return _where_varied(fields, -unshared.log10())


@spectral(source="Pearson 1895", needs=Needs(channels=2, longer_side=2), scale=CHANNELS)
def channel_correlation(fields: Fields) -> PerTimestep:
    """Correlation of the channels over space.

    Pearson's r = cov(a, b) / (σ_a σ_b) of the pixels of two channels, mean over pairs; in [-1, 1]: negative for an
    activator and the substrate that it depletes, 0 for waves a quarter wavelength apart.
    """
    return _where_varied(fields, fields.spectra.correlation)


SPECTRAL = (
    band_power_1,
    band_power_2_3,
    band_power_4_7,
    band_power_8_15,
    band_power_16_up,
    spectral_centroid,
    spectral_spread,
    spectral_slope,
    spectral_curvature,
    spectral_flatness,
    spectral_entropy,
    active_modes,
    spectral_rolloff,
    dominant_wavenumber,
    dominant_share,
    peak_concentration,
    dominant_axis,
    dominant_diagonal,
    spectral_anisotropy,
    fourfold_order,
    sixfold_order,
    second_harmonic,
    third_harmonic,
    fine_scale_power,
    coherence_low,
    coherence_high,
    channel_correlation,
)
