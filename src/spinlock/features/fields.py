"""What the features of one sample share, each computed once and only when it is asked for."""

import math
from collections.abc import Callable
from functools import cached_property, lru_cache, wraps
from typing import TypeVar, final
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

from spinlock.core.rollout import Rollout, StepOperator
from spinlock.features.frame_products import FrameProducts
from spinlock.features.kernels_fields import (
    FrameNorms,
    block_average_matrix,
    frame_norms,
    hann_window,
    resolution_of,
    run_scale,
)
from spinlock.features.kernels_pixels import PixelStatistics, pixel_statistics
from spinlock.features.kernels_slopes import Slopes, pixel_slopes, spectral_slopes
from spinlock.features.kernels_spectrum import Plane, SpectralStatistics, make_plane, spectral_statistics
from spinlock.features.kernels_values import ValueStatistics, value_statistics

T = TypeVar("T")

LOW_CUTOFF = 8
"""Largest wavenumber kept in `low_modes`, in cycles per domain along each axis."""

NEAR_CUTOFF = 16
"""The same for the modes that distances of frames are taken from, where they hold all but 1e-3 of what changes."""

MOST_PROBES = 16
"""Local series of one realization at most."""

LOG_FLOOR = 1e-6
"""Smallest standard deviation that a logarithm sees, in units of frame 0's: the resolution of float32."""


