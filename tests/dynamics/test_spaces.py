"""Every dimension of every system's space acts: kinds of initial conditions, their length and detail (parameters: test_simulated_rollouts)."""

import numpy as np
import pytest
import torch

from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.dynamics.systems import SYSTEMS

MIDDLE = 0.37
SIMULATION = Simulation(num_realizations=1, num_timesteps=2, grid_size=16, seed=1)
PLANS = plan_samples(num_samples=len(SYSTEMS), seed=0)


def frame_zero(space, *, kind, length=MIDDLE, detail=MIDDLE):
    """The initial condition of the sample at a point of a space, of the kind of that name."""
    point = np.full(space.num_dimensions, MIDDLE)
    point[-3:] = sum(space.kind.interval(kind)) / 2, length, detail
    plan = space.plan(point, index=3, group=3)
    assert plan.initial_condition == kind
    return next(simulate([plan], SIMULATION)).states[:, 0]


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_every_kind_of_frame_0_and_its_length_and_detail_change_where_a_run_starts(name):
    space = PLANS.spaces[name]
    frames = {str(kind): frame_zero(space, kind=str(kind)) for kind in space.kind.choices}
    for kind, frame in frames.items():
        same = [other for other, values in frames.items() if other != kind and torch.equal(values, frame)]
        assert not same, f"{kind} starts as {same}"
        entry = INITIAL_CONDITIONS[kind]()
        for dimension in ("length", "detail"):
            if getattr(entry, dimension) is not None:
                moved = [frame_zero(space, kind=kind, **{dimension: u}) for u in (0.03, 0.97)]
                assert not torch.equal(*moved), f"{dimension} of {kind}"


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_a_dimension_counts_as_sampled_exactly_if_it_can_change_the_plan(name):
    space = PLANS.spaces[name]
    rng = np.random.Generator(np.random.PCG64(0))

    def plan(point):
        found = space.plan(point, index=0, group=0)
        return found.initial_condition, found.parameters

    for dimension in range(space.num_dimensions):
        changes = False
        for _ in range(40):
            point = rng.random(space.num_dimensions)
            other = point.copy()
            other[dimension] = (point[dimension] + 0.5) % 1
            changes = changes or plan(point) != plan(other)
        assert changes == (dimension in space.sampled_dimensions())
