"""Inner products of the frames of a run with each other: as a matrix of a short run, from the frames themselves of a long one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.features.modal import mean_autocorrelation

LONGEST_MATRIX = 2048
"""Most saved times of which all products are held: 32 MiB a realization. Beyond, memory grows with the number of times alone."""

CHUNK_VALUES = 1 << 22
"""Values of the frames that are transformed at a time."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FrameProducts:
    """G(i, j), the mean product over channel and cell of frames i and j, each less the average over time; float64.

    Attributes:
        frames: of each realization, (time, value), scaled so that G is their product.
        matrix: all products, of runs of at most `LONGEST_MATRIX` times.
    """

    frames: tuple[Float[Tensor, "time value"], ...]
    matrix: Float[Tensor, "batch time time"] | None

    @classmethod
    def of(cls, frames: Sequence[Float[Tensor, "time value"]], counts: Sequence[int]) -> "FrameProducts":
        """The products of some frames, each divided by a count.

        Args:
            frames: of each realization; their averages over time are taken away.
            counts: what the products of each are divided by.
        """
        centred = [values - values.mean(0) for values in frames]
        if len(centred[0]) > LONGEST_MATRIX:
            return cls(frames=tuple(v / n**0.5 for v, n in zip(centred, counts, strict=True)), matrix=None)
        grams = [_product(values, values) / count for values, count in zip(centred, counts, strict=True)]
        return cls(frames=(), matrix=torch.stack(grams))

    @property
    def squares(self) -> Float[Tensor, "batch time"]:
        """G(i, i)."""
        if self.matrix is not None:
            return self.matrix.diagonal(dim1=-2, dim2=-1)
        return torch.stack([values.double().square().sum(1) for values in self.frames])

    def between(
        self, first: Int[Tensor, " first"], second: Int[Tensor, " second"]
    ) -> Float[Tensor, "batch first second"]:
        """G(i, j) of some frames i with some frames j."""
        if self.matrix is not None:
            return self.matrix[:, first[:, None], second]
        return torch.stack([_product(values[first], values[second]) for values in self.frames])

    def correlation(self) -> Float[Tensor, "batch lag"]:
        """Σ_t G(t, t + lag) / Σ_t G(t, t) for lags 0 … T - 1; NaN where nothing changes."""
        if self.matrix is not None:
            return mean_autocorrelation(self.matrix)
        sums = torch.stack([_lag_sums(values) for values in self.frames])
        return sums / torch.where(sums[:, :1] > 0, sums[:, :1], torch.nan)

    def where(self, is_kept: Bool[Tensor, " batch"]) -> "FrameProducts":
        """The products of some realizations; 0 of the others."""
        if self.matrix is not None:
            return FrameProducts(frames=(), matrix=torch.where(is_kept[:, None, None], self.matrix, 0))
        pairs = zip(self.frames, is_kept.tolist(), strict=True)
        return FrameProducts(frames=tuple(v if kept else torch.zeros_like(v) for v, kept in pairs), matrix=None)


def _product(
    first: Float[Tensor, "first value"], second: Float[Tensor, "second value"]
) -> Float[Tensor, "first second"]:
    """Inner products in float64."""
    rows, columns = first.numpy(), second.numpy()
    return torch.from_numpy(rows @ columns.T).double()  # of rows with themselves numpy computes half of the product


def _lag_sums(frames: Float[Tensor, "time value"]) -> Float[Tensor, " lag"]:
    """Σ_t ⟨frame t, frame t + lag⟩ by fast Fourier transforms, some values of the frames at a time."""
    times = len(frames)
    power = torch.zeros(times + 1, dtype=torch.float64)
    for part in frames.split(max(1, CHUNK_VALUES // (2 * times)), dim=1):
        modes = torch.fft.rfft(part.double(), n=2 * times, dim=0)
        power += (modes.real.square() + modes.imag.square()).sum(1)
    return torch.fft.irfft(power, n=2 * times)[:times]
