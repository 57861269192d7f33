"""Steps per second of CNN operators: spinlock, the eager loop with `instance_norm`, convolution alone, other forms.

    loop         one operator and one realization at a time, `instance_norm`, as such a network is commonly written
    spinlock     the calls of `spinlock generate`: one operator a call, its realizations as the batch
    convolution  the convolutions of those calls and nothing else, on inputs that are padded already
    grouped      all operators as groups of one convolution
    bfloat16     spinlock with layers in bfloat16, also where they are too narrow for `precision: bfloat16` to act

    python benchmarks/operators.py [--grids 32 64] [--channels 8 16 32] [--rounds 7] [--json]

All on one thread; spinlock and the loop are checked to agree first. Contenders take turns; a figure is the median over
rounds of the ratio to spinlock's rate, in processor seconds: above 1 means that spinlock is slower than that contender.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from plain_convolution import convolve_plainly
from torch import Tensor
from torch.nn import functional

from spinlock.core.workers import keep_freed_memory
from spinlock.dynamics.cnn import _Network
from spinlock.dynamics.neural import updated
from spinlock.dynamics.systems import SYSTEMS

REALIZATIONS, OPERATORS, LAYERS, KERNEL = 3, 4, 3, 5


def network(channels: int, seed: int, like: Tensor) -> _Network:
    """An operator in the middle of its ranges."""
    middle = {parameter.name: parameter.value(0.5) for parameter in SYSTEMS["cnn"]().parameters}
    chosen = {"num_layers": LAYERS, "num_channels": channels, "kernel_size": KERNEL, "weight_seed": seed}
    return _Network.of({**middle, **chosen, "normalization": "instance"}, like=like)


def loop_step(net: _Network, u: Tensor) -> Tensor:
    """One step as it is commonly written."""
    hidden = u
    for weight, offset in zip(net.weights[:-1], net.offsets[:-1], strict=True):
        hidden = net.activation(functional.instance_norm(convolve_plainly(hidden, weight)) + offset.view(-1, 1, 1))
    return updated(u, convolve_plainly(hidden, net.weights[-1]) + net.offsets[-1].view(-1, 1, 1), net.parameters)


def convolutions(net: _Network, batch: int, grid: int) -> Callable[[], None]:
    """The convolutions of a step of `batch` rows."""
    inputs = []
    for weight in net.weights:
        margin = weight.shape[-1] - 1
        inputs.append(torch.randn(batch, weight.shape[1], grid + margin, grid + margin))

    def run() -> None:
        for u, weight in zip(inputs, net.weights, strict=True):
            functional.conv2d(u, weight)

    return run


def grouped(nets: Sequence[_Network], u: Tensor) -> Tensor:
    """A step of all operators at once; u is (realization, operator, height, width)."""
    count, hidden = len(nets), u
    for layer in range(len(nets[0].weights)):
        weight = torch.cat([net.weights[layer] for net in nets])
        hidden = convolve_plainly(hidden, weight, groups=count)
        offset = torch.cat([net.offsets[layer] for net in nets]).view(-1, 1, 1)
        if layer < len(nets[0].weights) - 1:
            hidden = nets[0].activation(functional.group_norm(hidden, hidden.shape[1]) + offset)
        else:
            hidden = hidden + offset
    return updated(u, hidden, nets[0].parameters)


def seconds_of(work: Callable[[], object], *, repeats: int) -> float:
    """Processor seconds of some repeats."""
    start = time.process_time()
    for _ in range(repeats):
        work()
    return time.process_time() - start


def measure(grid: int, channels: int, *, rounds: int) -> dict[str, float]:
    """Rates of the contenders over spinlock's, and the error of bfloat16 in a step."""
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(OPERATORS, REALIZATIONS, 1, grid, grid, generator=generator)
    nets = [network(channels, seed, states) for seed in range(OPERATORS)]
    halves = [net._on(states.device, torch.bfloat16) for net in nets]
    rows = SYSTEMS["cnn"]().rows_per_call(grid, REALIZATIONS)
    calls = [(net, part) for net, own in zip(nets, states, strict=True) for part in own.split(rows)]
    half_calls = [(net, part) for net, own in zip(halves, states, strict=True) for part in own.split(rows)]
    alone = [convolutions(net, len(part), grid) for net, part in calls]
    side_by_side = states[:, :, 0].transpose(0, 1).contiguous()

    contenders: dict[str, Callable[[], object]] = {
        "spinlock": lambda: [net.advance(u) for net, u in calls],
        "loop": lambda: [loop_step(net, u[None]) for net, own in zip(nets, states, strict=True) for u in own],
        "convolution": lambda: [run() for run in alone],
        "grouped": lambda: grouped(nets, side_by_side),
        "bfloat16": lambda: [net.advance(u) for net, u in half_calls],
    }
    ours = torch.cat([net.advance(u) for net, u in calls])
    looped = torch.cat([loop_step(net, u[None]) for net, own in zip(nets, states, strict=True) for u in own])
    torch.testing.assert_close(ours, looped, rtol=0, atol=1e-4)
    rounded = torch.cat([net.advance(u) for net, u in half_calls])
    error = (rounded - ours).norm() / (ours - states.flatten(0, 1)).norm()
    repeats = max(1, int(0.2 / max(seconds_of(contenders["spinlock"], repeats=3) / 3, 1e-4)))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            taken[name].append(seconds_of(work, repeats=repeats))
    ratios = {
        name: statistics.median(mine / other for mine, other in zip(taken["spinlock"], seconds, strict=True))
        for name, seconds in taken.items()
    }
    steps = OPERATORS * REALIZATIONS * repeats / statistics.median(taken["spinlock"])
    return {
        "grid": grid,
        "channels": channels,
        "spinlock_steps_per_s": steps,
        "spinlock_over_loop": 1 / ratios["loop"],
        "spinlock_over_convolution": 1 / ratios["convolution"],
        "grouped_over_spinlock": ratios["grouped"],
        "bfloat16_over_spinlock": ratios["bfloat16"],
        "bfloat16_error_of_a_step": error.item(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, nargs="+", default=[32, 64], help="cells along a side")
    parser.add_argument("--channels", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    keep_freed_memory()
    results = []
    with torch.no_grad():
        for grid in given.grids:
            for channels in given.channels:
                results.append(measure(grid, channels, rounds=given.rounds))
                if not given.json:
                    print(*(f"{name}={value:.3g}" for name, value in results[-1].items()), flush=True)
    if given.json:
        print(json.dumps({"layers": LAYERS, "kernel": KERNEL, "realizations": REALIZATIONS, "results": results}))


if __name__ == "__main__":
    main()
