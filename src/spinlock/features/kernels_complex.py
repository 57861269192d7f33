"""Arithmetic of complex numbers that `torch.abs` is slow at: its overflow-safe modulus costs four times the square."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor


def squared_magnitude(z: Complex[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """|z|², element by element."""
    return (z * z.conj()).real


def turning(angle: Float[Tensor, "*shape"]) -> Complex[Tensor, "*shape"]:
    """exp(i angle), element by element."""
    return torch.complex(angle.cos(), angle.sin())
