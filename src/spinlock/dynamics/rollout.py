"""Samples from their plans: the initial condition, forcing, simulation in batches, screening.

All realizations of a sample start from the same initial condition; what makes them differ is the noise. Spread between
realizations is then the system's own response to noise, not a difference of starts.

Random streams are keyed by (seed, sample, "initial") and (seed, sample, realization, "noise"); a sample that is drawn
again after screening adds the number of the attempt, and its new parameters come from (seed, sample, "redraw", attempt).
The operated run of a pair (`operations.py`) has the keys of its base, so that the two differ in nothing but the operation.

Bits: rows (a sample's realizations) of one system are simulated together in calls of a fixed shape, filled up with
copies of the last row; no operation mixes rows. So a sample comes out bit-identical alone, in any batch, in any shard
and in any order, on one machine with one thread count.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.rollout import Rollout, StepOperator, blanked
from spinlock.core.seeds import stream
from spinlock.dynamics.initial_conditions import draw_fields
from spinlock.dynamics.parameter_space import Columns
from spinlock.dynamics.screening import Outcomes, outcomes, wants_redraw
from spinlock.dynamics.simulation import Precision, Simulation
from spinlock.dynamics.space import SamplePlan, SystemSpace
from spinlock.dynamics.system import System
from spinlock.dynamics.systems import SYSTEMS

WINDOW_BYTES = 192 * 2**20
"""States that `simulate` holds at a time, at most, beyond one sample."""


def simulate(
    plans: Sequence[SamplePlan], simulation: Simulation, *, spaces: Mapping[str, SystemSpace] | None = None
) -> Iterator[Rollout]:
    """Rollouts of the plans, in their order, simulated in batches of one system, screened and where asked drawn again.

    Args:
        plans: any selection of a data set's plans.
        simulation: what all its samples share; the step operator of a rollout is in the precision of its states.
        spaces: system → the space that a sample is drawn again from; needed where screening redraws, and for systems
            that users brought.

    Raises:
        InputError: for a space that is missing, or a system that does not run in so many dimensions.
    """
    spaces = spaces or {}
    if simulation.screening.policy == "redraw" and (lacking := {plan.system for plan in plans} - set(spaces)):
        raise InputError(
            f"samples that are drawn again need the `spaces` of their systems; {listed(sorted(lacking))} lack."
        )
    for name in dict.fromkeys(plan.system for plan in plans):
        if mistake := _system(name, spaces).dimension_mistake(simulation.spatial_dimensions):
            raise InputError(f"{mistake}.")
    return _simulate(plans, simulation, spaces)


def _system(name: str, spaces: Mapping[str, SystemSpace], *, precision: Precision = "float32") -> System:
    """The system that samples of a name belong to."""
    return spaces[name].built(precision=precision) if name in spaces else SYSTEMS[name](precision=precision)


def _simulate(
    plans: Sequence[SamplePlan], simulation: Simulation, spaces: Mapping[str, SystemSpace]
) -> Iterator[Rollout]:
    window: list[SamplePlan] = []
    size = 0
    for plan in plans:
        channels = len(_system(plan.system, spaces).channel_names)
        num_states = simulation.num_realizations * simulation.num_timesteps * (1 + plan.later)
        sample_bytes = 4 * num_states * channels * math.prod(simulation.size)
        if window and size + sample_bytes > WINDOW_BYTES:
            yield from _simulate_window(window, simulation, spaces)
            window, size = [], 0
        window.append(plan)
        size += sample_bytes
    yield from _simulate_window(window, simulation, spaces)


def _simulate_window(
    window: Sequence[SamplePlan], simulation: Simulation, spaces: Mapping[str, SystemSpace]
) -> Iterator[Rollout]:
    """Rollouts of a few plans: system by system inside, in the order of the plans outside."""
    done: dict[int, Rollout] = {}
    for name in dict.fromkeys(plan.system for plan in window):
        places = [place for place, plan in enumerate(window) if plan.system == name]
        rollouts = _simulate_system([window[place] for place in places], simulation, spaces)
        done.update(zip(places, rollouts, strict=True))
    for place in range(len(window)):
        yield done.pop(place)


def _simulate_system(
    plans: Sequence[SamplePlan], simulation: Simulation, spaces: Mapping[str, SystemSpace]
) -> list[Rollout]:
    """Rollouts of plans of one system; those that screening rejects are simulated again, until none is left."""
    name = plans[0].system
    system = _system(name, spaces, precision=simulation.precision)
    # Not in bfloat16, whose rounding is as large as the perturbations that features measure answers to.
    exact = _system(name, spaces)
    done: dict[int, Rollout] = {}
    waiting = dict(enumerate(plans))
    while waiting:
        again: dict[int, SamplePlan] = {}
        for (place, plan), runs in zip(
            waiting.items(), _states(system, tuple(waiting.values()), simulation), strict=True
        ):
            found = outcomes(runs, bound=system.bound)
            if wants_redraw(simulation.screening, found, attempt=plan.attempt):
                again[place] = spaces[name].redrawn(plan, seed=simulation.seed)
            else:
                step = exact.step_operator(plan.parameters)
                done[place] = _rollout(system, plan, runs, found, simulation, step)
        waiting = again
    return [done[place] for place in range(len(plans))]


def _states(
    system: System, plans: Sequence[SamplePlan], simulation: Simulation
) -> list[Float[Tensor, "realization time channel height width"]]:
    """States of each plan; plans that begin equally late run together."""
    found: dict[int, Tensor] = {}
    for later in dict.fromkeys(plan.later for plan in plans):
        own = [plan for plan in plans if plan.later == later]
        found |= {plan.index: runs for plan, runs in zip(own, _equally_late(system, own, simulation), strict=True)}
    return [found[plan.index] for plan in plans]


def _equally_late(
    system: System, plans: Sequence[SamplePlan], simulation: Simulation
) -> Float[Tensor, "sample realization time channel height width"]:
    rows = [(plan, realization) for plan in plans for realization in range(simulation.num_realizations)]
    frames = {plan.index: _initial_condition(system, plan, simulation) for plan in plans}
    per_call = system.rows_per_call(
        simulation.grid_size, simulation.num_realizations, spatial_dimensions=simulation.spatial_dimensions
    )
    states = torch.cat(
        [
            _simulate_rows(system, rows[first : first + per_call], frames, per_call, simulation)
            for first in range(0, len(rows), per_call)
        ]
    )
    return states.view(len(plans), simulation.num_realizations, *states.shape[1:])


def _simulate_rows(
    system: System,
    rows: Sequence[tuple[SamplePlan, int]],
    frames: dict[int, Tensor],
    per_call: int,
    simulation: Simulation,
) -> Float[Tensor, "row time channel height width"]:
    """States of a few rows, simulated in a call of `per_call` rows."""
    filled = [*rows, *[rows[-1]] * (per_call - len(rows))]
    initial = torch.cat([frames[plan.index] for plan, _ in filled])
    columns: Columns = {p.name: [plan.parameters[p.name] for plan, _ in filled] for p in system.parameters}
    streams = [stream(simulation.seed, *plan.noise_stream(realization)) for plan, realization in rows]
    shape = tuple(initial.shape[1:])
    buffer = np.empty((per_call, *shape), dtype=np.float32)

    def white() -> Tensor:
        for row, generator in enumerate(streams):
            generator.standard_normal(dtype=np.float32, out=buffer[row])
        buffer[len(streams) :] = buffer[len(streams) - 1]
        return torch.from_numpy(buffer).to(simulation.device, copy=True)

    with torch.no_grad():
        before = rows[0][0].later * simulation.num_timesteps
        states = system.simulate(initial, columns, num_timesteps=before + simulation.num_timesteps, white=white)
    return states[: len(rows), before:]


def _initial_condition(
    system: System, plan: SamplePlan, simulation: Simulation
) -> Float[Tensor, "1 channel height width"]:
    fields = draw_fields(
        plan.initial_condition,
        rng=stream(simulation.seed, *plan.initial_stream),
        num_channels=len(system.channel_names),
        height=simulation.size[0],
        width=simulation.size[1],
        parameters=plan.parameters,
    )
    ready = torch.from_numpy(fields.astype(np.float32))[None].to(simulation.device)
    return system.initial_condition(ready)


def _rollout(
    system: System,
    plan: SamplePlan,
    states: Float[Tensor, "realization time channel height width"],
    found: Outcomes,
    simulation: Simulation,
    step: StepOperator,
) -> Rollout:
    """The rollout of a sample; a realization is NaN from the time at which it diverged."""
    return Rollout(
        states=blanked(states, found.diverged_at),
        system=system.name,
        parameters=dict(plan.parameters),
        dt=system.dt,
        dx=system.length(simulation.grid_size) / simulation.grid_size,
        channel_names=system.channel_names,
        seed=simulation.seed,
        group=plan.group,
        diverged_at=found.diverged_at,
        dead_at=found.dead_at,
        frozen_at=found.frozen_at,
        redraws=plan.attempt,
        initial_condition=plan.initial_condition,
        step=step,
    )
