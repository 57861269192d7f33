"""Dispersion: a pattern falls apart into waves of different speed."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem, direction


class Dispersion(SpectralSystem):
    """A pattern that unravels into wave trains, short waves ahead.

        ∂u/∂t = −ξ d·∇ ∇²u

    with the unit vector d; in one dimension ∂u/∂t = −ξ dₓ ∂³u/∂x³. A mode k turns at the rate −ξ (k·d) k² and keeps its
    size, exactly at any step. The domain has side 1 at every grid size.

    Initial condition: f.

    Seen: an edge breaks into a comb of ripples that runs ahead of it; points smear into trails, smooth clouds
    stay much as they are.

    Source: Whitham (1974), Linear and Nonlinear Waves, section 11.1.
    """

    name = "dispersion"
    channel_names = ("u",)
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
        Parameter(name="dispersivity", kind="log", unit="length³/time", low=3e-6, high=3e-4, description="ξ."),
        Parameter(
            name="direction", unit="rad", low=0.0, high=6.283185307179586, description="Angle of d to the width."
        ),
        *noise_parameters(3e-3, 0.3, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """i ξ (k·d) k²."""
        turning = column(parameters, "dispersivity", grid.kx) * direction(parameters, grid) * grid.squared
        return torch.complex(torch.zeros_like(turning), turning)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm | None:  # noqa: ARG002
        """None: the equation is linear."""
        return None
