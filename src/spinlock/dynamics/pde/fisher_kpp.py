"""Fisher-KPP: a population that grows to its limit and invades."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class FisherKPP(SpectralSystem):
    """Colonies that spread at one speed until they cover everything.

        ∂u/∂t = D ∇²u + r max(u, 0) (1 − u)

    A front invades the empty state at 2 √(r D). Values below 0, which only noise can make, do not grow: there the logistic
    term would run away to −∞. One cell is one unit of length at every grid size.

    Initial condition: u = 0.5 max(f − 0.8, 0), so that high places are colonies in empty ground.

    Seen: spots and bars swell with soft edges, meet and fill the frame; noise leaves a mottled plateau.

    Source: Fisher (1937), Ann. Eugenics 7, 355; Kolmogorov, Petrovsky & Piskunov (1937), Bull. Univ. Moscou A 1, 1.
    """

    name = "fisher_kpp"
    channel_names = ("population",)
    dt = 1.0
    num_substeps = 2
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
    amplitude = 0.5
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "band_limited": 0.5,
        "power_law": 1.0,
        "blobs": 1.0,
        "point_seeds": 2.0,
        "rings": 0.5,
        "front": 1.0,
    }
    parameters = (
        Parameter(name="diffusivity", kind="log", unit="length²/time", low=0.2, high=2.0, description="D."),
        Parameter(name="growth_rate", kind="log", unit="1/time", low=0.01, high=0.2, description="r."),
        *noise_parameters(1e-4, 0.03, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """0.5 max(f − 0.8, 0)."""
        return 0.5 * (fields - 0.8).clamp(min=0)

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """−D k²."""
        return -column(parameters, "diffusivity", grid.squared) * grid.squared

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:
        """r max(u, 0) (1 − u)."""

        def term(spectrum: Tensor) -> Tensor:
            u = torch.fft.irfft2(spectrum, s=grid.size)
            present = u.clamp(min=0)
            return torch.fft.rfft2(torch.addcmul(present, present, present, value=-1))

        return NonlinearTerm(term, column(parameters, "growth_rate", like))
