"""Per-frame features as one writes them down first: one formula after the other, whole arrays, no shared intermediates."""

import torch
from jaxtyping import Float
from torch import Tensor

Frames = Float[Tensor, "frame height width"]
PerFrame = Float[Tensor, " frame"]


def naive_features(u: Frames) -> dict[str, PerFrame]:
    """18 spatial and 3 spectral features of periodic frames with dx = 1, by the names that spinlock has for them."""
    pixels = u.flatten(1)
    mean, std = pixels.mean(1), pixels.std(1, correction=0)
    z = (pixels - mean[:, None]) / std[:, None]
    quantile = {q: torch.quantile(pixels, q, dim=1) for q in (0.1, 0.25, 0.5, 0.75, 0.9)}
    x, y = ((u.roll(-1, axis) - u) / std[:, None, None] for axis in (2, 1))
    squared = (x**2 + x.roll(-1, 1) ** 2 + y**2 + y.roll(-1, 2) ** 2) / 2  # |∇z|² of the cells
    gradient = (x**2).mean((1, 2)) + (y**2).mean((1, 2))
    around = u.roll(1, 1) + u.roll(-1, 1) + u.roll(1, 2) + u.roll(-1, 2)
    curvature = (around - 4 * u) / std[:, None, None]
    inside = u > mean[:, None, None]
    edges = (inside != inside.roll(-1, 1)).double().mean((1, 2)) + (inside != inside.roll(-1, 2)).double().mean((1, 2))
    share, radius = shell_shares(u - mean[:, None, None])
    centroid = share @ radius
    return {
        "spatial_mean": mean,
        "spatial_std": std,
        "spatial_skewness": (z**3).mean(1),
        "spatial_kurtosis": (z**4).mean(1) - 3,
        "trough_depth": (mean - pixels.amin(1)) / std,
        "peak_height": (pixels.amax(1) - mean) / std,
        "median_offset": (mean - quantile[0.5]) / std,
        "quantile_skewness": (quantile[0.9] + quantile[0.1] - 2 * quantile[0.5]) / (quantile[0.9] - quantile[0.1]),
        "iqr_ratio": (quantile[0.75] - quantile[0.25]) / std / 1.3489795,
        "mad_ratio": z.abs().mean(1),
        "gradient_magnitude": gradient.sqrt() * std,
        "gradient_microscale": gradient.rsqrt(),
        "gradient_kurtosis": ((squared**2).mean((1, 2)) / gradient**2).log(),
        "gradient_sparsity": squared.sqrt().mean((1, 2)) ** 2 / gradient,
        "curvature_wavenumber": ((curvature**2).mean((1, 2)) / gradient).sqrt(),
        "curvature_skewness": (curvature**3).mean((1, 2)) / (curvature**2).mean((1, 2)) ** 1.5,
        "occupied_fraction": inside.double().mean((1, 2)),
        "interface_length": edges,
        "spectral_centroid": centroid,
        "spectral_spread": (share @ radius**2 - centroid**2).clamp_min(0).sqrt(),
        "spectral_entropy": -torch.special.xlogy(share, share).sum(1) / torch.tensor(len(radius) - 1.0).log(),
    }


def shell_shares(centred: Frames) -> tuple[Float[Tensor, "frame shell"], Float[Tensor, " shell"]]:
    """Shares of the power in the shells round(|k|) = 0, 1, 2, …, one mask after the other."""
    size = centred.shape[-1]
    power = torch.fft.fft2(centred).abs() ** 2
    k = torch.fft.fftfreq(size, 1 / size)
    shell = (k[:, None] ** 2 + k**2).sqrt().round()
    radius = torch.arange(int(shell.max()) + 1.0)
    sums = torch.stack([(power * (shell == r)).sum((1, 2)) for r in radius], 1)
    return sums / sums.sum(1, keepdim=True), radius
