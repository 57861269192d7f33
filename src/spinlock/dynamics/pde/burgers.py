"""Burgers: a fluid without pressure, which steepens into shocks."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class Burgers(SpectralSystem):
    """Shock lines that form, sweep up what they meet, merge, and fade.

        ∂u/∂t + (u·∇) u = ν ∇²u

    for the velocity u = (uₓ, u_y). In one dimension uₓ is the classical Burgers equation and u_y is a velocity across it,
    carried along by uₓ. A front of height Δ is about 4 ν/Δ wide. One cell is one unit of length at every grid size.

    The term is computed as ∇|u|²/2 − u × (∇ × u), which is the same once aliases are removed.

    Initial condition: uₓ = f₁, u_y = f₂, with independent fields.

    Seen: speckle becomes a few broad patches within some steps; bars lean over until one edge is sharp, then
    fade.

    Source: Burgers (1948), Adv. Appl. Mech. 1, 171; Frisch & Bec (2001), Burgulence, Les Houches 74, section 1.
    """

    name = "burgers"
    channel_names = ("velocity_x", "velocity_y")
    dt = 0.5
    num_substeps = 2
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
            name="viscosity", kind="log", unit="length²/time", low=0.7, high=5.0, description="ν, width of shocks."
        ),
        *noise_parameters(3e-3, 0.15, unit="length/time^1.5"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−ν k²."""
        return (-column(parameters, "viscosity", grid.squared) * grid.squared).expand(-1, 2, -1, -1)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:  # noqa: ARG002
        """−∇|u|²/2 + u × (∇ × u)."""
        by_y, by_x = grid.gradient(like.dtype)

        def term(spectrum: Tensor) -> Tensor:
            curl = by_x * spectrum[:, 1] - by_y * spectrum[:, 0]
            u, v, curl = torch.fft.irfft2(torch.cat((spectrum, curl[:, None]), dim=1), s=grid.size).unbind(1)
            products = torch.stack(((u * u).addcmul_(v, v).mul_(-0.5), v * curl, -u * curl), dim=1)
            energy, across_x, across_y = torch.fft.rfft2(products).unbind(1)
            return torch.stack((torch.addcmul(across_x, by_x, energy), torch.addcmul(across_y, by_y, energy)), dim=1)

        return NonlinearTerm(term)
