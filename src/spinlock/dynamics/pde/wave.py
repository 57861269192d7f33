"""The damped wave equation, solved exactly."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.rollout import StepOperator
from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, column
from spinlock.dynamics.pde.spectral import Grid
from spinlock.dynamics.system import System


class Wave(System):
    """Ripples that run at one speed, cross without a trace, and ring down.

        ∂u/∂t = w,   ∂w/∂t = c² ∇²u − γ w

    A mode k swings at the frequency √(c²k² − γ²/4) and decays at γ/2; where the root is imaginary it creeps. Each mode is
    stepped by the exponential of its 2 × 2 matrix, exactly at any step. Noise acts on the velocity w alone. The domain has
    side 1 at every grid size.

    Initial condition: u = f₁, w = 2 f₂, with independent fields.

    Seen: bars split into two that cross and return, rings run outwards and make plaids with their images from
    beyond the edge; speckle turns into soft clouds that slosh.

    Source: Whitham (1974), Linear and Nonlinear Waves, section 7.1; with damping, the telegraph equation.
    """

    name = "wave"
    channel_names = ("displacement", "velocity")
    dt = 0.05
    dimensions = (1, 2)
    domain_length = 1.0
    grows_with_grid = False
    bound = 1e3
    shares_calls = True
    noisy_channels = (0.0, 1.0)
    amplitude = 2.0
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
        Parameter(name="speed", kind="log", unit="length/time", low=0.05, high=1.0, description="c."),
        Parameter(name="damping", kind="log", unit="1/time", low=0.01, high=2.0, description="γ."),
        *noise_parameters(0.01, 1.0, unit="1/time^1.5"),
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """u = f₁, w = 2 f₂."""
        return torch.cat((fields[:, 0:1], 2 * fields[:, 1:2]), dim=1)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one saved step without noise:

        exp(A t) = e^{−γt/2} [(C + γS/2)  S; −c²k² S  (C − γS/2)],   C = cos Ωt,  S = sin Ωt / Ω,  Ω² = c²k² − γ²/4
        """
        grid = Grid.of(like, length=self.length(like.shape[-1]), half=True)
        squared = (column(parameters, "speed", like) ** 2 * grid.squared).expand(-1, 1, -1, -1)
        half_damping = column(parameters, "damping", like) / 2
        turn = torch.sqrt(torch.complex(squared - half_damping**2, torch.zeros_like(squared))) * self.dt
        # At critical damping Ω = 0 and S = t.
        sine = torch.where(turn == 0, 1.0, torch.sin(turn) / torch.where(turn == 0, 1.0, turn)).real * self.dt
        cosine = torch.cos(turn).real
        fade = torch.exp(-half_damping * self.dt)
        rows = (
            torch.cat((cosine + half_damping * sine, sine), dim=1),
            torch.cat((-squared * sine, cosine - half_damping * sine), dim=1),
        )
        to_displacement, to_velocity = ((fade * row).to(like.dtype) for row in rows)

        def advance(states: Tensor) -> Tensor:
            spectrum = torch.fft.rfft2(states)
            both = torch.stack(((to_displacement * spectrum).sum(dim=1), (to_velocity * spectrum).sum(dim=1)), dim=1)
            return torch.fft.irfft2(both, s=grid.size)

        return advance
