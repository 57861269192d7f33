"""Exponential time differencing: stiff linear parts exactly, the rest by a Runge-Kutta scheme of order 4."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NonlinearTerm = Callable[[Tensor], Tensor]
CONTOUR_POINTS = 16
"""The error of the mean falls as 1 / 16!, below what float64 resolves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ETDRK4:
    """One step of  du/dt = L u + N(u)  for a diagonal L in Fourier space.

        a = e^{Lh/2} u + (h/2) φ₁(Lh/2) N(u)
        b = e^{Lh/2} u + (h/2) φ₁(Lh/2) N(a)
        c = e^{Lh/2} a + (h/2) φ₁(Lh/2) (2 N(b) − N(u))
        u⁺ = e^{Lh} u + h f₁ N(u) + 2 h f₂ (N(a) + N(b)) + h f₃ N(c)

        f₁ = φ₁ − 3 φ₂ + 4 φ₃,  f₂ = φ₂ − 2 φ₃,  f₃ = −φ₂ + 4 φ₃  at z = Lh
        φ₁(z) = (e^z − 1)/z,  φ₂(z) = (φ₁(z) − 1)/z,  φ₃(z) = (φ₂(z) − 1/2)/z

    N is dealiased: its coefficients are 0 outside `keep`.

    Source: Cox & Matthews (2002), J. Comput. Phys. 176, 430, eqs 26-29; coefficients as contour means: Kassam & Trefethen
    (2005), SIAM J. Sci. Comput. 26, 1214, section 2.

    Attributes:
        whole, half: e^{Lh} and e^{Lh/2}, over (row, channel, wavenumber…); for a real L with a last axis of 2, equal for
            the real and the imaginary part, so that the products stay real.
        to_middle: (h/2) φ₁(Lh/2).
        first, second, third: h f₁, 2 h f₂, h f₃.
    """

    whole: Tensor
    half: Tensor
    to_middle: Tensor
    first: Tensor
    second: Tensor
    third: Tensor

    @classmethod
    def of(cls, linear: Tensor, *, step: float, keep: Tensor, dtype: torch.dtype) -> "ETDRK4":
        """The scheme for a linear part, its coefficients computed in float64.

        Args:
            linear: L of each row, channel and mode; float64, or complex128 for waves.
            step: h, > 0.
            keep: 1 for the modes that the nonlinear term may feed, 0 for those that dealiasing removes.
            dtype: float32 or float64, of the states.
        """
        fed = keep.bool()
        z = linear[..., fed] * step
        one, two, three = _phi(z)

        def factor(values: Tensor) -> Tensor:
            """Zero for the modes that are not fed."""
            whole = linear.new_zeros(linear.shape)
            whole[..., fed] = values
            return _coefficient(whole, dtype)

        return cls(
            whole=_coefficient(torch.exp(linear * step), dtype),
            half=_coefficient(torch.exp(linear * step / 2), dtype),
            to_middle=factor(step / 2 * _phi(z / 2)[0]),
            first=factor(step * (one - 3 * two + 4 * three)),
            second=factor(2 * step * (two - 2 * three)),
            third=factor(step * (4 * three - two)),
        )

    def __call__(self, spectrum: Tensor, nonlinear: NonlinearTerm) -> Tensor:
        """The spectrum one step later."""
        u = self._products(spectrum)
        at_start = self._products(nonlinear(spectrum))
        carried = self.half * u
        a = torch.addcmul(carried, self.to_middle, at_start)
        at_a = self._products(nonlinear(self._complex(a)))
        b = torch.addcmul(carried, self.to_middle, at_a)
        at_b = self._products(nonlinear(self._complex(b)))
        twice = torch.sub(at_b, at_start, alpha=0.5)
        c = (self.half * a).addcmul_(self.to_middle, twice, value=2)
        forward = (self.whole * u).addcmul_(self.first, at_start).addcmul_(self.second, at_a + at_b)
        return self._complex(forward.addcmul_(self.third, self._products(nonlinear(self._complex(c)))))

    def _products(self, spectrum: Tensor) -> Tensor:
        """The spectrum in the form of the coefficients: pairs of real numbers where L is real."""
        return spectrum if self.whole.is_complex() else torch.view_as_real(spectrum)

    def _complex(self, values: Tensor) -> Tensor:
        return values if self.whole.is_complex() else torch.view_as_complex(values)


def propagator(linear: Tensor, *, time: float, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The map of spectra by  du/dt = L u  over a time, exact at any length.

    Args:
        linear: L of each row, channel and mode; float64, or complex128 for waves.
        time: > 0.
        dtype: float32 or float64, of the states.
    """
    factor = _coefficient(torch.exp(linear * time), dtype)
    if linear.is_complex():
        return lambda spectrum: factor * spectrum
    return lambda spectrum: torch.view_as_complex(factor * torch.view_as_real(spectrum))


def _coefficient(part: Tensor, dtype: torch.dtype) -> Tensor:
    """A coefficient in the states' precision; a real one twice, for the real and for the imaginary part.

    Products with those below eps² would be nothing beside rounding, and soon subnormal, which is many times slower.
    """
    part = torch.where(part.abs() < torch.finfo(dtype).eps ** 2, 0.0, part)
    if part.is_complex():
        return part.to(dtype.to_complex())
    return part.to(dtype)[..., None].expand(*part.shape, 2).contiguous()


def _phi(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """φ₁, φ₂ and φ₃ as means over a circle of radius 1 around z, where the closed forms lose all digits near z = 0."""
    # For a real z the lower half of the circle repeats the upper one with conjugate values.
    points = CONTOUR_POINTS if z.is_complex() else CONTOUR_POINTS // 2
    angle = 2 * math.pi * (torch.arange(points, dtype=torch.float64, device=z.device) + 0.5) / CONTOUR_POINTS
    one, two, three = (torch.zeros_like(z, dtype=torch.complex128) for _ in range(3))
    for offset in torch.polar(torch.ones_like(angle), angle):
        w = z + offset
        inverse = 1 / w
        phi = torch.exp(w).sub_(1).mul_(inverse)
        one += phi
        phi = phi.sub_(1).mul_(inverse)
        two += phi
        three += phi.sub_(0.5).mul_(inverse)
    means = (one / points, two / points, three / points)
    return means if z.is_complex() else (means[0].real, means[1].real, means[2].real)
