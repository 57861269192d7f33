"""Stored frames per second of the equations against exponax (JAX, compiled) on the same job, one processor core each.

Both sides advance the same trajectories in float32 by the same scheme (ETDRK4) with the same number of steps between
stored frames, and hand out every stored frame. exponax runs `jit(vmap(rollout))`, compiled beforehand, on as many
trajectories a call as suit it best; spinlock runs calls as `spinlock generate` does, set-up included, although exponax's
set-up is not counted. First the two must agree on a smooth start.

    python benchmarks/equations.py [--trajectories 200] [--frames 100] [--grid 64] [--rounds 5] [--only NAME ...] [--json]

A ratio above 1 means that spinlock is faster: median over rounds, the two sides taking turns. Seconds are those of the
processor, which other work on the machine hardly changes.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# One core for both: before the first import that starts threads.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import exponax  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from spinlock.core.workers import keep_freed_memory  # noqa: E402
from spinlock.dynamics.pde.spectral import SpectralSystem  # noqa: E402
from spinlock.dynamics.systems import SYSTEMS  # noqa: E402

CALLS = (1, 2, 4, 8)
"""Trajectories of one call that exponax is tried with."""


class IsotropicKuramotoSivashinsky(exponax.stepper.KuramotoSivashinsky):
    """exponax's, with ∇⁴ = (∇²)² in place of ∂⁴/∂x⁴ + ∂⁴/∂y⁴; a step costs the same."""

    def _build_linear_operator(self, derivative_operator: jax.Array) -> jax.Array:
        laplacian = exponax.spectral.build_laplace_operator(derivative_operator)
        return -self.second_order_scale * laplacian - self.fourth_order_scale * laplacian**2


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """An equation as the two sides name it.

    Attributes:
        parameters: of spinlock's system.
        stepper: exponax's.
        arguments: of exponax's.
        channels: those of spinlock in exponax's order; velocities come in the order of the axes there.
    """

    parameters: dict[str, float]
    stepper: type[exponax.BaseStepper]
    arguments: dict[str, float]
    channels: tuple[int, ...] = (0,)


def gray_scott_kill(feed: float, position: float) -> float:
    """k at a position in the band of patterns."""
    return feed**0.5 / 2 - feed - 0.002 + (0.012 - 0.12 * feed) * position


REACTION = exponax.stepper.reaction
PAIRS = {
    "kuramoto_sivashinsky": Pair(
        parameters={"instability": 1.0, "damping": 0.0}, stepper=IsotropicKuramotoSivashinsky, arguments={}
    ),
    "navier_stokes_decaying": Pair(
        parameters={"viscosity": 0.1}, stepper=exponax.stepper.NavierStokesVorticity, arguments={"diffusivity": 0.1}
    ),
    "burgers": Pair(
        parameters={"viscosity": 1.5}, stepper=exponax.stepper.Burgers, arguments={"diffusivity": 1.5}, channels=(1, 0)
    ),
    "gray_scott": Pair(
        parameters={"feed": 0.04, "kill_position": 0.4, "diffusion_u": 0.16, "diffusion_ratio": 0.5},
        stepper=REACTION.GrayScott,
        arguments={
            "diffusivity_1": 0.16,
            "diffusivity_2": 0.08,
            "feed_rate": 0.04,
            "kill_rate": gray_scott_kill(0.04, 0.4),
        },
        channels=(0, 1),
    ),
    "fisher_kpp": Pair(
        parameters={"diffusivity": 0.8, "growth_rate": 0.1},
        stepper=REACTION.FisherKPP,
        arguments={"diffusivity": 0.8, "reactivity": 0.1},
    ),
    "allen_cahn": Pair(
        parameters={"diffusivity": 1.2, "bias": 0.0}, stepper=REACTION.AllenCahn, arguments={"diffusivity": 1.2}
    ),
    "cahn_hilliard": Pair(
        parameters={"mobility": 0.3, "gradient_energy": 1.0, "mean_composition": 0.0},
        stepper=REACTION.CahnHilliard,
        arguments={"diffusivity": 0.3, "gamma": 1.0},
    ),
}


