"""Allen-Cahn: two phases, each of which grows at the cost of the other."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class AllenCahn(SpectralSystem):
    """Domains of two phases with smooth walls that straighten and shrink; a bias lets one phase win.

        ∂u/∂t = D ∇²u + u − u³ + b

    With b = 0 it lowers the free energy ∫ D|∇u|²/2 − u²/2 + u⁴/4; a straight wall is tanh(x/√(2D)), and a round domain of
    radius R shrinks at D/R. One cell is one unit of length at every grid size.

    Initial condition: 0.3 f.

    Seen: two phases with sharp borders that round off and retreat; islands shrink and vanish, and often one phase
    takes the whole frame.

    Source: Allen & Cahn (1979), Acta Metall. 27, 1085, sections 2-3.
    """

    name = "allen_cahn"
    channel_names = ("order",)
    dt = 0.5
    num_substeps = 2
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
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
            name="diffusivity",
            kind="log",
            unit="length²/time",
            low=0.5,
            high=3.0,
            description="D, width of walls squared.",
        ),
        Parameter(name="bias", unit="1/time", low=-0.08, high=0.08, description="b, which phase is favoured."),
        *noise_parameters(3e-3, 0.3, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """0.3 f."""
        return 0.3 * fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−D k²."""
        return -column(parameters, "diffusivity", grid.squared) * grid.squared

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """u − u³ + b.

        The growing term is here and not in L, where modes that dealiasing hides from −u³ would grow without end.
        """
        bias = column(parameters, "bias", like).to(like.dtype)

        def term(spectrum: Tensor) -> Tensor:
            u = torch.fft.irfft2(spectrum, s=grid.size)
            return torch.fft.rfft2(torch.addcmul(u, u.square(), u, value=-1).add_(bias))

        return NonlinearTerm(term)
