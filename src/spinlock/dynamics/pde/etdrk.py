"""Exponential time differencing: stiff linear parts exactly, the rest by a Runge-Kutta scheme of order 4."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

SpectrumMap = Callable[[Tensor], Tensor]
CONTOUR_POINTS = 16
"""The error of the mean falls as 1 / 16!, below what float64 resolves."""


class NonlinearTerm(NamedTuple):
    """N(u) = factor · product(u) in Fourier space; the factor is taken up by the scheme's coefficients and costs nothing.

    Attributes:
        product: the map of spectra to those of products of fields.
        factor: of each row, channel and mode, float64, or complex128 where L is complex; None for 1.
    """

    product: SpectrumMap
    factor: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ETDRK4:
    """One step of  du/dt = L u + N(u)  for a diagonal L in Fourier space.

        a = e^{Lh/2} u + (h/2) φ₁(Lh/2) N(u)
        b = e^{Lh/2} u + (h/2) φ₁(Lh/2) N(a)
        c = e^{Lh/2} a + (h/2) φ₁(Lh/2) (2 N(b) − N(u))
          = e^{Lh/2} u + (e^{Lh/2} − 1) a + h φ₁(Lh/2) N(b)
        u⁺ = e^{Lh} u + h f₁ N(u) + 2 h f₂ (N(a) + N(b)) + h f₃ N(c)

        f₁ = φ₁ − 3 φ₂ + 4 φ₃,  f₂ = φ₂ − 2 φ₃,  f₃ = −φ₂ + 4 φ₃  at z = Lh
        φ₁(z) = (e^z − 1)/z,  φ₂(z) = (φ₁(z) − 1)/z,  φ₃(z) = (φ₂(z) − 1/2)/z

    N is dealiased: its coefficients are 0 outside `keep`.

    Source: Cox & Matthews (2002), J. Comput. Phys. 176, 430, eqs 26-29; coefficients as contour means: Kassam & Trefethen
    (2005), SIAM J. Sci. Comput. 26, 1214, section 2.

    Attributes:
        whole, half: e^{Lh} and e^{Lh/2}, over (row, channel, wavenumber…); for a real L with a last axis of 2, equal for
            the real and the imaginary part, so that the products stay real.
        change: e^{Lh/2} − 1.
        to_middle: (h/2) φ₁(Lh/2), times the factor of N, as the three that follow.
        first, second, third: h f₁, 2 h f₂, h f₃.
    """

    whole: Tensor
    half: Tensor
    change: Tensor
    to_middle: Tensor
    first: Tensor
    second: Tensor
    third: Tensor

    @classmethod
    def of(
        cls, linear: Tensor, *, step: float, keep: Tensor, dtype: torch.dtype, factor: Tensor | None = None
    ) -> "ETDRK4":
        """The scheme for a linear part, its coefficients computed in float64.

        Args:
            linear: L of each row, channel and mode; float64, or complex128 for waves.
            step: h, > 0.
            keep: 1 for the modes that the nonlinear term may feed, 0 for those that dealiasing removes.
            dtype: float32 or float64, of the states.
            factor: of the nonlinear term; None for 1.
        """
        fed = keep.bool()
        z = linear[..., fed] * step
        one, two, three = _phi(z)

        def feeding(values: Tensor) -> Tensor:
            """Zero for the modes that are not fed."""
            whole = linear.new_zeros(linear.shape)
            whole[..., fed] = values
            return _coefficient(whole if factor is None else whole * factor, dtype)

        return cls(
            whole=_coefficient(torch.exp(linear * step), dtype),
            half=_coefficient(torch.exp(linear * step / 2), dtype),
            change=_coefficient(torch.expm1(linear * step / 2), dtype),
            to_middle=feeding(step / 2 * _phi(z / 2)[0]),
            first=feeding(step * (one - 3 * two + 4 * three)),
            second=feeding(2 * step * (two - 2 * three)),
            third=feeding(step * (4 * three - two)),
        )

    def __call__(self, spectrum: Tensor, product: SpectrumMap) -> Tensor:
        """The spectrum one step later, by a nonlinear term but for its factor."""
        u = self._products(spectrum)
        at_start = self._products(product(spectrum))
        carried = self.half * u
        a = torch.addcmul(carried, self.to_middle, at_start)
        at_a = self._products(product(self._complex(a)))
        b = torch.addcmul(carried, self.to_middle, at_a)
        at_b = self._products(product(self._complex(b)))
        c = carried.addcmul_(self.change, a).addcmul_(self.to_middle, at_b, value=2)
        forward = (self.whole * u).addcmul_(self.first, at_start).addcmul_(self.second, at_b.add_(at_a))
        return self._complex(forward.addcmul_(self.third, self._products(product(self._complex(c)))))

    def _products(self, spectrum: Tensor) -> Tensor:
        """The spectrum in the form of the coefficients: pairs of real numbers where L is real."""
        return spectrum if self.whole.is_complex() else torch.view_as_real(spectrum)

    def _complex(self, values: Tensor) -> Tensor:
        return values if self.whole.is_complex() else torch.view_as_complex(values)


def propagator(linear: Tensor, *, time: float, dtype: torch.dtype) -> SpectrumMap:
    """The map of spectra by  du/dt = L u  over a time, exact at any length.

    Args:
        linear: L of each row, channel and mode; float64, or complex128 for waves.
        time: > 0.
        dtype: float32 or float64, of the states.
    """
    return diagonal(torch.exp(linear * time), dtype=dtype)


def diagonal(factors: Tensor, *, dtype: torch.dtype) -> SpectrumMap:
    """The map of spectra to their products with factors of each mode, for states of real `dtype`."""
    factor = _coefficient(factors, dtype)
    if factors.is_complex():
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
