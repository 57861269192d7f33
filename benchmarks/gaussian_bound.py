"""How much purer tokens cost: three ideal linear coders of Gaussian rows with the corpus's covariance, at equal bits.

    python benchmarks/gaussian_bound.py --dataset datasets/diverse_10k.h5 --bits 24 72 144

    each alone      every category coded in its own principal axes, decoded alone
    decoded jointly the same codes, every column decoded from the codes of all categories
    best transform  every category still coded alone, in the axes that are best for the joint decoder (found by gradients)
    whole vector    one code of all columns together: no coder of these Gaussian rows is better

Rates and errors by reverse water-filling (Cover & Thomas 2006, Elements of Information Theory, section 10.3.3); the codes are
modelled as additive Gaussian noise of unit variance after a linear transform, which reaches that rate. Real rows are not
Gaussian: the figures say what linear dependence between categories offers, not what a quantiser reaches.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from splits import arguments_of, split_table, summary_table
from torch import Tensor

from spinlock.categories.by_registry import semantic_categories
from spinlock.vqvae.column_transform import ColumnTransform

STEPS = 300
RATE = 3e-3


def covariance_of(dataset: Path) -> tuple[Tensor, list[Tensor]]:
    """Covariance (column, column) of standardised training rows, missing values read as 0, and each category's columns."""
    table = summary_table(dataset)
    train = split_table(table, seed=0).train
    x, _ = ColumnTransform.fit(train.values, train.mask)(train.values, train.mask)
    x = x.double()
    columns = [torch.tensor(group) for group in semantic_categories(table.registry).group_indices.values()]
    return x.mT @ x / len(x) + 1e-3 * torch.eye(x.shape[1], dtype=x.dtype), columns


def water_level(eigenvalues: Tensor, bits: float) -> float:
    """The distortion of every coded component at which reverse water-filling spends `bits`."""
    low, high = 1e-9, float(eigenvalues.max())
    for _ in range(100):
        middle = (low * high) ** 0.5
        spent = 0.5 * torch.log2((eigenvalues / middle).clamp(min=1)).sum()
        low, high = (middle, high) if spent > bits else (low, middle)
    return high


def own_axes(covariance: Tensor, columns: Sequence[Tensor], level: float) -> Tensor:
    """Block-diagonal transform B: with unit noise on B x, each category is coded to the water level in its own axes."""
    transform = torch.zeros_like(covariance)
    for group in columns:
        values, axes = torch.linalg.eigh(covariance[group][:, group])
        gains = ((values / level - 1).clamp(min=0) / values).sqrt()
        transform[group[:, None], group] = (axes * gains) @ axes.mT
    return transform


def joint_error(covariance: Tensor, transform: Tensor) -> Tensor:
    """Mean squared error a column of the best decoder of B x + unit noise."""
    seen = transform @ covariance
    noisy = seen @ transform.mT + torch.eye(len(seen), dtype=seen.dtype)
    explained = (seen * torch.linalg.solve(noisy, seen)).sum()
    return (covariance.diagonal().sum() - explained) / len(seen)


def spent_bits(covariance: Tensor, transform: Tensor, blocks: Tensor) -> Tensor:
    """Bits of all categories when each is coded without knowing of the others."""
    noisy = transform @ covariance @ transform.mT + torch.eye(len(covariance), dtype=covariance.dtype)
    return 0.5 * torch.logdet(noisy * blocks) / torch.log(torch.tensor(2.0))


def best_transform(covariance: Tensor, start: Tensor, blocks: Tensor, bits: float) -> Tensor:
    """The block-diagonal transform of the smallest joint error at these bits, by Adam with a multiplier on the rate."""
    noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(0), dtype=start.dtype)
    weights = (start + 1e-3 * noise * blocks).requires_grad_(True)
    optimizer = torch.optim.Adam([weights], lr=RATE)
    price = torch.tensor(5e-3)
    for _ in range(STEPS):
        excess = spent_bits(covariance, weights * blocks, blocks) - bits
        loss = joint_error(covariance, weights * blocks) + price * excess
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        price = price * torch.exp(2e-3 * excess.detach().clamp(-5, 5))
    transform = (weights * blocks).detach()
    return _scaled(transform, lambda t: float(spent_bits(covariance, t, blocks)), bits)


def _scaled(transform: Tensor, spent: Callable[[Tensor], float], bits: float) -> Tensor:
    low, high = 0.5, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if spent(middle * transform) > bits else (middle, high)
    return low * transform


def figures(covariance: Tensor, columns: Sequence[Tensor], bits: float) -> dict[str, float]:
    """Mean squared error a column of the four coders."""
    blocks = torch.zeros_like(covariance)
    for group in columns:
        blocks[group[:, None], group] = 1.0
    own = torch.cat([torch.linalg.eigvalsh(covariance[group][:, group]) for group in columns])
    whole = torch.linalg.eigvalsh(covariance)
    level = water_level(own, bits)
    start = own_axes(covariance, columns, level)
    return {
        "each alone": float(own.clamp(max=level).mean()),
        "decoded jointly": float(joint_error(covariance, start)),
        "best transform": float(joint_error(covariance, best_transform(covariance, start, blocks, bits))),
        "whole vector": float(whole.clamp(max=water_level(whole, bits)).mean()),
    }


def main() -> None:
    arguments = arguments_of(__doc__, bits={"type": float, "nargs": "+", "default": [24, 72, 144]})
    covariance, columns = covariance_of(arguments.dataset)
    found = {bits: figures(covariance, columns, bits) for bits in arguments.bits}
    if arguments.json:
        print(json.dumps(found))
        return
    for bits, errors in found.items():
        alone = errors["decoded jointly"]
        print(
            f"{bits:g} bits: "
            + ", ".join(f"{name} {error:.4f} ({error / alone:.3f})" for name, error in errors.items())
        )


if __name__ == "__main__":
    main()
