"""How much the loss of each family counts in a joint run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import nnls
from torch import Tensor, nn

from spinlock.core.errors import UsageError

RIDGE = 1e-6
"""Of a Gram matrix of gradients, in units of its mean diagonal: gradients may be parallel."""


class Weighting(nn.Module):
    """The loss of a joint run: Σ w_f L_f over its terms f.

    - "fixed": the weights that are given.
    - "uncertainty": Σ w_f exp(-s_f) L_f + s_f with trained s_f. Source: Kendall, Gal & Cipolla 2018, CVPR, arXiv:1705.07115
      (homoscedastic uncertainty, times two).
    - "balanced": no term's gradient on the shared parameters is worked against: UPGrad. Source: Quinton & Rey 2024, arXiv:2406.16232.

    Args:
        how: one of these.
        weights: of the terms, by name.

    Raises:
        UsageError: if the package that balances gradients is not installed.
    """

    log_variances: nn.Parameter

    def __init__(self, how: str, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.how, self.names = how, tuple(weights)
        self.fixed = torch.tensor(list(weights.values()))
        self.log_variances = nn.Parameter(torch.zeros(len(weights)), requires_grad=how == "uncertainty")
        self.balance = _upgrad(self.fixed) if how == "balanced" else None
        self.present = {name: float(weight) for name, weight in weights.items()}

    def total(self, losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> Float[Tensor, ""]:
        """The loss to descend.

        Args:
            losses: of the terms that have rows in this step.
            shared: parameters that more than one term moves; none where nothing couples them.
        """
        there = torch.tensor([self.names.index(name) for name in losses])
        stacked, weights = torch.stack(list(losses.values())), self.fixed[there]
        if self.balance is not None and shared and len(there) == len(self.names):
            weights = self.balance(_gram(stacked, shared))
        penalty = stacked.new_zeros(())
        if self.how == "uncertainty":
            variances = self.log_variances[there]
            weights, penalty = weights * torch.exp(-variances), variances.sum()
        self.present |= dict(zip(losses, weights.detach().tolist(), strict=True))
        return (weights.to(stacked) * stacked).sum() + penalty


def _gram(losses: Float[Tensor, " term"], shared: Sequence[Tensor]) -> Float[Tensor, "term term"]:
    """Inner products of the gradients of the losses on shared parameters."""
    rows = []
    for loss in losses:
        gradients = torch.autograd.grad(loss, list(shared), retain_graph=True, materialize_grads=True)
        rows.append(torch.cat([part.flatten() for part in gradients]))
    jacobian = torch.stack(rows).double()
    return jacobian @ jacobian.mT


def _upgrad(preferred: Float[Tensor, " term"]) -> Callable[[Tensor], Tensor]:
    """UPGrad's weights from a Gram matrix; those that are preferred where no two gradients are against each other."""
    try:
        from torchjd.aggregation import UPGradWeighting  # noqa: PLC0415 # pyright: ignore[reportMissingImports] an extra
        from torchjd.linalg import DualConeProjector  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UsageError(
            "weighting: balanced needs the package torchjd, which is not installed; install spinlock[balance], or choose fixed or "
            "uncertainty."
        ) from error

    class Projector(DualConeProjector):
        """Minimises vᵀ G v over v ≥ u as a problem of non-negative least squares; the package's own solver is under the GPL."""

        def __call__(self, U: Any, G: Any) -> Any:  # noqa: D102, N803 of the package
            scaled = G / G.diagonal().mean().clamp(min=torch.finfo(G.dtype).tiny)
            root = np.linalg.cholesky((scaled + RIDGE * torch.eye(len(G), dtype=G.dtype)).numpy()).T
            return torch.stack([u + torch.from_numpy(nnls(root, -root @ u.numpy())[0]) for u in U])

    preferred = preferred.double()
    balance = UPGradWeighting(preferred / preferred.sum(), projector=Projector())
    return lambda gram: (balance(gram) * preferred.sum()).float()
