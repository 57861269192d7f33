"""What happens along a local series: steps, spikes, runs, regimes and changing spread.

Every kernel takes standardised rows `z` (mean 0, standard deviation 1 over time) and returns one value a row.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def spike_share(z: Float[Tensor, "row time"], *, threshold: float) -> Float[Tensor, " row"]:
    """Fraction of the steps that are larger than `threshold` times the median step, in absolute value."""
    steps = z.diff(dim=1).abs()
    return (steps > threshold * steps.median(1, keepdim=True).values).double().mean(1)


def burstiness(happens: Bool[Tensor, "row time"]) -> Float[Tensor, " row"]:
    """B = (σ - μ)/(σ + μ) of the waiting times between events: -1 regular, about 0 random, 1 bursts.

    NaN in rows with fewer than three events.
    """
    places = torch.arange(happens.shape[1]).expand(happens.shape)
    latest = torch.where(happens, places, -1).cummax(1).values
    before = latest[:, :-1]
    waits = happens[:, 1:] & (before >= 0)
    wait = torch.where(waits, places[:, 1:] - before, 0).double()
    count = waits.sum(1).double()
    mean = wait.sum(1) / count
    spread = (wait.square().sum(1) / count - mean.square()).clamp_min(0).sqrt()
    return torch.where(count >= 2, (spread - mean) / (spread + mean), torch.nan)


def longest_run(holds: Bool[Tensor, "row time"]) -> Float[Tensor, " row"]:
    """Length of the longest stretch over which `holds` is True."""
    places = torch.arange(1, holds.shape[1] + 1).expand(holds.shape)
    broken = torch.where(holds, 0, places).cummax(1).values
    return (places - broken).amax(1).double()


def extreme_place(z: Float[Tensor, "row time"], *, share: float) -> Float[Tensor, " row"]:
    """Mean place, from 0 (start) to 1 (end), of the `share` of values that lie farthest from the mean."""
    count = max(1, round(share * z.shape[1]))
    return z.abs().topk(count, dim=1).indices.double().mean(1) / (z.shape[1] - 1)


def split_gain(z: Float[Tensor, "row time"]) -> Float[Tensor, "row split"]:
    """Share of the variance that two constant levels explain, for each number k of values before the change.

    With S(k) the sum of the first k values the share is S(k)² / (k (T - k)), because the mean is 0 and the variance 1.
    """
    num_times = z.shape[1]
    k = torch.arange(1, num_times, dtype=z.dtype)
    return z.cumsum(1)[:, :-1].square() / (k * (num_times - k))


def spread_variation(z: Float[Tensor, "row time"], *, num_windows: int) -> Float[Tensor, " row"]:
    """Standard deviation over mean of the spread within `num_windows` equal windows."""
    width = z.shape[1] // num_windows
    windows = z[:, z.shape[1] - width * num_windows :].unflatten(1, (num_windows, width))
    spread = windows.std(-1, correction=0)
    return spread.std(1, correction=0) / spread.mean(1).clamp_min(torch.finfo(z.dtype).tiny)


def bimodality(z: Float[Tensor, "row time"]) -> Float[Tensor, " row"]:
    """Sarle's coefficient (skewness² + 1) / kurtosis: 1/3 normal, 5/9 uniform, 1 for two values."""
    return ((z**3).mean(1).square() + 1) / (z**4).mean(1)


def highest_rebound(curve: Float[Tensor, "row lag"], minimum: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
    """Largest autocorrelation from the first minimum to half of all lags, corrected for the ever fewer pairs at large lags.

    The value at the minimum itself where that lies beyond half of the lags.
    """
    num_times = curve.shape[1]
    lag = torch.arange(num_times)
    after = (lag >= minimum[:, None]) & ((lag <= num_times // 2) | (lag == minimum[:, None]))
    return torch.where(after, curve * num_times / (num_times - lag), -torch.inf).amax(1)
