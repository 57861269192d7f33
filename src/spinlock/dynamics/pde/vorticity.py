"""The transport of vorticity by the two-dimensional flow that it belongs to."""

import torch
from torch import Tensor

from spinlock.dynamics.pde.etdrk import SpectrumMap
from spinlock.dynamics.pde.spectral import Grid


def vorticity_transport(grid: Grid, dtype: torch.dtype, *, source: Tensor | None = None) -> SpectrumMap:
    """The map of vorticity spectra to those of −u·∇ω + source, with ∇²ψ = ω and u = (−∂ψ/∂y, ∂ψ/∂x).

        −u·∇ω = (∂²/∂y² − ∂²/∂x²)(uₓ u_y) + ∂²/∂x∂y (uₓ² − u_y²)

    needs two inverse and two forward transforms, one fewer than from u and ∇ω. On the modes that dealiasing keeps the
    two forms are equal, and energy and enstrophy are conserved.

    Args:
        grid: in two dimensions.
        dtype: of the states.
        source: spectrum of a constant source, (batch, 1, ky, kx); None for none.

    Source: Basdevant (1983), J. Comput. Phys. 50, 209.
    """
    by_y, by_x = grid.gradient(torch.float64)
    inverse = torch.where(grid.squared > 0, 1 / grid.squared.clamp(min=1e-300), 0.0)
    to_velocity = torch.stack((by_y * inverse, -by_x * inverse)).to(dtype.to_complex())
    of_product = _pairs((grid.kx**2 - grid.ky**2) * grid.keep, dtype)
    of_difference = _pairs(-grid.kx * grid.ky * grid.keep, dtype)
    constant = None if source is None else torch.view_as_real(source.to(dtype.to_complex()))

    def term(spectrum: Tensor) -> Tensor:
        u, v = torch.fft.irfft2(spectrum * to_velocity, s=grid.size).split(1, dim=1)
        product = torch.view_as_real(torch.fft.rfft2(u * v))
        difference = torch.view_as_real(torch.fft.rfft2((u * u).addcmul_(v, v, value=-1)))
        change = product * of_product if constant is None else torch.addcmul(constant, product, of_product)
        return torch.view_as_complex(change.addcmul_(difference, of_difference))

    return term


def _pairs(coefficient: Tensor, dtype: torch.dtype) -> Tensor:
    """Once for the real and once for the imaginary part: a real product is faster than a complex one."""
    return coefficient.to(dtype)[..., None].expand(*coefficient.shape, 2).contiguous()
