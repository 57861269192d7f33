"""Kinds of frame 0: normalised fields, each with mean 0, variance 1 and the correlation length that it claims.

The correlation length ℓ, in units of the domain's side, is the distance at which the autocorrelation, averaged over
directions, has fallen to e^{-1/2} ≈ 0.607; for a Gaussian correlation exp(−r²/(2ℓ²)) it is its ℓ. A wave of k cycles
a domain has the averaged autocorrelation J₀(2πkr), which gives ℓ = 1.318 / (2πk).

A kind draws one field a channel. Mean and variance are exact for every field. A system maps the fields affinely to
states of its own units (`System.frame_zero`), so what a kind looks like is the same in every system.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import j0

from spinlock.core.errors import ConfigError
from spinlock.core.registry import Registry
from spinlock.dynamics.parameter_space import Parameter

Draw = Callable[[np.random.Generator, int, float], Float[np.ndarray, "size size"]]
"""Draws one field: generator, cells along a side, correlation length in domains."""

WAVE_LENGTH_RATIO = 1.318 / (2 * math.pi)
"""ℓ k of a wave of k cycles a domain: J₀(1.318) = e^{-1/2}."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InitialCondition:
    """One kind of frame 0.

    Attributes:
        draw: makes one field, not yet normalised.
        description: what is seen.
        low, high: range of the correlation length in domains, sampled in its logarithm; both 0 for a kind that has
            none to choose.
    """

    draw: Draw
    description: str
    low: float = 0.0
    high: float = 0.0

    @property
    def length(self) -> Parameter | None:
        """The correlation length as a sampled parameter; None for a kind that has none to choose."""
        if self.high == 0:
            return None
        return Parameter(
            name="initial_length",
            kind="log",
            unit="domain",
            low=self.low,
            high=self.high,
            description="Correlation length of frame 0.",
        )


def draw_fields(
    kind: str, *, rng: np.random.Generator, num_channels: int, size: int, length: float
) -> Float[np.ndarray, "channel size size"]:
    """One field a channel with mean 0 and variance 1, float64.

    Args:
        kind: in `INITIAL_CONDITIONS`.
        rng: the stream of this frame.
        num_channels: number of independent fields.
        size: cells along a side.
        length: correlation length in domains; ignored by a kind that has none to choose.

    Raises:
        ConfigError: for a kind that is not in the table, or a length outside its range.
    """
    condition = INITIAL_CONDITIONS[kind]()
    if condition.length is not None and not condition.low <= length <= condition.high:
        raise ConfigError(
            f"initial condition '{kind}' has correlation lengths from {condition.low:g} to {condition.high:g}; got {length:g}."
        )
    fields = np.stack([condition.draw(rng, size, length) for _ in range(num_channels)])
    fields -= fields.mean(axis=(1, 2), keepdims=True)
    return fields / fields.std(axis=(1, 2), keepdims=True)


def _wavenumber(size: int) -> np.ndarray:
    """|k| in cycles per domain, (size, size)."""
    k = np.fft.fftfreq(size, 1 / size)
    return np.hypot(k[:, None], k[None, :])


