"""The base class of all kinds of initial conditions, and the canvas that they draw on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import bisect

from spinlock.dynamics.parameter_space import Parameter, Value

LEVEL = math.exp(-0.5)
"""The correlation length is the distance at which the autocorrelation has fallen to this."""
_WAVES = {False: 1.3179, True: math.acos(LEVEL)}
"""x with J₀(x) = e^{-1/2}, and with cos x = e^{-1/2} on a line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """Grid, random stream and parameters of one field. Lengths are in units of the domain's width, which is its height too.

    Attributes:
        rng: the stream.
        height, width: of the field, in cells; height 1 is a line.
        length: the correlation length that is wanted; 0 for a kind that has none to choose.
        detail: the kind's other parameter; 0 for a kind that has none.
    """

    rng: np.random.Generator
    height: int
    width: int
    length: float = 0.0
    detail: float = 0.0

    @property
    def is_line(self) -> bool:
        """Whether the field has one dimension."""
        return self.height == 1

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def cycles(self) -> float:
        """Cycles a domain of a wave that has the wanted correlation length."""
        return _WAVES[self.is_line] / (2 * math.pi * self.length)

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """(y, x) of the cells, (height, 1) and (1, width), in [0, 1)."""
        return (np.arange(self.height) / self.height)[:, None], (np.arange(self.width) / self.width)[None, :]

    def offsets(self, centre: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Shortest periodic offsets (dy, dx) from a point, a random one by default; dy is 0 on a line."""
        at = self.rng.random(2) if centre is None else centre
        y, x = self.positions()
        dy, dx = (y - at[0] + 0.5) % 1.0 - 0.5, (x - at[1] + 0.5) % 1.0 - 0.5
        return (np.zeros_like(dy) if self.is_line else dy), dx

    def wave_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """(ky, kx) in cycles a domain, (height, 1) and (1, width)."""
        return np.fft.fftfreq(self.height, 1 / self.height)[:, None], np.fft.fftfreq(self.width, 1 / self.width)[None]

    def wavenumber(self) -> Float[np.ndarray, "height width"]:
        """|k| in cycles a domain."""
        return np.hypot(*self.wave_vectors())

    def direction(self) -> np.ndarray:
        """A random unit vector (y, x); along the line on a line."""
        angle = 0.0 if self.is_line else self.rng.random() * 2 * math.pi
        return np.array([math.sin(angle), math.cos(angle)])

    def white(self) -> Float[np.ndarray, "height width"]:
        """Independent standard normal values."""
        return self.rng.standard_normal(self.shape)

    def filtered(self, gain: np.ndarray) -> Float[np.ndarray, "height width"]:
        """White noise whose Fourier modes are multiplied by `gain`, without the mean."""
        gain = gain.copy()
        gain[0, 0] = 0.0
        return np.fft.ifft2(np.fft.fft2(self.white()) * gain).real

    def smooth(self, scale: float) -> Float[np.ndarray, "height width"]:
        """A Gaussian field of expected variance 1 with correlation exp(−r²/(2 scale²))."""
        gain = np.exp(-((math.pi * scale * self.wavenumber()) ** 2))
        return self.filtered(gain) / np.sqrt(np.mean(gain**2) - 1 / gain.size)


Draw = Callable[[Canvas], Float[np.ndarray, "height width"]]
"""Draws one field, not yet normalised."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InitialCondition:
    """One kind of initial condition.

    Attributes:
        draw: makes one field, not yet normalised.
        description: what is seen.
        low, high: range of the correlation length in domains, sampled in its logarithm; both 0 for a kind that has
            none to choose.
        detail: the other parameter that is sampled and stored, if there is one.
    """

    draw: Draw
    description: str
    low: float = 0.0
    high: float = 0.0
    detail: Parameter | None = None

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
            description="Correlation length of the initial condition.",
        )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters that are sampled and stored for an initial condition of this kind: the correlation length and the detail, where the kind has them."""
        return tuple(parameter for parameter in (self.length, self.detail) if parameter is not None)

    def values(self, u_length: float, u_detail: float) -> dict[str, Value]:
        """The parameters at two places in [0, 1) of their distributions, by name."""
        places = ((self.length, u_length), (self.detail, u_detail))
        return {parameter.name: parameter.value(u) for parameter, u in places if parameter is not None}

    def canvas(self, parameters: Mapping[str, Value], *, rng: np.random.Generator, height: int, width: int) -> Canvas:
        """The canvas for stored parameters."""
        length, detail = (
            0.0 if parameter is None else float(parameters[parameter.name]) for parameter in (self.length, self.detail)
        )
        return Canvas(rng=rng, height=height, width=width, length=length, detail=detail)


def distance_of(correlation: Callable[[float], float]) -> float:
    """The distance at which a decreasing correlation has fallen to e^{-1/2}, between 0.01 and 100."""
    return bisect(lambda distance: correlation(distance) - LEVEL, 0.01, 100.0)  # pyright: ignore[reportReturnType]


def count(low: int, high: int, description: str) -> Parameter:
    """A number of things in the field, as a detail."""
    return Parameter(name="initial_count", kind="integer", low=low, high=high, description=description)


def size(low: float, high: float, description: str) -> Parameter:
    """A size in domains, as a detail."""
    return Parameter(name="initial_size", kind="log", unit="domain", low=low, high=high, description=description)


def density(low: float, high: float, description: str) -> Parameter:
    """A share of cells, as a detail."""
    return Parameter(name="initial_density", low=low, high=high, description=description)
