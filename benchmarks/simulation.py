"""Simulation steps per second of spinlock against the naive loop over samples, side by side in one run.

Both sides advance the same states by the same saved steps without noise, in float32 on one thread, and must agree.

    cnn        naive: one realization at a time, `instance_norm`
               ours:  realizations as the batch, `group_norm`
    equations  naive: one realization at a time, complex coefficients
               ours:  rows of several samples in one call, coefficients real where the equation allows

    python benchmarks/simulation.py [--grid 32] [--seconds 2] [--json]

A ratio above 1 means that spinlock is faster. Ratios travel between machines, steps per second do not.
"""

import argparse
import json
import time
from collections.abc import Callable

import torch
from plain_convolution import convolve_plainly
from torch import Tensor
from torch.nn import functional

from spinlock.dynamics.cnn import _Network
from spinlock.dynamics.neural import updated
from spinlock.dynamics.pde.etdrk import ETDRK4
from spinlock.dynamics.pde.spectral import Grid, SpectralSystem
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.dynamics.space import SamplePlan
from spinlock.dynamics.systems import SYSTEMS

NUM_REALIZATIONS = 3
NAMES = (
    "cnn",
    "gray_scott",
    "kuramoto_sivashinsky",
    "swift_hohenberg",
    "fitzhugh_nagumo",
    "complex_ginzburg_landau",
)
"""Systems that have a loop to compare with: the convolutional operator, and equations with a nonlinear term."""


def naive_cnn(plan: SamplePlan, frames: Tensor) -> Callable[[Tensor], Tensor]:
    """The operator with `instance_norm`, for one realization."""
    network = _Network.of(plan.parameters, like=frames)

    def step(u: Tensor) -> Tensor:
        hidden = u
        for weight, offset in zip(network.weights[:-1], network.offsets[:-1], strict=True):
            hidden = convolve_plainly(hidden, weight)
            hidden = functional.instance_norm(hidden) if network.is_normalized else hidden
            hidden = network.activation(hidden + offset.view(-1, 1, 1))
        hidden = convolve_plainly(hidden, network.weights[-1]) + network.offsets[-1].view(-1, 1, 1)
        return updated(u, hidden, plan.parameters)

    return step


def naive_equation(system: SpectralSystem, plan: SamplePlan, frames: Tensor) -> Callable[[Tensor], Tensor]:
    """The same scheme for one row, with complex coefficients throughout; modes beyond dealiasing follow L alone there too."""
    columns = {name: (value,) for name, value in plan.parameters.items()}
    grid = Grid.of(frames, length=system.length(frames.shape[-1]), half=not system.is_complex)
    linear = system.linear(columns, grid).to(torch.complex128)
    nonlinear = system.nonlinear(columns, grid, frames)
    if nonlinear is None:
        raise TypeError(f"'{system.name}' is linear.")
    step_time = system.dt / system.num_substeps
    scheme = ETDRK4.of(linear, step=step_time, keep=grid.keep, dtype=torch.float32, factor=nonlinear.factor)
    rest = torch.tensor(system.rest or (0.0,)).view(-1, 1, 1)
    keep = grid.keep.float()
    beyond = (torch.exp(linear * system.dt) * (1 - grid.keep)).to(torch.complex64)

    def step(states: Tensor) -> Tensor:
        states = states - rest
        if system.is_complex:
            spectrum = torch.fft.fft2(torch.complex(states[:, :1], states[:, 1:]))
        else:
            spectrum = torch.fft.rfft2(states)
        whole, spectrum = spectrum, spectrum * keep
        for _ in range(system.num_substeps):
            spectrum = scheme(spectrum, nonlinear.product)
        spectrum = spectrum + whole * beyond
        if system.is_complex:
            field = torch.fft.ifft2(spectrum)
            return torch.cat((field.real, field.imag), dim=1)
        return torch.fft.irfft2(spectrum, s=grid.size) + rest

    return step


def rounds_per_second(work: Callable[[], object], *, seconds: float) -> float:
    """How often `work` runs in a second, from the fastest of the runs that fit into `seconds`."""
    work()
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - start)
    return 1 / fastest


def measure(name: str, *, grid_size: int, seconds: float) -> dict[str, float | str]:
    """Saved steps of one realization per second, naive and ours, for a few samples of one system."""
    system = SYSTEMS[name]()
    num_samples = 4 if name == "cnn" else 8
    plans = plan_samples(num_samples=num_samples, seed=1, systems=[name]).plans
    rollouts = simulate(
        plans, Simulation(num_realizations=NUM_REALIZATIONS, num_timesteps=6, grid_size=grid_size, seed=1)
    )
    frames = [rollout.states[:, -1].contiguous() for rollout in rollouts]
    make = naive_cnn if not isinstance(system, SpectralSystem) else lambda *given: naive_equation(system, *given)
    naive = [make(plan, states) for plan, states in zip(plans, frames, strict=True)]

    rows = [(plan, state) for plan, states in zip(plans, frames, strict=True) for state in states]
    per_call = system.rows_per_call(grid_size, NUM_REALIZATIONS)
    calls = []
    for first in range(0, len(rows), per_call):
        part = rows[first : first + per_call]
        columns = {p.name: [plan.parameters[p.name] for plan, _ in part] for p in system.parameters}
        states = torch.stack([state for _, state in part])
        calls.append((system.flow(columns, states), states))

    def run_naive() -> list[Tensor]:
        return [step(state[None]) for step, states in zip(naive, frames, strict=True) for state in states]

    def run_ours() -> list[Tensor]:
        return [flow(states) for flow, states in calls]

    difference = (torch.cat(run_naive()) - torch.cat(run_ours())).abs().max().item()
    if difference > 1e-4:
        raise RuntimeError(f"naive and batched steps of '{name}' differ by {difference:g}.")
    slow, fast = (rounds_per_second(work, seconds=seconds) * len(rows) for work in (run_naive, run_ours))
    return {"system": name, "naive_steps_per_s": slow, "spinlock_steps_per_s": fast, "ratio": fast / slow}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=int, default=32, help="cells along a side")
    parser.add_argument("--seconds", type=float, default=2.0, help="measuring time of each side of each system")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        results = [measure(name, grid_size=arguments.grid, seconds=arguments.seconds) for name in NAMES]
    if arguments.json:
        print(json.dumps({"grid": arguments.grid, "num_realizations": NUM_REALIZATIONS, "results": results}))
        return
    print(f"saved steps of one realization per second, {arguments.grid} x {arguments.grid}, one thread")
    for row in results:
        print(
            f"{row['system']:26s} naive {row['naive_steps_per_s']:9.0f}   "
            f"spinlock {row['spinlock_steps_per_s']:9.0f}   ratio {row['ratio']:5.2f}"
        )


if __name__ == "__main__":
    main()
