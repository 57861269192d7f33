"""Small correlated tables, and what the tests of quantisers fit to them."""

import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.vqvae.packing import Packing

CATEGORIES = ["wave"] * 4 + ["heat"] * 6 + ["drift"] * 5


def correlated_values(*, rows: int = 120, seed: int = 0) -> torch.Tensor:
    """15 columns that are nonlinear in 4 hidden numbers, in odd units."""
    draw = torch.Generator().manual_seed(100)
    first, second = torch.randn(4, 12, generator=draw), torch.randn(12, 15, generator=draw)
    hidden = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
    noise = 0.1 * torch.randn(rows, 15, generator=torch.Generator().manual_seed(seed + 1))
    scales = 10.0 ** torch.arange(-3, 12).remainder(5)
    return (torch.tanh(hidden @ first) @ second + noise).exp() * scales


def correlated_table(*, rows: int = 120, seed: int = 0, groups: tuple[str, ...] = ()) -> FeatureTable:
    return FeatureTable.from_array(correlated_values(rows=rows, seed=seed), categories=CATEGORIES, groups=groups)


def category_map() -> CategoryMap:
    return CategoryMap.from_registry(correlated_table(rows=2).registry)


def packing() -> Packing:
    return Packing.of(category_map())


def standard_rows(*, rows: int = 120, seed: int = 0) -> torch.Tensor:
    x = correlated_values(rows=rows, seed=seed).log()
    return (x - x.mean(dim=0)) / x.std(dim=0)
