"""Perturbations of a state, and how their images differ from the state's own."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

States = Float[Tensor, "batch channel height width"]
Direction = Float[Tensor, "1 channel height width"]
Map = Callable[[Tensor], Tensor]

MOST_VALUES = 1 << 16
"""Values of the states that are stepped in one call, at most, beyond one state: a network makes up to a hundred times as
many of them in the call, and is fastest where they stay near the processor."""


def step_all(step: Map, inputs: Sequence[States]) -> list[States]:
    """Images of several batches of states, stepped together in as few calls as `MOST_VALUES` allows."""
    joined = torch.cat(list(inputs))
    per_call = max(1, MOST_VALUES // joined[0].numel())
    with torch.no_grad():
        images = torch.cat([step(part).detach() for part in joined.split(per_call)])
    return list(images.split([len(part) for part in inputs]))


def white_direction(like: Direction, generator: np.random.Generator) -> Direction:
    """White Gaussian noise of unit root mean square."""
    noise = generator.standard_normal(tuple(like.shape))
    return torch.from_numpy(noise / np.sqrt(np.mean(noise**2))).to(like)


def scale_free_direction(white: Direction) -> Direction:
    """Noise with the same energy in every octave of wavenumber and no mean, of unit root mean square.

    Amplitudes of white noise are divided by |k|; where there is one cell only, the noise is returned as it is.
    """
    height, width = white.shape[-2:]
    if height * width == 1:
        return white
    ky = torch.fft.fftfreq(height, 1 / height, dtype=white.dtype)
    kx = torch.fft.rfftfreq(width, 1 / width, dtype=white.dtype)
    square = ky[:, None] ** 2 + kx**2
    factor = torch.where(square > 0, square.clamp_min(1).rsqrt(), 0)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * factor, s=(height, width))
    return noise / noise.square().mean().sqrt()


def band_directions(white: Direction) -> list[Direction]:
    """A uniform offset, and white noise below 2, from 2 to 4 and above 4 cycles per domain; without empty bands."""
    height, width = white.shape[-2:]
    ky = torch.fft.fftfreq(height, 1 / height, dtype=white.dtype)
    kx = torch.fft.rfftfreq(width, 1 / width, dtype=white.dtype)
    radius = (ky[:, None] ** 2 + kx**2).sqrt()
    spectrum = torch.fft.rfft2(white)
    bands = [torch.ones_like(white)]
    for low, high in ((0.5, 2), (2, 4), (4, math.inf)):
        band = torch.fft.irfft2(spectrum * ((radius >= low) & (radius < high)), s=(height, width))
        if bool(band.abs().max() > 1e-6):
            bands.append(band)
    return bands


def translated(states: States, *, rows: float, columns: float) -> States:
    """States moved by any number of cells on a periodic domain, by the Fourier shift theorem."""
    height, width = states.shape[-2:]
    ky = torch.fft.fftfreq(height, dtype=states.dtype)
    kx = torch.fft.rfftfreq(width, dtype=states.dtype)
    turns = (ky[:, None] * rows + kx * columns) * (-2 * math.pi)
    factor = torch.polar(torch.ones_like(turns), turns)
    return torch.fft.irfft2(torch.fft.rfft2(states) * factor, s=(height, width))


def root_mean_square(states: States) -> Float[Tensor, " batch"]:
    """Over channel, height and width; of numbers of any size, squares of which may not fit the dtype."""
    largest = states.abs().amax((1, 2, 3))
    unit = states / torch.where(largest > 0, largest, 1)[:, None, None, None]
    return largest * unit.square().mean((1, 2, 3)).sqrt()


def pattern_size(states: States) -> Float[Tensor, " batch"]:
    """Root mean square of states less each channel's spatial mean."""
    return root_mean_square(states - states.mean((2, 3), keepdim=True))


def distance_from(row: int, column: int, *, height: int, width: int, periodic: bool, like: Tensor) -> Tensor:
    """Squared distance of every cell from one cell in cells, around the edge where that is shorter, (height, width)."""
    squares = []
    for centre, length in ((row, height), (column, width)):
        offset = (torch.arange(length, dtype=like.dtype) - centre).abs()
        squares.append((torch.minimum(offset, length - offset) if periodic else offset).square())
    return squares[0][:, None] + squares[1]


def radius_of_gyration(response: States, squared_distance: Float[Tensor, "height width"]) -> Float[Tensor, " batch"]:
    """Root mean square distance of the response's energy, in the distance's unit; NaN where there is no response."""
    energy = (response / response.abs().amax((1, 2, 3), keepdim=True)).square().sum(1)
    return ((energy * squared_distance).sum((1, 2)) / energy.sum((1, 2))).sqrt()
