"""How evenly points fill a system's space, held against what independent random points would do.

Two thresholds, both derived and both stated beside the figures: the centred L2 discrepancy must be at most what
independent uniform points have in the mean of their squares, and the largest |correlation| between two dimensions at
most what it is for independent points in the median.
"""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

from spinlock.core.dataset_report import SystemSampling
from spinlock.core.errors import listed


def evenness(points: Float[np.ndarray, "point dimension"]) -> SystemSampling:
    """The figures of points in the unit cube; of sampled dimensions only."""
    count, num_dimensions = points.shape
    discrepancy = random = float("nan")
    if count and num_dimensions:
        discrepancy = float(np.sqrt(qmc.discrepancy(points, method="CD")))
        # Hickernell (1998), Math. Comp. 67, 299: mean over independent uniform points of the squared discrepancy.
        random = math.sqrt(((5 / 4) ** num_dimensions - (13 / 12) ** num_dimensions) / count)
    correlation, random_correlation = max_correlation(points), median_correlation(count, num_dimensions)
    return SystemSampling(
        num_draws=count,
        num_dimensions=num_dimensions,
        discrepancy=discrepancy,
        random_discrepancy=random,
        max_correlation=correlation,
        random_correlation=random_correlation,
        is_balanced=is_power_of_two(count),
        is_even=not discrepancy > random and not correlation > random_correlation,
    )


def max_correlation(points: Float[np.ndarray, "point dimension"]) -> float:
    """Largest |Pearson correlation| between two dimensions; NaN below 2 dimensions or 3 points."""
    count, dimensions = points.shape
    if dimensions < 2 or count < 3:
        return float("nan")
    table = np.corrcoef(points, rowvar=False)
    return float(np.abs(table[np.triu_indices(dimensions, 1)]).max())


def median_correlation(count: int, dimensions: int) -> float:
    """The median of `max_correlation` for independent points, by Fisher's z-transform with independent pairs.

    For one pair artanh(r) is normal with variance 1/(n − 3); of p pairs none exceeds r with the probability
    (2 Φ(√(n−3) artanh r) − 1)^p, set to ½. NaN below 2 dimensions or 4 points.

    Source: Fisher (1915), Biometrika 10, 507.
    """
    if dimensions < 2 or count < 4:
        return float("nan")
    pairs = dimensions * (dimensions - 1) // 2
    return math.tanh(float(ndtri((1 + 0.5 ** (1 / pairs)) / 2)) / math.sqrt(count - 3))


def is_power_of_two(count: int) -> bool:
    """Whether Sobol points of this number are balanced."""
    return count > 0 and count & (count - 1) == 0


def sampling_warnings(report: Mapping[str, SystemSampling], *, samples_per_group: int = 1) -> tuple[str, ...]:
    """Warnings about the sampling for a reader of the data, one sentence each, with a remedy where there is one."""
    warnings: list[str] = []
    uneven = {name: sampling.num_draws for name, sampling in report.items() if not sampling.is_balanced}
    if uneven:
        shown = listed((f"{name} {count}" for name, count in uneven.items()), most=4)
        warnings.append(
            f"Sobol points are balanced in powers of two; the draws are not, of {len(uneven)} of {len(report)} systems "
            f"({shown}){_remedy(report, samples_per_group)}."
        )
    loose = [name for name, sampling in report.items() if not sampling.is_even]
    if loose:
        warnings.append(
            f"Parameters are filled less evenly than by independent random points in {listed(loose, most=4)}: "
            "more samples of these systems would help."
        )
    return tuple(warnings)


def _remedy(report: Mapping[str, SystemSampling], samples_per_group: int) -> str:
    """Numbers of samples at which all systems of equal shares are balanced; "" for other shares."""
    draws = [sampling.num_draws for sampling in report.values()]
    if max(draws) - min(draws) > 4:  # a run of draws of one system may be cut
        return "; weights that give each system a power of two would be"
    below = 2 ** int(math.log2(max(draws)))
    options = sorted({below * len(draws) * samples_per_group, 2 * below * len(draws) * samples_per_group})
    return f"; num_samples of {options[0]} or {options[1]} would be"
