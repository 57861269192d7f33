from dataclasses import replace

import numpy as np
import pytest
import torch

from spinlock.core.errors import ConfigError, InputError
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.dynamics.systems import SYSTEMS

NAMES = list(SYSTEMS)
LINES = [name for name in NAMES if 1 in SYSTEMS[name]().dimensions]
SMALL_CNN = {"cnn": {"num_channels": 8, "num_layers": 2}}


FLIPPING = {n: {"flip_probability": 0.01} for n in NAMES if any("flip" in p.name for p in SYSTEMS[n]().parameters)}


def steps_of(name):
    """Enough for rare flips of cells to be seen."""
    return 24 if name in FLIPPING else 4


def run(plans, *, num_realizations=2, num_timesteps=4, grid_size=16, seed=5, **others):
    counts = {"num_realizations": num_realizations, "num_timesteps": num_timesteps}
    return list(simulate(plans, Simulation(grid_size=grid_size, seed=seed, **counts, **others)))


ONE_OF_EACH_SCHEME = ["cnn", "gray_scott", "complex_ginzburg_landau", "korteweg_de_vries", "wave"]


@pytest.mark.parametrize(
    ("grid_size", "spatial_dimensions", "names"),
    [(16, 2, NAMES), (20, 2, ONE_OF_EACH_SCHEME), (64, 2, ONE_OF_EACH_SCHEME), (32, 1, LINES)],
)
def test_a_sample_is_bit_identical_alone_in_a_batch_and_in_another_order(grid_size, spatial_dimensions, names):
    like = {"grid_size": grid_size, "spatial_dimensions": spatial_dimensions}
    plans = plan_samples(
        num_samples=2 * len(names),
        seed=5,
        systems=names,
        parameters=SMALL_CNN if "cnn" in names else None,
        spatial_dimensions=spatial_dimensions,
    ).plans
    together = run(plans, **like)
    backwards = run(plans[::-1], **like)[::-1]
    for plan, one, other in zip(plans, together, backwards, strict=True):
        alone = run([plan], **like)[0]
        assert torch.equal(one.states, alone.states), plan.system
        assert torch.equal(other.states, alone.states), plan.system


@pytest.mark.parametrize(
    ("grid_size", "num_realizations", "rows"),
    [(32, 3, 6), (64, 3, 3), (64, 1, 4), (64, 5, 3), (128, 3, 1), (32, 8, 8), (32, 9, 5)],
)
def test_calls_hold_whole_samples_or_even_parts_of_one(grid_size, num_realizations, rows):
    assert SYSTEMS["gray_scott"]().rows_per_call(grid_size, num_realizations) == rows


def test_rollouts_come_in_the_order_of_their_plans():
    plans = plan_samples(num_samples=10, seed=5, parameters=SMALL_CNN).plans
    for plan, rollout in zip(plans, run(plans), strict=True):
        assert rollout.system == plan.system
        assert rollout.initial_condition == plan.initial_condition
        assert rollout.group == plan.group
        assert dict(rollout.parameters) == dict(plan.parameters)


