"""Thirteen flows of a point, chaotic, neutral and damped: every cell of a film is a copy of its own, started a little elsewhere.

Sources: E. N. Lorenz, J. Atmos. Sci. 20 (1963) 130, Tellus 36A (1984) 98 and Predictability (1996); O. E. Rössler, Phys. Lett. A 57
(1976) 397; Y. Ueda, J. Stat. Phys. 20 (1979) 181; J. C. Sprott, Chaos and time-series analysis (2003) for published exponents (Lorenz
at ρ = 28: 0.906, Rössler at c = 5.7: 0.071); B. van der Pol, Phil. Mag. 2 (1926) 978; I. Prigogine, R. Lefever, J. Chem. Phys. 48 (1968)
1695; M. Hénon, C. Heiles, Astron. J. 69 (1964) 73; R. FitzHugh, Biophys. J. 1 (1961) 445. The largest exponent of every draw is
measured (see `exponents.py`), and its sign is the kind; a neutral flow is one whose exponent is 0 in theory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Right = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""States (coordinate, ...) and the parameter of each → their velocities."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A flow with one parameter.

    Attributes:
        right: velocities.
        ends: of the parameter.
        start: centre of the starts; `spread` around it before the lead-in.
        period: typical time of one swing, of which a film shows eight.
        kind: "chaotic", "neutral" or "damped": the sign of the largest exponent.
        lead_in: periods before the film; none for damped flows, which would be at rest.
    """

    right: Right
    ends: tuple[float, float]
    start: tuple[float, ...]
    period: float
    kind: str
    spread: float = 0.1
    lead_in: int = 20


def lorenz(z: np.ndarray, rho: np.ndarray) -> np.ndarray:
    return np.stack([10 * (z[1] - z[0]), z[0] * (rho - z[2]) - z[1], z[0] * z[1] - 8 / 3 * z[2]])


def roessler(z: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.stack([-z[1] - z[2], z[0] + 0.2 * z[1], 0.2 + z[2] * (z[0] - c)])


def lorenz_96(z: np.ndarray, forcing: np.ndarray) -> np.ndarray:
    return (np.roll(z, -1, 0) - np.roll(z, 2, 0)) * np.roll(z, 1, 0) - z + forcing


def ueda(z: np.ndarray, drive: np.ndarray) -> np.ndarray:
    return np.stack([z[1], -0.05 * z[1] - z[0] ** 3 + drive * np.cos(z[2]), np.ones_like(z[2])])


def lorenz_84(z: np.ndarray, forcing: np.ndarray) -> np.ndarray:
    x, y, w = z
    return np.stack([-(y**2) - w**2 - 0.25 * x + 0.25 * forcing, x * y - 4 * x * w - y + 1, 4 * x * y + x * w - w])


def van_der_pol(z: np.ndarray, mu: np.ndarray) -> np.ndarray:
    return np.stack([z[1], mu * (1 - z[0] ** 2) * z[1] - z[0]])


def brusselator(z: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([1 + z[0] ** 2 * z[1] - (b + 1) * z[0], b * z[0] - z[0] ** 2 * z[1]])


def lotka_volterra(z: np.ndarray, death: np.ndarray) -> np.ndarray:
    """In logarithms of both populations."""
    return np.stack([1 - np.exp(z[1]), death * (np.exp(z[0]) - 1)])


def driven_van_der_pol(z: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Driven off its resonances: two frequencies, a torus."""
    return np.stack([z[1], 0.2 * (1 - z[0] ** 2) * z[1] - z[0] + np.cos(z[2]), frequency * np.ones_like(z[2])])


def henon_heiles(z: np.ndarray, coupling: np.ndarray) -> np.ndarray:
    """At an energy where nearly all orbits are quasi-periodic."""
    x, y, p, q = z
    return np.stack([p, q, -x - 2 * coupling * x * y, -y - coupling * (x**2 - y**2)])


def damped(z: np.ndarray, damping: np.ndarray) -> np.ndarray:
    return np.stack([z[1], -2 * damping * z[1] - z[0]])


def fitzhugh_nagumo(z: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Excitable: one spike at most, then rest."""
    return np.stack([z[0] - z[0] ** 3 / 3 - z[1] + current, 0.08 * (z[0] + 0.7 - 0.8 * z[1])])


FLOWS: dict[str, Flow] = {
    "lorenz": Flow(right=lorenz, ends=(28, 45), start=(1, 1, 25), period=0.7, kind="chaotic"),
    "roessler": Flow(right=roessler, ends=(5.6, 5.8), start=(1, 1, 0.1), period=5.9, kind="chaotic"),
    "lorenz_96": Flow(right=lorenz_96, ends=(8, 12), start=(3.0,) * 20, period=1.0, kind="chaotic", spread=2.0),
    "ueda": Flow(right=ueda, ends=(7.4, 7.6), start=(2, 0, 0), period=6.3, kind="chaotic"),
    "lorenz_84": Flow(right=lorenz_84, ends=(7.9, 8.05), start=(1, 0.5, 0.5), period=1.3, kind="chaotic"),
    "van_der_pol": Flow(right=van_der_pol, ends=(0.5, 3.0), start=(1, 0), period=7.5, kind="neutral"),
    "brusselator": Flow(right=brusselator, ends=(2.2, 3.2), start=(1, 2), period=7.0, kind="neutral"),
    "lotka_volterra": Flow(right=lotka_volterra, ends=(0.5, 1.5), start=(0.7, 0), period=7.0, kind="neutral"),
    "driven_van_der_pol": Flow(right=driven_van_der_pol, ends=(2.3, 2.8), start=(1, 0, 0), period=6.0, kind="neutral"),
    "henon_heiles": Flow(
        right=henon_heiles, ends=(0.5, 1.0), start=(0.2, 0.1, 0.2, 0.1), period=6.3, kind="neutral", spread=0.03
    ),
    "damped": Flow(right=damped, ends=(0.03, 0.3), start=(1, 0), period=6.3, kind="damped", lead_in=0, spread=0.5),
    "lorenz_at_rest": Flow(
        right=lorenz, ends=(8, 16), start=(4, 5, 10), period=0.7, kind="damped", lead_in=0, spread=3.0
    ),
    "fitzhugh_nagumo": Flow(
        right=fitzhugh_nagumo, ends=(0.0, 0.3), start=(0.5, -0.3), period=8.0, kind="damped", lead_in=0, spread=0.4
    ),
}


def stepped(right: Right, z: np.ndarray, parameter: np.ndarray, dt: float, steps: int) -> np.ndarray:
    """States after some steps of the classical fourth-order method of Runge and Kutta."""
    for _ in range(steps):
        first = right(z, parameter)
        second = right(z + dt / 2 * first, parameter)
        third = right(z + dt / 2 * second, parameter)
        fourth = right(z + dt * third, parameter)
        z = z + dt / 6 * (first + 2 * second + 2 * third + fourth)
    return z
