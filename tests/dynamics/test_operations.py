"""Operations on runs: what they change, and that base and operated runs share all random numbers."""

import numpy as np
import pytest
import torch

from spinlock.core.errors import ConfigError
from spinlock.dynamics.operations import Operation, Pairs
from spinlock.dynamics.parameter_space import Parameter
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.dynamics.space import SystemSpace

SIMULATION = Simulation(num_timesteps=5, num_realizations=2, grid_size=16, seed=3)


def planned(*texts, systems=("gray_scott",), num_bases=2, num_initial_conditions=3):
    pairs = Pairs.of_texts(texts, num_bases=num_bases, num_initial_conditions=num_initial_conditions)
    return plan_samples(num_samples=1, seed=3, systems=systems, pairs=pairs)


def places(plan, spaces):
    return {
        parameter.name: parameter.interval(plan.parameters[parameter.name])[0]
        for parameter in spaces[plan.system].parameters
        if isinstance(parameter, Parameter) and parameter.kind in ("real", "log")
    }


def test_every_base_has_all_initial_conditions_of_one_kind_and_every_operation():
    plans = planned("feed+0.2", "later").plans
    assert [plan.index for plan in plans] == list(range(2 * 3 * 3))
    assert [plan.group for plan in plans] == [0] * 9 + [1] * 9
    for group in (0, 1):
        own = [plan for plan in plans if plan.group == group]
        assert len({plan.initial_condition for plan in own}) == 1
        assert len({plan.initial_stream for plan in own}) == 3
        assert [plan.noise_key for plan in own[:3]] == [None, own[0].index, own[0].index]


def test_a_step_moves_one_parameter_by_so_much_of_its_distribution():
    found = planned("feed+0.2", "kill_position-0.3", "feed+0.2&kill_position-0.3", num_bases=8)
    for base, one, other, both in zip(*[iter(found.plans)] * 4, strict=True):
        start = places(base, found.spaces)
        moved = [
            {name: value - start[name] for name, value in places(plan, found.spaces).items()}
            for plan in (one, other, both)
        ]
        steps = [{"feed": 0.2}, {"kill_position": -0.3}, {"feed": 0.2, "kill_position": -0.3}]
        for differences, step in zip(moved, steps, strict=True):
            assert differences == pytest.approx(dict.fromkeys(start, 0.0) | step)


def test_steps_up_and_down_stay_within_the_distribution():
    found = planned("feed+0.5", "feed-0.4", num_bases=8)
    fed = [places(plan, found.spaces)["feed"] for plan in found.plans]
    assert -1e-9 <= min(fed) < 0.15
    assert 0.85 < max(fed) <= 1 + 1e-9


def test_an_operation_that_changes_nothing_gives_the_same_run():
    plans = planned("feed+0").plans
    states = [rollout.states for rollout in simulate(plans, SIMULATION)]
    for base, same in zip(states[::2], states[1::2], strict=True):
        assert torch.equal(base, same)
    assert not torch.equal(states[0], states[2])


def test_two_runs_of_a_pair_have_the_same_initial_condition_and_noise():
    """The first step of a run without any dynamics is its noise: a parameter that does not act leaves all as it is."""
    base, moved = planned("kill_position+0.2").plans[:2]
    first, second = (rollout.states for rollout in simulate([base, moved], SIMULATION))
    assert torch.equal(first[:, 0], second[:, 0])
    assert not torch.equal(first[:, -1], second[:, -1])
    assert [moved.noise_stream(run) for run in (0, 1)] == [base.noise_stream(run) for run in (0, 1)]


