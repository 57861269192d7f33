"""The embedding in two dimensions, for the eye."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.manifold import TSNE

MOST_NEIGHBOUR_ROWS = 2000
"""Up to which neighbours are kept together; beyond, it takes minutes."""
FEWEST_NEIGHBOUR_ROWS = 16
PERPLEXITY = 30.0


class Projection(NamedTuple):
    """Rows in a plane.

    Attributes:
        places: of each row.
        method: how they were found, in words.
    """

    places: Float[np.ndarray, "row 2"]
    method: str


def project(embedding: Float[np.ndarray, "row axis"]) -> Projection:
    """Rows in a plane in which near rows of the embedding stay near, the same for the same rows.

    t-SNE from the first two principal axes, where there are 16 to 2000 rows; the principal axes themselves otherwise.
    The sign of each axis is such that its largest entry is positive.

    Source: van der Maaten & Hinton 2008, J. Mach. Learn. Res. 9; Kobak & Berens 2019, Nat. Commun. 10, for the start.

    Args:
        embedding: finite; at least one row.
    """
    rows, axes = embedding.shape
    # Zeros behind the last axis and row: there are two principal axes whatever comes in.
    padded = np.pad(embedding.astype(np.float64), ((0, 0), (0, max(0, 2 - axes))))
    centred = np.pad(padded - padded.mean(axis=0), ((0, max(0, 2 - rows)), (0, 0)))
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    principal = (left * sizes)[:rows, :2]
    if not FEWEST_NEIGHBOUR_ROWS <= rows <= MOST_NEIGHBOUR_ROWS or sizes[0] < 1e-9:
        return Projection(_turned(principal), "the first two principal axes of the embedding")
    start = principal / principal[:, 0].std() * 1e-4
    found = TSNE(perplexity=min(PERPLEXITY, (rows - 1) / 3), init=start, random_state=0, n_jobs=1).fit_transform(padded)
    return Projection(_turned(found.astype(np.float64)), "t-SNE of the embedding, from its principal axes")


def _turned(places: Float[np.ndarray, "row 2"]) -> Float[np.ndarray, "row 2"]:
    """The same with each axis in the direction in which it reaches farthest."""
    reach = places[np.abs(places).argmax(axis=0), np.arange(2)]
    return places * np.where(reach < 0, -1.0, 1.0)
