"""Spatial features: what one frame looks like, pixel by pixel.

Shape features (skewness, gradients relative to the spread, level sets) are taken of each channel's standardised frame
z = (u - mean) / std and averaged over the channels that vary. The features in units of u are in units of frame 0's
standard deviation.
"""

import math
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features.feature import GRID, LEVEL, feature
from spinlock.features.fields import Fields
from spinlock.features.kernels_values import FRACTIONS, NUM_BINS

CONSTANT = "where the frame is constant"
"""States without a value, in words."""

EXTENT, PLANE = Needs(longer_side=2), Needs(longer_side=2, plane=True)

spatial = partial(feature, category="spatial")

PerTimestep = Float[Tensor, "batch time"]


def _over_channels(values: Float[Tensor, "batch time channel"]) -> PerTimestep:
    """Mean over the channels that are defined; NaN where none is."""
    return values.squeeze(-1) if values.shape[-1] == 1 else values.nanmean(-1)


def _quantile(fields: Fields, fraction: float) -> Float[Tensor, "batch time channel"]:
    """Quantile of each channel's values."""
    return fields.values.quantiles[..., FRACTIONS.index(fraction)]


@spatial(unit="frame-0 std", scale=LEVEL)
def spatial_mean(fields: Fields) -> PerTimestep:
    """Mean of the field over space, averaged over channels.

    u_mean = Σ u / (pixels x channels). Any real number; defined for every frame. Conserved where the dynamics conserve
    mass.
    """
    return fields.mean.mean(-1)


@spatial(unit="frame-0 std")
def spatial_std(fields: Fields) -> PerTimestep:
    """Spatial standard deviation: how much of frame 0's contrast is left or was built up.

    σ = √(mean over channels of the spatial variance); >= 0, near 1 at time 0, 0 for a constant frame.
    """
    return fields.total_std


@spatial(needs=EXTENT, undefined=CONSTANT)
def spatial_skewness(fields: Fields) -> PerTimestep:
    """Third standardised moment: whether high values are rarer (positive) or low ones.

    mean z³; any real number, 0 for a symmetric distribution.
    """
    return _over_channels(fields.pixels.third)


@spatial(needs=EXTENT, undefined=CONSTANT)
def spatial_kurtosis(fields: Fields) -> PerTimestep:
    """Excess fourth standardised moment: how much of the variance sits in few pixels.

    mean z⁴ - 3; >= -2 (two equally frequent values), 0 for a Gaussian, large for isolated spots.
    """
    return _over_channels(fields.pixels.fourth) - 3


@spatial(needs=EXTENT, undefined=CONSTANT)
def trough_depth(fields: Fields) -> PerTimestep:
    """Distance of the smallest value below the mean, in standard deviations of the frame.

    (mean - min) / std; > 0.
    """
    return _over_channels((fields.mean - fields.minimum) / fields.shape_std)


@spatial(needs=EXTENT, undefined=CONSTANT)
def peak_height(fields: Fields) -> PerTimestep:
    """Distance of the largest value above the mean, in standard deviations of the frame.

    (max - mean) / std; > 0.
    """
    return _over_channels((fields.maximum - fields.mean) / fields.shape_std)


@spatial(source="Hotelling & Solomons 1932, Ann. Math. Stat. 3, 141", needs=EXTENT, undefined=CONSTANT)
def median_offset(fields: Fields) -> PerTimestep:
    """Nonparametric skew: how far the median lies below the mean, in standard deviations.

    (mean - median) / std, in [-1, 1] by Hotelling and Solomons' bound.
    """
    return _over_channels((fields.mean - _quantile(fields, 0.5)) / fields.shape_std)


@spatial(
    source="Hinkley 1975, Biometrika 62, 101",
    needs=EXTENT,
    undefined="where the frame is constant or the deciles coincide",
)
def quantile_skewness(fields: Fields) -> PerTimestep:
    """Asymmetry of the outer deciles about the median, blind to the few most extreme pixels.

    (q90 + q10 - 2 q50) / (q90 - q10), in [-1, 1].
    """
    low, middle, high = (_quantile(fields, fraction) for fraction in (0.1, 0.5, 0.9))
    return _over_channels(_ratio(high + low - 2 * middle, high - low, fields))