def test_later_is_the_same_run_after_its_end():
    base, later, twice = planned("later", "later&later").plans[:3]
    whole = next(simulate([base], SIMULATION.model_copy(update={"num_timesteps": 15}))).states
    parts = [rollout.states for rollout in simulate([base, later, twice], SIMULATION)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_another_kind_of_initial_condition_keeps_parameters_and_length():
    base, other = planned("initial=stripes").plans[:2]
    assert other.initial_condition == "stripes"
    shared = base.parameters.keys() & other.parameters.keys()
    assert {name: base.parameters[name] for name in shared if not name.startswith("initial_")} == {
        name: other.parameters[name] for name in shared if not name.startswith("initial_")
    }


def test_an_operation_of_one_system_is_not_one_of_another():
    found = planned("gray_scott.feed+0.2", "later", systems=("gray_scott", "allen_cahn"), num_bases=4)
    counts = {name: sum(plan.system == name for plan in found.plans) for name in found.spaces}
    assert counts == {"gray_scott": 2 * 3 * 3, "allen_cahn": 2 * 3 * 2}


def test_plans_without_pairs_have_keys_of_their_own():
    plan = plan_samples(num_samples=3, seed=0, systems=["gray_scott"]).plans[2]
    assert (plan.initial_stream, plan.noise_stream(1)) == ((2, "initial"), (2, 1, "noise"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["fed+0.2"],
            "'fed\\+0.2' changes nothing: no system of the data set has a parameter 'fed'. Did you mean 'feed'",
        ),
        (["lenia.feed+0.2"], "changes nothing: no system of the data set is meant by it; there are gray_scott"),
        (["feed+1.5"], "between -1 and 1; got feed\\+1.5"),
        (["feed+0.6&feed+0.6"], "between -1 and 1; got feed\\+1.2 in 'feed\\+0.6&feed\\+0.6'"),
        (["feed-0.6", "feed+0.6"], "steps of 'feed' by -0.6 and \\+0.6 leave no base"),
        (["noise_kind+0.1"], "cannot step gray_scott.noise_kind, which is a choice"),
        (["initial=blob"], "unknown initial condition 'blob'. Did you mean 'blobs'"),
        (["initial=blobs&initial=stripes"], "at most one kind of initial condition"),
        (["lenia.center+.1&cnn.gain+.1"], "an operation is of one system; .* names lenia, cnn"),
        (["sooner"], "an operation is a step of a parameter as feed\\+0.2.*got 'sooner'"),
        (["feed+0.2", "feed+0.2"], "each operation is named once; got feed\\+0.2 twice"),
        ([], "at least one operation"),
    ],
)
def test_words_that_are_no_operation_here_are_refused_in_a_sentence(texts, message):
    with pytest.raises(ConfigError, match=message):
        planned(*texts)


def test_too_few_initial_conditions_are_refused():
    with pytest.raises(ConfigError, match="at least 3 initial conditions; got 2"):
        planned("feed+0.2", num_initial_conditions=2)


def test_a_system_without_any_of_the_operations_is_refused():
    with pytest.raises(
        ConfigError, match="none of the operations feed\\+0.2 is of system 'allen_cahn'; .* diffusivity, bias"
    ):
        planned("feed+0.2", systems=("gray_scott", "allen_cahn"))


def test_a_name_that_looks_like_a_number_and_a_fixed_value_cannot_be_stepped():
    space = SystemSpace.of("cnn", {"gain": 1.0}, None)
    pairs = Pairs.of_texts(["weight_seed+0.1"], num_bases=1, num_initial_conditions=3)
    with pytest.raises(ConfigError, match="cannot step cnn.weight_seed, which is a name that looks like a number"):
        pairs.of_system(space)
    with pytest.raises(ConfigError, match="cannot step cnn.gain, which has one value"):
        Pairs.of_texts(["gain+0.1"], num_bases=1, num_initial_conditions=3).of_system(space)


def test_parts_of_an_operation_add_up():
    operation = Operation.of_text("feed+0.2&later&feed-.05")
    assert operation.steps == pytest.approx({"feed": 0.15})
    assert operation.later == 1
    assert np.isclose(Operation.of_text("cnn.gain-0.25").steps["gain"], -0.25)
