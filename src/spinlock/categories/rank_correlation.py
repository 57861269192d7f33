"""Spearman correlation between the columns of a table with gaps, by matrix products."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

MIN_COMMON_ROWS = 3
"""Pairs of columns that share fewer rows count as uncorrelated."""


def centred_ranks(values: Float[np.ndarray, "sample column"]) -> Float[np.ndarray, "sample column"]:
    """Average ranks within each column's present values, scaled to (-1/2, 1/2); NaN where a value is missing."""
    ranks = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        present = ~np.isnan(values[:, column])
        count = max(int(present.sum()), 1)
        ranks[present, column] = (rankdata(values[present, column]) - 0.5) / count - 0.5
    return ranks


def rank_correlation(
    ranks: Float[np.ndarray, "sample column"],
) -> Float[np.ndarray, "column column"]:
    """Pearson correlation of the ranks over the rows that a pair of columns shares: Spearman's r.

    Exact where nothing is missing. With gaps each column keeps the ranks it has among its own present values, so that
    one sort a column is enough; re-ranking every pair would change r by O(share missing) only.

    Returns:
        r in [-1, 1] with diagonal 1; NaN for a column that is constant, or a pair with fewer than 3 common rows.
    """
    present: Bool[np.ndarray, "sample column"] = ~np.isnan(ranks)
    known = present.astype(np.float64)
    filled = np.where(present, ranks, 0.0)
    count = known.T @ known
    sums = filled.T @ known  # of the row's column, over the rows that the pair shares
    squares = (filled**2).T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = filled.T @ filled - sums * sums.T / count
        variance = squares - sums**2 / count
        # Ranks lie within 1/2, so a variance of this size is round-off: the column does not vary on these rows.
        variance[variance < 1e-12 * np.maximum(count, 1)] = np.nan
        r = covariance / np.sqrt(variance * variance.T)
    r[count < MIN_COMMON_ROWS] = np.nan
    r = np.clip(r, -1.0, 1.0)
    np.fill_diagonal(r, np.where(np.isnan(np.diag(r)), np.nan, 1.0))
    return r