def _ratio(
    above: Float[Tensor, "batch time channel"], below: Float[Tensor, "batch time channel"], fields: Fields
) -> Float[Tensor, "batch time channel"]:
    """above / below, NaN where the channel is constant or `below` is 0."""
    return torch.where((below > 0) & ~fields.shape_std.isnan(), above / below, torch.nan)


@spatial(needs=EXTENT, undefined=CONSTANT)
def iqr_ratio(fields: Fields) -> PerTimestep:
    """Interquartile range against the standard deviation, 1 for a Gaussian.

    (q75 - q25) / (1.349 std), in [0, 1.72]: 0 where more than half of the pixels share one value, above 1 for two
    plateaus.
    """
    return _over_channels((_quantile(fields, 0.75) - _quantile(fields, 0.25)) / fields.shape_std) / 1.3489795


@spatial(source="Geary 1935, Biometrika 27, 310", needs=EXTENT, undefined=CONSTANT)
def mad_ratio(fields: Fields) -> PerTimestep:
    """Geary's ratio: mean absolute deviation against the standard deviation.

    mean |z|, in (0, 1]: 1 for two equally frequent values, √(2/π) = 0.80 for a Gaussian, near 0 for isolated spots.
    """
    return _over_channels(fields.pixels.mean_magnitude)


@spatial(
    source="Sarle 1990, SAS/STAT User's Guide; Pfister et al. 2013, doi:10.3389/fpsyg.2013.00700",
    needs=EXTENT,
    undefined=CONSTANT,
)
def spatial_bimodality(fields: Fields) -> PerTimestep:
    """Sarle's coefficient of bimodality.

    (skewness² + 1) / kurtosis, in (0, 1]: 1 for two values, 5/9 for a uniform, 1/3 for a Gaussian distribution.
    """
    return _over_channels((fields.pixels.third.square() + 1) / fields.pixels.fourth)


@spatial(source="Shannon 1948", needs=EXTENT, undefined=CONSTANT)
def value_entropy(fields: Fields) -> PerTimestep:
    """Entropy of the histogram of values between the frame's extremes.

    -Σ p log p / log 32 over 32 equal bins from minimum to maximum, in (0, 1): small where most pixels agree, 1 where
    all values are equally frequent.
    """
    entropy = torch.where(fields.shape_std.isnan(), torch.nan, fields.values.entropy)
    return _over_channels(entropy / math.log(NUM_BINS))


@spatial(unit="frame-0 std/length")
def gradient_magnitude(fields: Fields) -> PerTimestep:
    """Root mean square slope of the field.

    √(mean |∇u|²) over channel and space, by differences of neighbouring pixels; >= 0, 0 for a constant frame.
    """
    return fields.gradient_energy.sqrt()


@spatial(unit="length", source="Taylor 1935, doi:10.1098/rspa.1935.0158", needs=EXTENT, undefined=CONSTANT)
def gradient_microscale(fields: Fields) -> PerTimestep:
    """Taylor's microscale: the length over which the field changes by its own standard deviation.

    λ = std / √(mean |∇u|²), > 0; for a plane wave of wavelength L it is L / 2π.
    """
    return _over_channels((fields.slopes.xx + fields.slopes.yy).rsqrt()) * fields.dx


@spatial(needs=EXTENT, undefined=CONSTANT)
def gradient_kurtosis(fields: Fields) -> PerTimestep:
    """Flatness of the slope: whether steep places are few (fronts, spots) or everywhere.

    log of mean |∇u|⁴ / (mean |∇u|²)², >= 0; log 2 for a Gaussian field, log 1.5 for a plane wave.
    """
    energy = fields.slopes.xx + fields.slopes.yy
    return _over_channels((fields.pixels.gradient_fourth / energy.square()).log())