def _filtered(rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    """White noise with its Fourier modes multiplied by `gain`, without the mean."""
    gain = gain.copy()
    gain[0, 0] = 0.0
    return np.fft.ifft2(np.fft.fft2(rng.standard_normal(gain.shape)) * gain).real


def _offsets(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Shortest periodic offsets in domains from a random point: (along height, along width)."""
    x = np.arange(size) / size
    centre = rng.random(2)
    dy, dx = ((x - c + 0.5) % 1.0 - 0.5 for c in centre)
    return dy[:, None], dx[None, :]


def _gaussian_field(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    return _filtered(rng, np.exp(-((2 * math.pi * _wavenumber(size) * length) ** 2) / 4))


def _band_limited(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    centre = WAVE_LENGTH_RATIO / length
    return _filtered(rng, np.exp(-((_wavenumber(size) - centre) ** 2)))


def _power_law(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Matérn field with ν = 1/2: power (1 + (2πks)²)^{-3/2}, which falls as k⁻³ at small scales."""
    return _filtered(rng, (1 + (2 * math.pi * _wavenumber(size) * _matern_scale(length)) ** 2) ** -0.75)


@lru_cache
def _matern_scale(length: float) -> float:
    """s of a Matérn field on the unit square whose correlation length is `length` once its mean is taken out.

    On the plane the correlation exp(−r/s) has ℓ = s/2; without the mean s is larger, and ℓ cannot exceed 0.11.
    """
    k = _wavenumber(128)
    excess = j0(2 * math.pi * k * length) - math.exp(-0.5)
    excess[0, 0] = 0.0

    def misfit(log_scale: float) -> float:
        return float((excess * (1 + (2 * math.pi * k * math.exp(log_scale)) ** 2) ** -1.5).sum())

    low, high = math.log(length / 4), math.log(100.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if misfit(middle) < 0 else (low, middle)
    return math.exp(low)


def _blobs(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """Twenty to sixty Gaussian bumps of either sign; a bump of width s has correlation exp(−r²/(4s²))."""
    return _bumps(rng, size, length, amplitudes=rng.standard_normal(rng.integers(20, 61)))


def _point_seeds(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    return _bumps(rng, size, length, amplitudes=np.ones(rng.integers(3, 11)))


def _bumps(rng: np.random.Generator, size: int, length: float, *, amplitudes: np.ndarray) -> np.ndarray:
    field = np.zeros((size, size))
    for amplitude in amplitudes:
        dy, dx = _offsets(rng, size)
        field += amplitude * np.exp(-(dy**2 + dx**2) / length**2)
    return field


def _stripes(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    """A plane wave whose wave vector is the integer one nearest to the wanted length in a random direction."""
    angle = rng.random() * 2 * math.pi
    wanted = WAVE_LENGTH_RATIO / length * np.array([math.sin(angle), math.cos(angle)])
    k = np.rint(wanted)
    if not k.any():
        k[np.argmax(np.abs(wanted))] = 1
    x = np.arange(size) / size
    phase = rng.random()
    return np.sin(2 * math.pi * (k[0] * x[:, None] + k[1] * x[None, :] + phase))


def _rings(rng: np.random.Generator, size: int, length: float) -> np.ndarray:
    dy, dx = _offsets(rng, size)
    distance = np.hypot(dy, dx)
    # A distance has a kink where it wraps around: the envelope makes it small there.
    return np.cos(2 * math.pi * distance * WAVE_LENGTH_RATIO / length) * np.exp(-((distance / 0.35) ** 2))


def _front(rng: np.random.Generator, size: int, length: float) -> np.ndarray:  # noqa: ARG001  one call shape for all kinds
    """A band of high values across the domain, a third to a half of it wide, with edges of a fiftieth of the domain."""
    dy, dx = _offsets(rng, size)
    across = dy + 0 * dx if rng.random() < 0.5 else dx + 0 * dy
    half_width = rng.uniform(1 / 6, 1 / 4)
    return np.tanh((half_width - np.abs(across)) / 0.02)


def _noise(rng: np.random.Generator, size: int, length: float) -> np.ndarray:  # noqa: ARG001  one call shape for all kinds
    return rng.standard_normal((size, size))


_TABLE = {
    "gaussian_field": InitialCondition(
        draw=_gaussian_field, low=0.04, high=0.15, description="smooth random hills, Gaussian correlation"
    ),
    "band_limited": InitialCondition(
        draw=_band_limited, low=0.03, high=0.1, description="random waves of about one length, in all directions"
    ),
    "power_law": InitialCondition(
        draw=_power_law, low=0.03, high=0.1, description="rough landscape, power falling as k^-3 (Matérn, ν = 1/2)"
    ),
    "blobs": InitialCondition(draw=_blobs, low=0.05, high=0.1, description="Gaussian bumps of either sign"),
    "stripes": InitialCondition(draw=_stripes, low=0.03, high=0.2, description="one plane wave in a random direction"),
    "rings": InitialCondition(draw=_rings, low=0.03, high=0.1, description="rings around a random point"),
    "point_seeds": InitialCondition(
        draw=_point_seeds, low=0.05, high=0.1, description="three to ten high spots on a flat ground"
    ),
    "front": InitialCondition(draw=_front, description="a high band with sharp edges across the domain"),
    "noise": InitialCondition(draw=_noise, description="independent values in every cell"),
}


INITIAL_CONDITIONS: Registry[InitialCondition] = Registry(
    "initial condition", {name: (lambda condition=condition: condition) for name, condition in _TABLE.items()}
)
"""Kinds of frame 0 by name; `INITIAL_CONDITIONS[name]()` is the kind."""
