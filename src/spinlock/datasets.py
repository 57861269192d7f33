"""Rollouts to try things on, simulated on the spot: nothing is fetched, and the same call gives the same states."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from spinlock.core.rollout import Rollout
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation

SAMPLES_A_DRAW = 2


def load_demo(
    num_samples: int = 96,
    *,
    systems: Sequence[str] | None = None,
    num_timesteps: int = 64,
    num_realizations: int = 2,
    grid_size: int = 32,
    seed: int = 0,
) -> tuple[Rollout, ...]:
    """Rollouts of the systems that come with spinlock, some three seconds of work, for `spinlock.extract_features`.

    Two samples share each draw of parameters and differ in their initial condition. Each knows its `system`, `parameters` and
    `step`, and is called by system and number: "gray_scott 0".

    Args:
        num_samples: shared evenly among the systems.
        systems: names; all when not given.
        num_timesteps: saved states, the initial one included.
        num_realizations: runs of a sample, which differ in their noise.
        grid_size: cells along each side.
        seed: the same one gives the same rollouts.

    Raises:
        ConfigError: for an unknown system, naming the known ones, or a number out of range.

    Examples:
        >>> rollouts = load_demo(2, systems=["gray_scott"], num_timesteps=3, grid_size=8)
        >>> rollouts[1].name, tuple(rollouts[1].states.shape)
        ('gray_scott 1', (2, 3, 2, 8, 8))
    """
    plan = plan_samples(num_samples=num_samples, seed=seed, systems=systems, samples_per_group=SAMPLES_A_DRAW)
    simulation = Simulation(
        num_timesteps=num_timesteps, num_realizations=num_realizations, grid_size=grid_size, seed=seed
    )
    seen: Counter[str] = Counter()
    found = []
    for rollout in simulate(plan.plans, simulation, spaces=plan.spaces):
        found.append(replace(rollout, name=f"{rollout.system} {seen[rollout.system]}"))
        seen[rollout.system] += 1
    return tuple(found)
