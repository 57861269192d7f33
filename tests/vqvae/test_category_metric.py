"""The metric of codes: coordinates in units of noise, from columns of single runs alone, and a way back that is exact."""

import torch
from tokenizer_samples import HEAT, behaviour_metric, packing, replicates, standard_rows

from spinlock.vqvae.category_metric import CategoryMetric, Runs
from spinlock.vqvae.packing import Rows

ALL = torch.ones(15, dtype=torch.bool)


def test_coordinates_are_in_units_of_noise_and_uncorrelated():
    runs = replicates(draws=400)
    metric = CategoryMetric.fit(runs.rows, runs, packing=packing(), of_runs=ALL, shrinkage=0.02)
    assert metric.by_noise.all()
    values = packing().pack(runs.rows.x).double()
    s = metric(values.float())
    away = s.view(-1, 3, *s.shape[1:]) - s.view(-1, 3, *s.shape[1:]).mean(1, keepdim=True)
    for category, columns in enumerate(packing().columns):
        used = int((columns >= 0).sum())
        z = values[:, category, :used]
        spread = torch.diag((z.mT @ z / len(z)).diagonal())
        axes = metric.axes[category, :used, :used]
        within = torch.einsum("grc,grd->cd", away[:, :, category, :used], away[:, :, category, :used]) / (2 * len(away))
        noise = 0.98 * within + 0.02 * axes.mT @ spread @ axes
        torch.testing.assert_close(noise, torch.eye(used).double(), atol=1e-4, rtol=0)


def test_columns_that_coordinates_stand_for_have_these_coordinates():
    metric = behaviour_metric(replicates(), num_axes=3)
    s = metric(packing().pack(standard_rows(seed=4)))
    torch.testing.assert_close(metric(metric.columns(s).float()), s, atol=1e-4, rtol=1e-4)
    away = torch.randn(s.shape, generator=torch.Generator().manual_seed(0)).double()
    x = packing().pack(standard_rows(seed=5)).double()
    torch.testing.assert_close((x * metric.normals(away)).sum(2), (metric(x) * away).sum(2))


def test_columns_of_spread_decide_no_coordinate_and_come_back_by_regression():
    runs = replicates()
    x = runs.rows.x.clone()
    x[:, 9] = 2 * x[:, 4] - x[:, 5]  # a column of the second category that single runs lack
    mask = runs.rows.mask.clone()
    mask[:, 9] = False
    of_runs = ALL.clone()
    of_runs[9] = False
    seen = Rows(x, torch.ones_like(mask))
    metric = CategoryMetric.fit(
        seen, Runs(Rows(torch.where(mask, x, 0.0), mask), runs.groups), packing=packing(), of_runs=of_runs
    )
    values = packing().pack(x)
    other = values.clone()
    other[:, 1, 5] = 7.0
    assert torch.equal(metric(values), metric(other))
    assert metric.uses[1].tolist() == [True] * 5 + [False]
    back = metric.columns(metric(values))
    torch.testing.assert_close(back[:, 1, 5].float(), x[:, 9], atol=1e-3, rtol=1e-3)


def test_without_replicates_or_without_columns_of_runs_a_category_is_coded_by_its_columns():
    runs = replicates()
    alone = Runs(runs.rows, torch.arange(len(runs.groups)))
    blind = CategoryMetric.fit(runs.rows, alone, packing=packing(), of_runs=ALL)
    assert not blind.by_noise.any()
    values = packing().pack(runs.rows.x)
    assert torch.equal(blind(values).float(), values)
    torch.testing.assert_close(blind.columns(blind(values)).float(), values, atol=1e-4, rtol=1e-4)
    some = ALL.clone()
    some[HEAT] = False
    partly = CategoryMetric.fit(runs.rows, runs, packing=packing(), of_runs=some)
    assert partly.by_noise.tolist() == [True, False, True]
    assert torch.equal(partly(values)[:, 1, :6].float(), values[:, 1])


def test_what_a_word_says_is_undefined_counts_for_nothing_below_it():
    runs = replicates()
    undefined = torch.zeros((3, 2, 6), dtype=torch.bool)
    undefined[1, 1, 2] = True
    metric = behaviour_metric(runs).below(undefined, runs.rows, packing=packing())
    values = packing().pack(runs.rows.x)
    other = values.clone()
    other[:, 1, 2] += 5.0
    for word, is_same in ((0, False), (1, True)):
        words = torch.full((len(values), 3), word)
        assert torch.equal(metric(values, words), metric(other, words)) == is_same
        s = metric(values, words)
        torch.testing.assert_close(metric(metric.columns(s, words).float(), words), s, atol=1e-4, rtol=1e-4)
