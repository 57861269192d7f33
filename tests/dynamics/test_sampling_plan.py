from collections import Counter

import numpy as np
import pytest
from scipy.stats import qmc

from spinlock.core.errors import ConfigError
from spinlock.dynamics.evenness import evenness, max_correlation, median_correlation, sampling_warnings
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.systems import SYSTEMS


@pytest.mark.parametrize(("num_samples", "run"), [(24, 1), (40, 2), (96, 4), (800, 4)])
def test_systems_take_their_shares_in_every_stretch_in_runs_of_a_few(num_samples, run):
    plans = plan_samples(num_samples=num_samples, seed=1, systems={"gray_scott": 1.0, "cnn": 3.0}).plans
    stretch = 4 * run
    for first in range(0, num_samples - stretch + 1, stretch):
        names = [plan.system for plan in plans[first : first + stretch]]
        assert Counter(names) == {"cnn": 3 * run, "gray_scott": run}
        assert all(len(set(names[start : start + run])) == 1 for start in range(0, stretch, run))
    assert [plan.index for plan in plans] == list(range(num_samples))


def test_the_order_in_which_systems_are_written_changes_nothing():
    forth = plan_samples(num_samples=12, seed=1, systems=["cnn", "gray_scott"])
    back = plan_samples(num_samples=12, seed=1, systems=["gray_scott", "cnn"])
    assert forth == back


def test_the_same_seed_gives_the_same_plans_and_another_seed_others():
    assert plan_samples(num_samples=20, seed=1).plans == plan_samples(num_samples=20, seed=1).plans
    assert plan_samples(num_samples=20, seed=1).plans != plan_samples(num_samples=20, seed=2).plans


def test_values_lie_in_their_ranges_and_fill_them_evenly():
    plans = plan_samples(num_samples=128, seed=4, systems=["fitzhugh_nagumo"]).plans
    for parameter in SYSTEMS["fitzhugh_nagumo"]().parameters[:-1]:
        values = np.array([plan.parameters[parameter.name] for plan in plans], dtype=float)
        ends = np.array([parameter.low, parameter.high])
        if parameter.kind == "log":
            values, ends = np.log(values), np.log(ends)
        counts, _ = np.histogram(values, bins=16, range=tuple(ends))
        np.testing.assert_array_equal(counts, 8)


def test_the_report_measures_discrepancy_and_correlation():
    plan = plan_samples(num_samples=64, seed=4, systems=["kuramoto_sivashinsky"])
    report = plan.report["kuramoto_sivashinsky"]
    assert (report.num_draws, report.num_dimensions, report.is_balanced) == (64, 8, True)
    assert report.discrepancy < 0.6 * report.random_discrepancy
    assert report.max_correlation < 0.1
    uniform = [
        qmc.discrepancy(np.random.Generator(np.random.PCG64(i)).random((64, report.num_dimensions)), method="CD")
        for i in range(200)
    ]
    assert report.random_discrepancy == pytest.approx(np.sqrt(np.mean(uniform)), rel=0.05)


def test_the_threshold_of_the_correlation_is_the_median_of_independent_points():
    generator = np.random.Generator(np.random.PCG64(3))
    drawn = [max_correlation(generator.random((40, 5))) for _ in range(2000)]
    assert np.mean(np.array(drawn) > median_correlation(40, 5)) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(("num_samples", "is_balanced"), [(128, True), (120, False)])
def test_unbalanced_numbers_of_draws_are_warned_of_with_numbers_that_would_be(num_samples, is_balanced):
    plan = plan_samples(num_samples=num_samples, seed=0, systems=["gray_scott", "swift_hohenberg"])
    assert all(sampling.is_balanced == is_balanced for sampling in plan.report.values())
    remedies = [warning for warning in plan.warnings if "num_samples of 64 or 128 would be" in warning]
    assert len(remedies) == (not is_balanced)
    for count in (64, 128):
        better = plan_samples(num_samples=count, seed=0, systems=["gray_scott", "swift_hohenberg"])
        assert all(sampling.is_balanced for sampling in better.report.values())


