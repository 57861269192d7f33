"""Two-dimensional flow that is stirred by a wave: Kolmogorov flow."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem
from spinlock.dynamics.pde.vorticity import vorticity_transport


class NavierStokesKolmogorov(SpectralSystem):
    """Bands of shear that buckle and break into turbulence, or stay laminar where damping is strong.

        ∂ω/∂t = −u·∇ω + ν ∇²ω − μ ω + F cos(2π n y / H),   ∇²ψ = ω,   u = (−∂ψ/∂y, ∂ψ/∂x)

    for the vorticity ω on a domain of side H. Laminar flow has ω = F cos(2πny/H) / (ν (2πn/H)² + μ) and is unstable where
    it is fast; n must be below a third of the cells. The mean vorticity is 0, and the noise has none. One cell is one unit of length at every grid size.

    Initial condition: 0.5 f.

    Seen: horizontal bands that undulate, tear into slanted filaments, or settle into calm waves, whatever the
    start.

    Source: Meshalkin & Sinai (1961), J. Appl. Math. Mech. 25, 1700; with drag: Boffetta & Ecke (2012), Annu. Rev. Fluid
    Mech. 44, 427, section 2.
    """

    name = "navier_stokes_kolmogorov"
    channel_names = ("vorticity",)
    dt = 0.5
    num_substeps = 3
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
    }
    parameters = (
        Parameter(name="viscosity", kind="log", unit="length²/time", low=0.05, high=0.5, description="ν."),
        Parameter(
            name="drag",
            kind="log",
            unit="1/time",
            low=0.01,
            high=0.2,
            description="μ, which limits the largest eddies.",
        ),
        Parameter(
            name="forcing", kind="log", unit="1/time²", low=0.03, high=0.3, description="F, strength of the stirring."
        ),
        Parameter(
            name="forcing_waves",
            kind="integer",
            unit="1/domain",
            low=2,
            high=5,
            description="n, waves of the stirring along the height.",
        ),
        *noise_parameters(3e-3, 0.1, unit="1/time^1.5"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """0.5 f."""
        return 0.5 * fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−ν k² − μ."""
        return -column(parameters, "viscosity", grid.squared) * grid.squared - column(parameters, "drag", grid.squared)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """−u·∇ω + F cos(2π n y / H)."""
        height, width = grid.size
        place = torch.arange(height, dtype=torch.float64, device=like.device).view(-1, 1) / height
        angle = 2 * math.pi * column(parameters, "forcing_waves", like) * place
        forcing = (column(parameters, "forcing", like) * torch.cos(angle)).expand(-1, 1, height, width)
        return NonlinearTerm(vorticity_transport(grid, like.dtype, source=torch.fft.rfft2(forcing)))