def smooth_starts(system: SpectralSystem, count: int, grid: int) -> Tensor:
    """The initial condition of some trajectories, (trajectory, channel, height, width), with nothing beyond a sixth of the modes."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft2(rng.standard_normal((count, len(system.channel_names), grid, grid)))
    near = np.abs(np.fft.fftfreq(grid))[:, None] < 1 / 12
    spectrum = spectrum * (near & (np.fft.rfftfreq(grid)[None, :] < 1 / 12))
    spectrum[..., 0, 0] = 0
    fields = np.fft.irfft2(spectrum, s=(grid, grid))
    return system.initial_condition(torch.from_numpy(fields / fields.std(axis=(-2, -1), keepdims=True)).float())


def ours(system: SpectralSystem, pair: Pair, starts: Tensor, frames: int) -> list[Tensor]:
    """Every stored frame, in calls of as many rows as `spinlock generate` takes."""
    rows = system.rows_per_call(starts.shape[-1], 1)
    states = []
    for part in starts.split(rows):
        columns = {name: (value,) * len(part) for name, value in pair.parameters.items()}
        states.append(system.simulate(part, columns, num_timesteps=frames + 1))
    return states


def theirs(system: SpectralSystem, pair: Pair, grid: int, frames: int) -> Callable[[jax.Array], jax.Array]:
    """exponax's compiled rollouts."""
    steps = system.substeps(grid)
    kept = (-(-grid // 3) + 0.5) / (grid // 2)  # the modes below a third of the cells, as spinlock keeps them
    scheme = {"order": 4, "dealiasing_fraction": kept}
    stepper = pair.stepper(2, system.length(grid), grid, system.dt / steps, **pair.arguments, **scheme)
    whole = exponax.RepeatedStepper(stepper, steps)
    return jax.jit(jax.vmap(exponax.rollout(whole, frames, include_init=True)))


def check_agreement(name: str, system: SpectralSystem, pair: Pair, grid: int) -> float:
    """Relative difference of the two sides after four stored frames, both in float64."""
    starts = smooth_starts(system, 2, grid).double()
    mine = torch.cat(ours(system, pair, starts, 4))[:, -1]
    with jax.enable_x64(True):
        other = np.asarray(theirs(system, pair, grid, 4)(as_jax(starts, pair)))[:, -1][:, pair.channels]
    difference = np.linalg.norm(mine.numpy() - other) / np.linalg.norm(other)
    if difference > 1e-3:
        raise RuntimeError(f"spinlock and exponax differ by {difference:.2g} on '{name}'.")
    return float(difference)


def as_jax(states: Tensor, pair: Pair) -> jax.Array:
    """States with the channels in exponax's order."""
    return jax.numpy.asarray(states[:, pair.channels].numpy())


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(name: str, *, trajectories: int, frames: int, grid: int, rounds: int) -> dict[str, float | str]:
    """Stored frames a second by either side, and the ratio."""
    system, pair = SYSTEMS[name](), PAIRS[name]
    if not isinstance(system, SpectralSystem):
        raise TypeError(f"'{name}' is not solved by ETDRK4.")
    difference = check_agreement(name, system, pair, grid)
    starts = smooth_starts(system, trajectories, grid)
    rollout = theirs(system, pair, grid, frames)
    tried: dict[int, float] = {}
    for call in (size for size in CALLS if size <= trajectories):
        part = as_jax(starts[:call], pair)
        rollout(part).block_until_ready()  # compiles
        tried[call] = min(seconds_of(lambda part=part: rollout(part).block_until_ready()) for _ in range(3)) / call
    call = min(tried, key=lambda size: tried[size])
    parts = [as_jax(part, pair) for part in starts[: trajectories // call * call].split(call)]

    def run_theirs() -> list[jax.Array]:
        return [rollout(part).block_until_ready() for part in parts]

    def run_ours() -> list[Tensor]:
        return ours(system, pair, starts[: len(parts) * call], frames)

    pairs = [(seconds_of(run_ours), seconds_of(run_theirs)) for _ in range(rounds)]
    stored = len(parts) * call * frames
    return {
        "system": name,
        "difference": difference,
        "exponax_trajectories_a_call": call,
        "spinlock_frames_per_s": stored / statistics.median(mine for mine, _ in pairs),
        "exponax_frames_per_s": stored / statistics.median(other for _, other in pairs),
        "ratio": statistics.median(other / mine for mine, other in pairs),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectories", type=int, default=200)
    parser.add_argument(
        "--frames", type=int, default=100, help="stored frames of a trajectory beside the initial condition"
    )
    parser.add_argument("--grid", type=int, default=64, help="cells along a side")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--only", nargs="+", choices=list(PAIRS), default=list(PAIRS), help="systems")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    job = {"trajectories": given.trajectories, "frames": given.frames, "grid": given.grid}
    results = []
    with torch.no_grad():
        for name in given.only:
            row = measure(name, **job, rounds=given.rounds)
            results.append(row)
            if not given.json:
                print(
                    f"{name:26s} spinlock {row['spinlock_frames_per_s']:7.0f}   exponax {row['exponax_frames_per_s']:7.0f} "
                    f"({row['exponax_trajectories_a_call']} a call)   ratio {row['ratio']:5.2f}   "
                    f"difference {row['difference']:.1e}",
                    flush=True,
                )
    if given.json:
        print(json.dumps({**job, "results": results}))


if __name__ == "__main__":
    main()
