"""Integrated: the space-time field as one object.

Frequencies are in cycles per unit time, lengths in units of `dx`. "Modes" of the ω-k spectrum are the Fourier modes
up to 8 cycles per domain, each less its mean over time, with a Hann window in time.
"""

from functools import partial

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features.feature import CHANNELS, RUN, feature
from spinlock.features.fields import Fields, once
from spinlock.features.frame_products import FrameProducts
from spinlock.features.frequency_wavenumber import (
    FrequencyWavenumber,
    frequency_wavenumber,
    one_way_share,
    ridge_share,
)
from spinlock.features.kernels_arithmetic import squared_magnitude
from spinlock.features.low_pass import synthesize
from spinlock.features.modal import (
    DynamicModes,
    dynamic_modes,
    effective_rank,
    energy_shares,
    integral_scale,
    spread_indices,
)

FROZEN = "where nothing changes"
"""States without a value, in words."""

integrated = partial(feature, category="integrated")

MOST_FRAMES = 64
"""Frames, evenly spread over the run, that modes are found from."""
RIDGE_WIDTH = 1 / 64
"""Half width of a ridge of the ω-k spectrum, in cycles per step."""
LEAST_HALF = 1e-6
"""Energy of a half of the run, as a share of the whole run's, below which its inner products are rounding."""
SURFACE_POINTS = 32
"""Trial shifts along each axis."""


@once
def spectrum(fields: Fields) -> FrequencyWavenumber:
    """The ω-k power spectrum, summed over channels."""
    height, width = fields.u.shape[-2] * fields.dx, fields.u.shape[-1] * fields.dx
    return frequency_wavenumber(
        fields.low_modes, fields.low_ky, fields.low_kx, height=height, width=width, resolution=fields.resolution
    )


@once
def resolved_products(fields: Fields) -> FrameProducts:
    """`Fields.frame_products`, zero where the fluctuation is rounding (`Fields.resolution`)."""
    energy = fields.frame_products.squares.mean(-1)
    size = fields.linf.double().amax(1).square()
    resolved = (energy > fields.resolution**2 * size) & energy.isfinite()
    return fields.frame_products.where(resolved)


@once
def orthogonal_shares(fields: Fields) -> Float[Tensor, "batch mode"]:
    """Energy shares of the orthogonal modes of up to 64 frames."""
    index = spread_indices(fields.u.shape[1], MOST_FRAMES)
    return energy_shares(resolved_products(fields).between(index, index))


@once
def linear_map(fields: Fields) -> DynamicModes:
    """Dynamic modes from up to 64 pairs of successive frames; NaN with fewer than 4 steps."""
    time = fields.u.shape[1]
    if time < 4:
        nothing = fields.u.new_full((fields.u.shape[0],), torch.nan)
        return DynamicModes(nothing, nothing, nothing)
    first = spread_indices(time - 1, MOST_FRAMES)
    seen = torch.cat((first, first + 1)).unique()  # each first frame's next one follows it here too
    return dynamic_modes(resolved_products(fields).between(seen, seen), torch.searchsorted(seen, first))


@once
def frame_correlation(fields: Fields) -> Float[Tensor, "batch lag"]:
    """Correlation of frames against their lag."""
    return resolved_products(fields).correlation()


@integrated(unit="1/time", needs=Needs(steps=4, longer_side=3), undefined=FROZEN)
def omega_centroid(fields: Fields) -> Float[Tensor, " batch"]:
    """Mean frequency of the field's fluctuations.

    Σ |f| P(f, k) / Σ P(f, k) over the ω-k spectrum without the spatial mean.

    Returns:
        Cycles per unit time, in [0, 1/(2 dt)].
    """
    power, frequency, _ = _defined(fields)
    return (power.sum(-1) @ frequency.abs()) / power.sum((1, 2)) / fields.dt


@integrated(unit="1/time", needs=Needs(steps=4, longer_side=3), undefined=FROZEN)
def omega_spread(fields: Fields) -> Float[Tensor, " batch"]:
    """Spread of frequencies around the mean frequency of their wavenumber.

    √(Σ (|f| - f̄(k))² P(f, k) / Σ P(f, k)), f̄(k) the power's mean |f| at mode k: 0 where frequency is a function of
    wavenumber.

    Returns:
        Cycles per unit time, >= 0.
    """
    power, frequency, _ = _defined(fields)
    total = power.sum(1)  # (batch, mode)
    absolute = frequency.abs()
    mean = (power.mT @ absolute) / total.clamp_min(torch.finfo(total.dtype).tiny)
    deviation = (absolute[:, None] - mean[:, None, :]).square()
    return ((power * deviation).sum((1, 2)) / total.sum(-1)).sqrt() / fields.dt


