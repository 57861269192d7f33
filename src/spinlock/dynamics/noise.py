"""Space-time noise: white in time, Gaussian-correlated in space, of unit variance."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.parameter_space import Columns, Parameter, column

NOISE_PARAMETERS = ("noise_scale", "noise_length", "noise_schedule", "flip_probability")
White = Callable[[], Tensor]
"""Hands out the next white standard-normal field, (batch, channel, height, width)."""


def gaussian_filter(
    lengths: Float[Tensor, " batch"], height: int, width: int
) -> Float[Tensor, "batch 1 height half_width"]:
    """Gains on `rfft2` modes that turn white noise into a field of correlation length ℓ and unit variance.

    The gain is exp(−(2π k ℓ)²/4) with k in cycles per domain and ℓ in domains, so the correlation of the field is
    exp(−r²/(2ℓ²)); it is then scaled so that the squared gains of all modes average to 1, whatever the grid.

    Args:
        lengths: ℓ of each row, > 0, in units of the domain's side.
        height, width: of the grid.
    """
    ky = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64, device=lengths.device)[:, None]
    kx = torch.fft.fftfreq(width, 1 / width, dtype=torch.float64, device=lengths.device)[None, :]
    squared = (2 * math.pi) ** 2 * (ky**2 + kx**2)
    gain = torch.exp(-squared * lengths.double().view(-1, 1, 1, 1) ** 2 / 4)
    gain = gain / gain.square().mean(dim=(-2, -1), keepdim=True).sqrt()
    return gain[..., : width // 2 + 1]


class ColoredNoise:
    """Increments σ √dt ξ of one saved step, ξ with variance 1 and correlation length ℓ.

    The Euler-Maruyama increment of an additive noise σ dW that is correlated in space, applied once a saved step.

    Args:
        parameters: with "noise_scale" σ and "noise_length" ℓ, one value a row.
        white: source of white fields.
        dt: time between saved states.
        like: states, for their grid, dtype and device.
    """

    def __init__(self, parameters: Columns, white: White, *, dt: float, like: Tensor) -> None:
        self._white = white
        self._size = tuple(like.shape[-2:])
        lengths = column(parameters, "noise_length", like).flatten()
        gain = gaussian_filter(lengths, *self._size) * column(parameters, "noise_scale", like) * math.sqrt(dt)
        # Once for the real and once for the imaginary part: a real product is faster than a complex one.
        self._gain = gain.to(like.dtype)[..., None].expand(*gain.shape, 2).contiguous()

    def increment(self) -> Float[Tensor, "batch channel height width"]:
        """The next increment."""
        spectrum = torch.view_as_real(torch.fft.rfft2(self._white())) * self._gain
        return torch.fft.irfft2(torch.view_as_complex(spectrum), s=self._size)


def noise_parameters(low: float, high: float, *, unit: str) -> tuple[Parameter, Parameter]:
    """`noise_scale`, from `low` to `high`, and `noise_length`: the two parameters of every system's noise."""
    return (
        Parameter(
            name="noise_scale",
            kind="log",
            unit=unit,
            low=low,
            high=high,
            description="σ, standard deviation of the noise that a unit of time adds.",
        ),
        Parameter(
            name="noise_length",
            kind="log",
            unit="domain",
            low=0.03,
            high=0.2,
            description="Correlation length of the noise.",
        ),
    )
