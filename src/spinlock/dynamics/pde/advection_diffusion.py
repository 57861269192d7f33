"""Advection and diffusion of a passive scalar: the one system whose answer is known mode by mode."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem, direction


class AdvectionDiffusion(SpectralSystem):
    """A pattern carried along, blurred, and renewed by the noise.

        ∂c/∂t = −s d·∇c + D ∇²c − γ c

    with the unit vector d. A mode k turns at the rate s k·d and decays at D k² + γ, exactly at any step. In one dimension
    the speed is s times the component of d along the width. The domain has side 1 at every grid size.

    Initial condition: f.

    Seen: bars, stripes and clouds drift in one direction while their edges soften.

    Source: definition.
    """

    name = "advection_diffusion"
    channel_names = ("concentration",)
    dt = 0.05
    num_substeps = 1
    domain_length = 1.0
    grows_with_grid = False
    bound = 1e3
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "blobs": 1.0,
        "stripes": 1.0,
        "rings": 1.0,
        "point_seeds": 1.0,
        "front": 1.0,
    }
    parameters = (
        Parameter(name="speed", unit="length/time", low=0.0, high=0.8, description="s."),
        Parameter(
            name="direction", unit="rad", low=0.0, high=6.283185307179586, description="Angle of d to the width."
        ),
        Parameter(
            name="diffusivity",
            kind="log",
            unit="length²/time",
            low=3e-5,
            high=3e-3,
            description="D, blurs small scales first.",
        ),
        Parameter(name="damping", unit="1/time", low=0.0, high=0.25, description="γ, fades all scales alike."),
        *noise_parameters(0.01, 0.5, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−i s k·d − D k² − γ."""
        turning = column(parameters, "speed", grid.kx) * direction(parameters, grid)
        decay = column(parameters, "diffusivity", grid.kx) * grid.squared + column(parameters, "damping", grid.kx)
        return torch.complex(-decay, -turning)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm | None:  # noqa: ARG002
        """None: the equation is linear."""
        return None
