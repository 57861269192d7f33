"""Diffusion: everything blurs, small scales first."""

from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class Diffusion(SpectralSystem):
    """A pattern that fades into its mean, its finest detail first; noise keeps a balance with it.

        ∂u/∂t = D ∇²u

    A mode k decays at the rate D k², exactly at any step. The domain has side 1 at every grid size.

    Initial condition: f.

    Seen: spots widen and fade, speckle smooths into soft clouds, and slow draws hardly change at all.

    Source: Fourier (1822), Théorie analytique de la chaleur, chapter II.
    """

    name = "diffusion"
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
        Parameter(name="diffusivity", kind="log", unit="length²/time", low=1e-5, high=1e-2, description="D."),
        *noise_parameters(3e-3, 0.3, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−D k²."""
        return -column(parameters, "diffusivity", grid.squared) * grid.squared

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm | None:  # noqa: ARG002
        """None: the equation is linear."""
        return None
