"""Which runs left, died or froze, and what is drawn again."""

import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.screening import outcomes, wants_redraw
from spinlock.dynamics.simulation import Screening, Simulation

TIMES = torch.arange(20.0)


def pattern(seed=0):
    """One frame of two channels whose values span exactly 1."""
    frame = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(seed))
    low, high = frame.amin(dim=(1, 2), keepdim=True), frame.amax(dim=(1, 2), keepdim=True)
    return (frame - low) / (high - low)


def decaying(rate):
    """A pattern that decays as exp(-rate t) around a mean of 5."""
    return (5 + torch.exp(-rate * TIMES).view(-1, 1, 1, 1) * pattern())[None]


@pytest.mark.parametrize("rate", [0.3, 0.5, 1.0])
def test_a_decay_dies_when_two_per_cent_are_left(rate):
    # exp(-rate t) <= .02  <=>  t >= 3.912 / rate
    assert outcomes(decaying(rate)).dead_at == (int(-(-3.912023 // rate)),)


def test_a_decay_that_is_not_over_is_not_dead():
    assert outcomes(decaying(0.1)).dead_at == (-1,)


def test_one_living_channel_keeps_a_run_alive():
    states = decaying(1.0)
    states[:, :, 1] = pattern()[1]
    assert outcomes(states).dead_at == (-1,)


def test_a_channel_that_never_varies_in_space_does_not():
    states = decaying(1.0)
    states[:, :, 1] = torch.sin(TIMES).view(1, -1, 1, 1)
    assert outcomes(states).dead_at == (4,)
    assert outcomes(states).frozen_at == (-1,)


def test_a_pattern_that_comes_to_rest_is_frozen_from_then_on():
    moving = torch.stack([pattern().roll(min(int(time), 7), -1) for time in TIMES])[None]
    assert outcomes(moving) == ((-1,), (-1,), (7,))
    assert outcomes(moving.flip(1)).frozen_at == (-1,)


def test_a_pattern_that_rests_from_the_start_is_frozen_at_0():
    assert outcomes(pattern().expand(1, 20, 2, 8, 8)).frozen_at == (0,)


def test_a_run_that_comes_to_rest_in_its_last_quarter_is_not_called_frozen():
    moving = torch.stack([pattern().roll(min(int(time), 16), -1) for time in TIMES])[None]
    assert outcomes(moving).frozen_at == (-1,)


def test_a_slow_drift_is_no_rest():
    drifting = (pattern() + 0.005 * TIMES.view(-1, 1, 1, 1))[None]
    assert outcomes(drifting).frozen_at == (-1,)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 101.0, -101.0])
def test_what_is_not_finite_or_beyond_the_bound_has_diverged_and_is_neither_dead_nor_frozen(value):
    states = pattern().expand(2, 20, 2, 8, 8).clone()
    states[1, 6, 0, 3, 3] = value
    assert outcomes(states, bound=100.0) == ((-1, 6), (-1, -1), (0, -1))


def test_without_a_bound_only_what_is_not_finite_has_diverged():
    states = pattern().expand(1, 20, 2, 8, 8) * 1e30
    assert outcomes(states).diverged_at == (-1,)
    states = states.clone()
    states[0, 3, 1, 0, 0] = float("inf")
    assert outcomes(states).diverged_at == (3,)


LOUD = (1e2, 1e5)
"""Strengths of noise of which about half explode."""


def loud_plan(noise_scale=LOUD):
    parameters = {"advection_diffusion": {"noise_scale": noise_scale}}
    return plan_samples(num_samples=8, seed=3, systems=["advection_diffusion"], parameters=parameters)


def loud_rollouts(screening=None, *, plans=None, noise_scale=LOUD):
    plan = loud_plan(noise_scale)
    how = Simulation(num_realizations=2, num_timesteps=6, grid_size=8, seed=3, screening=screening or Screening())
    return list(simulate(plans or plan.plans, how, spaces=plan.spaces))


def test_a_redrawn_sample_is_another_draw_and_says_how_often_it_was_drawn_again():
    marked, redrawn = loud_rollouts(), loud_rollouts(Screening(policy="redraw", redraw=("diverged",), max_redraws=20))
    assert 0 < sum(not all(rollout.valid) for rollout in marked) < 8
    assert all(rollout.redraws == 0 for rollout in marked)
    for before, after in zip(marked, redrawn, strict=True):
        assert all(after.valid)
        assert (after.redraws > 0) == (not all(before.valid))
        assert after.group == before.group
        if not after.redraws:
            assert torch.equal(after.states, before.states)
        else:
            assert after.parameters != before.parameters
            assert not torch.equal(after.states[:, 0], before.states[:, 0])


def test_a_redrawn_sample_has_the_same_bits_alone_and_among_others():
    screening = Screening(policy="redraw", redraw=("diverged",), max_redraws=20)
    together = loud_rollouts(screening)
    for rollout, plan in zip(together, loud_plan().plans, strict=True):
        alone = loud_rollouts(screening, plans=[plan])[0]
        assert torch.equal(alone.states, rollout.states)
        assert alone.redraws == rollout.redraws


def test_attempts_end_at_the_most_and_the_last_stays_marked():
    for rollout in loud_rollouts(Screening(policy="redraw", redraw=("diverged",), max_redraws=2), noise_scale=1e6):
        assert rollout.redraws == 2
        assert rollout.valid == (False, False)


def test_only_what_the_policy_names_is_drawn_again():
    assert all(
        rollout.redraws == 0 for rollout in loud_rollouts(Screening(policy="redraw", redraw=("dead",), max_redraws=3))
    )
    rollout = loud_rollouts()[0]
    found = outcomes(rollout.states)
    for outcome in ("dead", "frozen"):
        policy = Screening(policy="redraw", redraw=(outcome,), max_redraws=1)
        both, one = (found._replace(**{f"{outcome}_at": times}) for times in ((3, 3), (3, -1)))
        assert wants_redraw(policy, both, attempt=0)
        assert not wants_redraw(policy, one, attempt=0)
        assert not wants_redraw(policy, both, attempt=1)
        assert not wants_redraw(Screening(redraw=(outcome,)), both, attempt=0)


def test_a_policy_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="`max_redraws` must be at least 0; got -1"):
        Screening(policy="redraw", redraw=("dead",), max_redraws=-1)
    plans = plan_samples(num_samples=1, seed=0, systems=["gray_scott"]).plans
    with pytest.raises(InputError, match="need the `spaces` of their systems; gray_scott lack"):
        simulate(
            plans, Simulation(num_realizations=1, num_timesteps=2, grid_size=8, screening=Screening(policy="redraw"))
        )
