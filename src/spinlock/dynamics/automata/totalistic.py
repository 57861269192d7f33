"""Parts of outer-totalistic automata: counting neighbours, and tables of the count that are smooth between integers."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Table = Float[Tensor, "_ count"]
"""One table a state, or one for all."""
Kernels = Float[Tensor, "_ side side"]
"""One kernel a state, or one for all."""


def neighbor_sum(
    states: Float[Tensor, "batch 1 height width"], kernels: Kernels
) -> Float[Tensor, "batch 1 height width"]:
    """The weighted sum over each cell's neighbourhood on a periodic grid, with a kernel for every row; exact for integers.

    A grid that is narrower than the kernel is wrapped around as often as needed; on a line (height 1) the kernel's middle
    row is used.
    """
    if states.shape[-2] == 1:
        kernels = kernels[:, kernels.shape[1] // 2][:, None]
    rows, columns = (size // 2 for size in kernels.shape[-2:])
    up = torch.arange(-rows, states.shape[-2] + rows, device=states.device) % states.shape[-2]
    along = torch.arange(-columns, states.shape[-1] + columns, device=states.device) % states.shape[-1]
    padded = states[..., up, :][..., along].transpose(0, 1)
    weights = kernels[:, None].expand(states.shape[0], 1, *kernels.shape[-2:]).contiguous()
    return functional.conv2d(padded, weights, groups=states.shape[0]).transpose(0, 1)


def looked_up(table: Table, count: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """Entries of a table at real positions: exact at integers, a Catmull-Rom spline between them.

    Its slope at an integer is half the difference between the entries next to it: what one cell more or less changes.
    NaN where the position is.
    """
    last = table.shape[1] - 1
    position = count.clamp(0, last)
    below = position.detach().floor()
    t = position - below
    rows = table.expand(count.shape[0], -1)

    def entry(offset: int) -> Tensor:
        index = (below + offset).nan_to_num().clamp(0, last).long().flatten(1)  # NaN is a place of no table
        return rows.gather(1, index).view_as(count)

    before, low, high, after = entry(-1), entry(0), entry(1), entry(2)
    slopes = (high - before) / 2, (after - low) / 2
    curve = slopes[0] + t * (3 * (high - low) - 2 * slopes[0] - slopes[1] + t * (2 * (low - high) + sum(slopes)))
    return low + t * curve


def outer_totalistic(
    states: Float[Tensor, "batch 1 height width"],
    kernels: Kernels,
    birth: Table,
    survival: Table,
) -> Float[Tensor, "batch 1 height width"]:
    """The next states: survival[n] of a live cell, birth[n] of a dead one, n the sum over the neighbourhood."""
    count = neighbor_sum(states, kernels)
    return torch.lerp(looked_up(birth, count), looked_up(survival, count), states)
