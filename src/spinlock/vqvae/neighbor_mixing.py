"""More rows than there are: training rows moved towards their neighbours."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

ROWS_AT_ONCE = 1024
MOST_CANDIDATES = 16_384
"""Rows that are searched for neighbours, evenly taken from all: the search grows with the number of rows, not its square."""


def nearest_neighbors(
    rows: Float[Tensor, "category row latent"], *, num_neighbors: int, present: Bool[Tensor, "category row"]
) -> Int[Tensor, "category row neighbor"]:
    """Each row's nearest other rows within every category, nearest first; a row itself where there are too few.

    With more than 16 384 rows, neighbours are among so many of them, evenly taken.

    Args:
        rows: of every category.
        num_neighbors: at most; fewer where there are fewer other rows.
        present: False for rows that are nobody's neighbour.
    """
    count = rows.shape[1]
    num_neighbors = max(1, min(num_neighbors, count - 1))
    own = torch.arange(count, device=rows.device)
    among = own if count <= MOST_CANDIDATES else own[:MOST_CANDIDATES] * count // MOST_CANDIDATES
    candidates = rows[:, among]
    offsets = torch.where(present[:, among], candidates.square().sum(dim=2), torch.inf)
    found = []
    for part in own.split(ROWS_AT_ONCE):
        distances = torch.baddbmm(offsets[:, None, :], rows[:, part], candidates.mT, alpha=-2)
        distances.masked_fill_(part[:, None] == among, torch.inf)
        nearest = distances.topk(num_neighbors, dim=2, largest=False)
        found.append(torch.where(torch.isinf(nearest.values), part[None, :, None], among[nearest.indices]))
    return torch.cat(found, dim=1)


def mix_with_neighbors(
    rows: Float[Tensor, "category row latent"],
    neighbors: Int[Tensor, "category row neighbor"],
    *,
    reach: float,
    generator: torch.Generator,
) -> Float[Tensor, "category row latent"]:
    """x + u (neighbour - x) with a random neighbour and u uniform in [0, reach], drawn anew for every category and row.

    Rows between neighbours look like rows that were not seen: codebooks that are fitted to them generalise. Categories
    are mixed independently of each other; each has its own neighbours.
    """
    categories, count, choices = neighbors.shape
    pick = torch.randint(choices, (categories, count, 1), generator=generator).to(rows.device)
    share = torch.rand((categories, count, 1), generator=generator).to(rows) * reach
    neighbor = neighbors.gather(2, pick).expand(-1, -1, rows.shape[2])
    return rows + share * (rows.gather(1, neighbor) - rows)
