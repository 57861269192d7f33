from dataclasses import replace

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.dynamics import SYSTEMS, plan_samples, simulate
from spinlock.dynamics.noise import ColoredNoise

NAMES = list(SYSTEMS)
SMALL_CNN = {"cnn": {"num_channels": 8, "num_layers": 2}}


FLIPPING = {n: {"flip_probability": 0.01} for n in NAMES if any("flip" in p.name for p in SYSTEMS[n]().parameters)}


def steps_of(name):
    """Enough for rare flips of cells to be seen."""
    return 24 if name in FLIPPING else 4


def run(plans, *, num_realizations=2, num_timesteps=4, grid_size=16, seed=5):
    return list(
        simulate(plans, num_realizations=num_realizations, num_timesteps=num_timesteps, grid_size=grid_size, seed=seed)
    )


@pytest.mark.parametrize("grid_size", [16, 20, 32, 64])
def test_a_sample_is_bit_identical_alone_in_a_batch_and_in_another_order(grid_size):
    plans = plan_samples(num_samples=3 * len(NAMES), seed=5, parameters=SMALL_CNN).plans
    together = run(plans, grid_size=grid_size)
    backwards = run(plans[::-1], grid_size=grid_size)[::-1]
    for plan, one, other in zip(plans, together, backwards, strict=True):
        alone = run([plan], grid_size=grid_size)[0]
        assert torch.equal(one.states, alone.states), plan.system
        assert torch.equal(other.states, alone.states), plan.system


def test_rollouts_come_in_the_order_of_their_plans():
    plans = plan_samples(num_samples=10, seed=5, parameters=SMALL_CNN).plans
    for plan, rollout in zip(plans, run(plans), strict=True):
        assert rollout.system == plan.system
        assert rollout.initial_condition == plan.initial_condition
        assert rollout.group == plan.group
        assert dict(rollout.parameters) == dict(plan.parameters)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampled_parameter_changes_the_rollout(name):
    plan = plan_samples(num_samples=1, seed=3, systems=[name], initial_conditions={"gaussian_field": 1.0}).plans[0]
    steps = steps_of(name)
    states = run([plan], num_timesteps=steps)[0].states
    for parameter in SYSTEMS[name]().parameters:
        value = plan.parameters[parameter.name]
        others = [parameter.value(u) for u in (0.95, 0.05, 0.65, 0.35)]
        other = next(candidate for candidate in others if candidate != value)
        other_plan = replace(plan, parameters={**plan.parameters, parameter.name: other})
        changed = run([other_plan], num_timesteps=steps)[0].states
        assert not torch.allclose(states[:, 1:], changed[:, 1:], rtol=1e-5, atol=1e-7), parameter.name
    longer = replace(plan, parameters={**plan.parameters, "initial_length": 0.19 - plan.parameters["initial_length"]})
    assert not torch.equal(states[:, 0], run([longer])[0].states[:, 0])


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
    loud = {"swift_hohenberg": {"noise_scale": 60.0}}
    plans = plan_samples(num_samples=1, seed=3, systems=["swift_hohenberg"], parameters=loud).plans
    rollout = run(plans, num_timesteps=12)[0]
    for states, time in zip(rollout.states, rollout.diverged_at, strict=True):
        assert time > 0
        assert states[:time].abs().max() <= 100
        assert states[time:].isnan().all()
    assert rollout.valid == (False, False)


def test_one_realization_that_explodes_leaves_the_others_alone():
    loud = {"advection_diffusion": {"noise_scale": 1.2e3}}
    plans = plan_samples(num_samples=1, seed=3, systems=["advection_diffusion"], parameters=loud).plans
    rollout = run(plans, num_realizations=8, num_timesteps=6)[0]
    assert len(set(rollout.diverged_at)) > 1


def test_the_grid_spacing_is_the_domain_over_the_cells():
    plans = plan_samples(num_samples=2, seed=3, systems=["gray_scott", "advection_diffusion"]).plans
    spacing = {size: {r.system: r.dx for r in run(plans, grid_size=size)} for size in (16, 32)}
    assert spacing[32] == {"gray_scott": 1.5, "advection_diffusion": 1 / 32}
    assert spacing[16] == {"gray_scott": 1.5, "advection_diffusion": 1 / 16}


def test_noise_has_its_scale_its_length_and_no_memory():
    generator = torch.Generator().manual_seed(0)
    like = torch.zeros(64, 1, 64, 64, dtype=torch.float64)
    parameters = {"noise_scale": (0.5,) * 64, "noise_length": (0.05,) * 64}
    noise = ColoredNoise(
        parameters, lambda: torch.randn(like.shape, generator=generator, dtype=torch.float64), dt=0.25, like=like
    )
    one, other = noise.increment(), noise.increment()
    assert one.std().item() == pytest.approx(0.5 * 0.5, rel=0.05)
    for cells in (2, 4, 6):
        correlation = (one * one.roll(cells, -1)).mean() / one.square().mean()
        assert correlation.item() == pytest.approx(np.exp(-((cells / 64) ** 2) / (2 * 0.05**2)), abs=0.05)
    assert abs((one * other).mean() / one.square().mean()) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_realizations": 0}, "`num_realizations` must be at least 1 and `num_timesteps` at least 2; got 0 and 4"),
        ({"num_timesteps": 1}, "got 2 and 1"),
        ({"grid_size": 15}, "`grid_size` must be even and at least 8; got 15"),
        ({"grid_size": 4}, "`grid_size` must be even and at least 8; got 4"),
    ],
)
def test_impossible_runs_are_refused_before_they_start(arguments, message):
    plans = plan_samples(num_samples=1, seed=3, systems=["swift_hohenberg"]).plans
    with pytest.raises(InputError, match=message):
        run(plans, **arguments)


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
