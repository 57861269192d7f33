"""Invariant drift: what the system keeps, what it loses, and how steadily.

Six quantities are followed: mass, L1, L2 and L∞ norm, entropy of the energy over cells, and total variation, of the
raw field, of its low-passed part (at most 4 cycles per domain along each axis) and of the rest, the high-passed part.
States are in units of frame 0's standard deviation. Norms and variation enter by their logarithm, mass and entropy as
they are. Of the combinations with the four statistics those stand here that are no twins of another on simulated
data: the norms of one part drift together, so L1 speaks for the low-passed and L2 for the raw and the high-passed
field.

Statistics of a series q(t): net drift q(T) - q(0); rate, its least-squares slope; increment variance, the variance of
(q(t') - q(t))/√(t' - t), the diffusivity of a random walk; monotonicity, Kendall's rank correlation with time.

Up to 64 frames, evenly spread, first and last included, are looked at. A variation or a low- or high-passed norm below
10⁻⁶ of the raw L2 norm is rounding of float32 and counts as 10⁻⁶ of it; float64 resolves 10⁻⁶ of the standard deviation
in space, however high the level.
"""

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features.conserved import (
    drift_rate,
    increment_variance,
    log_above,
    monotonicity,
    net_drift,
    quantities,
)
from spinlock.features.feature import LEVEL, RUN, feature
from spinlock.features.fields import Fields, once
from spinlock.features.low_pass import lowest
from spinlock.features.modal import spread_indices

ZERO = "where the field is zero at some time"
UNIFORM = "where the field is constant in space at all times"
ROUNDING = "where that is rounding at all times"
STEADY = "where it nowhere changes by more than 10⁻⁶"
"""States without a value, in words."""

invariant_drift = partial(feature, category="invariant_drift")

MOST_FRAMES = 64
"""Frames, evenly spread over the run, that quantities are followed on."""
CUTOFF = 4
"""Largest wavenumber of the low-passed field along each axis, in cycles per domain."""
LEAST_SHARE = 1e-6
"""Of a frame's standard deviation, below which a variation or a part of the field counts as so much."""
LEAST_CHANGE = 1e-6
"""Relative change of a quantity between two times that counts as one: rounding of float32, but the same in float64."""


class Series(NamedTuple):
    """Quantities over time, float64, and the times."""

    time: Float[Tensor, " time"]
    mass: Float[Tensor, "batch time"]
    log_l2: Float[Tensor, "batch time"]
    log_linf: Float[Tensor, "batch time"]
    log_variation: Float[Tensor, "batch time"]
    entropy: Float[Tensor, "batch time"]
    log_low_l1: Float[Tensor, "batch time"]
    log_high_l2: Float[Tensor, "batch time"]
    high_entropy: Float[Tensor, "batch time"]
    log_centroid: Float[Tensor, "batch time"]


@once
def series(fields: Fields) -> Series:
    """All quantities of up to 64 frames; NaN where a quantity vanishes."""
    index = spread_indices(fields.u.shape[1], MOST_FRAMES)
    modes, ky, kx = lowest(fields.low_modes[:, index], fields.low_ky, fields.low_kx, cutoff=CUTOFF)
    found = quantities(fields.u[:, index], modes, ky, kx, periodic=fields.periodic)
    l2 = fields.l2[:, index]
    # Of a pattern on a high level its own size counts, as far as the dtype resolves it; in float32 l2 is the larger.
    rounding = torch.maximum(fields.resolution * l2, LEAST_SHARE * torch.minimum(fields.total_std[:, index], l2))
    return Series(
        time=index.double() * fields.dt,
        mass=fields.mean[:, index].double().mean(-1),
        log_l2=log_above(l2, torch.zeros_like(l2)),
        log_linf=log_above(fields.linf[:, index], torch.zeros_like(l2)),
        log_variation=log_above(found.variation, rounding),
        entropy=found.entropy.double(),
        log_low_l1=log_above(found.low_l1, rounding),
        log_high_l2=log_above(found.high_l2, rounding),
        high_entropy=torch.where(found.high_l2 > rounding, found.high_entropy.double(), torch.nan),
        log_centroid=log_above(fields.scalars[:, index, 3], torch.zeros_like(l2)),
    )


