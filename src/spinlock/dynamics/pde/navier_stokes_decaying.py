"""Two-dimensional flow that is left to itself: eddies merge and fade."""

from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem
from spinlock.dynamics.pde.vorticity import vorticity_transport


class NavierStokesDecaying(SpectralSystem):
    """Vortices that wind up filaments, merge and grow fewer.

        ∂ω/∂t = −u·∇ω + ν ∇²ω,   ∇²ψ = ω,   u = (−∂ψ/∂y, ∂ψ/∂x)

    for the vorticity ω. Without ν the energy ⟨|u|²⟩/2 and the enstrophy ⟨ω²⟩/2 are conserved. The mean vorticity of a
    periodic flow is 0, and the noise has none. One cell is one unit of length at every grid size.

    Initial condition: f.

    Seen: stripes buckle and roll up, speckle winds into filaments around vortices; in the end one or two large
    swirls turn.

    Source: McWilliams (1984), J. Fluid Mech. 146, 21, section 2.
    """

    name = "navier_stokes_decaying"
    channel_names = ("vorticity",)
    dt = 0.5
    num_substeps = 5
    substeps_grow = True
    dimensions = (2,)
    domain_length = 32.0
    grows_with_grid = True
    bound = 1e3
    conserves_mean = True
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "noise": 1.0,
        "blobs": 1.0,
        "rings": 0.5,
        "stripes": 0.5,
        "point_seeds": 1.0,
        "front": 0.5,
    }
    parameters = (
        Parameter(name="viscosity", kind="log", unit="length²/time", low=0.02, high=0.5, description="ν."),
        *noise_parameters(3e-3, 0.1, unit="1/time^1.5"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−ν k²."""
        return -column(parameters, "viscosity", grid.squared) * grid.squared

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:  # noqa: ARG002
        """−u·∇ω."""
        return NonlinearTerm(vorticity_transport(grid, like.dtype))
