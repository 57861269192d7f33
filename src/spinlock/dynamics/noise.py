"""Space-time noise: white in time, Gaussian-correlated in space, additive or multiplicative."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.dynamics.parameter_space import Columns, Parameter, column

NOISE_KINDS = ("additive", "multiplicative")
NOISE_PARAMETERS = ("noise_scale", "noise_length", "noise_kind", "noise_schedule", "flip_probability")
White = Callable[[], Tensor]
"""Hands out the next white standard-normal field, (batch, channel, height, width)."""


def gaussian_filter(
    lengths: Float[Tensor, " batch"], height: int, width: int, *, has_mean: bool = True
) -> Float[Tensor, "batch 1 height half_width"]:
    """Gains on `rfft2` modes that turn white noise into a field of correlation length ℓ and unit variance.

    The gain is exp(−(2π k ℓ)²/4) with k in cycles per domain and ℓ in domains, so the correlation of the field is
    exp(−r²/(2ℓ²)); it is then scaled so that the squared gains of all modes average to 1, whatever the grid.

    Args:
        lengths: ℓ of each row, > 0, in units of the domain's side.
        height, width: of the grid; height 1 for one dimension.
        has_mean: whether the mode 0 is among them.
    """
    ky = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64, device=lengths.device)[:, None]
    kx = torch.fft.fftfreq(width, 1 / width, dtype=torch.float64, device=lengths.device)[None, :]
    squared = (2 * math.pi) ** 2 * (ky**2 + kx**2)
    gain = torch.exp(-squared * lengths.double().view(-1, 1, 1, 1) ** 2 / 4)
    if not has_mean:
        gain[..., 0, 0] = 0.0
    gain = gain / gain.square().mean(dim=(-2, -1), keepdim=True).sqrt()
    return gain[..., : width // 2 + 1]


class ColoredNoise:
    """Increments of one saved step: σ √dt ξ where additive, σ √dt (u/U) ξ where multiplicative.

    ξ has variance 1 and correlation length ℓ. It is the Euler-Maruyama increment of σ dW or σ (u/U) dW in the sense of
    Itô, taken once a saved step at the state that the flow has reached: multiplicative noise moves no mean. Where the
    mean is conserved, the increment has none in any channel: ξ has no mode 0, and what u ξ has is taken out.

    Args:
        parameters: with "noise_scale" σ, "noise_length" ℓ and "noise_kind", one value a row.
        white: source of white fields.
        dt: time between saved states.
        like: states, for their grid, dtype and device.
        amplitude: U, typical size of a state.
        conserves_mean: whether increments have no spatial mean.
        channels: a factor for each channel; empty for 1 everywhere.
    """

    def __init__(
        self,
        parameters: Columns,
        white: White,
        *,
        dt: float,
        like: Tensor,
        amplitude: float = 1.0,
        conserves_mean: bool = False,
        channels: tuple[float, ...] = (),
    ) -> None:
        self._white = white
        self._size = tuple(like.shape[-2:])
        self._conserves_mean = conserves_mean
        lengths = column(parameters, "noise_length", like).flatten()
        gain = gaussian_filter(lengths, *self._size, has_mean=not conserves_mean)
        gain = gain * column(parameters, "noise_scale", like) * math.sqrt(dt)
        if channels:
            gain = gain * torch.tensor(channels, dtype=gain.dtype, device=gain.device).view(1, -1, 1, 1)
        # Once for the real and once for the imaginary part: a real product is faster than a complex one.
        self._gain = gain.to(like.dtype)[..., None].expand(*gain.shape, 2).contiguous()
        follows = [kind == "multiplicative" for kind in parameters["noise_kind"]]
        self._is_multiplicative = any(follows)
        share = torch.tensor(follows, dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)
        self._constant, self._slope = 1 - share, share / amplitude

    def increment(
        self, state: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """The next increment, at `state`."""
        spectrum = torch.view_as_real(torch.fft.rfft2(self._white())) * self._gain
        noise = torch.fft.irfft2(torch.view_as_complex(spectrum), s=self._size)
        if not self._is_multiplicative:
            return noise
        noise = torch.addcmul(self._constant, self._slope, state).mul_(noise)
        if self._conserves_mean:
            # Additive rows keep their bits: their mean is rounding, and which rows share a call must not matter.
            noise = noise - (self._slope != 0) * noise.mean(dim=(-2, -1), keepdim=True)
        return noise


def noise_parameters(low: float, high: float, *, unit: str) -> tuple[Parameter, Parameter, Parameter]:
    """`noise_scale`, from `low` to `high`, `noise_length` and `noise_kind`: what every system's noise is made of."""
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
        Parameter(
            name="noise_kind",
            kind="choice",
            choices=NOISE_KINDS,
            weights=(2.0, 1.0),
            description="Whether the noise is σ dW, or σ (u/U) dW (Itô) with U the typical size of a state.",
        ),
    )
