"""Which series foretells which: Granger causality, transfer entropy and lagged correlation of pairs of series."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

ORDER = 2
"""Past steps that a linear prediction uses."""
RIDGE = 1e-6
"""Variance of the white noise added to every standardised series, so that smooth series are not foretold exactly."""
SYMBOLS = 3
"""Equally likely states that a series is cut into for transfer entropy."""
FEWEST_STEPS = 16
"""A shorter series says nothing about influence."""


class Pairs(NamedTuple):
    """Directed pairs of series: `source` may foretell `target`."""

    source: Int[Tensor, " pair"]
    target: Int[Tensor, " pair"]

    @property
    def reversed(self) -> "Pairs":
        """The same pairs the other way round."""
        return Pairs(self.target, self.source)

    @property
    def both_ways(self) -> "Pairs":
        """The pairs, then the same pairs the other way round."""
        return Pairs(torch.cat((self.source, self.target)), torch.cat((self.target, self.source)))


def standardize(series: Float[Tensor, "batch series time"], *, resolution: float) -> Float[Tensor, "batch series time"]:
    """Series in float64 without their linear trend, divided by their standard deviation; NaN where that is rounding.

    Rounding is what is at most `resolution` of a series' largest magnitude.
    """
    values = series.double()
    largest = values.abs().amax(-1, keepdim=True)
    values = values / torch.where(largest > 0, largest, 1)
    time = torch.arange(values.shape[-1], dtype=values.dtype)
    time = time - time.mean()
    values = values - values.mean(-1, keepdim=True)
    slope = (values @ time)[..., None] / time.square().sum().clamp_min(1)
    values = values - slope * time
    std = values.square().mean(-1, keepdim=True).sqrt()
    return torch.where(std > resolution, values / std.clamp_min(resolution), torch.nan)


def granger(series: Float[Tensor, "batch series time"], pairs: Pairs) -> Float[Tensor, "batch pair"]:
    """How much the source's past lowers the error of predicting the target beyond the target's own past, in nats.

    log(σ²_own / σ²_both) - p/(N - 2p - 1) of least-squares predictions of N steps from p = 2 past steps; what is
    taken away is the mean without influence.

    Source: Granger 1969; Geweke 1982, section 2. The ridge and the correction are ours.

    Args:
        series: standardised (see `standardize`).
        pairs: which to which.
    """
    num_rows = series.shape[-1] - ORDER
    lagged = torch.stack([series[..., ORDER - lag : series.shape[-1] - lag] for lag in range(ORDER + 1)], 2)
    lagged = lagged.flatten(1, 2)  # (batch, series x lag, row)
    lagged = lagged - lagged.mean(-1, keepdim=True)
    gram = lagged @ lagged.mT / num_rows
    gram.diagonal(dim1=-2, dim2=-1).add_(RIDGE)
    stride, past = ORDER + 1, torch.arange(1, ORDER + 1)
    now = pairs.target[:, None] * stride
    bias = ORDER / (num_rows - 2 * ORDER - 1)
    own = torch.cat((now + past, now), 1)  # the target's present last: its pivot is the error variance
    both = torch.cat((now + past, pairs.source[:, None] * stride + past, now), 1)
    return _log_error_variance(gram, own) - _log_error_variance(gram, both) - bias


def _log_error_variance(
    gram: Float[Tensor, "batch row column"], index: Int[Tensor, "pair entry"]
) -> Float[Tensor, "batch pair"]:
    """log of the last variable's variance that the others leave over, NaN where a series is missing."""
    block = gram[:, index[:, :, None], index[:, None, :]]
    missing = block.isnan().any(-1).any(-1)
    identity = torch.eye(index.shape[1], dtype=gram.dtype)
    factor = torch.linalg.cholesky(torch.where(missing[..., None, None], identity, block))
    return (2 * factor[..., -1, -1].log()).masked_fill(missing, torch.nan)


