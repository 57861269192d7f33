"""The strongest response of a map to small perturbations: leading singular values from products with the Jacobian."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

States = Float[Tensor, "batch channel height width"]
Map = Callable[[Tensor], Tensor]

LANCZOS_STEPS = 4
"""Products with the Jacobian and with its transpose."""


class LeadingGain(NamedTuple):
    """Largest singular value of the Jacobian at each state, and the perturbation that it belongs to, of unit norm."""

    gain: Float[Tensor, " batch"]
    perturbation: States


def leading_gain(
    step: Map, states: States, start: Float[Tensor, "1 channel height width"], size: Float[Tensor, " batch"]
) -> LeadingGain | None:
    """Golub-Kahan-Lanczos bidiagonalisation, fully reorthogonalised; None where torch cannot differentiate `step`.

    Products with the transposed Jacobian are exact (reverse mode over one graph), those with the Jacobian are central
    differences, which cost two steps instead of the many of forward mode. The value converges to the largest singular
    value from below, faster than the power iteration from the same products.

    Source: Golub & Kahan 1965, section 4.

    Args:
        step: map that does not mix rows.
        states: where the Jacobians are taken, one a row.
        start: first direction, any norm.
        size: root mean square of the perturbations of the central differences, one a row.
    """
    states = states.detach().clone().requires_grad_()
    with torch.enable_grad():
        try:
            image = step(states)
        except RuntimeError:  # a step that leaves torch, for example through numpy
            return None
    if not image.requires_grad:
        return None
    right, left = [_unit(start.expand_as(states))[0]], []
    diagonal, above = [], []
    for number in range(LANCZOS_STEPS):
        vector, length = _unit(_orthogonal(_product(step, states.detach(), right[-1], size), left))
        left.append(vector)
        diagonal.append(length)
        if number + 1 < LANCZOS_STEPS:
            (back,) = torch.autograd.grad(image, states, vector, retain_graph=number + 2 < LANCZOS_STEPS)
            vector, length = _unit(_orthogonal(back, right))
            right.append(vector)
            above.append(length)
    bidiagonal = torch.diag_embed(torch.stack(diagonal, -1)) + torch.diag_embed(torch.stack(above, -1), 1)
    finite = bidiagonal.isfinite().all(-1).all(-1)
    _, values, vectors = torch.linalg.svd(torch.where(finite[:, None, None], bidiagonal, 0))
    return LeadingGain(values[:, 0].masked_fill(~finite, torch.nan), _combine(right, vectors[:, 0]))


def _product(step: Map, states: States, direction: States, size: Float[Tensor, " batch"]) -> States:
    """Jacobian times `direction` (of unit norm) by central differences of root mean square `size`."""
    amplitude = (size * states[0].numel() ** 0.5)[:, None, None, None]
    with torch.no_grad():
        moved = step(torch.cat((states + amplitude * direction, states - amplitude * direction)))
    return (moved[: len(states)] - moved[len(states) :]) / (2 * amplitude)


def leading_gain_among(
    step: Map,
    states: States,
    directions: Sequence[Float[Tensor, "1 channel height width"]],
    size: Float[Tensor, " batch"],
) -> LeadingGain:
    """The largest gain in the span of a few directions, by central differences: a lower bound of the singular value.

    For maps that torch cannot differentiate.

    Args:
        step: any map that does not mix rows.
        states: where the Jacobians are taken.
        directions: what the perturbations are combined from.
        size: root mean square of the perturbations, one a row.
    """
    basis: list[Tensor] = []
    for direction in directions:
        basis.append(_unit(_orthogonal(direction.expand_as(states), basis))[0])
    matrix = torch.stack([_product(step, states, direction, size).flatten(1) for direction in basis], -1)
    finite = matrix.isfinite().all(-1).all(-1)
    _, values, vectors = torch.linalg.svd(torch.where(finite[:, None, None], matrix, 0), full_matrices=False)
    return LeadingGain(values[:, 0].masked_fill(~finite, torch.nan), _combine(basis, vectors[:, 0]))


def _unit(states: States) -> tuple[States, Float[Tensor, " batch"]]:
    """States of unit norm, and the norms; a zero state stays zero."""
    norm = states.flatten(1).norm(dim=-1)
    return states / norm.clamp_min(torch.finfo(norm.dtype).tiny)[:, None, None, None], norm


def _orthogonal(states: States, basis: Sequence[States]) -> States:
    """What is left of `states` without their components along `basis`, taken away twice for rounding."""
    for _ in range(2):
        for vector in basis:
            states = states - (states * vector).sum((1, 2, 3), keepdim=True) * vector
    return states


def _combine(basis: Sequence[States], weights: Float[Tensor, "batch entry"]) -> States:
    return sum(
        (w[:, None, None, None] * vector for w, vector in zip(weights.unbind(-1), basis, strict=True)),
        torch.zeros_like(basis[0]),
    )
