"""Kuramoto-Sivashinsky: cells that are born, drift, merge and never settle."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class KuramotoSivashinsky(SpectralSystem):
    """Space-time chaos of a flame front, or ordered cells where it is damped.

        ∂u/∂t = −a ∇²u − ∇⁴u − γ u − ½ (|∇u|² − ⟨|∇u|²⟩)

    A small mode k grows at the rate a k² − k⁴ − γ. The mean ⟨…⟩ is taken out, so the front does not drift away: the
    equation depends on gradients alone. One cell is one unit of length at every grid size.

    Initial condition: f.

    Seen: any start turns into a foam of round cells that jostle, split and merge without end.

    Source: Kuramoto & Tsuzuki (1976), Prog. Theor. Phys. 55, 356; Sivashinsky (1977), Acta Astronaut. 4, 1177; damping:
    Paniconi & Elder (1997), Phys. Rev. E 56, 2713.
    """

    name = "kuramoto_sivashinsky"
    channel_names = ("height",)
    dt = 1.0
    num_substeps = 4
    domain_length = 32.0
    grows_with_grid = True
    bound = 1e3
    amplitude = 5.0
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "noise": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "blobs": 1.0,
        "rings": 1.0,
        "stripes": 1.0,
    }
    parameters = (
        Parameter(
            name="instability", unit="length²/time", low=0.6, high=1.4, description="a, strength of the instability."
        ),
        Parameter(name="damping", unit="1/time", low=0.0, high=0.12, description="γ, damping of all modes."),
        *noise_parameters(0.01, 0.3, unit="length/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """a k² − k⁴ − γ."""
        instability = column(parameters, "instability", grid.squared)
        return instability * grid.squared - grid.squared**2 - column(parameters, "damping", grid.squared)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:  # noqa: ARG002
        """−½ (|∇u|² − ⟨|∇u|²⟩)."""
        gradient = grid.gradient(like.dtype)

        def term(spectrum: Tensor) -> Tensor:
            by_y, by_x = torch.fft.irfft2(spectrum * gradient, s=grid.size).split(1, dim=1)
            return torch.fft.rfft2((by_y * by_y).addcmul_(by_x, by_x))

        return NonlinearTerm(term, torch.where(grid.squared > 0, -0.5, 0.0).double())
