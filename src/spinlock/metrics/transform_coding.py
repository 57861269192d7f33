"""The classic linear coder: principal components, each rounded by its own scalar quantiser."""

import heapq

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.metrics.coder import Coder, column_means
from spinlock.metrics.quiet_kmeans import fit_kmeans


def allot_bits(variances: Float[np.ndarray, " component"], *, bits: int, most: int) -> Int[np.ndarray, " component"]:
    """Whole bits for each component: every bit goes where it takes off most distortion.

    A scalar quantiser of b bits leaves D(b) ∝ σ² 4^-b, so the next bit is worth most where σ² 4^-b is largest. That is
    reverse water-filling, b_i = max(0, ½ log₂(σ_i² / θ)), in whole bits (Cover & Thomas 2006, section 10.3.3).

    Args:
        variances: of the components.
        bits: to hand out in all; fewer are used where every component with variance has `most`.
        most: bits a component may have.
    """
    allotted = np.zeros(len(variances), dtype=np.int64)
    heap = [(-float(variance), component) for component, variance in enumerate(variances) if variance > 0]
    heapq.heapify(heap)
    for _ in range(bits):
        if not heap or not most:
            break
        negative, component = heapq.heappop(heap)
        allotted[component] += 1
        if allotted[component] < most:
            heapq.heappush(heap, (negative / 4, component))
    return allotted


class PCAScalar(Coder):
    """Principal components, each with a Lloyd-Max quantiser (k-means in one dimension) of its allotted bits.

    A component has at most log₂(training rows) bits: more codewords than rows cannot be placed. A fraction of a bit
    in `bits` is not used.
    """

    name = "PCA + scalar quantisation"

    def __init__(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"], *, bits: float, seed: int = 0
    ) -> None:
        self.mean = column_means(x, mask)
        centred = torch.where(mask, x.double() - self.mean, 0.0)
        _, singular, components = torch.linalg.svd(centred, full_matrices=False)
        variances = (singular.square() / len(x)).numpy()
        variances[variances < 1e-12 * variances.max(initial=0.0)] = 0.0
        allotted = allot_bits(variances, bits=int(bits + 1e-9), most=int(np.log2(len(x))))
        kept = np.flatnonzero(allotted)
        self.components = components[torch.as_tensor(kept)]  # (kept, column)
        scores = centred @ self.components.T
        self.codebooks = [
            _lloyd_max(scores[:, place], num_codes=2 ** int(allotted[component]), seed=seed)
            for place, component in enumerate(kept)
        ]
        self.bits = float(allotted.sum())

    def reconstruct(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Float[Tensor, "sample column"]:
        """Mean + Σ over kept components of the nearest codeword of its score."""
        scores = torch.where(mask, x.double() - self.mean, 0.0) @ self.components.T
        for place, codebook in enumerate(self.codebooks):
            nearest = (scores[:, place, None] - codebook).abs().argmin(1)
            scores[:, place] = codebook[nearest]
        return (self.mean + scores @ self.components).to(x)


def _lloyd_max(scores: Float[Tensor, " sample"], *, num_codes: int, seed: int) -> Float[Tensor, " code"]:
    """Codewords of the quantiser with the least squared error, from quantiles by Lloyd's iteration."""
    start = torch.quantile(scores, (torch.arange(num_codes) + 0.5).double() / num_codes)
    return fit_kmeans(scores[:, None].numpy(), num_codes=num_codes, start=start[:, None].numpy(), seed=seed)[:, 0]
