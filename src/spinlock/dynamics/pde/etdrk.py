"""Exponential time differencing: stiff linear parts exactly, the rest by a Runge-Kutta scheme of order 2."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NonlinearTerm = Callable[[Tensor], Tensor]
CONTOUR_POINTS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class ETDRK2:
    """One step of  du/dt = L u + N(u)  for a diagonal L in Fourier space.

        a = e^{Lh} u + h φ₁(Lh) N(u)
        u⁺ = a + h φ₂(Lh) (N(a) − N(u))

    with φ₁(z) = (e^z − 1)/z and φ₂(z) = (e^z − 1 − z)/z². N comes back dealiased: its coefficients are 0 outside `keep`.

    Source: Cox & Matthews (2002), J. Comput. Phys. 176, section 2.1, eq. 20; contour means: Kassam & Trefethen (2005),
    SIAM J. Sci. Comput. 26, section 2.

    Attributes:
        propagator: e^{Lh}, over (row, channel, wavenumber…); a real L has a last axis of 2, equal for the real and
            the imaginary part, so that the products stay real.
        first: h φ₁(Lh).
        second: h φ₂(Lh).
    """

    propagator: Tensor
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, linear: Tensor, *, step: float, keep: Tensor, dtype: torch.dtype) -> "ETDRK2":
        """The scheme for a linear part, its coefficients computed in float64.

        Args:
            linear: L of each row, channel and mode; float64, or complex128 for waves.
            step: h, > 0.
            keep: 1 for the modes that the nonlinear term may feed, 0 for those that dealiasing removes.
            dtype: float32 or float64, of the states.
        """
        z = linear * step
        first, second = _phi(z)
        parts = (torch.exp(z), step * first * keep, step * second * keep)
        if linear.is_complex():
            ready = [part.to(dtype.to_complex()) for part in parts]
        else:
            ready = [part.to(dtype)[..., None].expand(*part.shape, 2).contiguous() for part in parts]
        return cls(propagator=ready[0], first=ready[1], second=ready[2])

    def __call__(self, spectrum: Tensor, nonlinear: NonlinearTerm | None) -> Tensor:
        """The spectrum one step later; without a nonlinear term the step is exact."""
        if nonlinear is None:
            return self._times(self.propagator, spectrum)
        slope = nonlinear(spectrum)
        middle = self._times(self.propagator, spectrum).add_(self._times(self.first, slope))
        change = nonlinear(middle).sub_(slope)
        return middle.add_(self._times(self.second, change))

    def _times(self, coefficient: Tensor, spectrum: Tensor) -> Tensor:
        if coefficient.is_complex():
            return coefficient * spectrum
        return torch.view_as_complex(coefficient * torch.view_as_real(spectrum))


def _phi(z: Tensor) -> tuple[Tensor, Tensor]:
    """φ₁ and φ₂ as means over a circle of radius 1 around z, where the closed forms lose all digits near z = 0."""
    angle = 2 * math.pi * (torch.arange(CONTOUR_POINTS, dtype=torch.float64, device=z.device) + 0.5) / CONTOUR_POINTS
    first = torch.zeros_like(z, dtype=torch.complex128)
    second = torch.zeros_like(first)
    for offset in torch.polar(torch.ones_like(angle), angle):
        w = z + offset
        grown = torch.exp(w)
        first += (grown - 1) / w
        second += (grown - 1 - w) / w**2
    first, second = first / CONTOUR_POINTS, second / CONTOUR_POINTS
    return (first, second) if z.is_complex() else (first.real, second.real)
