"""Samples from their plans: frame 0, forcing, simulation in batches, screening.

All realizations of a sample start from the same frame 0; what makes them differ is the noise. Spread between
realizations is then the system's own response to noise, not a difference of starts.

Random streams are keyed by (seed, sample, "initial") and (seed, sample, realization, "noise"); a sample that is drawn
again after screening adds the number of the attempt, and its new parameters come from (seed, sample, "redraw", attempt).

Bits: rows (a sample's realizations) of one system are simulated together in calls of a fixed shape, filled up with
copies of the last row; no operation mixes rows. So a sample comes out bit-identical alone, in any batch, in any shard
and in any order, on one machine with one thread count.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.rollout import Rollout
from spinlock.core.seeds import stream
from spinlock.dynamics.initial_conditions import draw_fields
from spinlock.dynamics.parameter_space import Columns
from spinlock.dynamics.precision import Precision
from spinlock.dynamics.screening import Fates, Screening, fates
from spinlock.dynamics.space import SamplePlan, SystemSpace
from spinlock.dynamics.system import System
from spinlock.dynamics.systems import SYSTEMS

WINDOW_BYTES = 192 * 2**20
"""States that `simulate` holds at a time, at most, beyond one sample."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What all samples of one call share."""

    num_realizations: int
    num_timesteps: int
    grid_size: int
    seed: int
    device: str
    screening: Screening
    spaces: Mapping[str, SystemSpace]
    spatial_dimensions: int
    precision: Precision

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the states."""
        return (self.grid_size if self.spatial_dimensions == 2 else 1, self.grid_size)


def simulate(  # noqa: PLR0913 - each names one fact of a data set
    plans: Sequence[SamplePlan],
    *,
    num_realizations: int,
    num_timesteps: int,
    grid_size: int,
    seed: int,
    device: str = "cpu",
    screening: Screening | None = None,
    spaces: Mapping[str, SystemSpace] | None = None,
    spatial_dimensions: int = 2,
    precision: Precision = "float32",
) -> Iterator[Rollout]:
    """Rollouts of the plans, in their order, simulated in batches of one system, screened and where asked drawn again.

    Args:
        plans: any selection of a data set's plans.
        num_realizations: stochastic runs of each sample, at least 1.
        num_timesteps: saved states, frame 0 included, at least 2.
        grid_size: cells along a side, even, at least 8.
        seed: of the data set.
        device: where states live.
        screening: which samples are drawn again; None marks them and leaves them.
        spaces: system → the space that a sample is drawn again from; needed where `screening` redraws, and for systems
            that users brought.
        spatial_dimensions: 2 for states of `grid_size` x `grid_size` cells, 1 for states of height 1.
        precision: of the layers of neural operators; the step operator of a rollout is in that of its states.

    Raises:
        InputError: for counts that are too small, an odd grid, a space that is missing, or a system that does not run in
            so many dimensions.
    """
    if num_realizations < 1 or num_timesteps < 2:
        raise InputError(
            "`num_realizations` must be at least 1 and `num_timesteps` at least 2; "
            f"got {num_realizations} and {num_timesteps}."
        )
    if grid_size < 8 or grid_size % 2:
        raise InputError(f"`grid_size` must be even and at least 8; got {grid_size}.")
    screening, spaces = screening or Screening(), spaces or {}
    if screening.redraw and (lacking := {plan.system for plan in plans} - set(spaces)):
        raise InputError(
            f"samples that are drawn again need the `spaces` of their systems; {listed(sorted(lacking))} lack."
        )
    for name in dict.fromkeys(plan.system for plan in plans):
        if mistake := _system(name, spaces).dimension_mistake(spatial_dimensions):
            raise InputError(f"{mistake}.")
    run = _Run(
        num_realizations=num_realizations,
        num_timesteps=num_timesteps,
        grid_size=grid_size,
        seed=seed,
        device=device,
        screening=screening,
        spaces=spaces,
        spatial_dimensions=spatial_dimensions,
        precision=precision,
    )
    return _simulate(plans, run)


def _system(name: str, spaces: Mapping[str, SystemSpace], *, precision: Precision = "float32") -> System:
    """The system that samples of a name belong to."""
    return spaces[name].built(precision=precision) if name in spaces else SYSTEMS[name](precision=precision)


def _simulate(plans: Sequence[SamplePlan], run: _Run) -> Iterator[Rollout]:
    window: list[SamplePlan] = []
    size = 0
    for plan in plans:
        channels = len(_system(plan.system, run.spaces).channel_names)
        sample_bytes = 4 * run.num_realizations * run.num_timesteps * channels * math.prod(run.size)
        if window and size + sample_bytes > WINDOW_BYTES:
            yield from _simulate_window(window, run)
            window, size = [], 0
        window.append(plan)
        size += sample_bytes
    yield from _simulate_window(window, run)


def _simulate_window(window: Sequence[SamplePlan], run: _Run) -> Iterator[Rollout]:
    """Rollouts of a few plans: system by system inside, in the order of the plans outside."""
    done: dict[int, Rollout] = {}
    for name in dict.fromkeys(plan.system for plan in window):
        places = [place for place, plan in enumerate(window) if plan.system == name]
        system = _system(name, run.spaces, precision=run.precision)
        rollouts = _simulate_system(system, [window[place] for place in places], run)
        done.update(zip(places, rollouts, strict=True))
    for place in range(len(window)):
        yield done.pop(place)


def _simulate_system(system: System, plans: Sequence[SamplePlan], run: _Run) -> list[Rollout]:
    """Rollouts of plans of one system; those that screening rejects are simulated again, until none is left."""
    done: dict[int, Rollout] = {}
    waiting = dict(enumerate(plans))
    while waiting:
        again: dict[int, SamplePlan] = {}
        for (place, plan), states in zip(waiting.items(), _states(system, tuple(waiting.values()), run), strict=True):
            found = fates(states, bound=system.bound)
            if run.screening.wants_redraw(found, attempt=plan.attempt):
                again[place] = run.spaces[system.name].redrawn(plan, seed=run.seed)
            else:
                done[place] = _rollout(system, plan, states, found, run)
        waiting = again
    return [done[place] for place in range(len(plans))]


def _states(
    system: System, plans: Sequence[SamplePlan], run: _Run
) -> Float[Tensor, "sample realization time channel height width"]:
    rows = [(plan, realization) for plan in plans for realization in range(run.num_realizations)]
    frames = {plan.index: _frame_zero(system, plan, run) for plan in plans}
    per_call = system.rows_per_call(run.grid_size, run.num_realizations, spatial_dimensions=run.spatial_dimensions)
    states = torch.cat(
        [
            _simulate_rows(system, rows[first : first + per_call], frames, per_call, run)
            for first in range(0, len(rows), per_call)
        ]
    )
    return states.view(len(plans), run.num_realizations, *states.shape[1:])


def _simulate_rows(
    system: System, rows: Sequence[tuple[SamplePlan, int]], frames: dict[int, Tensor], per_call: int, run: _Run
) -> Float[Tensor, "row time channel height width"]:
    """States of a few rows, simulated in a call of `per_call` rows."""
    filled = [*rows, *[rows[-1]] * (per_call - len(rows))]
    initial = torch.cat([frames[plan.index] for plan, _ in filled])
    columns: Columns = {p.name: [plan.parameters[p.name] for plan, _ in filled] for p in system.parameters}
    streams = [stream(run.seed, plan.index, realization, "noise", *_attempt(plan)) for plan, realization in rows]
    shape = tuple(initial.shape[1:])
    buffer = np.empty((per_call, *shape), dtype=np.float32)

    def white() -> Tensor:
        for row, generator in enumerate(streams):
            generator.standard_normal(dtype=np.float32, out=buffer[row])
        buffer[len(streams) :] = buffer[len(streams) - 1]
        return torch.from_numpy(buffer).to(run.device, copy=True)

    with torch.no_grad():
        return system.simulate(initial, columns, num_timesteps=run.num_timesteps, white=white)[: len(rows)]


def _frame_zero(system: System, plan: SamplePlan, run: _Run) -> Float[Tensor, "1 channel height width"]:
    fields = draw_fields(
        plan.initial_condition,
        rng=stream(run.seed, plan.index, "initial", *_attempt(plan)),
        num_channels=len(system.channel_names),
        height=run.size[0],
        width=run.size[1],
        parameters=plan.parameters,
    )
    ready = torch.from_numpy(fields.astype(np.float32))[None].to(run.device)
    return system.frame_zero(ready)


def _attempt(plan: SamplePlan) -> tuple[int, ...]:
    """What an attempt after the first adds to the key of a stream."""
    return (plan.attempt,) if plan.attempt else ()


def _rollout(
    system: System,
    plan: SamplePlan,
    states: Float[Tensor, "realization time channel height width"],
    found: Fates,
    run: _Run,
) -> Rollout:
    """The rollout of a sample; a realization is NaN from the time at which it diverged."""
    if any(time >= 0 for time in found.diverged_at):
        states = states.clone()
        for realization, time in enumerate(found.diverged_at):
            if time >= 0:
                states[realization, time:] = float("nan")
    return Rollout(
        states=states,
        system=system.name,
        parameters=dict(plan.parameters),
        dt=system.dt,
        dx=system.length(run.grid_size) / run.grid_size,
        channel_names=system.channel_names,
        seed=run.seed,
        group=plan.group,
        diverged_at=found.diverged_at,
        dead_at=found.dead_at,
        frozen_at=found.frozen_at,
        redraws=plan.attempt,
        initial_condition=plan.initial_condition,
        # Not in bfloat16, whose rounding is as large as the perturbations that features measure answers to.
        step=_system(plan.system, run.spaces).step_operator(plan.parameters),
    )