@pytest.mark.parametrize(
    ("name", "spatial_dimensions"), [*((name, 2) for name in NAMES), *((name, 1) for name in LINES)]
)
def test_every_sampled_parameter_changes_the_rollout(name, spatial_dimensions):
    like = {"spatial_dimensions": spatial_dimensions}
    plan = plan_samples(
        num_samples=1, seed=3, systems=[name], initial_conditions={"gaussian_field": 1.0}, **like
    ).plans[0]
    like["num_timesteps"] = steps_of(name)
    states = run([plan], **like)[0].states
    assert states.shape[-2:] == (16 if spatial_dimensions == 2 else 1, 16)
    for parameter in SYSTEMS[name]().parameters:
        value = plan.parameters[parameter.name]
        others = [parameter.value(u) for u in (0.05, 0.35, 0.65, 0.95)]
        far = [other != value if isinstance(value, str) else abs(other - value) for other in others]
        other = others[int(np.argmax(far))]
        changed = run([replace(plan, parameters={**plan.parameters, parameter.name: other})], **like)[0].states
        assert not torch.allclose(states[:, 1:], changed[:, 1:], rtol=1e-5, atol=1e-7), parameter.name
    longer = replace(plan, parameters={**plan.parameters, "initial_length": 0.19 - plan.parameters["initial_length"]})
    assert not torch.equal(states[:, 0], run([longer], **like)[0].states[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_realizations_share_frame_zero_and_part_by_noise(name):
    rollout = run(
        plan_samples(num_samples=1, seed=3, systems=[name], parameters=FLIPPING).plans,
        num_realizations=3,
        num_timesteps=steps_of(name),
    )[0]
    first, second, third = rollout.states
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[0], third[0])
    assert not torch.allclose(first[1:], second[1:])
    assert not torch.allclose(second[1:], third[1:])


@pytest.mark.parametrize("name", NAMES)
def test_samples_of_one_group_have_other_noise(name):
    plans = plan_samples(num_samples=2, seed=3, systems=[name], samples_per_group=2).plans
    twin = replace(plans[0], index=1)
    one, other = run([plans[0], twin])
    assert not torch.equal(one.states[:, 0], other.states[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_the_step_operator_is_the_rollout_without_noise(name):
    plan = plan_samples(num_samples=1, seed=7, systems=[name], parameters=FLIPPING).plans[0]
    steps = steps_of(name) + 1
    rollout = run([plan], num_timesteps=steps)[0]
    columns = {key: (value,) for key, value in plan.parameters.items()}
    quiet = SYSTEMS[name]().simulate(rollout.states[:1, 0], columns, num_timesteps=steps)
    state = rollout.states[:1, 0]
    for time in range(1, steps):
        state = rollout.step(state)
        torch.testing.assert_close(state, quiet[:, time], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(quiet[0, -1], rollout.states[0, -1])
    assert rollout.step(rollout.states[:, 0].double()).dtype == torch.float64


@pytest.mark.parametrize("name", NAMES)
def test_the_step_operator_has_the_derivative_of_its_difference_quotient(name):
    plan = plan_samples(num_samples=1, seed=8, systems=[name], parameters={"cnn": {"activation": "tanh"}}).plans[0]
    rollout = run([plan], num_realizations=1)[0]
    state = rollout.states[:, -1].double().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    direction, weight = (torch.randn(state.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    (slope,) = torch.autograd.grad((weight * rollout.step(state)).sum(), state)
    with torch.no_grad():
        quotient = (rollout.step(state + 1e-5 * direction) - rollout.step(state - 1e-5 * direction)) / 2e-5
    torch.testing.assert_close((slope * direction).sum(), (weight * quotient).sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_ranges_do_not_diverge(name):
    plans = plan_samples(num_samples=6, seed=11, systems=[name], parameters=SMALL_CNN if name == "cnn" else None).plans
    assert all(all(rollout.valid) for rollout in run(plans, num_timesteps=16, grid_size=32))


def test_an_exploding_run_is_marked_with_its_time_and_blanked_from_there():
    loud = {"swift_hohenberg": {"noise_scale": 60.0, "noise_kind": "additive"}}
    plans = plan_samples(num_samples=1, seed=3, systems=["swift_hohenberg"], parameters=loud).plans
    rollout = run(plans, num_timesteps=12)[0]
    for states, time in zip(rollout.states, rollout.diverged_at, strict=True):
        assert time > 0
        assert states[:time].abs().max() <= 100
        assert states[time:].isnan().all()
    assert rollout.valid == (False, False)


def test_one_realization_that_explodes_leaves_the_others_alone():
    loud = {"advection_diffusion": {"noise_scale": 1.2e3, "noise_kind": "additive"}}
    plans = plan_samples(num_samples=1, seed=3, systems=["advection_diffusion"], parameters=loud).plans
    rollout = run(plans, num_realizations=8, num_timesteps=6)[0]
    assert len(set(rollout.diverged_at)) > 1


def test_the_grid_spacing_is_the_domain_over_the_cells():
    plans = plan_samples(num_samples=2, seed=3, systems=["gray_scott", "advection_diffusion"]).plans
    spacing = {size: {r.system: r.dx for r in run(plans, grid_size=size)} for size in (16, 32)}
    assert spacing[32] == {"gray_scott": 1.5, "advection_diffusion": 1 / 32}
    assert spacing[16] == {"gray_scott": 1.5, "advection_diffusion": 1 / 16}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_realizations": 0}, "`num_realizations` must be at least 1; got 0"),
        ({"num_timesteps": 1}, "`num_timesteps` must be at least 2; got 1"),
        ({"grid_size": 15}, "`grid_size` must be a multiple of 2; got 15"),
        ({"grid_size": 4}, "`grid_size` must be at least 8; got 4"),
    ],
)
def test_impossible_runs_are_refused_before_they_start(arguments, message):
    plans = plan_samples(num_samples=1, seed=3, systems=["swift_hohenberg"]).plans
    with pytest.raises(ValueError, match=message):
        run(plans, **arguments)


def test_a_system_says_where_it_runs_in_too_few_dimensions():
    message = "system 'navier_stokes_decaying' runs in 2 spatial dimensions only; got 1"
    with pytest.raises(ConfigError, match=message):
        plan_samples(num_samples=1, seed=3, systems=["navier_stokes_decaying"], spatial_dimensions=1)
    plans = plan_samples(num_samples=1, seed=3, systems=["navier_stokes_decaying"]).plans
    with pytest.raises(InputError, match=message):
        run(plans, spatial_dimensions=1)
    lines = plan_samples(num_samples=len(LINES), seed=3, spatial_dimensions=1).plans
    assert {plan.system for plan in lines} == set(LINES)


def test_a_batch_that_does_not_fit_its_system_is_refused(middle_draw):
    system = SYSTEMS["swift_hohenberg"]()
    parameters = {name: (value,) for name, value in middle_draw(system).items()}
    with pytest.raises(InputError, match="'swift_hohenberg' has 1 channels; got states with 2"):
        system.simulate(torch.zeros(1, 2, 16, 16), parameters, num_timesteps=2)
    with pytest.raises(InputError, match="'swift_hohenberg' needs the parameters drive"):
        system.simulate(
            torch.zeros(1, 1, 16, 16), {"critical_wavenumber": (1.0,), "asymmetry": (0.0,)}, num_timesteps=2
        )
    with pytest.raises(InputError, match="one value for each of the 3 rows"):
        system.simulate(torch.zeros(3, 1, 16, 16), parameters, num_timesteps=2)
