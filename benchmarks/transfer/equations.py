"""Twelve families of equations in two dimensions, solved by exponax, an independent public solver.

All start from the same distribution of random fields (zero mean, unit variance, up to 5 waves along each axis), show one channel, and
are described in the same units, so that neither the initial condition, nor the number of channels, nor dt says which family it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import exponax
import jax.numpy as jnp

CELLS = 32
STEPS = 64
"""Saved states, the initial one included."""
SUBSTEPS = 5
"""Steps of the solver from one saved state to the next."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family of equations.

    Attributes:
        stepper: (number of cells, dt, parameters) → a stepper of exponax.
        ranges: parameter → ends that it is drawn from, evenly (or evenly in the logarithm where `log` names it).
        dt: time between saved states.
        scale: standard deviation of the initial condition, in the equation's units.
        log: parameters that are drawn evenly in the logarithm.
        channels: of the state; the first is seen, the others start at 0.
    """

    stepper: Callable[[int, float, Mapping[str, Any]], exponax.BaseStepper]
    ranges: Mapping[str, tuple[float, float]]
    dt: float
    scale: float = 1.0
    log: tuple[str, ...] = ()
    channels: int = 1


def _velocity(parameters: Mapping[str, Any]) -> Any:
    return jnp.array([parameters["velocity_x"], parameters["velocity_y"]])


S = exponax.stepper
VELOCITY = {"velocity_x": (-1.0, 1.0), "velocity_y": (-1.0, 1.0)}

FAMILIES: dict[str, Family] = {
    "advection": Family(
        stepper=lambda n, dt, p: S.Advection(2, 1.0, n, dt, velocity=_velocity(p)), ranges=VELOCITY, dt=0.04
    ),
    "diffusion": Family(
        stepper=lambda n, dt, p: S.Diffusion(2, 1.0, n, dt, diffusivity=p["diffusivity"] * jnp.eye(2)),
        ranges={"diffusivity": (3e-4, 1e-2)},
        dt=0.04,
        log=("diffusivity",),
    ),
    "advection_diffusion": Family(
        stepper=lambda n, dt, p: S.AdvectionDiffusion(
            2, 1.0, n, dt, velocity=_velocity(p), diffusivity=p["diffusivity"] * jnp.eye(2)
        ),
        ranges={**VELOCITY, "diffusivity": (3e-4, 1e-2)},
        dt=0.04,
        log=("diffusivity",),
    ),
    "dispersion": Family(
        stepper=lambda n, dt, p: S.Dispersion(2, 1.0, n, dt, dispersivity=p["dispersivity"] * jnp.ones(2)),
        ranges={"dispersivity": (1e-4, 2e-3)},
        dt=0.04,
        log=("dispersivity",),
    ),
    "wave": Family(
        stepper=lambda n, dt, p: S.Wave(2, 1.0, n, dt, speed_of_sound=p["speed"]),
        ranges={"speed": (0.1, 1.0)},
        dt=0.04,
        channels=2,
    ),
    "burgers": Family(
        stepper=lambda n, dt, p: S.Burgers(2, 1.0, n, dt, diffusivity=p["diffusivity"], single_channel=True),
        ranges={"diffusivity": (2e-3, 2e-2)},
        dt=0.02,
        scale=0.5,
        log=("diffusivity",),
    ),
    "korteweg_de_vries": Family(
        stepper=lambda n, dt, p: S.KortewegDeVries(
            2, 10.0, n, dt, dispersivity=p["dispersivity"], hyper_diffusivity=0.02, single_channel=True
        ),
        ranges={"dispersivity": (0.3, 3.0)},
        dt=0.02,
        scale=0.5,
        log=("dispersivity",),
    ),
    "kuramoto_sivashinsky": Family(
        stepper=lambda n, dt, p: S.KuramotoSivashinsky(2, 24.0, n, dt, second_order_scale=p["instability"], order=4),
        ranges={"instability": (0.5, 1.0)},
        dt=0.4,
        scale=0.2,
    ),
    "navier_stokes": Family(
        stepper=lambda n, dt, p: S.NavierStokesVorticity(2, 1.0, n, dt, diffusivity=p["viscosity"]),
        ranges={"viscosity": (1e-4, 3e-3)},
        dt=0.1,
        scale=5.0,
        log=("viscosity",),
    ),
    "allen_cahn": Family(
        stepper=lambda n, dt, p: S.reaction.AllenCahn(2, 1.0, n, dt, diffusivity=p["diffusivity"]),
        ranges={"diffusivity": (3e-4, 4e-3)},
        dt=0.1,
        scale=0.3,
        log=("diffusivity",),
    ),
    "cahn_hilliard": Family(
        stepper=lambda n, dt, p: S.reaction.CahnHilliard(2, 1.0, n, dt, diffusivity=p["mobility"], gamma=p["gamma"]),
        ranges={"mobility": (3e-3, 3e-2), "gamma": (4e-4, 2e-3)},
        dt=0.05,
        scale=0.3,
        log=("mobility", "gamma"),
    ),
    "swift_hohenberg": Family(
        stepper=lambda n, dt, p: S.reaction.SwiftHohenberg(2, 30.0, n, dt, reactivity=p["reactivity"]),
        ranges={"reactivity": (0.1, 1.0)},
        dt=0.3,
        scale=0.3,
    ),
}
