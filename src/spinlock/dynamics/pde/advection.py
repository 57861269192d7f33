"""Advection: a pattern carried along and never changed."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem, direction


class Advection(SpectralSystem):
    """A pattern that travels at one velocity, rigid but for what the noise adds.

        ∂u/∂t = −s d·∇u

    with the unit vector d. A mode k turns at the rate s k·d and keeps its size, exactly at any step. In one dimension the
    speed is s times the component of d along the width. The domain has side 1 at every grid size.

    Initial condition: f.

    Seen: the starting pattern slides across the frame and comes back on the other side unchanged; where noise is
    strong, a grain grows over it.

    Source: definition.
    """

    name = "advection"
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
        Parameter(name="speed", unit="length/time", kind="log", low=0.03, high=1.0, description="s."),
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
        """−i s k·d."""
        turning = column(parameters, "speed", grid.kx) * direction(parameters, grid)
        return torch.complex(torch.zeros_like(turning), -turning)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm | None:  # noqa: ARG002
        """None: the equation is linear."""
        return None