@spatial(needs=EXTENT, undefined=CONSTANT, scale=GRID)
def gradient_sparsity(fields: Fields) -> PerTimestep:
    """Mean slope against root mean square slope: the share of the frame that carries the slopes.

    (mean |∇u|)² / mean |∇u|², in (0, 1]: 1 for a ramp, 8/π² for a plane wave, π/4 for a Gaussian field, near 0 for
    isolated fronts.
    """
    energy = fields.slopes.xx + fields.slopes.yy
    return _over_channels(fields.pixels.gradient_magnitude.square() / energy)


@spatial(source="Bigün & Granlund 1987, ICCV, 433", needs=PLANE, undefined=CONSTANT)
def gradient_anisotropy(fields: Fields) -> PerTimestep:
    """Coherence of the structure tensor: how much the slopes agree on one axis.

    (λ₁ - λ₂) / (λ₁ + λ₂) of the mean of ∇u ∇uᵀ, in [0, 1]: 0 isotropic, 1 stripes; always 1 in one dimension.
    """
    axis, diagonal = _orientation(fields)
    return _over_channels(axis.hypot(diagonal))


def _orientation(fields: Fields) -> tuple[Float[Tensor, "batch time channel"], Float[Tensor, "batch time channel"]]:
    """Structure tensor as coherence times cos 2θ and sin 2θ, θ the angle of the steepest axis to x."""
    slopes = fields.slopes
    energy = slopes.xx + slopes.yy
    return (slopes.xx - slopes.yy) / energy, 2 * slopes.xy / energy


@spatial(source="Bigün & Granlund 1987, ICCV, 433", needs=PLANE, undefined=CONSTANT)
def gradient_axis(fields: Fields) -> PerTimestep:
    """Preference of the slopes for the x axis over the y axis.

    (mean u_x² - mean u_y²) / mean |∇u|² = coherence x cos 2θ, in [-1, 1]: 1 where only x matters (stripes along y), -1
    where only y does, 0 for diagonal stripes or no direction. Always 1 in one dimension.
    """
    return _over_channels(_orientation(fields)[0])


@spatial(source="Bigün & Granlund 1987, ICCV, 433", needs=PLANE, undefined=CONSTANT)
def gradient_diagonal(fields: Fields) -> PerTimestep:
    """Preference of the slopes for one diagonal over the other.

    2 mean u_x u_y / mean |∇u|² = coherence x sin 2θ, in [-1, 1]; positive where the field rises along x and y together.
    Always 0 in one dimension.
    """
    return _over_channels(_orientation(fields)[1])


@spatial(
    unit="1/length", needs=EXTENT, undefined="where the frame is constant or, without periodicity, has no inner pixel"
)
def curvature_wavenumber(fields: Fields) -> PerTimestep:
    """Root mean square curvature against root mean square slope: the scale of the finest structure.

    √(mean (∇²u)² / mean |∇u|²), >= 0, five-point Laplacian; k for a plane wave of wavenumber k (rad/length), up to
    √8/dx for pixel noise.
    """
    energy = fields.slopes.xx + fields.slopes.yy
    return _over_channels((fields.slopes.laplacian_square / energy).sqrt()) / fields.dx


@spatial(needs=EXTENT, undefined="where the frame is constant or, without periodicity, has no inner pixel")
def curvature_skewness(fields: Fields) -> PerTimestep:
    """Skewness of the Laplacian: whether peaks are sharper (negative) or troughs (positive).

    mean (∇²u)³ / (mean (∇²u)²)^1.5, any real number; 0 where the field looks the same upside down.
    """
    return _over_channels(fields.pixels.laplacian_cube / fields.slopes.laplacian_square**1.5)


@spatial(needs=EXTENT, undefined=CONSTANT)
def occupied_fraction(fields: Fields) -> PerTimestep:
    """Share of the pixels above the frame's mean.

    In (0, 1); 1/2 for a symmetric field, small for isolated peaks, large for isolated holes.
    """
    return _over_channels(fields.pixels.occupied)