@final
class Fields:
    """The shared intermediates of one sample; the batch are its realizations.

    States are in units of frame 0's spatial standard deviation, root mean square over channels (`scale`), never of the
    whole trajectory's, which would leak its growth; where frame 0 is constant, of the root mean square change from it.
    Everything is computed on the CPU, where `u` must be, and has its dtype unless it says otherwise.

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
        self.u, self.dt, self.dx, self.periodic, self.step, self.seed = u.contiguous(), dt, dx, periodic, step, seed
        self.scale = u.new_ones(u.shape[0]) if scale is None else scale

    @classmethod
    def from_rollout(cls, rollout: Rollout) -> "Fields":
        """The fields of a rollout's valid realizations, in units of `run_scale`."""
        valid = torch.tensor(rollout.valid, dtype=torch.bool)
        states = rollout.states if bool(valid.all()) else rollout.states[valid]
        scale = run_scale(states)
        return cls(
            states / scale[:, None, None, None, None],
            dt=rollout.dt,
            dx=rollout.dx,
            periodic=rollout.periodic,
            step=rollout.step,
            scale=scale,
        )

    @property
    def resolution(self) -> float:
        """Share of a field's size below which a change is rounding of its dtype."""
        return resolution_of(self.u.dtype)

    @cached_property
    def norms(self) -> FrameNorms:
        """Moments and norms with (batch, time) flattened; the attributes below have the axes apart."""
        return frame_norms(self.u.flatten(0, 1))

    @cached_property
    def mean(self) -> Float[Tensor, "batch time channel"]:
        """Spatial mean of each frame and channel."""
        return self._apart(self.norms.mean)

    @cached_property
    def std(self) -> Float[Tensor, "batch time channel"]:
        """Spatial standard deviation (division by the number of pixels) of each frame and channel."""
        return self._apart(self.norms.std)

    @cached_property
    def total_std(self) -> Float[Tensor, "batch time"]:
        """Square root of the spatial variance averaged over channels."""
        return self.std.square().mean(-1).sqrt()

    @cached_property
    def shape_std(self) -> Float[Tensor, "batch time channel"]:
        """`std`, but NaN where a channel is constant: where what varies is rounding, or less than 1e-12 of frame 0."""
        resolution = 16 * torch.finfo(self.u.dtype).eps * self.mean.abs()
        return torch.where(self.std > resolution.clamp_min(1e-12), self.std, torch.nan)

    @cached_property
    def is_varied(self) -> Bool[Tensor, "batch time"]:
        """Whether any channel of a frame is not constant."""
        return (~self.shape_std.isnan()).any(-1)

    @cached_property
    def minimum(self) -> Float[Tensor, "batch time channel"]:
        """Smallest value of each frame and channel."""
        return self._apart(self.norms.minimum)

    @cached_property
    def maximum(self) -> Float[Tensor, "batch time channel"]:
        """Largest value of each frame and channel."""
        return self._apart(self.norms.maximum)

    @cached_property
    def l1(self) -> Float[Tensor, "batch time"]:
        """Mean of |u| over channel, height and width."""
        return self._apart(self.norms.l1)

    @cached_property
    def l2(self) -> Float[Tensor, "batch time"]:
        """Root mean square of u over channel, height and width."""
        return self._apart(self.norms.l2)

    @cached_property
    def linf(self) -> Float[Tensor, "batch time"]:
        """Largest |u| over channel, height and width."""
        return self._apart(self.norms.linf)

    @cached_property
    def pixels(self) -> PixelStatistics:
        """Statistics of the standardised frames, each (batch, time, channel); NaN where a channel is constant."""
        frames = pixel_statistics(
            self.u.flatten(0, 2), self.mean.flatten(), self.shape_std.flatten(), periodic=self.periodic
        )
        return PixelStatistics(*(column.unflatten(0, self.u.shape[:3]) for column in frames))

    @cached_property
    def slopes(self) -> Slopes:
        """What is quadratic in slopes, each (batch, time, channel); NaN where a channel is constant."""
        if self.periodic:
            slopes = spectral_slopes(self.spectra.slope_sums)
            return Slopes(*(torch.where(self.shape_std.isnan(), torch.nan, column) for column in slopes))
        frames = pixel_slopes(
            self.u.flatten(0, 2), self.mean.flatten(), self.shape_std.flatten(), periodic=self.periodic
        )
        return Slopes(*(column.unflatten(0, self.u.shape[:3]) for column in frames))

    @cached_property
    def gradient_energy(self) -> Float[Tensor, "batch time"]:
        """Mean of |∇u|² over channel and space, by differences of neighbours (without the wrap if not periodic).

        On a periodic domain by Parseval: a step to the next pixel multiplies the power of k cycles over N pixels by
        2 - 2 cos(2πk/N).
        """
        if self.periodic:
            columns, rows = self.spectra.along_x, self.spectra.along_y
            sums = columns @ _step_power(columns.shape[-1], self.u.shape[-1], like=columns)
            sums = sums + rows @ _step_power(rows.shape[-1], self.u.shape[-2], like=rows)
            share = torch.where(self.is_varied, sums / columns.sum(-1), 0)
            return share * self.total_std.square() / self.dx**2
        energy = (self.slopes.xx + self.slopes.yy) * self.std.square()
        return energy.nan_to_num(nan=0.0).mean(-1) / self.dx**2

    @cached_property
    def values(self) -> ValueStatistics:
        """Quantiles and entropy of the values, each (batch, time, channel, …)."""
        pixels = self.u.detach().flatten(0, 2).flatten(1)
        frames = value_statistics(pixels, self.norms.minimum.flatten(), self.norms.maximum.flatten())
        return ValueStatistics(*(column.unflatten(0, self.u.shape[:3]) for column in frames))

    @cached_property
    def plane(self) -> Plane:
        """The wavenumbers of the grid, and the Hann window of a domain that is not periodic."""
        height, width = self.u.shape[-2:]
        return _plane(height, width, self.periodic, self.u.dtype)

    @cached_property
    def spectra(self) -> SpectralStatistics:
        """Statistics of the power spectra with (batch, time) apart; power summed over channels.

        A domain that does not wrap around is multiplied by a Hann window of unit mean square, else its edges would look
        like energy at all wavenumbers; `near_modes` are those of the field itself.
        """
        size = torch.where(self.total_std > 0, self.total_std, 1).flatten()
        frames = spectral_statistics(self.u.flatten(0, 1), self.norms.mean, size, self.plane)
        return SpectralStatistics(*(self._apart(column) for column in frames))

    @cached_property
    def radial_wavenumber(self) -> Float[Tensor, " band"]:
        """Centres 0, 1, 2, … of the shells, cycles per domain (its longer side); corners of the plane included."""
        return torch.arange(self.plane.num_shells, dtype=self.u.dtype)

    @cached_property
    def radial_power(self) -> Float[Tensor, "batch time band"]:
        """Power summed over channels and over the shells round(|k|) = 0, 1, 2, …; it sums to the variance.

        Means are removed, so that shell 0 is empty. Without periodicity it is that of the windowed field.
        """
        return self.spectra.radial

    @cached_property
    def low_ky(self) -> Int[Tensor, " ky"]:
        """Cycles per height of the rows of `low_modes`: -K … K, K = 8 or what the grid resolves below Nyquist."""
        most = min(LOW_CUTOFF, (self.u.shape[-2] - 1) // 2)
        return torch.arange(-most, most + 1)

    @cached_property
    def low_kx(self) -> Int[Tensor, " kx"]:
        """Cycles per width of the columns of `low_modes`: 0 … K (the other half is the complex conjugate)."""
        most = min(LOW_CUTOFF, (self.u.shape[-1] - 1) // 2)
        return torch.arange(0, most + 1)

    @cached_property
    def low_weight(self) -> Float[Tensor, " kx"]:
        """How often a column of `low_modes` counts in a sum over the whole plane: 1 at kx = 0, else 2."""
        return torch.where(self.low_kx == 0, 1, 2).to(self.u.dtype)

    @cached_property
    def low_modes(self) -> Complex[Tensor, "batch time channel ky kx"]:
        """Fourier coefficients (norm="forward") of the low wavenumbers `low_ky` x `low_kx`, mean included."""
        most, middle = len(self.low_ky) // 2, self.spectra.near_modes.shape[-2] // 2
        return self.spectra.near_modes[..., middle - most : middle + most + 1, : len(self.low_kx)].contiguous()

    @cached_property
    def probe_lattice(self) -> tuple[int, int]:
        """Rows and columns of the lattice of blocks of `probes`: 4 x 4, fewer with few pixels."""
        return min(4, self.u.shape[-2]), min(4, self.u.shape[-1])

    @cached_property
    def probes(self) -> Float[Tensor, "batch time series"]:
        """Block means over `probe_lattice`, channel by channel, row by row; at most 16 series.

        Of more than 16, channels share the blocks out evenly, in turn along diagonals (two channels: the colours of a
        chessboard), so blocks are as large for many channels as for one, and copies of a channel are seen as it is.
        """
        rows, columns = self.probe_lattice
        over_y = block_average_matrix(self.u.shape[-2], rows).to(self.u)
        over_x = block_average_matrix(self.u.shape[-1], columns).to(self.u)
        channels = self.u.shape[2]
        share = -(-rows * columns * channels // MOST_PROBES)
        row, column = torch.arange(rows)[:, None], torch.arange(columns)
        turn = ((row + column) % columns + columns * row).flatten() % share
        seen = turn == torch.arange(min(channels, MOST_PROBES))[:, None] % share  # (channel, block)
        means = over_y @ (self.u[:, :, : len(seen)] @ over_x.T)
        return means.flatten(2)[..., seen.flatten()]

    @cached_property
    def frame_products(self) -> FrameProducts:
        """Mean products over channel and pixel of frames i and j, each less the time-average.

        Squared distances of frames follow as G_ii + G_jj - 2 G_ij, POD energies as eigenvalues over the number of times.
        Of a large periodic grid the modes up to 16 cycles are enough where they hold all but 1e-3 of the fluctuation's
        power; otherwise, realization by realization, the pixels are taken.
        """
        pixels = self.u.flatten(2)
        near = torch.view_as_real(self.spectra.near_modes) if self.periodic else None
        frames, counts = [], []
        for number in range(len(self.u)):
            if near is not None and 2 * near[0, 0].numel() < pixels.shape[-1]:
                weight = torch.where(torch.arange(near.shape[-2]) == 0, 1, 2).to(near.dtype).sqrt()
                modes = (near[number] * weight[:, None]).flatten(1)
                held = (modes - modes.mean(0)).double().square().sum() / self.u.shape[2]
                beyond = self.radial_power[number, :, NEAR_CUTOFF + 1 :].sum() / self.u.shape[2]
                if beyond <= 1e-3 * held:
                    frames.append(modes)
                    counts.append(self.u.shape[2])
                    continue
            frames.append(pixels[number])
            counts.append(pixels.shape[-1])
        return FrameProducts.of(frames, counts)

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

    def _apart(self, frames: Tensor) -> Tensor:
        """(batch x time, …) → (batch, time, …)."""
        return frames.unflatten(0, self.u.shape[:2])


def once(function: Callable[[Fields], T]) -> Callable[[Fields], T]:
    """Remember what `function` returned for a `Fields`, for as long as that lives.

    What several features of one category need, and no other category does, is such a function rather than an attribute
    of `Fields`. The result must hold no reference to the fields themselves.
    """
    known: WeakKeyDictionary[Fields, T] = WeakKeyDictionary()

    @wraps(function)
    def remembered(fields: Fields) -> T:
        if fields not in known:
            known[fields] = function(fields)
        return known[fields]

    return remembered


@lru_cache(maxsize=4)
def _plane(height: int, width: int, periodic: bool, dtype: torch.dtype) -> Plane:
    """The same object for all samples of a grid: making it takes a tenth of the time of using it."""
    like = torch.empty((height, width), dtype=dtype)
    return make_plane(like, cutoff=NEAR_CUTOFF, window=None if periodic else hann_window(like))


def _step_power(wavenumbers: int, length: int, *, like: Tensor) -> Float[Tensor, " wavenumber"]:
    """2 - 2 cos(2πk/length) = 4 sin²(πk/length) for k = 0, 1, …, without cancellation."""
    turns = torch.arange(wavenumbers, dtype=torch.float64) * (math.pi / length)
    return (4 * turns.sin().square()).to(like.dtype)