def test_points_that_are_less_even_than_random_ones_are_warned_of():
    generator = np.random.Generator(np.random.PCG64(3))
    clumped = evenness(0.2 * generator.random((16, 3)))
    assert clumped.discrepancy > clumped.random_discrepancy
    line = evenness(np.linspace(0, 0.99, 16)[:, None] * np.ones(2))
    assert line.max_correlation == pytest.approx(1)
    assert not clumped.is_even
    assert not line.is_even
    assert "less evenly than by independent random points in a, b" in sampling_warnings({"a": clumped, "b": line})[0]


def test_the_discrepancy_is_that_of_the_stored_values():
    plan = plan_samples(
        num_samples=16,
        seed=4,
        systems=["advection_diffusion"],
        parameters={"advection_diffusion": {"noise_kind": "additive"}},
        initial_conditions={"gaussian_field": 1.0},
    )
    space = SYSTEMS["advection_diffusion"]().parameters[:-1]
    rows = []
    for sample in plan.plans:
        row = []
        for parameter in space:
            value, low, high = float(sample.parameters[parameter.name]), parameter.low, parameter.high
            row.append(
                (value - low) / (high - low) if parameter.kind == "real" else np.log(value / low) / np.log(high / low)
            )
        row.append(np.log(sample.parameters["initial_length"] / 0.04) / np.log(0.15 / 0.04))
        rows.append(row)
    points = np.clip(rows, 0, 1)
    report = plan.report["advection_diffusion"]
    assert report.num_dimensions == 7
    assert report.discrepancy == pytest.approx(np.sqrt(qmc.discrepancy(points, method="CD")), rel=1e-6)
    correlation = np.corrcoef(points, rowvar=False)
    assert report.max_correlation == pytest.approx(np.abs(correlation - np.eye(7)).max(), abs=1e-6)


def test_a_fixed_parameter_is_no_dimension():
    free = plan_samples(num_samples=8, seed=0, systems=["gray_scott"])
    fixed = plan_samples(num_samples=8, seed=0, systems=["gray_scott"], parameters={"gray_scott": {"feed": 0.03}})
    assert {plan.parameters["feed"] for plan in fixed.plans} == {0.03}
    assert fixed.report["gray_scott"].num_dimensions == free.report["gray_scott"].num_dimensions - 1


def test_samples_of_a_group_share_parameters_and_differ_in_frame_zero():
    plans = plan_samples(num_samples=10, seed=0, systems=["swift_hohenberg"], samples_per_group=4).plans
    assert [plan.group for plan in plans] == [0] * 4 + [1] * 4 + [2] * 2
    own = [{k: v for k, v in plan.parameters.items() if not k.startswith("initial_")} for plan in plans]
    assert own[0] == own[1] == own[3] != own[4]
    assert len({(p.initial_condition, p.parameters.get("initial_length")) for p in plans[:4]}) == 4


def test_kinds_of_frame_zero_follow_the_weights_that_are_given():
    plans = plan_samples(num_samples=64, seed=0, initial_conditions={"noise": 3.0, "front": 1.0}, systems=["cnn"]).plans
    assert Counter(plan.initial_condition for plan in plans) == {"noise": 48, "front": 16}
    assert all("initial_length" not in plan.parameters for plan in plans)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "`num_samples` and `samples_per_group` must be at least 1; got 0 and 1"),
        ({"systems": ["grey_scott"]}, "unknown system 'grey_scott'. Did you mean 'gray_scott'"),
        ({"systems": {"cnn": 0.0}}, "the weight of system 'cnn' must be greater than 0; got 0"),
        ({"systems": []}, "at least one system is needed; got none"),
        ({"parameters": {"cnm": {}}}, "unknown system 'cnm'. Did you mean 'cnn'"),
        ({"parameters": {"cnn": {"depth": 2}}}, "system 'cnn' has no parameter 'depth'"),
        ({"initial_conditions": {"nose": 1.0}}, "unknown initial condition 'nose'. Did you mean 'noise'"),
    ],
)
def test_bad_plans_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        plan_samples(**{"num_samples": 4, "seed": 0, **arguments})
