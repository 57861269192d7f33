"""Sums of products and squares of complex numbers, in the fastest way that a CPU has."""

import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy.typing import NDArray
from torch import Tensor

CHUNK_PIXELS = 131_072
"""Pixels of a chunk of frames that stays in the cache: half a megabyte of float32."""


def squared_magnitude(z: Complex[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """|z|², element by element: a quarter of the time of the overflow-safe modulus that `torch.abs` takes."""
    return (z * z.conj()).real


def turning(angle: Float[Tensor, "*shape"]) -> Complex[Tensor, "*shape"]:
    """exp(i angle), element by element."""
    return torch.complex(angle.cos(), angle.sin())


def mean_product(a: Float[Tensor, "row ..."], b: Float[Tensor, "row ..."]) -> Float[Tensor, " row"]:
    """Mean of a·b over all but the first axis; NaN over no values."""
    return torch.from_numpy(array_mean_product(a.numpy(), b.numpy())) if a.numel() else a.new_full((len(a),), torch.nan)


def array_mean_product(a: NDArray, b: NDArray, *, axes: int = 1) -> NDArray:
    """Mean of a·b over all but the first `axes` axes, as inner products: twice as fast as a sum, without the array of products."""
    shape, values = a.shape[:axes], math.prod(a.shape[axes:])
    return np.matmul(a.reshape(-1, 1, values), b.reshape(-1, values, 1)).reshape(shape) / values


def array_mean(a: NDArray, *, axes: int = 1) -> NDArray:
    """Mean over all but the first `axes` axes, as a product with a vector; it rounds a little more than a sum."""
    shape, values = a.shape[:axes], math.prod(a.shape[axes:])
    return (a.reshape(-1, values) @ _share(values, a.dtype)).reshape(shape)


@lru_cache(maxsize=8)
def _share(values: int, dtype: np.dtype) -> NDArray:
    return np.full(values, 1 / values, dtype)
