"""How far a row lies from what a tokenizer was fitted to, and from where on it is called foreign."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.errors import InputError

MOST = 3.0
"""Standard deviations at which the error of one column stops to count more: a foreign row is wrong in many columns."""


def corpus_distance(
    errors: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
) -> Float[Tensor, " sample"]:
    """√(mean over present columns of min(error², 9)): what the tokens leave over of a row; NaN where nothing is present.

    The truncation (Talwar's) keeps a single wild column from making a row foreign.

    Args:
        errors: row minus decoded row, in standard deviations of each column, with what winsorising cut off.
        mask: True where a value is present.

    Source: Hinich & Talwar 1975, J. Am. Stat. Assoc. 70, 113, for the truncated quadratic.
    """
    squares = torch.where(mask, errors.double(), 0.0).square().clamp(max=MOST**2)
    return (squares.sum(dim=1) / mask.sum(dim=1)).sqrt()


@dataclass(frozen=True, kw_only=True, slots=True)
class CorpusBoundary:
    """From which distance on a row is called out of the corpus.

    Attributes:
        threshold: the distance that is exceeded; infinite where nothing is ever flagged.
        quantile: share of rows of the same corpus that is to stay below.
        num_rows: validation rows that the threshold comes from.
    """

    threshold: float
    quantile: float
    num_rows: int

    @classmethod
    def fit(cls, distances: Float[Tensor, " sample"], *, quantile: float) -> "CorpusBoundary":
        """The ⌈(n + 1) q⌉-th smallest of n distances of rows that nothing was fitted to.

        A new row of the same corpus exceeds it with probability at most 1 - q, whatever the distribution (split conformal
        prediction). With fewer than q / (1 - q) rows no such distance exists; then it is the largest, without that promise.

        Args:
            distances: of validation rows.
            quantile: q, in (0, 1].

        Raises:
            InputError: if `quantile` is out of range or no distance is known.

        Source: Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World, section 4.2.
        """
        if not 0 < quantile <= 1:
            raise InputError(f"`quantile` must be above 0 and at most 1; got {quantile}.")
        known = distances[~torch.isnan(distances)].double().sort().values
        if not len(known):
            raise InputError("the boundary of a corpus needs at least one validation row with a value; got none.")
        rank = min(math.ceil((len(known) + 1) * quantile), len(known))
        return cls(threshold=float(known[rank - 1]), quantile=quantile, num_rows=len(known))

    def is_outside(self, distances: Float[Tensor, " sample"]) -> Bool[Tensor, " sample"]:
        """True where a distance exceeds the threshold; False where it is not known."""
        return distances > self.threshold

    def to_plain(self) -> dict[str, Any]:
        """Fit for JSON; `from_plain` reads it."""
        return asdict(self)

    @classmethod
    def from_plain(cls, content: dict[str, Any] | None) -> "CorpusBoundary | None":
        """What `to_plain` came from; None for None."""
        return None if content is None else cls(**content)
