"""Random fields without a shape of their own: Gaussian, rough, heavy-tailed."""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import i0e, j0, lambertw

from spinlock.dynamics.initial_conditions.kind import LEVEL, Canvas, InitialCondition, distance_of
from spinlock.dynamics.parameter_space import Parameter

Field = Float[np.ndarray, "height width"]
SCALES_APART = 3.0
"""Ratio of the two lengths of a field of two scales."""


def _gaussian_field(canvas: Canvas) -> Field:
    """Power exp(−(2πkℓ)²/2), so correlation exp(−r²/(2ℓ²))."""
    return canvas.smooth(canvas.length)


def _band_limited(canvas: Canvas) -> Field:
    """Amplitudes exp(−(k − k₀)²), k in cycles a domain."""
    return canvas.filtered(np.exp(-((canvas.wavenumber() - canvas.cycles) ** 2)))


def _power_law(canvas: Canvas) -> Field:
    """Matérn field with ν = 1/2: power (1 + (2πks)²)^{-(d+1)/2}, k⁻³ in two dimensions and k⁻² on a line."""
    scale = _matern_scale(canvas.length, canvas.is_line)
    exponent = -0.5 if canvas.is_line else -0.75
    return canvas.filtered((1 + (2 * math.pi * canvas.wavenumber() * scale) ** 2) ** exponent)


@lru_cache
def _matern_scale(length: float, is_line: bool) -> float:
    """s of a Matérn field on the unit domain whose correlation length is `length` once its mean is taken out.

    With an endless domain the correlation exp(−r/s) has ℓ = s/2; without the mean s is larger, and ℓ cannot exceed 0.11.
    """
    canvas = Canvas(rng=np.random.Generator(np.random.PCG64(0)), height=1 if is_line else 128, width=128)
    k = canvas.wavenumber()
    wave, exponent = (np.cos, -1.0) if is_line else (j0, -1.5)
    excess = wave(2 * math.pi * k * length) - LEVEL
    excess[0, 0] = 0.0

    def misfit(log_scale: float) -> float:
        return float((excess * (1 + (2 * math.pi * k * math.exp(log_scale)) ** 2) ** exponent).sum())

    low, high = math.log(length / 4), math.log(100.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if misfit(middle) < 0 else (low, middle)
    return math.exp(low)


def _scale_free(canvas: Canvas) -> Field:
    """Power k^{−β}: no length at all between the cell and the domain."""
    return canvas.filtered(np.maximum(canvas.wavenumber(), 1.0) ** (-canvas.detail / 2))


def _heavy_tailed(canvas: Canvas) -> Field:
    """sinh(a Z) of a Gaussian field Z of correlation ρ, whose correlation is sinh(a² ρ)/sinh(a²)."""
    squared = canvas.detail**2
    level = math.asinh(LEVEL * math.sinh(squared)) / squared
    return np.sinh(canvas.detail * canvas.smooth(canvas.length / math.sqrt(-2 * math.log(level))))


def _intermittent(canvas: Canvas) -> Field:
    """Y exp(b Z) of two Gaussian fields of correlation ρ, whose correlation is ρ exp(b² (ρ − 1))."""
    squared = canvas.detail**2
    level = float(lambertw(squared * math.exp(squared - 0.5)).real) / squared
    scale = canvas.length / math.sqrt(-2 * math.log(level))
    return canvas.smooth(scale) * np.exp(canvas.detail * canvas.smooth(scale))


def _anisotropic(canvas: Canvas) -> Field:
    """A Gaussian field with the lengths s √a along a random direction and s/√a across; a line has one direction."""
    if canvas.is_line:
        return canvas.smooth(canvas.length)
    scale = canvas.length / _anisotropic_distance(canvas.detail)
    (up, along), (ky, kx) = canvas.direction(), canvas.wave_vectors()
    forward, across = ky * up + kx * along, kx * up - ky * along
    squared = canvas.detail * forward**2 + across**2 / canvas.detail
    return canvas.filtered(np.exp(-((math.pi * scale) ** 2) * squared))


@lru_cache
def _anisotropic_distance(aspect: float) -> float:
    """Correlation length in units of s, averaged over directions: ρ = exp(−r²(α + β)/2) I₀(r²(β − α)/2)."""
    alpha, beta = 1 / (2 * aspect), aspect / 2
    return distance_of(lambda r: math.exp(-(r**2) * alpha) * float(i0e(r**2 * (beta - alpha) / 2)))


def _two_scales(canvas: Canvas) -> Field:
    """The sum of two Gaussian fields of equal variance, one with three times the length of the other."""
    scale = canvas.length / _two_scales_distance()
    return canvas.smooth(scale) + canvas.smooth(SCALES_APART * scale)


@lru_cache
def _two_scales_distance() -> float:
    return distance_of(lambda r: (math.exp(-(r**2) / 2) + math.exp(-((r / SCALES_APART) ** 2) / 2)) / 2)


def _noise(canvas: Canvas) -> Field:
    return canvas.white()


RANDOM_FIELDS = {
    "gaussian_field": InitialCondition(
        draw=_gaussian_field, low=0.04, high=0.15, description="smooth random hills, Gaussian correlation"
    ),
    "band_limited": InitialCondition(
        draw=_band_limited, low=0.03, high=0.1, description="random waves of about one length, in all directions"
    ),
    "power_law": InitialCondition(
        draw=_power_law, low=0.03, high=0.1, description="rough landscape, power falling as k^-3 (Matérn, ν = 1/2)"
    ),
    "scale_free": InitialCondition(
        draw=_scale_free,
        detail=Parameter(name="initial_exponent", low=1.0, high=4.0, description="β of the power k^-β."),
        description="clouds without a length of their own, power falling as k^-β",
    ),
    "heavy_tailed": InitialCondition(
        draw=_heavy_tailed,
        low=0.03,
        high=0.1,
        detail=Parameter(name="initial_tail", low=0.5, high=0.9, description="a of sinh(a Z), weight of the tails."),
        description="few high peaks and deep holes on quiet ground",
    ),
    "intermittent": InitialCondition(
        draw=_intermittent,
        low=0.03,
        high=0.1,
        detail=Parameter(name="initial_tail", low=0.4, high=0.7, description="b of exp(b Z), contrast of the bursts."),
        description="patches of strong and of weak fluctuations",
    ),
    "anisotropic_field": InitialCondition(
        draw=_anisotropic,
        low=0.03,
        high=0.08,
        detail=Parameter(name="initial_ratio", kind="log", low=1.5, high=4.0, description="Length over breadth."),
        description="smooth random ridges along one direction",
    ),
    "two_scales": InitialCondition(
        draw=_two_scales, low=0.03, high=0.08, description="small hills on hills three times as wide"
    ),
    "noise": InitialCondition(draw=_noise, description="independent values in every cell"),
}
"""Tier 1."""
