"""Swift-Hohenberg: patterns of one wavelength grow from any start."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class SwiftHohenberg(SpectralSystem):
    """Stripes, and hexagons where γ is large; slow healing of their defects.

        ∂u/∂t = ρ q⁴ u − (q² + ∇²)² u + γ q² u² − u³

    A small mode k grows at the rate ρ q⁴ − (q² − k²)². The drive ρ and the asymmetry γ are pure numbers: for ρ < 1 the
    uniform state is not among what grows first. One cell is one unit of length at every grid size.

    Initial condition: 0.3 f.

    Seen: labyrinths, dots and concentric rings of one wavelength; a start with stripes or rings leaves its
    geometry in the pattern.

    Source: Swift & Hohenberg (1977), Phys. Rev. A 15, 319; Cross & Hohenberg (1993), Rev. Mod. Phys. 65, section IV.
    """

    name = "swift_hohenberg"
    channel_names = ("u",)
    dt = 1.0
    num_substeps = 4
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "noise": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "blobs": 1.0,
        "rings": 1.0,
        "stripes": 1.0,
        "point_seeds": 1.0,
        "front": 1.0,
    }
    parameters = (
        Parameter(name="drive", low=0.1, high=0.95, description="ρ, growth rate of the critical mode over q⁴."),
        Parameter(
            name="critical_wavenumber",
            unit="1/length",
            low=0.7,
            high=1.2,
            description="q, of the mode that grows first.",
        ),
        Parameter(name="asymmetry", low=0.0, high=1.5, description="γ, which prefers spots to stripes."),
        *noise_parameters(3e-3, 0.1, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """0.3 f."""
        return 0.3 * fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """ρ q⁴ − (q² − k²)²."""
        critical = column(parameters, "critical_wavenumber", grid.squared)
        return column(parameters, "drive", critical) * critical**4 - (critical**2 - grid.squared) ** 2

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """γ q² u² − u³."""
        critical = column(parameters, "critical_wavenumber", like)
        asymmetry = (column(parameters, "asymmetry", like) * critical**2).to(like.dtype)

        def term(spectrum: Tensor) -> Tensor:
            u = torch.fft.irfft2(spectrum, s=grid.size)
            return torch.fft.rfft2((asymmetry - u).mul_(u).mul_(u))

        return NonlinearTerm(term)
