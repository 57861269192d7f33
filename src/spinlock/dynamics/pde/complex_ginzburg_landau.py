"""Complex Ginzburg-Landau: coupled oscillators, from frozen spirals to defect turbulence."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class ComplexGinzburgLandau(SpectralSystem):
    """Spirals, plane waves and beating in step; turbulence of phase and of defects where 1 + c₁ c₃ < 0.

        ∂A/∂t = A + D (1 + i c₁) ∇²A − (1 + i c₃) |A|² A

    A plane wave of wavenumber k has |A|² = 1 − D k² and turns at the rate c₁ D k² + c₃ |A|².
    One and a half units of length are one cell at every grid size. Channels: real and imaginary part of A.

    Initial condition: A = 0.2 (f₁ + i f₂), with independent fields.

    Seen: fine boiling grain, plane waves that bend, and broad smooth patches turning in phase.

    Source: Aranson & Kramer (2002), Rev. Mod. Phys. 74, 99, eq. 1 and section III.
    """

    name = "complex_ginzburg_landau"
    channel_names = ("real", "imaginary")
    dt = 0.5
    num_substeps = 2
    domain_length = 48.0
    grows_with_grid = True
    bound = 100.0
    is_complex = True
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 2.0,
        "power_law": 1.0,
        "band_limited": 1.0,
        "noise": 1.0,
        "blobs": 1.0,
        "rings": 1.0,
        "stripes": 1.0,
    }
    parameters = (
        Parameter(name="dispersion", low=-2.0, high=2.0, description="c₁, linear dispersion."),
        Parameter(
            name="frequency_shift", low=-2.0, high=2.0, description="c₃, how the frequency falls with amplitude."
        ),
        Parameter(name="diffusion", kind="log", unit="length²/time", low=0.5, high=3.0, description="D."),
        *noise_parameters(3e-3, 0.1, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """0.2 f₁ and 0.2 f₂."""
        return 0.2 * fields

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−D (1 + i c₁) k²."""
        spread = column(parameters, "diffusion", grid.squared) * grid.squared
        return torch.complex(-spread, -column(parameters, "dispersion", spread) * spread)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:  # noqa: ARG002
        """A − (1 + i c₃) |A|² A.

        The growing term is here and not in L, where modes that dealiasing hides from |A|² A would grow without end.
        """
        shift = column(parameters, "frequency_shift", like).to(like.dtype)
        factor = torch.complex(-torch.ones_like(shift), -shift)

        def term(spectrum: Tensor) -> Tensor:
            field = torch.fft.ifft2(spectrum)
            parts = torch.view_as_real(field)
            squared = parts.square().sum(dim=-1, keepdim=True)
            return torch.fft.fft2(torch.view_as_complex(squared * parts)).mul(factor).add(spectrum)

        return NonlinearTerm(term)
