"""Rollouts of a function that users bring."""

import math

import numpy as np
import pytest
import torch

import spinlock
from spinlock.core.errors import InputError
from spinlock.dynamics.user_step import simulate_step


def starts(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def rotate(state):
    return np.roll(state, 1, axis=-1)


def halve(state):
    return 0.5 * state


def test_a_step_is_applied_again_and_again():
    initial = starts(2, 1, 4, 6)
    for sample, rollout in enumerate(simulate_step(rotate, initial, num_timesteps=7, dt=0.5)):
        expected = np.stack([np.roll(initial[sample], time, axis=-1) for time in range(7)])
        np.testing.assert_array_equal(rollout.states[0].numpy(), expected)
        assert (rollout.system, rollout.dt, rollout.group, rollout.diverged_at) == ("rotate", 0.5, sample, (-1,))


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_arrays_and_tensors_are_handed_over_as_they_came(kind):
    seen = set()

    def step(state):
        seen.add(type(state))
        return halve(state)

    rollout = next(simulate_step(step, kind(starts(1, 2, 4, 4)), num_timesteps=3))
    assert seen == {type(kind(starts(1)))}
    torch.testing.assert_close(rollout.states[0, 2], rollout.states[0, 0] / 4)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_step_that_changes_its_argument_does_not_change_the_run(kind):
    def careless(state):
        state *= 0.5
        return state

    careful, spoiled = (
        next(simulate_step(step, kind(starts(1, 1, 4, 4)), num_timesteps=4)) for step in (halve, careless)
    )
    assert torch.equal(careful.states, spoiled.states)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_features_know_the_gain_of_a_linear_step(kind):
    table = spinlock.extract_features(simulate_step(halve, kind(starts(2, 1, 16, 16)), num_timesteps=32, dt=0.1))
    column = table.names.index("local_gain__mean")
    np.testing.assert_allclose(table.values[:, column].numpy(), 0.5, rtol=1e-3)
    column = table.names.index("twin_growth_rate__mean")
    np.testing.assert_allclose(table.values[:, column].numpy(), math.log(0.5) / 0.1, rtol=1e-3)


def test_a_stochastic_step_has_realizations_that_part_and_no_sensitivity():
    chance = np.random.default_rng(1)
    rollout = next(
        simulate_step(
            lambda state: halve(state) + chance.normal(size=state.shape),
            starts(1, 1, 8, 8),
            num_timesteps=32,
            num_realizations=3,
            is_stochastic=True,
        )
    )
    assert rollout.step is None
    assert torch.equal(rollout.states[0, 0], rollout.states[1, 0])
    assert not torch.equal(rollout.states[0, 1], rollout.states[1, 1])


def test_a_run_that_explodes_is_marked_from_that_time():
    def explode(state):
        with np.errstate(over="ignore"):
            return (state + 10) ** 8

    rollout = next(simulate_step(explode, starts(1, 1, 4, 4).astype(np.float32), num_timesteps=9))
    time = rollout.diverged_at[0]
    assert 1 < time < 9
    assert rollout.states[0, :time].isfinite().all()
    assert rollout.states[0, time:].isnan().all()


def fail(state):
    raise KeyError("viscosity" if state.size else "nothing")


def shrink(state):
    return state[:, ::2]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (fail, r"step 'fail' failed on sample 0 at time 1: KeyError: 'viscosity'"),
        (
            shrink,
            r"must return real numbers of the shape \(1, 4, 4\) .* on sample 0 at time 1 it returned .*\(1, 2, 4\)",
        ),
        (lambda state: state + 1j, r"must return real numbers .*complex128"),
        (lambda state: state.tolist(), r"step '<lambda>' must return an array or a tensor; .* it returned list"),
    ],
)
def test_a_step_that_breaks_a_rule_is_told_with_sample_and_time(step, message):
    with pytest.raises(InputError, match=message):
        next(simulate_step(step, starts(1, 1, 4, 4), num_timesteps=3))


@pytest.mark.parametrize(
    ("initial", "others", "message"),
    [
        (
            starts(4, 4),
            {},
            r"must have the axes \(sample, channel, height, width\), none empty; got the shape \(4, 4\)",
        ),
        (starts(1, 0, 4, 4), {}, "none empty"),
        (starts(1, 1, 4, 4) + 1j, {}, "finite real numbers; split a complex field"),
        (np.full((1, 1, 2, 2), np.nan), {}, "finite real numbers"),
        (starts(1, 1, 4, 4), {"num_timesteps": 1}, "at least 2"),
        (starts(1, 1, 4, 4), {"dt": 0.0}, "`dt` and `dx` must be greater than 0"),
    ],
)
def test_bad_starts_and_counts_are_refused(initial, others, message):
    with pytest.raises(InputError, match=message):
        next(simulate_step(halve, initial, **{"num_timesteps": 3, **others}))
