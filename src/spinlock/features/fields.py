"""What the features of one sample share, each computed once and only when it is asked for."""

from functools import cached_property
from typing import Self, final

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from spinlock.core.rollout import Rollout, StepOperator
from spinlock.features.kernels_fields import (
    block_average_matrix,
    difference_energy,
    frame_scale,
    half_plane_weight,
    power_spectrum,
    shell_sums,
    wavenumber_grid,
)

LOW_CUTOFF = 8
"""Largest wavenumber kept in `low_modes`, in cycles per domain along each axis."""

LOG_FLOOR = 1e-6
"""Smallest standard deviation that a logarithm sees, in units of frame 0's: the resolution of float32."""


@final
class Fields:
    """The shared intermediates of one sample; the batch are its realizations.

    States are in units of frame 0's standard deviation (`scale`), never of the whole trajectory's, which would leak its
    growth. Every attribute keeps dtype and device of `u` unless it says otherwise.

    Args:
        u: states, already divided by `scale`; finite.
        dt: time between saved states.
        dx: grid spacing.
        periodic: whether the domain wraps around.
        step: the noise-free map by one saved step, on states in *physical* units (multiply by `scale` first).
        seed: of the random directions that features draw (`seeds.stream(seed, "purpose")`); the same for all samples.
        scale: what the physical states were divided by; 1 when it is not given.
    """

    u: Float[Tensor, "batch time channel height width"]
    scale: Float[Tensor, " batch"]

    def __init__(
        self,
        u: Float[Tensor, "batch time channel height width"],
        *,
        dt: float,
        dx: float = 1.0,
        periodic: bool = True,
        step: StepOperator | None = None,
        seed: int = 0,
        scale: Float[Tensor, " batch"] | None = None,
    ) -> None:
        if not dt > 0 or not dx > 0:
            raise ValueError(f"`dt` and `dx` must be greater than 0; got dt={dt} and dx={dx}.")
        self.u, self.dt, self.dx, self.periodic, self.step, self.seed = u, dt, dx, periodic, step, seed
        self.scale = u.new_ones(u.shape[0]) if scale is None else scale

    @classmethod
    def from_rollout(cls, rollout: Rollout) -> Self:
        """The fields of a rollout's valid realizations, divided by their frame 0's standard deviation."""
        valid = torch.tensor(rollout.valid, dtype=torch.bool, device=rollout.states.device)
        states = rollout.states if bool(valid.all()) else rollout.states[valid]
        scale = frame_scale(states[:, 0])
        return cls(
            states / scale[:, None, None, None, None],
            dt=rollout.dt,
            dx=rollout.dx,
            periodic=rollout.periodic,
            step=rollout.step,
            scale=scale,
        )

    @cached_property
    def mean(self) -> Float[Tensor, "batch time channel"]:
        """Spatial mean of each frame and channel."""
        return self.u.mean((-2, -1))

    @cached_property
    def std(self) -> Float[Tensor, "batch time channel"]:
        """Spatial standard deviation (division by the number of pixels) of each frame and channel."""
        return self.u.flatten(-2).std(-1, correction=0)

    @cached_property
    def total_std(self) -> Float[Tensor, "batch time"]:
        """Square root of the spatial variance averaged over channels."""
        return self.std.square().mean(-1).sqrt()

    @cached_property
    def l1(self) -> Float[Tensor, "batch time"]:
        """Mean of |u| over channel, height and width."""
        return self.u.abs().mean((-3, -2, -1))

    @cached_property
    def l2(self) -> Float[Tensor, "batch time"]:
        """Root mean square of u over channel, height and width."""
        return self.u.square().mean((-3, -2, -1)).sqrt()

    @cached_property
    def linf(self) -> Float[Tensor, "batch time"]:
        """Largest |u| over channel, height and width."""
        return self.u.abs().amax((-3, -2, -1))

    @cached_property
    def gradient_energy(self) -> Float[Tensor, "batch time"]:
        """Mean of |∇u|² over channel and space, by forward differences (without the wrap if not periodic)."""
        return difference_energy(self.u, dx=self.dx, periodic=self.periodic)

    @cached_property
    def sorted_values(self) -> Float[Tensor, "batch time value"]:
        """All values of a frame in ascending order, channels together."""
        values = self.u.flatten(2)
        if values.device.type == "cpu":  # numpy's vectorised sort is twenty times faster than torch's
            return torch.from_numpy(np.sort(values.detach().numpy(), axis=-1))
        return values.sort(-1).values

    @cached_property
    def wavenumber_y(self) -> Float[Tensor, " ky"]:
        """Wavenumber of each row of a half-plane spectrum, cycles per domain (the longer side), in FFT order."""
        return wavenumber_grid(self.u)[0]

    @cached_property
    def wavenumber_x(self) -> Float[Tensor, " kx"]:
        """Wavenumber of each column of a half-plane spectrum, >= 0, cycles per domain (the longer side)."""
        return wavenumber_grid(self.u)[1]

    @cached_property
    def power(self) -> Float[Tensor, "batch time ky kx"]:
        """Power spectrum summed over channels, means removed, on the half plane kx >= 0, both halves counted.

        It sums to the channel-sum of the spatial variance (of the Hann-windowed field if the domain is not periodic).
        """
        return power_spectrum(self.u, periodic=self.periodic).sum(2)

    @cached_property
    def radial_wavenumber(self) -> Float[Tensor, " band"]:
        """Centres 0, 1, 2, … of the shells, cycles per domain; shell k holds round(|k|) = k, corners included."""
        top = (self.wavenumber_y.abs().max() ** 2 + self.wavenumber_x.max() ** 2).sqrt().round()
        return torch.arange(int(top) + 1, dtype=self.u.dtype, device=self.u.device)

    @cached_property
    def radial_power(self) -> Float[Tensor, "batch time band"]:
        """`power` summed over shells of one cycle per domain; shell 0 holds only the removed mean."""
        return shell_sums(self.power, self.wavenumber_y, self.wavenumber_x, num_bands=len(self.radial_wavenumber))

    @cached_property
    def low_ky(self) -> Int[Tensor, " ky"]:
        """Cycles per height of the rows of `low_modes`: -K … K, K = 8 or what the grid resolves below Nyquist."""
        most = min(LOW_CUTOFF, (self.u.shape[-2] - 1) // 2)
        return torch.arange(-most, most + 1, device=self.u.device)

    @cached_property
    def low_kx(self) -> Int[Tensor, " kx"]:
        """Cycles per width of the columns of `low_modes`: 0 … K (the other half is the complex conjugate)."""
        most = min(LOW_CUTOFF, (self.u.shape[-1] - 1) // 2)
        return torch.arange(0, most + 1, device=self.u.device)

    @cached_property
    def low_weight(self) -> Float[Tensor, " kx"]:
        """How often a column of `low_modes` counts in a sum over the whole plane: 1 at kx = 0, else 2."""
        return half_plane_weight(self.low_kx, self.u.shape[-1]).to(self.u.dtype)

    @cached_property
    def low_modes(self) -> Complex[Tensor, "batch time channel ky kx"]:
        """Fourier coefficients (norm="forward") of the low wavenumbers `low_ky` x `low_kx`, mean included."""
        spectrum = torch.fft.rfft2(self.u, norm="forward")
        return spectrum[..., self.low_ky % self.u.shape[-2], :][..., self.low_kx].contiguous()

    @cached_property
    def probe_lattice(self) -> tuple[int, int]:
        """Rows and columns of the lattice of blocks of `probes`: 4 x 4, fewer with many channels or few pixels."""
        channels, height, width = self.u.shape[-3:]
        rows, columns = min(4, height), min(4, width)
        while rows * columns * channels > 16 and rows * columns > 1:
            rows, columns = (rows // 2, columns) if rows >= columns else (rows, columns // 2)
        return rows, columns

    @cached_property
    def probes(self) -> Float[Tensor, "batch time series"]:
        """Block means over `probe_lattice`, channel by channel, row by row; at most 16 series.

        With more than 16 channels, the first 16 channels' means.
        """
        rows, columns = self.probe_lattice
        over_y = block_average_matrix(self.u.shape[-2], rows).to(self.u)
        over_x = block_average_matrix(self.u.shape[-1], columns).to(self.u)
        return (over_y @ (self.u[:, :, :16] @ over_x.T)).flatten(2)

    @cached_property
    def frame_gram(self) -> Float[Tensor, "batch time time"]:
        """Mean product over channel and pixel of frames i and j, each less the time-average; float64.

        Squared distances of frames follow as G_ii + G_jj - 2 G_ij, POD energies as eigenvalues over the number of times.
        """
        frames = (self.u - self.u.mean(1, keepdim=True)).flatten(2)
        return (frames @ frames.mT).double() / frames.shape[-1]

    @cached_property
    def scalars(self) -> Float[Tensor, "batch time 4"]:
        """Standard scalar series: spatial mean, log total_std, log gradient_energy, spectral centroid.

        The mean is averaged over channels. Logarithms are floored at a standard deviation of 1e-6 of frame 0's (so that
        a field that dies out stays finite); the centroid, in cycles per domain, is 0 in a constant frame.
        """
        power = self.radial_power.sum(-1)
        centroid = (self.radial_power @ self.radial_wavenumber) / power.clamp_min(torch.finfo(power.dtype).tiny)
        log_std = self.total_std.clamp_min(LOG_FLOOR).log()
        log_gradient = self.gradient_energy.clamp_min((LOG_FLOOR / self.dx) ** 2).log()
        return torch.stack((self.mean.mean(-1), log_std, log_gradient, centroid), dim=-1)