@integrated(unit="length/time", needs=Needs(steps=4, longer_side=3), undefined=FROZEN)
def dispersion_slope(fields: Fields) -> Float[Tensor, " batch"]:
    """Slope of frequency against wavenumber: the typical phase speed.

    The power-weighted least-squares slope through the origin, Σ |f| κ P / Σ κ² P with κ = |k| in cycles per length. For
    waves f = c κ it is c.

    Returns:
        Length over time, >= 0.
    """
    power, frequency, wavenumber = _defined(fields)
    total = power.sum(1)
    slope = ((power.mT @ frequency.abs()) @ wavenumber) / (total @ wavenumber.square())
    return slope / fields.dt


@integrated(needs=Needs(steps=4, longer_side=3), undefined=FROZEN, scale=RUN)
def ridge_strength(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the power that lies on the ridge of the ω-k spectrum.

    The power within 1/64 cycles per step (at least one frequency) of each mode's strongest signed frequency, over all
    power.

    Returns:
        In (0, 1], near 1 for waves that obey a dispersion relation.
    """
    power, frequency, _ = _defined(fields)
    return ridge_share(power, reach=max(1, round(RIDGE_WIDTH * len(frequency))))


@integrated(needs=Needs(steps=4, longer_side=3), undefined=FROZEN, scale=RUN)
def running_wave_share(fields: Fields) -> Float[Tensor, " batch"]:
    """How much waves run rather than stand.

    Σ_k |P₊(k) - P₋(k)| / Σ_k (P₊(k) + P₋(k)), P± the power of mode k at positive and negative frequency.

    Returns:
        In [0, 1]: 1 where every mode runs one way, 0 for standing waves.
    """
    power, frequency, _ = _defined(fields)
    return one_way_share(power, frequency)


@integrated(
    source="Roy & Vetterli 2007, section 2; Sirovich 1987 (method of snapshots)", needs=Needs(steps=2), undefined=FROZEN
)
def orthogonal_rank(fields: Fields) -> Float[Tensor, " batch"]:
    """Effective number of orthogonal modes that the fluctuation needs.

    exp(-Σ p log p), p the energy shares of the proper orthogonal modes of up to 64 frames, evenly spread, less their
    mean.

    Returns:
        In [1, 63].
    """
    return effective_rank(orthogonal_shares(fields)).to(fields.u.dtype)


@integrated(source="Sirovich 1987 (method of snapshots)", needs=Needs(steps=2), undefined=FROZEN)
def orthogonal_leading_share(fields: Fields) -> Float[Tensor, " batch"]:
    """Energy share of the two strongest orthogonal modes.

    (λ₁ + λ₂)/Σλ: two, because a running wave has two modes of equal energy.

    Returns:
        In (0, 1].
    """
    return orthogonal_shares(fields)[:, :2].sum(-1).to(fields.u.dtype)


@integrated(
    needs=Needs(steps=6), undefined="where a half changes by less than a millionth of the run's mean energy", scale=RUN
)
def orthogonal_rank_growth(fields: Fields) -> Float[Tensor, " batch"]:
    """Growth of the number of orthogonal modes from the first to the second half of the run.

    log of the ratio of the effective ranks (`orthogonal_rank`) of the two halves, each less its own mean, from up to 32
    frames each. Positive where the dynamics become more complex.

    Returns:
        A pure number of either sign.
    """
    time = fields.u.shape[1]
    if time < 6:
        return fields.u.new_full((fields.u.shape[0],), torch.nan)
    products, half = resolved_products(fields), time // 2
    index = spread_indices(half, MOST_FRAMES // 2)
    floor = LEAST_HALF * products.squares.mean(-1)
    ranks = []
    for start in (0, time - half):
        part = products.between(start + index, start + index)
        alive = part.diagonal(dim1=-2, dim2=-1).mean(-1) - part.mean((1, 2)) > floor
        ranks.append(effective_rank(energy_shares(part)).masked_fill(~alive, torch.nan))
    return (ranks[1] / ranks[0]).log().to(fields.u.dtype)


@integrated(
    unit="1/time",
    source="Schmid 2010, section 2.3",
    needs=Needs(steps=4),
    undefined="where nothing changes or frames do not foretell the next ones at all (|μ| < 10⁻⁶)",
    scale=RUN,
)
def dynamic_mode_growth(fields: Fields) -> Float[Tensor, " batch"]:
    """Growth rate of the strongest dynamic mode.

    log|μ|/dt, μ the eigenvalue of the mode with the largest mean square amplitude of the affine map that best takes
    frames to the next frames, on their 8 strongest orthogonal modes, from up to 64 pairs of frames.

    Returns:
        1/time, of either sign: negative for decay.
    """
    return (linear_map(fields).growth / fields.dt).to(fields.u.dtype)


@integrated(
    unit="1/time",
    source="Schmid 2010, section 2.3",
    needs=Needs(steps=4),
    undefined="where nothing changes or frames do not foretell the next ones at all (|μ| < 10⁻⁶)",
    scale=RUN,
)
def dynamic_mode_frequency(fields: Fields) -> Float[Tensor, " batch"]:
    """Frequency of the strongest dynamic mode.

    |arg μ|/(2π dt), with μ as in `dynamic_mode_growth`.

    Returns:
        Cycles per unit time, in [0, 1/(2 dt)].
    """
    return (linear_map(fields).frequency / fields.dt).to(fields.u.dtype)


@integrated(source="definition; Schmid 2010, section 2.3", needs=Needs(steps=4), undefined=FROZEN, scale=RUN)
def dynamic_mode_residual(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the next frames' variance that no linear map of the strongest modes predicts.

    1 - R² of the regression of frames on the previous frames' 8 strongest orthogonal modes, over up to 64 pairs.

    Returns:
        In [0, 1]: 0 for linear dynamics of few modes.
    """
    return linear_map(fields).left_over.to(fields.u.dtype)


@integrated(unit="length", needs=Needs(steps=4, longer_side=3), undefined=FROZEN)
def fluctuation_length(fields: Fields) -> Float[Tensor, " batch"]:
    """Mean wavelength of what changes in time.

    Σ P(k)/κ / Σ P(k), P(k) the power of the ω-k spectrum at mode k, κ = |k| in cycles per length.

    Returns:
        Length, > 0: between an eighth of the domain's diagonal wave and the domain.
    """
    power, _, wavenumber = _defined(fields)
    total = power.sum(1)
    return (total @ wavenumber.reciprocal()) / total.sum(-1)


@integrated(needs=Needs(steps=4, longer_side=3), undefined=FROZEN, scale=RUN)
def comoving_correlation(fields: Fields) -> Float[Tensor, " batch"]:
    """How well the pattern survives twice its correlation time when one moves along with it.

    The largest correlation over all shifts in space of the fluctuation at t and at t + τ, averaged over t, in modes
    up to 8 cycles per domain without the mean. τ is twice the frames' correlation time, the area under C(τ) = Σ_t
    G(t, t+τ) /Σ_t G(t, t) up to its first zero (G the inner products of frames less their mean over time), at most
    half the run.

    Returns:
        In [0, 1] up to sampling: 1 for a pattern that moves unchanged.
    """
    modes = fields.low_modes
    time = modes.shape[1]
    nothing = fields.u.new_full((modes.shape[0],), torch.nan)
    if time < 4:
        return nothing
    scale = 2 * integral_scale(frame_correlation(fields))
    defined = scale.isfinite()
    lags = torch.where(defined, scale, 1).round().long().clamp(1, time // 2)
    fluctuation = modes - modes.mean(1, keepdim=True)
    return torch.where(defined, _shifted_correlation(fields, fluctuation, lags.tolist()), nothing)


@integrated(needs=Needs(steps=2), undefined="where the field is one constant", scale=RUN)
def coverage(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the whole range of states that a single place visits.

    ⟨max_t u(x) - min_t u(x)⟩_x / (max u - min u), averaged over channels that change, from up to 64 frames, evenly
    spread.

    Returns:
        In [0, 1]: 1 where every place sees every state, 0 for a frozen pattern.
    """
    high, low = fields.u[:, 0].clone(), fields.u[:, 0].clone()  # (batch, channel, height, width)
    for time in spread_indices(fields.u.shape[1], MOST_FRAMES).tolist():
        torch.maximum(high, fields.u[:, time], out=high)
        torch.minimum(low, fields.u[:, time], out=low)
    span = high.amax((-2, -1)) - low.amin((-2, -1))
    size = torch.maximum(high.abs(), low.abs()).amax((-2, -1))
    share = (high - low).mean((-2, -1)) / torch.where(span > fields.resolution * size, span, torch.nan)
    return share.nanmean(-1) if fields.u.shape[1] > 1 else torch.full_like(share[:, 0], torch.nan)


@integrated(needs=Needs(steps=2), undefined="where the field is one constant", scale=RUN)
def temporal_variance_share(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the space-time variance that is change in time: how well time mixes what space separates.

    V_t/(V_t + V_x): V_t the mean variance in time at a place, V_x the variance in space of the average over time, both
    averaged over channels.

    Returns:
        In [0, 1]: 0 for a frozen pattern, 1 where all places have the same average.
    """
    times = fields.u.shape[1]
    time_mean = fields.u.new_full((times,), 1 / times) @ fields.u.flatten(2)  # (batch, value)
    frozen = time_mean.unflatten(1, (fields.u.shape[2], -1)).double().var(-1, correction=0).mean(-1)
    moving = resolved_products(fields).squares.mean(-1)
    total = frozen + moving
    resolved = (total > fields.resolution**2 * fields.linf.double().amax(1).square()) & (fields.u.shape[1] > 1)
    return torch.where(resolved, moving / torch.where(resolved, total, 1), torch.nan).to(fields.u.dtype)


@integrated(
    source="Lachaux et al. 1999, phase locking value",
    needs=Needs(steps=4, channels=2, longer_side=3),
    undefined=FROZEN,
    scale=RUN + CHANNELS,
)
def channel_phase_locking(fields: Fields) -> Float[Tensor, " batch"]:
    """How firmly the channels' Fourier modes keep their phase difference.

    Σ_k w_k |⟨exp(i(φ_a - φ_b))⟩_t| / Σ_k w_k, φ the phases of the fluctuation's modes, w_k their mean |a_k||b_k|,
    averaged over pairs of channels.

    Returns:
        In [0, 1]: 1 where the difference of phase is constant, about 1/√T where it is random.
    """
    modes = fields.low_modes.flatten(3)
    if modes.shape[2] < 2 or modes.shape[1] < 4 or modes.shape[3] < 2:
        return fields.u.new_full((modes.shape[0],), torch.nan)
    moving = (fields.low_ky[:, None] != 0) | (fields.low_kx != 0)
    fluctuation = (modes - modes.mean(1, keepdim=True))[..., moving.flatten()]
    first, second = torch.triu_indices(modes.shape[2], modes.shape[2], 1)
    cross = fluctuation[:, :, first] * fluctuation[:, :, second].conj()
    size = cross.abs()
    tiny = torch.finfo(size.dtype).tiny
    locking, weight = (cross / size.clamp_min(tiny)).mean(1).abs(), size.mean(1)
    value = ((locking * weight).sum(-1) / weight.sum(-1).clamp_min(tiny)).mean(-1)
    return value.masked_fill(_defined(fields)[0].isnan().any(-1).any(-1), torch.nan)


def _defined(fields: Fields) -> FrequencyWavenumber:
    """The ω-k spectrum, NaN with fewer than 4 steps or no extent in space."""
    if fields.u.shape[1] >= 4 and max(len(fields.low_ky), len(fields.low_kx)) > 1:
        return spectrum(fields)
    nothing = fields.u.new_full((fields.u.shape[0], 1, 1), torch.nan)
    return FrequencyWavenumber(nothing, nothing[0, 0], nothing[0, 0])


def _shifted_correlation(
    fields: Fields, fluctuation: Complex[Tensor, "batch time channel ky kx"], lags: list[int]
) -> Float[Tensor, " batch"]:
    """The largest over all shifts of the correlation of each realization's frames that are `lags` apart."""
    weight = fields.low_weight * ~((fields.low_ky[:, None] == 0) & (fields.low_kx == 0))
    energy = (squared_magnitude(fluctuation).sum(2) * weight).sum((-2, -1))  # (batch, time)
    sizes, crosses = [], []
    for row, lag in enumerate(lags):
        crosses.append((fluctuation[row, :-lag].conj() * fluctuation[row, lag:]).sum((0, 1)))
        sizes.append(energy[row, :-lag].sum() * energy[row, lag:].sum())
    height, width = (SURFACE_POINTS if len(k) > 1 else 1 for k in (fields.low_ky, fields.low_kx))
    cross = torch.stack(crosses) * (weight > 0)
    surface = synthesize(cross, fields.low_ky, fields.low_kx, height=height, width=width)
    size = torch.stack(sizes).sqrt()
    return torch.where(size > 0, surface.amax((-2, -1)) / size, torch.nan)


INTEGRATED = (
    omega_centroid,
    omega_spread,
    dispersion_slope,
    ridge_strength,
    running_wave_share,
    orthogonal_rank,
    orthogonal_leading_share,
    orthogonal_rank_growth,
    dynamic_mode_growth,
    dynamic_mode_frequency,
    dynamic_mode_residual,
    fluctuation_length,
    comoving_correlation,
    coverage,
    temporal_variance_share,
    channel_phase_locking,
)
"""The features of this category, in column order."""
