"""Cahn-Hilliard: a mixture that separates, and keeps its mass."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class CahnHilliard(SpectralSystem):
    """Fine mazes or droplets of two phases that form at once and coarsen slowly.

        ∂φ/∂t = M ∇² (c³ − c − κ ∇²c),   c = m + φ

    A small mode k grows at the rate M k² (1 − 3m² − κ k²). The free energy ∫ κ|∇c|²/2 − c²/2 + c⁴/4 never rises without
    noise. The state is φ, the deviation from the mean composition m; its mean is conserved by the equation and by the
    noise, which has none. One cell is one unit of length at every grid size.

    Initial condition: 0.1 f.

    Seen: worms and droplets appear everywhere at once and grow slowly; small droplets dissolve, neighbours merge.

    Source: Cahn & Hilliard (1958), J. Chem. Phys. 28, 258; noise: Cook (1970), Acta Metall. 18, 297.
    """

    name = "cahn_hilliard"
    channel_names = ("composition",)
    dt = 2.0
    num_substeps = 4
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
    conserves_mean = True
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "blobs": 1.0,
        "stripes": 1.0,
        "rings": 1.0,
        "point_seeds": 1.0,
        "front": 1.0,
        "noise": 1.0,
    }
    parameters = (
        Parameter(
            name="mobility", kind="log", unit="length²/time", low=0.1, high=1.0, description="M, pace of everything."
        ),
        Parameter(
            name="gradient_energy",
            kind="log",
            unit="length²",
            low=0.5,
            high=2.0,
            description="κ, width of walls squared.",
        ),
        Parameter(
            name="mean_composition", low=-0.4, high=0.4, description="m, 0 for mazes, else droplets of the rarer phase."
        ),
        *noise_parameters(1e-3, 0.05, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """0.1 f."""
        return 0.1 * fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−M κ k⁴."""
        mobility = column(parameters, "mobility", grid.squared)
        return -mobility * column(parameters, "gradient_energy", mobility) * grid.squared**2

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """M k² times the spectrum of c − c³."""
        mean = column(parameters, "mean_composition", like).to(like.dtype)

        def term(spectrum: Tensor) -> Tensor:
            c = torch.fft.irfft2(spectrum, s=grid.size).add_(mean)
            return torch.fft.rfft2(torch.addcmul(c, c.square(), c, value=-1))

        return NonlinearTerm(term, column(parameters, "mobility", like) * grid.squared)
