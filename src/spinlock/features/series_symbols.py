"""Series as symbols: ordinal patterns, a binary string, equally filled bins. Counts are pooled over a realization's series."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.features.series_kernels import LocalSeries

ORDER = 4
"""Values in an ordinal pattern: 24 patterns."""

NUM_BINS = 6
"""Equally filled bins of the mutual information."""


def ordinal_shares(local: LocalSeries, *, delay: int) -> Float[Tensor, "batch pattern"]:
    """How often each order pattern of (z(t), z(t+d), z(t+2d), z(t+3d)) occurs in the local series, as shares.

    A pattern is told by the six comparisons z(t+ad) <= z(t+bd), a < b; equal values count as rising, as a stable sort has
    them. Of the 64 places of the result 24 can be filled. NaN where no series is long enough (3 d + 1).
    """
    num_patterns = local.z.shape[1] - (ORDER - 1) * delay
    counts = local.z.new_zeros((len(local.belongs), 2 ** math.comb(ORDER, 2)))
    if num_patterns > 0:
        values = [local.z[:, k * delay : k * delay + num_patterns] for k in range(ORDER)]
        pairs = [(a, b) for b in range(ORDER) for a in range(b)]
        code = sum((values[a] <= values[b]).long() << place for place, (a, b) in enumerate(pairs))
        code = code + local.owner[:, None] * counts.shape[1]
        counts = torch.bincount(code.flatten(), minlength=counts.numel()).to(counts).reshape(counts.shape)
    return torch.where(counts.sum(1, keepdim=True) > 0, counts / counts.sum(1, keepdim=True), torch.nan)


def entropy(shares: Float[Tensor, "batch pattern"]) -> Float[Tensor, " batch"]:
    """-Σ p log p."""
    return -torch.special.xlogy(shares, shares).sum(1)


def normalized_permutation_entropy(shares: Float[Tensor, "batch pattern"]) -> Float[Tensor, " batch"]:
    """Entropy of ordinal patterns over its largest value, log 24."""
    return entropy(shares) / math.log(math.factorial(ORDER))


def lempel_ziv(z: Float[Tensor, "row time"]) -> Float[Tensor, " row"]:
    """Number of phrases of the string [z > 0] (Lempel & Ziv 1976) times log₂ T / T."""
    counts = [num_phrases(row) for row in (z > 0).numpy()]
    return z.new_tensor(counts) * (math.log2(z.shape[1]) / z.shape[1])


def num_phrases(word: Bool[np.ndarray, " letter"]) -> int:
    """Phrases of the exhaustive history of `word`: each is the shortest stretch that did not occur before its last letter.

    A set of places is the bits of one integer, so that all earlier places are compared with the phrase at once.
    """
    ones, zeros = (_bits(letters) for letters in (word, ~word))
    places_of = [ones if letter else zeros for letter in word.tolist()]
    end, start, phrases = len(places_of), 0, 0
    while start < end:
        same, length = (1 << start) - 1, 0  # the earlier places from which on the phrase reads the same
        for places in places_of[start:]:
            same &= places >> length
            length += 1
            if not same:
                break
        start, phrases = start + length, phrases + 1
    return phrases


def _bits(places: Bool[np.ndarray, " place"]) -> int:
    """The integer whose bits are the places."""
    return int.from_bytes(np.packbits(places, bitorder="little").tobytes(), "little")


def excess_information(local: LocalSeries, delay: Int[Tensor, " row"]) -> Float[Tensor, " batch"]:
    """Mutual information of z(t) and z(t+τ) beyond what their linear correlation gives, in nats.

    Values are ranked within their own series and put in 6 equally filled bins; pairs are counted over all series of a
    realization. I = Σ p(a,b) log p(a,b)/(p(a)p(b)), less 25/(2 pairs) for their finite number (Miller 1955), less the
    -½ log(1 - ρ²) of a Gaussian pair, ρ the correlation of the normal scores, ρ² counted as at most 0.99.
    """
    num_times = local.z.shape[1]
    rank = local.z.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    score = torch.special.ndtri((rank + 0.5) / num_times)
    later = torch.arange(num_times) + delay[:, None]
    exists = later < num_times
    later = later.clamp_max(num_times - 1)
    pairs = local.pooled(exists.sum(1).double())
    product = local.pooled(torch.where(exists, score * score.gather(1, later), 0.0).sum(1))
    square = local.pooled(torch.where(exists, (score.square() + score.gather(1, later).square()) / 2, 0.0).sum(1))
    correlation = (product / square).square().clamp_max(0.99)
    bins = rank * NUM_BINS // num_times
    code = (local.owner[:, None] * NUM_BINS + bins) * NUM_BINS + bins.gather(1, later)
    joint = torch.bincount(code[exists], minlength=len(local.belongs) * NUM_BINS**2).double()
    joint = joint.reshape(-1, NUM_BINS, NUM_BINS) / pairs[:, None, None]
    information = entropy(joint.sum(1)) + entropy(joint.sum(2)) - entropy(joint.flatten(1))
    return information - (NUM_BINS - 1) ** 2 / (2 * pairs) + (1 - correlation).log() / 2
