"""Feature samples per second: spinlock against pycatch22 on the same series, in one run, on one thread.

    python benchmarks/features.py [--json] [--repeats 3]

A sample is 3 realizations of 250 saved steps. From the same rollouts, pycatch22 gets 24 series (8 block means of every
realization) and computes its 24 features of each; spinlock gets

    series   the same 24 series as a 0-D rollout: its temporal and nonlinear features of each
    32, 64   the whole fields, 32 x 32 and 64 x 64: all features but operator_sensitivity, which needs the step operator

Times are processor time of one thread, so that a busy machine counts less. Absolute figures depend on the machine; ratios
of one run are what travels. Needs the extra `oracles`.
"""

import argparse
import importlib.metadata
import json
import math
import statistics
import sys
import time
from collections.abc import Callable

import pycatch22
import torch

from spinlock.core.rollout import Rollout
from spinlock.features.extract import extract_rollout
from spinlock.features.feature import Feature
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY

REALIZATIONS, TIMES = 3, 250
SERIES_CATEGORIES = ("temporal", "nonlinear")


def drifting_field(size: int, *, seed: int) -> Rollout:
    """Random waves that drift, decay and are forced: every mode an autoregression with a phase velocity."""
    generator = torch.Generator().manual_seed(seed)
    ky = torch.fft.fftfreq(size, 1 / size)[:, None]
    kx = torch.fft.rfftfreq(size, 1 / size)
    gain = torch.exp(-(ky**2 + kx**2) / 50)
    turn = torch.exp(torch.complex(torch.tensor(-0.05), 2 * math.pi * 0.02 * kx)) * torch.ones_like(ky)
    modes = torch.fft.rfft2(torch.randn(REALIZATIONS, size, size, generator=generator)) * gain
    frames = []
    for _ in range(TIMES):
        frames.append(torch.fft.irfft2(modes, s=(size, size)))
        forcing = torch.fft.rfft2(torch.randn(REALIZATIONS, size, size, generator=generator)) * gain
        modes = turn * modes + 0.3 * forcing
    states = torch.stack(frames, dim=1)[:, :, None]
    return Rollout(states=states, system="benchmark", dt=0.1, dx=1 / size, channel_names=("u",))


def series_of(rollout: Rollout) -> torch.Tensor:
    """24 series: the means of 2 x 4 blocks of every realization, (series, time)."""
    size = rollout.states.shape[-1]
    blocks = rollout.states.reshape(REALIZATIONS, TIMES, 2, size // 2, 4, size // 4).mean((3, 5))
    return blocks.flatten(2).movedim(1, 2).reshape(-1, TIMES)


def seconds(function: Callable[[], object], *, repeats: int) -> float:
    """Median processor time of a call, after one call to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def measure(*, repeats: int) -> dict[str, float]:
    """Samples per second of every contender."""
    fields = {size: drifting_field(size, seed=size) for size in (32, 64)}
    series = series_of(fields[32])
    lists = [one.tolist() for one in series]
    as_rollout = Rollout(states=series[:, :, None, None, None], system="series", dt=0.1, channel_names=("u",))
    of_series: tuple[Feature, ...] = tuple(f for f in PER_TRAJECTORY if f.category in SERIES_CATEGORIES)
    of_fields: tuple[Feature, ...] = tuple(f for f in PER_TRAJECTORY if f.category != "operator_sensitivity")
    contenders: dict[str, Callable[[], object]] = {
        "pycatch22": lambda: [pycatch22.catch22_all(one, catch24=True) for one in lists],
        "spinlock_series": lambda: extract_rollout(as_rollout, per_timestep=(), per_trajectory=of_series),
        "spinlock_32": lambda: extract_rollout(fields[32], per_timestep=PER_TIMESTEP, per_trajectory=of_fields),
        "spinlock_64": lambda: extract_rollout(fields[64], per_timestep=PER_TIMESTEP, per_trajectory=of_fields),
    }
    return {name: 1 / seconds(function, repeats=repeats) for name, function in contenders.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rates = measure(repeats=arguments.repeats)
    ratios = {name: rate / rates["pycatch22"] for name, rate in rates.items()}
    numbers = {
        "pycatch22": 24 * 24,
        "spinlock_series": 24 * sum(f.category in SERIES_CATEGORIES for f in PER_TRAJECTORY),
        "spinlock_32": 3
        * (len(PER_TIMESTEP) * TIMES + sum(f.category != "operator_sensitivity" for f in PER_TRAJECTORY)),
    }
    numbers["spinlock_64"] = numbers["spinlock_32"]
    if arguments.json:
        version = importlib.metadata.version("pycatch22")
        print(json.dumps({"samples_per_second": rates, "ratio": ratios, "values": numbers, "pycatch22": version}))
        return 0
    print(f"{'':16s} {'samples/s':>10s} {'x pycatch22':>12s} {'values a sample':>16s}")
    for name, rate in rates.items():
        print(f"{name:16s} {rate:10.1f} {ratios[name]:12.2f} {numbers[name]:16,d}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