@invariant_drift(needs=Needs(steps=2), scale=RUN)
def mass_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the spatial mean over the run.

    m(t) = ⟨u⟩ over channel, height and width, in units of frame 0's standard deviation; m(T) - m(0).

    Returns:
        Of either sign.
    """
    return net_drift(series(fields).mass).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=2), scale=RUN)
def mass_drift_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Rate at which the spatial mean changes.

    m(t) = ⟨u⟩ over channel, height and width, in units of frame 0's standard deviation; the least-squares slope
    against time.

    Returns:
        1/time, of either sign.
    """
    return drift_rate(series(fields).mass, series(fields).time).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=3))
def mass_increment_variance(fields: Fields) -> Float[Tensor, " batch"]:
    """Restlessness of the spatial mean from step to step.

    m(t) = ⟨u⟩ over channel, height and width, in units of frame 0's standard deviation; the variance of its
    increments over √(time step): the diffusivity of a random walk, 0 for a steady drift.

    Returns:
        1/time, >= 0.
    """
    return increment_variance(series(fields).mass, series(fields).time).to(fields.u.dtype)


@invariant_drift(source="Kendall 1938; Mann 1945", needs=Needs(steps=2), undefined=STEADY, scale=RUN)
def mass_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the spatial mean drifts one way.

    m(t) = ⟨u⟩ over channel, height and width, in units of frame 0's standard deviation; Kendall's rank correlation
    with time: the share of pairs of times that rise less the share that fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).mass, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(needs=Needs(steps=2), undefined=ZERO, scale=RUN + LEVEL)
def l2_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the L2 norm over the run.

    q(t) = log of the root mean square of u; q(T) - q(0).

    Returns:
        Of either sign.
    """
    return net_drift(series(fields).log_l2).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=2), undefined=ZERO, scale=RUN + LEVEL)
def l2_drift_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Rate at which the L2 norm changes.

    q(t) = log of the root mean square of u; the least-squares slope against time.

    Returns:
        1/time, of either sign; exact for exponential growth or decay.
    """
    return drift_rate(series(fields).log_l2, series(fields).time).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=3), undefined=ZERO, scale=LEVEL)
def l2_increment_variance(fields: Fields) -> Float[Tensor, " batch"]:
    """Restlessness of the L2 norm from step to step.

    q(t) = log of the root mean square of u; the variance of its increments over √(time step): the diffusivity of a
    random walk, 0 for a steady drift.

    Returns:
        1/time, >= 0.
    """
    return increment_variance(series(fields).log_l2, series(fields).time).to(fields.u.dtype)


@invariant_drift(
    source="Kendall 1938; Mann 1945", needs=Needs(steps=2), undefined=f"{STEADY}, or {ZERO}", scale=RUN + LEVEL
)
def l2_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the L2 norm drifts one way.

    q(t) = log of the root mean square of u; Kendall's rank correlation with time: the share of pairs of times that
    rise less the share that fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).log_l2, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(needs=Needs(steps=2), undefined=ZERO, scale=LEVEL)
