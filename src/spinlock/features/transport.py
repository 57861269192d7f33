"""How far a pattern moves from one frame to the next, and how fast a disturbance spreads."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from spinlock.features.kernels_arithmetic import squared_magnitude, turning

COARSE_POINTS = 32
"""Trial displacements along each axis before the refinement."""
NEWTON_STEPS = 3


class Displacements(NamedTuple):
    """Displacement of each pair of frames, and how much of the change it explains.

    Attributes:
        shift: along y and x, in domains, in [-1/2, 1/2]; NaN where a frame has no pattern.
        left_over: mean square of the second frame less the moved first one, in units of u².
        change: mean square of the second frame less the first one.
    """

    shift: Float[Tensor, "batch pair axis"]
    left_over: Float[Tensor, "batch pair"]
    change: Float[Tensor, "batch pair"]


def displacements(
    before: Complex[Tensor, "batch pair channel ky kx"],
    after: Complex[Tensor, "batch pair channel ky kx"],
    ky: Int[Tensor, " ky"],
    kx: Int[Tensor, " kx"],
    *,
    resolution: float,
) -> Displacements:
    """The displacement d of each pair that maximises the half-whitened correlation r(d).

    r(d) = Re Σ_k C_k |C_k|^(-1/2) exp(2πi k·d),  C_k = Σ_channel conj(a_k) b_k,  k ≠ 0,

    first on a grid of trial displacements (the smallest one where several are equally good), then by Newton's method on
    the same sum, which makes it sub-pixel. Whitening by half keeps the peak sharp without trusting empty modes.

    A frame whose pattern is at most `resolution` of its root mean square has none.

    Source: Kuglin & Hines 1975 (phase correlation).
    """
    real = before.real.dtype
    weight = torch.where(kx == 0, 1, 2).to(real) * ~((ky[:, None] == 0) & (kx == 0))  # (ky, kx)
    cross = (before.conj() * after).sum(2)  # (batch, pair, ky, kx)
    magnitude = cross.abs()
    energies = [(squared_magnitude(frame).sum(2) * weight).sum((-2, -1)) for frame in (before, after)]
    change = (squared_magnitude(after - before).sum(2) * weight).sum((-2, -1))
    means = [squared_magnitude(frame[:, :, :, ky == 0, 0]).sum((-2, -1)) for frame in (before, after)]
    empty = torch.zeros_like(change, dtype=torch.bool)
    for energy, mean in zip(energies, means, strict=True):
        empty |= energy <= resolution**2 * (energy + mean)
    whitened = cross / magnitude.clamp_min(torch.finfo(real).tiny).sqrt() * (weight > 0)
    shift = _refine(whitened * weight, ky, kx, _coarse_peak(whitened, ky, kx))
    moved = (cross * weight * _phase(shift, ky, kx)).real.sum((-2, -1))
    left_over = (energies[0] + energies[1] - 2 * moved).clamp_min(0)
    return Displacements(shift.masked_fill(empty[..., None], torch.nan), left_over, change)


def _phase(
    shift: Float[Tensor, "*batch axis"], ky: Int[Tensor, " ky"], kx: Int[Tensor, " kx"]
) -> Complex[Tensor, "*batch ky kx"]:
    """exp(2πi k·d)."""
    factors = []
    for turns in (shift[..., :1] * ky, shift[..., 1:] * kx):
        factors.append(turning(2 * math.pi * turns))
    return factors[0][..., :, None] * factors[1][..., None, :]


def _coarse_peak(
    whitened: Complex[Tensor, "*batch ky kx"], ky: Int[Tensor, " ky"], kx: Int[Tensor, " kx"]
) -> Float[Tensor, "*batch axis"]:
    """The best of the trial displacements; of equally good ones the shortest."""
    height, width = (COARSE_POINTS if len(k) > 1 else 1 for k in (ky, kx))
    padded = whitened.new_zeros((*whitened.shape[:-2], height, width // 2 + 1))
    padded[..., (ky % height)[:, None], kx] = whitened
    surface = torch.fft.irfft2(padded, s=(height, width), norm="forward")
    along_y, along_x = (
        torch.fft.fftfreq(n, dtype=surface.dtype) for n in (height, width)
    )  # trial displacements in domains, in the order of the surface
    penalty = 1e-3 * (along_y[:, None] ** 2 + along_x**2)
    best = (surface - surface.amax((-2, -1), keepdim=True).abs() * penalty).flatten(-2).argmax(-1)
    return torch.stack((along_y[best // width], along_x[best % width]), -1)


def _refine(
    weighted: Complex[Tensor, "*batch ky kx"],
    ky: Int[Tensor, " ky"],
    kx: Int[Tensor, " kx"],
    shift: Float[Tensor, "*batch axis"],
) -> Float[Tensor, "*batch axis"]:
    """Newton's method on r(d), a step at most one trial spacing, directions without curvature left alone."""
    grid_y, grid_x = torch.broadcast_tensors(ky[:, None].to(shift.dtype), kx.to(shift.dtype))
    basis = torch.stack((grid_y, grid_x), -1).flatten(0, 1) * 2 * math.pi  # (mode, axis)
    outer = (basis[:, :, None] * basis[:, None, :]).flatten(1)  # (mode, 4)
    for _ in range(NEWTON_STEPS):
        terms = (weighted * _phase(shift, ky, kx)).flatten(-2)  # (*batch, mode)
        gradient = -terms.imag @ basis
        yy, yx, _, xx = (terms.real @ outer).unbind(-1)  # minus the Hessian
        lowest = (yy + xx) / 2 - ((yy - xx).square() / 4 + yx.square()).sqrt()  # its smaller eigenvalue
        damping = 1e-3 * terms.abs().sum(-1) + torch.finfo(shift.dtype).tiny + (-1.1 * lowest).clamp_min(0)
        yy, xx = yy + damping, xx + damping
        numerator = torch.stack(
            (xx * gradient[..., 0] - yx * gradient[..., 1], yy * gradient[..., 1] - yx * gradient[..., 0]), -1
        )
        move = numerator / (yy * xx - yx.square())[..., None]
        shift = shift + move.nan_to_num().clamp(-1 / COARSE_POINTS, 1 / COARSE_POINTS)
    return shift - shift.round()


def swept_area(
    frames: Float[Tensor, "batch time channel height width"], start: Float[Tensor, "batch 1 channel height width"]
) -> Float[Tensor, "batch time"]:
    """Share of the domain where any channel is more than 1 away from `start`."""
    changed = ((frames - start).abs() > 1).any(2)
    return changed.to(frames.dtype).mean((-2, -1))


def half_cover(area: Float[Tensor, "batch time"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """The first time (in steps, linearly between steps) at which `area` is half of its maximum, and that half."""
    half = area.amax(1) / 2
    first = (area >= half[:, None]).to(torch.uint8).argmax(1)
    before = area.gather(1, (first - 1).clamp_min(0)[:, None])[:, 0]
    at = area.gather(1, first[:, None])[:, 0]
    part = (half - before) / (at - before).clamp_min(torch.finfo(area.dtype).tiny)
    return torch.where(first > 0, first - 1 + part, torch.zeros_like(part)), half
