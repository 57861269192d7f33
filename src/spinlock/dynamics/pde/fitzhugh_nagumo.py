"""FitzHugh-Nagumo: a medium that fires, tires and recovers."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class FitzHughNagumo(SpectralSystem):
    """Spirals, target waves and beating as a whole; standing spots and mazes where the inhibitor spreads fast.

        ∂u/∂t = Du ∇²u + u − u³ − v
        ∂v/∂t = Dv ∇²v + ε (u + β − γ v)

    Two units of length are one cell at every grid size.

    Initial condition: u = 0.4 f₁, v = 0.2 f₂, with independent fields.

    Seen: patches and ribbons of the two states with sharp fronts that sweep around, or freeze into mazes.

    Source: FitzHugh (1961), Biophys. J. 1, 445; Nagumo, Arimoto & Yoshizawa (1962), Proc. IRE 50, 2061.
    """

    name = "fitzhugh_nagumo"
    channel_names = ("activator", "inhibitor")
    dt = 1.0
    num_substeps = 5
    domain_length = 64.0
    grows_with_grid = True
    bound = 100.0
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 2.0,
        "power_law": 1.0,
        "band_limited": 1.0,
        "blobs": 1.0,
        "rings": 1.0,
        "point_seeds": 1.0,
        "stripes": 0.5,
        "front": 1.0,
    }
    parameters = (
        Parameter(
            name="recovery_rate", kind="log", unit="1/time", low=0.04, high=0.4, description="ε, pace of the inhibitor."
        ),
        Parameter(name="threshold", low=-0.22, high=0.22, description="β, how far from beating by itself."),
        Parameter(name="inhibitor_decay", low=0.2, high=0.8, description="γ."),
        Parameter(name="diffusion_u", kind="log", unit="length²/time", low=0.5, high=1.2, description="Du."),
        Parameter(name="diffusion_ratio", kind="log", low=0.1, high=15.0, description="Dv / Du."),
        *noise_parameters(3e-3, 0.1, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """u = 0.4 f₁, v = 0.2 f₂."""
        return torch.cat((0.4 * fields[:, 0:1], 0.2 * fields[:, 1:2]), dim=1)

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """(−Du k², −ε γ − Dv k²)."""
        diffusion = column(parameters, "diffusion_u", grid.squared)
        decay = column(parameters, "recovery_rate", diffusion) * column(parameters, "inhibitor_decay", diffusion)
        ratio = column(parameters, "diffusion_ratio", diffusion)
        return torch.cat((-diffusion * grid.squared, -decay - diffusion * ratio * grid.squared), dim=1)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """(u − u³ − v, ε (u + β)): the linear terms in Fourier space, β at k = 0.

        The growing term is here and not in L, where modes that dealiasing hides from −u³ would grow without end.
        """
        rate = column(parameters, "recovery_rate", like)
        shift = rate * column(parameters, "threshold", like) * grid.size[0] * grid.size[1]
        pace = rate.to(like.dtype)[:, 0]
        supply = shift.to(like.dtype)[:, 0, 0, 0]

        def term(spectrum: Tensor) -> Tensor:
            activator, inhibitor = spectrum.unbind(1)
            u = torch.fft.irfft2(activator, s=grid.size)
            cubic = torch.fft.rfft2(u.square() * u)
            out = torch.stack((activator - cubic - inhibitor, pace * activator), dim=1)
            out[:, 1, 0, 0] += supply
            return out

        return NonlinearTerm(term)