def linf_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the largest absolute value over the run.

    q(t) = log max|u|; q(T) - q(0).

    Returns:
        Of either sign.
    """
    return net_drift(series(fields).log_linf).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=3), undefined=ZERO, scale=LEVEL)
def linf_increment_variance(fields: Fields) -> Float[Tensor, " batch"]:
    """Restlessness of the largest absolute value from step to step.

    q(t) = log max|u|; the variance of its increments over √(time step): the diffusivity of a random walk, 0 for a
    steady drift.

    Returns:
        1/time, >= 0.
    """
    return increment_variance(series(fields).log_linf, series(fields).time).to(fields.u.dtype)


@invariant_drift(
    source="Kendall 1938; Mann 1945", needs=Needs(steps=2), undefined=f"{STEADY}, or {ZERO}", scale=RUN + LEVEL
)
def linf_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the largest absolute value drifts one way.

    q(t) = log max|u|; Kendall's rank correlation with time: the share of pairs of times that rise less the share that
    fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).log_linf, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(needs=Needs(steps=2, longer_side=2), undefined=UNIFORM)
def variation_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the total variation over the run.

    q(t) = log of the mean absolute step from a cell to the next ones; q(T) - q(0).

    Returns:
        Of either sign.
    """
    return net_drift(series(fields).log_variation).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=3, longer_side=2), undefined=UNIFORM)
def variation_increment_variance(fields: Fields) -> Float[Tensor, " batch"]:
    """Restlessness of the total variation from step to step.

    q(t) = log of the mean absolute step from a cell to the next ones; the variance of its increments over √(time
    step): the diffusivity of a random walk, 0 for a steady drift.

    Returns:
        1/time, >= 0.
    """
    return increment_variance(series(fields).log_variation, series(fields).time).to(fields.u.dtype)


@invariant_drift(
    source="Kendall 1938; Mann 1945",
    needs=Needs(steps=2, longer_side=2),
    undefined=f"{STEADY}, or {UNIFORM}",
    scale=RUN,
)
def variation_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the total variation drifts one way.

    q(t) = log of the mean absolute step from a cell to the next ones; Kendall's rank correlation with time: the share
    of pairs of times that rise less the share that fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).log_variation, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(unit="nats", needs=Needs(steps=2), undefined=ZERO, scale=LEVEL)
def entropy_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the entropy of the energy over cells over the run.

    H(t) = -Σ p log p with p = u²/Σu² over channel and cell, in nats: it grows where energy spreads over the domain;
    H(T) - H(0).

    Returns:
        Nats, of either sign.
    """
    return net_drift(series(fields).entropy).to(fields.u.dtype)


@invariant_drift(unit="nats²/time", needs=Needs(steps=3), undefined=ZERO, scale=LEVEL)
def entropy_increment_variance(fields: Fields) -> Float[Tensor, " batch"]:
    """Restlessness of the entropy of the energy over cells from step to step.

    H(t) = -Σ p log p with p = u²/Σu² over channel and cell, in nats: it grows where energy spreads over the domain;
    the variance of its increments over √(time step): the diffusivity of a random walk, 0 for a steady drift.

    Returns:
        nats²/time, >= 0.
    """
    return increment_variance(series(fields).entropy, series(fields).time).to(fields.u.dtype)


@invariant_drift(
    source="Kendall 1938; Mann 1945", needs=Needs(steps=2), undefined=f"{STEADY}, or {ZERO}", scale=RUN + LEVEL
)
def entropy_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the entropy of the energy over cells drifts one way.

    H(t) = -Σ p log p with p = u²/Σu² over channel and cell, in nats: it grows where energy spreads over the domain;
    Kendall's rank correlation with time: the share of pairs of times that rise less the share that fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).entropy, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(needs=Needs(steps=2), undefined="where that is rounding at all times", scale=LEVEL)
def low_l1_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the L1 norm of the low-passed field over the run.

    q(t) = log of the mean absolute value of the field below 4 cycles per domain; q(T) - q(0).

    Returns:
        Of either sign.
    """
    return net_drift(series(fields).log_low_l1).to(fields.u.dtype)


