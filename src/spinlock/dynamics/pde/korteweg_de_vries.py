"""Korteweg-de Vries, and Zakharov-Kuznetsov in two dimensions: waves that keep their shape."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class KortewegDeVries(SpectralSystem):
    """Solitary waves that overtake each other, tall ones faster.

        ∂u/∂t = −α u ∂u/∂x − β ∂(∇²u)/∂x − γ u

    The Zakharov-Kuznetsov equation, which is the Korteweg-de Vries equation in one dimension. With γ = 0 a soliton
    A sech²(√(αA/(12β)) (x − c t)) moves at c = αA/3, and ∫u and ∫u² are conserved. One cell is one unit of length at every
    grid size.

    Initial condition: f.

    Seen: bumps ride to one side and shed faint ripples behind them; stripes steepen and split into narrower ones,
    rough fields flow as a whole.

    Source: Korteweg & de Vries (1895), Phil. Mag. 39, 422; Zakharov & Kuznetsov (1974), Sov. Phys. JETP 39, 285, eq. 6.
    """

    name = "korteweg_de_vries"
    channel_names = ("u",)
    dt = 0.5
    num_substeps = 4
    domain_length = 32.0
    grows_with_grid = True
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
        Parameter(
            name="steepening",
            unit="1/time",
            kind="log",
            low=0.1,
            high=1.0,
            description="α, how much faster high places are.",
        ),
        Parameter(
            name="dispersivity",
            unit="length³/time",
            kind="log",
            low=1.0,
            high=6.0,
            description="β, makes solitons wide.",
        ),
        Parameter(name="damping", unit="1/time", low=0.0, high=0.02, description="γ, fades all scales alike."),
        *noise_parameters(3e-3, 0.1, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """i β kx k² − γ."""
        turning = column(parameters, "dispersivity", grid.kx) * grid.kx * grid.squared
        decay = column(parameters, "damping", grid.kx)
        return torch.complex(-decay.expand_as(turning), turning)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """−½ α ∂(u²)/∂x."""
        _, by_x = grid.gradient(torch.float64)
        factor = -0.5 * column(parameters, "steepening", like) * by_x

        def term(spectrum: Tensor) -> Tensor:
            u = torch.fft.irfft2(spectrum, s=grid.size)
            return torch.fft.rfft2(u.square())

        return NonlinearTerm(term, factor)