@spatial(
    unit="1/length",
    source="Mecke 1998, Int. J. Mod. Phys. B 12, 861 (Minkowski functionals)",
    needs=EXTENT,
    undefined=CONSTANT,
)
def interface_length(fields: Fields) -> PerTimestep:
    """Length of the boundary of the set above the mean, per area.

    Pixel edges between {u > mean} and its complement, per pixel, over dx; > 0, at most 2/dx (checkerboard). In one
    dimension the number of crossings per length.
    """
    return _over_channels(fields.pixels.interface) / fields.dx


@spatial(
    unit="count",
    source="Mecke 1998, Int. J. Mod. Phys. B 12, 861 (Minkowski functionals)",
    needs=EXTENT,
    undefined=CONSTANT,
)
def euler_number(fields: Fields) -> PerTimestep:
    """Connected regions above the mean less the holes in them.

    χ = pixels - pairs + quads of {u > mean}, pixels joined by edges. Any real number, being a mean over channels:
    positive for separate spots, negative for a net with holes, 0 for stripes around a periodic domain.
    """
    return _over_channels(fields.pixels.euler)


@spatial(unit="length", needs=Needs(width=2), undefined=CONSTANT)
def correlation_length_x(fields: Fields) -> PerTimestep:
    """Distance along x over which the autocorrelation falls to 1/e.

    First crossing, linear between pixels, of the autocorrelation along x (inverse transform of the power summed over
    ky); in (0, width/2], whose end stands for a field that stays correlated.
    """
    return _correlation_length(fields, fields.spectra.along_x, width=fields.u.shape[-1])


@spatial(unit="length", needs=Needs(height=2), undefined=CONSTANT)
def correlation_length_y(fields: Fields) -> PerTimestep:
    """Distance along y over which the autocorrelation falls to 1/e.

    First crossing, linear between pixels, of the autocorrelation along y (inverse transform of the power summed over
    kx); in (0, height/2], whose end stands for a field that stays correlated.
    """
    return _correlation_length(fields, fields.spectra.along_y, width=fields.u.shape[-2])


def _correlation_length(fields: Fields, power: Float[Tensor, "batch time wavenumber"], *, width: int) -> PerTimestep:
    """1/e distance of the autocorrelation with the given power at 0, 1, 2, … cycles, in units of length."""
    if width < 2:
        return torch.full_like(fields.total_std, torch.nan)
    lags = torch.arange(width // 2 + 1)
    waves = torch.arange(power.shape[-1])
    angles = ((lags * waves[:, None]) % width).double() * (2 * math.pi / width)
    cosines = angles.cos().to(power.dtype)
    correlation = (power / power.sum(-1, keepdim=True)) @ cosines  # (batch, time, lag)
    below = correlation < math.exp(-1)
    first = below.int().argmax(-1).clamp_min(1)
    after = correlation.gather(-1, first[..., None]).squeeze(-1)
    before = correlation.gather(-1, first[..., None] - 1).squeeze(-1)
    crossing = first - 1 + (before - math.exp(-1)) / (before - after)
    length = torch.where(below.any(-1), crossing, float(lags[-1]))
    return torch.where(fields.is_varied, length * fields.dx, torch.nan).to(power.dtype)


@spatial(source="Roy & Vetterli 2007, EUSIPCO, 606; participation form", needs=PLANE, undefined=CONSTANT)
def effective_rank(fields: Fields) -> PerTimestep:
    """Number of row-and-column products that the frame, less its mean, is made of.

    (Σ s²)² / Σ s⁴ over the singular values s; in [1, shorter side], 1 for stripes along an axis and in one dimension.
    """
    return _over_channels(fields.pixels.rank)


SPATIAL = (
    spatial_mean,
    spatial_std,
    spatial_skewness,
    spatial_kurtosis,
    trough_depth,
    peak_height,
    median_offset,
    quantile_skewness,
    iqr_ratio,
    mad_ratio,
    spatial_bimodality,
    value_entropy,
    gradient_magnitude,
    gradient_microscale,
    gradient_kurtosis,
    gradient_sparsity,
    gradient_anisotropy,
    gradient_axis,
    gradient_diagonal,
    curvature_wavenumber,
    curvature_skewness,
    occupied_fraction,
    interface_length,
    euler_number,
    correlation_length_x,
    correlation_length_y,
    effective_rank,
)
