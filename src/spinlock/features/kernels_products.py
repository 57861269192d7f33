"""Sums of products, in the fastest way that the device has."""

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


def mean_product(a: Float[Tensor, "row *value"], b: Float[Tensor, "row *value"]) -> Float[Tensor, " row"]:
    """Mean of a·b over all but the first axis, without the array of products."""
    if a.device.type == "cpu":
        return torch.from_numpy(mean_product_on_cpu(a.detach().numpy(), b.detach().numpy()))
    return torch.linalg.vecdot(a.flatten(1), b.flatten(1)) / math.prod(a.shape[1:])


def mean_product_on_cpu(a: NDArray, b: NDArray | None = None, *, axes: int = 1) -> NDArray:
    """Mean of a·b (of a, without b) over all but the first `axes` axes, as inner products: twice as fast as a sum."""
    shape, values = a.shape[:axes], math.prod(a.shape[axes:])
    rows = a.reshape(-1, 1, values)
    other = np.ones((values, 1), a.dtype) if b is None else b.reshape(-1, values, 1)
    return np.matmul(rows, other).reshape(shape) / values