def transfer_entropy(series: Float[Tensor, "batch series time"], pairs: Pairs) -> Float[Tensor, "batch pair"]:
    """Information that the source's state adds about the target's next state beyond the target's own, in nats.

    H(y', y) + H(y, x) - H(y) - H(y', y, x) over 3 states of equal frequency, each entropy with the Miller-Madow term
    (occupied cells - 1)/(2N), so that it is near 0, and can be a little below, without influence (.03 are left of its
    bias in 64 steps of white noise, .001 in 250).

    Source: Schreiber 2000, eq. 4; Miller 1955.
    """
    missing = series.isnan().any(-1)
    symbols = _symbols(series.nan_to_num())
    future, present = symbols[..., 1:], symbols[..., :-1]
    step, state = _indicators(future * SYMBOLS + present, SYMBOLS**2), _indicators(present, SYMBOLS)
    counts = (step.flatten(1, 2) @ state.flatten(1, 2).mT).double()  # of all series with all, which is one product
    counts = counts.unflatten(1, (-1, SYMBOLS**2)).unflatten(3, (-1, SYMBOLS)).transpose(2, 3)
    cube = counts[:, pairs.target, pairs.source].unflatten(2, (SYMBOLS, SYMBOLS))  # (batch, pair, y', y, x)
    entropy = _entropy(cube.sum(-1)) + _entropy(cube.sum(-3)) - _entropy(cube.sum((-3, -1))) - _entropy(cube)
    return entropy.masked_fill(missing[:, pairs.target] | missing[:, pairs.source], torch.nan)


def _symbols(series: Float[Tensor, "batch series time"]) -> Int[Tensor, "batch series time"]:
    """0, 1 or 2: the tercile of its series that a value lies in."""
    ordered = _sorted(series)
    length = series.shape[-1]
    edges = [ordered[..., round(length * part / SYMBOLS), None] for part in range(1, SYMBOLS)]
    return torch.stack([series >= edge for edge in edges]).sum(0)


def _sorted(series: Float[Tensor, "batch series time"]) -> Float[Tensor, "batch series time"]:
    """Values in ascending order."""
    return torch.from_numpy(np.sort(series.numpy()))  # six times faster than torch


def _indicators(codes: Int[Tensor, "batch series time"], cells: int) -> Float[Tensor, "batch series cell time"]:
    """1 where the series is in the cell, else 0; in float32, which counts to 16 million without a rounding."""
    return (codes[:, :, None] == torch.arange(cells)[:, None]).float()


def _entropy(counts: Float[Tensor, "batch pair *cell"]) -> Float[Tensor, "batch pair"]:
    """Entropy in nats, with the Miller-Madow term."""
    flat = counts.flatten(2)
    total = flat.sum(-1)
    plain = total.log() - torch.special.xlogy(flat, flat).sum(-1) / total
    return plain + ((flat > 0).sum(-1) - 1) / (2 * total)


def lagged_correlation(
    series: Float[Tensor, "batch series time"], pairs: Pairs, *, most: int
) -> tuple[Float[Tensor, "batch pair"], Float[Tensor, "batch pair"]]:
    """Largest |correlation| of source(t) and target(t + lag) over |lag| <= most, and that lag in steps.

    Positive lags mean that the target follows the source. Overlaps are divided by the full length, so that long lags
    do not win by chance.
    """
    length = series.shape[-1]
    missing = series.isnan().any(-1)
    spectrum = torch.fft.rfft(series.nan_to_num(), n=2 * length)
    cross = torch.fft.irfft(spectrum[:, pairs.source].conj() * spectrum[:, pairs.target], n=2 * length) / length
    lags = torch.arange(-most, most + 1)
    lags = lags[lags.abs().argsort(stable=True)]  # of equally good lags the shortest
    peak, place = cross[..., lags % (2 * length)].abs().max(-1)
    absent = missing[:, pairs.target] | missing[:, pairs.source]
    return peak.masked_fill(absent, torch.nan), lags[place].to(peak.dtype).masked_fill(absent, torch.nan)


def lattice_pairs(*, channels: int, rows: int, columns: int, axis: int, periodic: bool) -> Pairs:
    """Each block and its next block along `axis` (0 southward, 1 eastward) in the same channel.

    Series are numbered channel by channel, row by row. A lattice of two blocks is not closed to a ring, where both
    neighbours of a block would be the same.
    """
    index = torch.arange(channels * rows * columns).view(channels, rows, columns)
    length = (rows, columns)[axis]
    following = index.roll(-1, axis + 1)
    kept = length if periodic and length > 2 else length - 1
    return Pairs(index.narrow(axis + 1, 0, kept).flatten(), following.narrow(axis + 1, 0, kept).flatten())


def channel_pairs(*, channels: int, blocks: int) -> Pairs:
    """Each earlier channel to each later one, in the same block."""
    index = torch.arange(channels * blocks).view(channels, blocks)
    first, second = torch.triu_indices(channels, channels, 1)
    return Pairs(index[first].flatten(), index[second].flatten())
