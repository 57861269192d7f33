"""Three directions of space brought to two, which is what features describe: one plane of the third, or its mean.

The third direction is the axis `d` of an array and the last of (x, y, z) in the layouts of others. A plane keeps the
small structures; the mean keeps what is coherent along the third direction and loses the rest.
"""

from typing import Literal

import numpy as np

from spinlock.core.errors import UsageError

Depth = Literal["middle", "mean"] | int
"""The middle plane, the mean over all planes, or the plane of a number (from 0; negative from the end)."""


def parse_depth(text: str) -> Depth:
    """The choice that a word of the command line stands for.

    Raises:
        UsageError: if it is neither "middle", "mean" nor a whole number.
    """
    if text == "middle" or text == "mean":
        return text
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"`depth` must be 'middle', 'mean' or the number of a plane; got '{text}'.") from None


def planes(depth: Depth, length: int, *, where: str) -> slice:
    """The planes to read along a third direction of `length` cells.

    Raises:
        UsageError: if there is no plane of that number.
    """
    if depth == "mean":
        return slice(0, length)
    number = length // 2 if depth == "middle" else int(depth)
    if not -length <= number < length:
        raise UsageError(f"`depth` = {number} names no plane of {where}, which has {length} of them.")
    number %= length
    return slice(number, number + 1)


def without_depth(values: np.ndarray, axis: int) -> np.ndarray:
    """The planes that were read, as one: itself where there is one, else their mean in double precision."""
    if values.shape[axis] == 1:
        return values.squeeze(axis)
    return values.mean(axis=axis, dtype=np.float64)


def check_depth(depth: Depth | None, *, is_needed: bool, where: str) -> Depth:
    """The choice, or "middle" where none was made.

    Raises:
        UsageError: if a choice was made for data without a third direction.
    """
    if depth is not None and not is_needed:
        raise UsageError(f"`depth` chooses a plane of three directions of space; {where} has fewer.")
    return "middle" if depth is None else depth
