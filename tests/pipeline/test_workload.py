"""What samples cost relative to each other, and what a run costs."""

import numpy as np
import pytest
from pipeline_runs import generate_config

from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.systems import SYSTEMS
from spinlock.pipeline.estimate import estimate
from spinlock.pipeline.workload import cost, relative_work, seconds_by_system, share_done, timed_samples

PLANS = plan_samples(num_samples=64, seed=0, systems=["cnn", "gray_scott"]).plans


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_a_cost_is_a_positive_product_of_parameters_of_the_system(name):
    plans = plan_samples(num_samples=8, seed=0, systems=[name]).plans
    assert all(cost(plan) > 0 for plan in plans)


def test_wide_networks_cost_more_than_narrow_ones_and_equations_all_the_same():
    network = next(plan for plan in PLANS if plan.system == "cnn")
    wide, narrow = (
        cost(type(network)(**{**fields(network), "parameters": {**network.parameters, "num_channels": width}}))
        for width in (32, 8)
    )
    assert wide == 4 * narrow
    assert {cost(plan) for plan in PLANS if plan.system == "gray_scott"} == {1.0}


def fields(plan):
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def test_relative_work_is_in_the_mean_what_the_system_costs():
    work = np.array(relative_work(PLANS))
    for name in ("cnn", "gray_scott"):
        assert work[[plan.system == name for plan in PLANS]].mean() == pytest.approx(SYSTEMS[name]().relative_cost)
    assert SYSTEMS["cnn"]().relative_cost > SYSTEMS["gray_scott"]().relative_cost


def test_the_share_that_is_done_follows_the_work_not_the_count():
    assert share_done({0: 3.0, 1: 1.0}, {0}) == 0.75
    assert share_done({0: 3.0, 1: 1.0}, {0, 1}) == 1.0
    assert share_done({}, set()) == 1.0


def test_of_a_system_whose_samples_differ_three_are_timed_of_the_others_some_together():
    groups = timed_samples(PLANS, most_together=4)
    assert [(group[0].system, len(group)) for group in groups] == [("cnn", 1)] * 3 + [("gray_scott", 4)]
    costs = [cost(group[0]) for group in groups[:3]]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_times_that_are_linear_in_the_cost_are_extrapolated_exactly():
    timed = [(group, len(group) * (0.5 + 0.01 * cost(group[0]))) for group in timed_samples(PLANS, most_together=4)]
    expected = {name: sum(0.5 + 0.01 * cost(p) for p in PLANS if p.system == name) for name in ("cnn", "gray_scott")}
    assert seconds_by_system(PLANS, timed) == pytest.approx(expected)


def test_times_that_fall_with_the_cost_are_averaged():
    groups = timed_samples(PLANS, most_together=4)
    timed = [(group, len(group) * seconds) for group, seconds in zip(groups, (3.0, 2.0, 1.0, 1.0), strict=True)]
    assert seconds_by_system(PLANS, timed)["cnn"] == pytest.approx(2.0 * 32)


def test_a_dry_run_times_every_system_and_writes_nothing(tmp_path):
    small = ("num_samples=8", "num_timesteps=8", "grid_size=8", "systems=[gray_scott, advection_diffusion]")
    config = generate_config(tmp_path / "x.h5", *small)
    found = estimate(config)
    assert set(found.seconds_a_sample) == {"gray_scott", "advection_diffusion"}
    assert found.timed_samples == 8
    assert found.seconds == pytest.approx(4 * sum(found.seconds_a_sample.values()) / (0.9 * 2))
    assert list(tmp_path.iterdir()) == []
