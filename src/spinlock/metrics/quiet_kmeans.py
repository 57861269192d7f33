"""scikit-learn's k-means, for data that may have fewer distinct points than codewords."""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

_MAX_ITERATIONS = 100


def fit_kmeans(
    points: Float[np.ndarray, "point dim"],
    *,
    num_codes: int,
    start: Float[np.ndarray, "code dim"] | None = None,
    seed: int = 0,
) -> Float[Tensor, "code dim"]:
    """The codewords of one run of Lloyd's algorithm, from `start` or from k-means++.

    Where points are fewer than codewords there is one codeword a point; where distinct points are fewer, some codewords
    are equal and stay unused.
    """
    kmeans = KMeans(
        min(num_codes, len(points)),
        init="k-means++" if start is None else start,  # pyright: ignore[reportArgumentType]
        n_init=1,  # pyright: ignore[reportArgumentType]
        max_iter=_MAX_ITERATIONS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(points)
    return torch.as_tensor(kmeans.cluster_centers_)
