"""The embedding of behaviours: its axes are those of the definition, noise counts little, and what is missing is expected."""

from dataclasses import replace

import torch

from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import torch_stream
from spinlock.vqvae.behaviour import BehaviourEmbedding

DRAWS, RUNS = 300, 4


def replicated(*, noise: tuple[float, ...], runs: int = RUNS, seed: int = 0) -> FeatureTable:
    """Runs of draws; every column is a draw's own normal number, plus normal noise of a run of so much spread."""
    chance = torch_stream(seed, "runs")
    own = torch.randn((DRAWS, 1, len(noise)), generator=chance)
    values = own + torch.tensor(noise) * torch.randn((DRAWS, runs, len(noise)), generator=chance)
    groups = [draw for draw in range(DRAWS) for _ in range(runs)]
    return FeatureTable.from_array(values.flatten(0, 1).numpy(), groups=groups)


def same_draw_nearest(embedded: torch.Tensor, groups: tuple[str, ...]) -> float:
    """Share of rows whose nearest other row is of the same draw."""
    distances = torch.cdist(embedded, embedded).fill_diagonal_(torch.inf)
    nearest = distances.argmin(1).tolist()
    return sum(groups[row] == groups[other] for row, other in enumerate(nearest)) / len(groups)


def test_axes_solve_the_generalised_eigenproblem() -> None:
    table = replicated(noise=(0.1, 0.5, 1.0, 2.0))
    found = BehaviourEmbedding.fit(table, shrinkage=0.05)
    z = found.transform(table.values, table.mask)[0].double().clamp(-3, 3)
    away = z.view(DRAWS, RUNS, -1) - z.view(DRAWS, RUNS, -1).mean(1, keepdim=True)
    within = torch.einsum("grc,grd->cd", away, away) / (DRAWS * (RUNS - 1))
    everything = z.mT @ z / len(z)
    noise = 0.95 * within + 0.05 * torch.diag(everything.diagonal())
    torch.testing.assert_close(found.axes.mT @ noise @ found.axes, torch.eye(4).double(), atol=1e-6, rtol=0)
    ratios = found.axes.mT @ everything @ found.axes
    torch.testing.assert_close(ratios, torch.diag(ratios.diagonal()), atol=1e-5, rtol=0)
    assert ratios.diagonal().diff().le(1e-9).all()


def test_replicates_are_nearer_than_by_columns_and_by_principal_axes() -> None:
    noise = (0.05, 0.05, 0.05, 0.05, 2.0, 2.0, 2.0, 2.0)
    seen, new = replicated(noise=noise, seed=1), replicated(noise=noise, seed=2)
    found = BehaviourEmbedding.fit(seen)
    blind = BehaviourEmbedding.fit(replace(seen, groups=seen.ids))
    assert found.has_noise
    assert not blind.has_noise
    by_behaviour, by_axes, by_columns = (
        same_draw_nearest(rows, new.groups) for rows in (found(new), blind(new), new.values)
    )
    assert by_behaviour > 0.5
    assert by_behaviour > 2.5 * max(by_axes, by_columns)


def test_a_row_is_the_same_alone_and_what_it_lacks_is_expected_from_the_rest() -> None:
    table = replicated(noise=(0.1, 0.1, 0.1))
    values = torch.cat([table.values, table.values[:, :1] + table.values[:, 1:2]], dim=1)
    values[::3, 3] = torch.nan
    table = FeatureTable.from_array(values.numpy(), groups=table.groups)
    found = BehaviourEmbedding.fit(table)
    together = found(table)
    for row in (0, 1, 7):
        torch.testing.assert_close(found(table.rows([row]))[0], together[row], atol=1e-5, rtol=1e-5)
    whole, partly = values[1:2].clone(), values[1:2].clone()
    partly[0, 3] = torch.nan
    others = torch.cdist(together[1:2], together[200:]).median()
    one, other = (found(FeatureTable.from_array(row.numpy())) for row in (whole, partly))
    assert float((one - other).norm()) < 0.2 * float(others)
    assert found(FeatureTable.from_array(torch.full((1, 4), torch.nan).numpy())).isnan().all()


def test_columns_of_the_spread_over_realizations_are_not_looked_at() -> None:
    table = replicated(noise=(0.1, 0.1, 0.1))
    names = ("a__mean", "a__std", "a__cv")
    specs = tuple(
        replace(spec, name=name, aggregation=name[3:]) for spec, name in zip(table.registry.specs, names, strict=True)
    )
    found = BehaviourEmbedding.fit(replace(table, registry=replace(table.registry, specs=specs)))
    assert found.columns.tolist() == [0]
