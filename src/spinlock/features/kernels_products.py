"""Sums of products, in the fastest way that the device has."""

import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


def mean_product(a: Float[Tensor, "row ..."], b: Float[Tensor, "row ..."]) -> Float[Tensor, " row"]:
    """Mean of a·b over all but the first axis, without the array of products; NaN over no values."""
    if a.device.type == "cpu" and a.numel() > 0:
        return torch.from_numpy(mean_product_on_cpu(a.detach().numpy(), b.detach().numpy()))
    return torch.linalg.vecdot(a.flatten(1), b.flatten(1)) / math.prod(a.shape[1:])


def mean_product_on_cpu(a: NDArray, b: NDArray, *, axes: int = 1) -> NDArray:
    """Mean of a·b over all but the first `axes` axes, as inner products: twice as fast as a sum."""
    shape, values = a.shape[:axes], math.prod(a.shape[axes:])
    return np.matmul(a.reshape(-1, 1, values), b.reshape(-1, values, 1)).reshape(shape) / values


def mean_on_cpu(a: NDArray, *, axes: int = 1) -> NDArray:
    """Mean over all but the first `axes` axes, as a product with a vector; it rounds a little more than a sum."""
    shape, values = a.shape[:axes], math.prod(a.shape[axes:])
    return (a.reshape(-1, values) @ _share(values, a.dtype)).reshape(shape)


@lru_cache(maxsize=8)
def _share(values: int, dtype: np.dtype) -> NDArray:
    return np.full(values, 1 / values, dtype)
