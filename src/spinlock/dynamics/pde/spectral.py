"""Parts of all equations: the Fourier grid, and a saved step of it."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.rollout import StepOperator
from spinlock.dynamics.parameter_space import Columns, column
from spinlock.dynamics.pde.etdrk import ETDRK4, NonlinearTerm, diagonal, propagator
from spinlock.dynamics.system import REFERENCE_GRID, System


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Wavenumbers of a periodic square in float64, in radians per unit of length, shaped for (batch, channel, ky, kx).

    Attributes:
        size: (height, width) of the states.
        ky, kx: components; the highest (Nyquist) mode of an odd derivative is 0.
        squared: k².
        keep: 1 where |kx| and |ky| are below 2/3 of the highest mode, which removes the aliases of a product of two
            fields (Orszag 1971), else 0.
    """

    size: tuple[int, int]
    ky: Float[Tensor, "height 1"]
    kx: Float[Tensor, "1 modes"]
    squared: Float[Tensor, "height modes"]
    keep: Float[Tensor, "height modes"]

    @classmethod
    def of(cls, like: Tensor, *, length: float, half: bool) -> "Grid":
        """The grid of states `like` on a domain of side `length` (of the width); `half` for the modes of `rfft2`."""
        height, width = like.shape[-2:]
        rows = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64, device=like.device)[:, None]
        columns = torch.fft.fftfreq(width, 1 / width, dtype=torch.float64, device=like.device)[None, :]
        if half:
            columns = columns[:, : width // 2 + 1]
        keep = (rows.abs() < height / 3) & (columns.abs() < width / 3)
        unit = 2 * math.pi / length
        squared = (unit * rows * width / height) ** 2 + (unit * columns) ** 2
        ky = torch.where(rows.abs() * 2 == height, 0.0, rows) * unit * width / height
        kx = torch.where(columns.abs() * 2 == width, 0.0, columns) * unit
        return cls(size=(height, width), ky=ky, kx=kx, squared=squared, keep=keep.double())

    def gradient(self, dtype: torch.dtype) -> Tensor:
        """(i ky, i kx), complex, (2, ky, kx), for states of real `dtype`."""
        both = torch.stack(torch.broadcast_tensors(self.ky, self.kx))
        return torch.complex(torch.zeros_like(both), both).to(dtype.to_complex())


def direction(parameters: Columns, grid: Grid) -> Float[Tensor, "batch 1 height modes"]:
    """k·d for the unit vector d at the angle "direction" to the width; in one dimension, d's component along it."""
    angle = column(parameters, "direction", grid.kx)
    return torch.cos(angle) * grid.kx + torch.sin(angle) * grid.ky


class SpectralSystem(System):
    """An equation du/dt = L u + N(u) + noise with L diagonal in Fourier space.

    A state is real and transformed by `rfft2`, or, where `is_complex`, its two channels are the real and the imaginary
    part of one field.

    Attributes:
        num_substeps: steps of the scheme in one saved step, at 32 x 32 cells.
        rest: the value of each channel in a uniform state without change that L and N are written around: they act on what
            differs from it. Empty for 0.
        substeps_grow: whether finer grids need more of them in proportion to their side (flows that carry far).
    """

    num_substeps: ClassVar[int]
    substeps_grow: ClassVar[bool] = False
    dimensions: ClassVar[tuple[int, ...]] = (1, 2)
    is_complex: ClassVar[bool] = False
    rest: ClassVar[tuple[float, ...]] = ()
    shares_calls: ClassVar[bool] = True

    @abstractmethod
    def linear(self, parameters: Columns, grid: Grid) -> Tensor:
        """L in float64 or complex128, (batch, channel, ky, kx)."""

    @abstractmethod
    def nonlinear(self, parameters: Columns, grid: Grid, like: Tensor) -> NonlinearTerm | None:
        """N as a map of spectra that hold kept modes alone; what it feeds into others is dropped. None where L is all."""

    def substeps(self, grid_size: int) -> int:
        """Steps of the scheme in one saved step on a grid of `grid_size` cells a side."""
        return self.num_substeps * (max(1, -(-grid_size // REFERENCE_GRID)) if self.substeps_grow else 1)

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one saved step without noise: `substeps` steps of ETDRK4.

        N sees and feeds the modes that dealiasing keeps; the others follow L alone, in one stride. The step starts and
        ends on the grid. That also drops the part of an `rfft2` spectrum that belongs to no real
        field: the nonlinear term cannot see it, so unstable modes would let it grow out of rounding without end.
        """
        grid = Grid.of(like, length=self.length(like.shape[-1]), half=not self.is_complex)
        linear = self.linear(parameters, grid)
        num_substeps = self.substeps(like.shape[-1])
        nonlinear = self.nonlinear(parameters, grid, like)
        if nonlinear is None:
            stride = propagator(linear, time=self.dt, dtype=like.dtype)
            return lambda states: self._to_states(stride(self._to_spectrum(states)), grid.size)
        scheme = ETDRK4.of(
            linear, step=self.dt / num_substeps, keep=grid.keep, dtype=like.dtype, factor=nonlinear.factor
        )
        rest = like.new_tensor(self.rest).view(-1, 1, 1) if self.rest else None
        keep = diagonal(grid.keep, dtype=like.dtype)
        beyond = diagonal(torch.exp(linear * self.dt) * (1 - grid.keep), dtype=like.dtype)

        def advance(states: Tensor) -> Tensor:
            whole = self._to_spectrum(states if rest is None else states - rest)
            spectrum = keep(whole)
            for _ in range(num_substeps):
                spectrum = scheme(spectrum, nonlinear.product)
            after = self._to_states(beyond(whole).add_(spectrum), grid.size)
            return after if rest is None else after + rest

        return advance

    def _to_spectrum(self, states: Tensor) -> Tensor:
        if not self.is_complex:
            return torch.fft.rfft2(states)
        return torch.fft.fft2(torch.complex(states[:, 0:1], states[:, 1:2]))

    def _to_states(self, spectrum: Tensor, size: tuple[int, int]) -> Tensor:
        if not self.is_complex:
            return torch.fft.irfft2(spectrum, s=size)
        field = torch.fft.ifft2(spectrum)
        return torch.cat((field.real, field.imag), dim=1)
