"""Gray-Scott: a substrate fed to a self-copying catalyst."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.etdrk import NonlinearTerm
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem


class GrayScott(SpectralSystem):
    """Spots that divide, worms, mazes and waves.

        ∂u/∂t = Du ∇²u − u v² + F (1 − u)
        ∂v/∂t = Dv ∇²v + u v² − (F + k) v

    Patterns live in a thin band along the saddle-node curve k = √F/2 − F, above which the only uniform state is u = 1,
    v = 0. So k is sampled as the position p in the band:  k = √F/2 − F − 0.002 + (0.012 − 0.12 F) p.
    One cell is 1.5 units of length at every grid size: larger grids hold more spots.

    Initial condition: v = 0.1 + 0.08 f, u = 1 − v, with f the field of the first channel, so that high places are seeds.

    Seen: lone spots that drift or divide, rings that open into worms, mazes that fill the frame, and draws in
    which all but a spot dies out.

    Source: Pearson (1993), Science 261, 189; Gray & Scott (1984), Chem. Eng. Sci. 39, 1087.
    """

    name = "gray_scott"
    channel_names = ("u", "v")
    dt = 20.0
    num_substeps = 6
    domain_length = 48.0
    grows_with_grid = True
    bound = 10.0
    amplitude = 0.5
    rest = (1.0, 0.0)
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "point_seeds": 2.0,
        "blobs": 1.0,
        "gaussian_field": 2.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "front": 0.5,
        "rings": 0.5,
    }
    parameters = (
        Parameter(name="feed", unit="1/time", low=0.018, high=0.062, description="F, rate at which u is fed."),
        Parameter(name="kill_position", low=0.0, high=0.85, description="p, where k lies in the band of patterns."),
        Parameter(name="diffusion_u", unit="length²/time", low=0.12, high=0.2, description="Du."),
        Parameter(name="diffusion_ratio", low=0.4, high=0.6, description="Dv / Du."),
        *noise_parameters(1e-4, 3e-3, unit="1/√time"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """v = 0.1 + 0.08 f and u = 1 − v, with f the first field."""
        v = 0.1 + 0.08 * fields[:, 0:1]
        return torch.cat((1 - v, v), dim=1)

    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """Diffusion, and the decay at the rates F and F + k."""
        feed, kill = self._rates(parameters, grid.squared)
        diffusion = column(parameters, "diffusion_u", grid.squared)
        ratio = column(parameters, "diffusion_ratio", grid.squared)
        return torch.cat((-diffusion * grid.squared - feed, -diffusion * ratio * grid.squared - feed - kill), dim=1)

    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm:  # noqa: ARG002
        """(−u v², u v²); the supply F is what keeps u = 1 at rest."""
        signs = torch.tensor([-1.0, 1.0], dtype=torch.float64, device=like.device).view(1, 2, 1, 1)

        def term(spectrum: Tensor) -> Tensor:
            eaten, v = torch.fft.irfft2(spectrum, s=grid.size).split(1, dim=1)  # u − 1 and v
            squared = v.square()
            return torch.fft.rfft2(torch.addcmul(squared, squared, eaten))

        return NonlinearTerm(term, signs)

    def _rates(self, parameters: Columns, like: Tensor) -> tuple[Tensor, Tensor]:
        feed = column(parameters, "feed", like)
        return feed, feed.sqrt() / 2 - feed - 0.002 + (0.012 - 0.12 * feed) * column(parameters, "kill_position", like)
