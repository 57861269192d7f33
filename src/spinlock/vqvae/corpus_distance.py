"""How far a row lies from what a tokenizer was fitted to, and from where on it is called foreign."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.vqvae.part import Part

NUM_NEIGHBORS = 5
MOST_REFERENCE = 10_000
"""Training rows that are kept to be compared with, at most."""
ROWS_AT_ONCE = 256


@dataclass(kw_only=True, eq=False, repr=False)
class CorpusBoundary(Part):
    """Rows of the corpus, how close they lie to each other, and from which distance on another row is called foreign.

    The distance of a row is the mean of those to its 5 nearest reference rows, in an embedding, over the mean spacing of these
    five: of their own mean distance to their 5 nearest others. It is 1 where a row lies as densely as its neighbours do, in
    crowded and in thinly settled parts of the corpus alike, and does not depend on the unit and the axes of the embedding.
    Rows that are the same count once, so that no spacing is 0.

    Attributes:
        reference: coordinates of training rows, no two the same.
        spacing: of each reference row.
        threshold: the distance that is exceeded.
        quantile: share of rows of the same corpus that is to stay below.
        num_rows: validation rows that the threshold comes from.

    Source: Breunig, Kriegel, Ng & Sander 2000, Proc. ACM SIGMOD, 93 (LOF, whose distances are not made reachabilities here).
    """

    reference: Float[Tensor, "reference axis"]
    spacing: Float[Tensor, " reference"]
    threshold: float
    quantile: float
    num_rows: int

    @classmethod
    def fit(
        cls, train: Float[Tensor, "row axis"], validation: Float[Tensor, "sample axis"], *, quantile: float
    ) -> "CorpusBoundary":
        """The threshold is the ⌈(n + 1) q⌉-th smallest of n distances of rows that nothing was fitted to.

        A new row of the same corpus exceeds it with probability at most 1 - q, whatever the distribution (split conformal
        prediction). With fewer than q / (1 - q) rows no such distance exists; then it is the largest, without that promise.

        Args:
            train: embedded rows to compare with; those that are NaN are left out.
            validation: embedded validation rows.
            quantile: q, in (0, 1].

        Raises:
            InputError: if `quantile` is out of range, or no training or no validation row has a value.

        Source: Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World, section 4.2.
        """
        if not 0 < quantile <= 1:
            raise InputError(f"`quantile` must be above 0 and at most 1; got {quantile}.")
        reference = train[~train.isnan().any(dim=1)].unique(dim=0)
        if not len(reference):
            raise InputError("the boundary of a corpus needs at least one training row with a value; got none.")
        # Each row's nearest is itself, at 0. A row without others has no spacing; any distance is then much.
        others = min(NUM_NEIGHBORS, len(reference) - 1)
        around = torch.cat([_nearest(part, reference, others + 1)[0] for part in reference.split(ROWS_AT_ONCE)])
        spacing = (around.sum(dim=1) / max(1, others)).clamp(min=1e-6).float()
        boundary = cls(reference=reference, spacing=spacing, threshold=math.nan, quantile=quantile, num_rows=0)
        distances = boundary(validation)
        known = distances[~distances.isnan()].double().sort().values
        if not len(known):
            raise InputError("the boundary of a corpus needs at least one validation row with a value; got none.")
        rank = min(math.ceil((len(known) + 1) * quantile), len(known))
        return replace(boundary, threshold=float(known[rank - 1]), num_rows=len(known))

    def forward(self, rows: Float[Tensor, "sample axis"]) -> Float[Tensor, " sample"]:
        """Distances of embedded rows, float32; NaN where a row is."""
        found = []
        for part in rows.to(self.reference.device).split(ROWS_AT_ONCE):
            near, which = _nearest(part, self.reference, min(NUM_NEIGHBORS, len(self.reference)))
            found.append(near.mean(dim=1) / self.spacing.double()[which].mean(dim=1))
        return torch.cat([rows.new_empty(0, dtype=torch.float64, device=self.reference.device), *found]).float()

    def is_outside(self, distances: Float[Tensor, " sample"]) -> Bool[Tensor, " sample"]:
        """True where a distance exceeds the threshold; False where it is not known."""
        return distances > self.threshold


def _nearest(
    rows: Float[Tensor, "sample axis"], reference: Float[Tensor, "reference axis"], count: int
) -> tuple[Float[Tensor, "sample neighbor"], Int[Tensor, "sample neighbor"]]:
    """Distances to the nearest reference rows, float64, and which these are."""
    one, other = rows.double(), reference.double()
    # |b|²/2 - a·b orders the rows b as |a - b| does. The distance itself is taken from the difference: it is then exactly 0
    # between equal rows, and the same alone and among others, which a matrix product is not.
    order = other.square().sum(dim=1) / 2 - one @ other.mT
    which = order.topk(count, dim=1, largest=False).indices
    return (one[:, None] - other[which]).norm(dim=2), which