@invariant_drift(needs=Needs(steps=2, longer_side=2), undefined=ROUNDING)
def high_l2_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the L2 norm of the high-passed field over the run.

    q(t) = log of the root mean square of the field above 4 cycles per domain; q(T) - q(0).

    Returns:
        Of either sign.
    """
    return net_drift(series(fields).log_high_l2).to(fields.u.dtype)


@invariant_drift(unit="1/time", needs=Needs(steps=3, longer_side=2), undefined=ROUNDING)
def high_l2_increment_variance(fields: Fields) -> Float[Tensor, " batch"]:
    """Restlessness of the L2 norm of the high-passed field from step to step.

    q(t) = log of the root mean square of the field above 4 cycles per domain; the variance of its increments over
    √(time step): the diffusivity of a random walk, 0 for a steady drift.

    Returns:
        1/time, >= 0.
    """
    return increment_variance(series(fields).log_high_l2, series(fields).time).to(fields.u.dtype)


@invariant_drift(
    source="Kendall 1938; Mann 1945",
    needs=Needs(steps=2, longer_side=2),
    undefined=f"{STEADY}, or {ROUNDING}",
    scale=RUN,
)
def high_l2_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the L2 norm of the high-passed field drifts one way.

    q(t) = log of the root mean square of the field above 4 cycles per domain; Kendall's rank correlation with time:
    the share of pairs of times that rise less the share that fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).log_high_l2, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(
    unit="nats", needs=Needs(steps=2, longer_side=2), undefined="where there is rounding only at some time"
)
def high_entropy_drift(fields: Fields) -> Float[Tensor, " batch"]:
    """Net change of the entropy of the high-passed energy over cells over the run.

    H(t) = -Σ p log p with p the energy shares of cells above 4 cycles per domain, in nats: it falls where small
    scales gather in places; H(T) - H(0).

    Returns:
        Nats, of either sign.
    """
    return net_drift(series(fields).high_entropy).to(fields.u.dtype)


@invariant_drift(
    source="Kendall 1938; Mann 1945",
    needs=Needs(steps=2, longer_side=2),
    undefined=f"{STEADY}, or there is rounding only at some time",
    scale=RUN,
)
def high_entropy_monotonicity(fields: Fields) -> Float[Tensor, " batch"]:
    """How steadily the entropy of the high-passed energy over cells drifts one way.

    H(t) = -Σ p log p with p the energy shares of cells above 4 cycles per domain, in nats: it falls where small
    scales gather in places; Kendall's rank correlation with time: the share of pairs of times that rise less the
    share that fall.

    Returns:
        In [-1, 1]: 1 for steady growth, -1 for steady decline, near 0 for ups and downs.
    """
    return monotonicity(series(fields).high_entropy, least=LEAST_CHANGE).to(fields.u.dtype)


@invariant_drift(
    source="definition; Kraichnan 1967 (direct and inverse cascade)",
    needs=Needs(steps=2, longer_side=4),
    undefined="where the field is constant in space at some time, or the centroid nowhere changes by more than 10⁻⁶",
    scale=RUN,
)
def cascade_direction(fields: Fields) -> Float[Tensor, " batch"]:
    """Direction in which energy travels between scales.

    q(t) = log of the spectral centroid, the mean wavenumber of the power spectrum; Kendall's rank correlation with
    time: positive where energy moves to small scales (direct), negative where to large ones (inverse).

    Returns:
        In [-1, 1].
    """
    return monotonicity(series(fields).log_centroid, least=LEAST_CHANGE).to(fields.u.dtype)


INVARIANT_DRIFT = (
    mass_drift,
    mass_drift_rate,
    mass_increment_variance,
    mass_monotonicity,
    l2_drift,
    l2_drift_rate,
    l2_increment_variance,
    l2_monotonicity,
    linf_drift,
    linf_increment_variance,
    linf_monotonicity,
    variation_drift,
    variation_increment_variance,
    variation_monotonicity,
    entropy_drift,
    entropy_increment_variance,
    entropy_monotonicity,
    low_l1_drift,
    high_l2_drift,
    high_l2_increment_variance,
    high_l2_monotonicity,
    high_entropy_drift,
    high_entropy_monotonicity,
    cascade_direction,
)
"""The features of this category, in column order."""
