"""Draws are what is counted: means over the rows of each, and what chance makes of two sets of them."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.core.views import numbered

AT_ONCE = 500
"""Permutations that are in memory together."""


def draw_means(values: Float[Tensor, "row column"], groups: Sequence[str]) -> Float[Tensor, "draw column"]:
    """Means over the rows of each draw, in the order of their sorted names, of what is present; NaN where nothing is."""
    draws = numbered(groups)
    present = ~values.isnan()
    sums, counts = (
        torch.zeros((int(draws.max()) + 1, values.shape[1]), dtype=torch.float64).index_add_(0, draws, part.double())
        for part in (values.nan_to_num(nan=0.0), present)
    )
    return sums / torch.where(counts > 0, counts, torch.nan)


def permuted(
    is_first: Bool[Tensor, " draw"], count: int, *, seed: int, what: str
) -> Iterator[Float[Tensor, "draw permutation"]]:
    """Permutations of the labels, 1.0 for the first set, some at a time."""
    generator = torch_stream(seed, "permutations", what)
    for start in range(0, count, AT_ONCE):
        keys = torch.rand((len(is_first), min(AT_ONCE, count - start)), generator=generator)
        yield is_first[keys.argsort(dim=0)].double()
