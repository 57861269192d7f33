"""Training, validation and test rows; a parameter draw never straddles."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.seeds import stream


class Split(NamedTuple):
    """Row numbers, ascending."""

    train: Int[Tensor, " train"]
    validation: Int[Tensor, " validation"]
    test: Int[Tensor, " test"]


def split_by_group(
    groups: Sequence[str] | Sequence[int],
    *,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
) -> Split:
    """Rows for training, validation and test, all rows of one group on the same side.

    The groups are shuffled and, large ones first, dealt out one after another, each to the part that lacks most rows of what it is to have.

    Args:
        groups: the parameter draw of each row.
        fractions: of the rows, in the order training, validation, test; a part of fraction 0 is empty.
        seed: for the shuffling.

    Raises:
        InputError: if the fractions are not fractions of 1, or there are fewer groups than parts.
    """
    if min(fractions) < 0 or not math.isclose(sum(fractions), 1.0, abs_tol=1e-6) or fractions[0] <= 0:
        raise InputError(
            f"`fractions` must be three numbers >= 0 that add up to 1, the first > 0; got {tuple(fractions)}."
        )
    names, members = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    parts = [part for part, fraction in enumerate(fractions) if fraction > 0]
    if len(names) < len(parts):
        raise InputError(
            f"training, validation and test rows need {len(parts)} different groups (parameter draws) at least; got {len(names)}. Bring more samples."
        )
    sizes = np.bincount(members)
    lacking = np.asarray(fractions) * len(members)
    owner = np.empty(len(names), dtype=int)
    order = stream(seed, "split").permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]  # large groups first: small ones even out what they leave
    empty = list(parts)
    for place, group in enumerate(order):
        # Towards the end every part must still get a group.
        choices = empty if len(order) - place <= len(empty) else parts
        owner[group] = max(choices, key=lambda part: lacking[part])
        lacking[owner[group]] -= sizes[group]
        empty = [part for part in empty if part != owner[group]]
    side = owner[members]
    train, validation, test = (torch.from_numpy(np.flatnonzero(side == part)) for part in range(3))
    return Split(train, validation, test)
