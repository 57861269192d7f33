"""What features cost: by category, against other libraries and a naive version, in two workers, and in memory.

    python benchmarks/features.py [profile] [libraries] [naive] [workers] [memory] [--sizes 32 64 128] [--repeats 5] [--json]

A sample is 3 realizations of 250 saved steps of one channel, and "all features" are all but operator_sensitivity, which
needs the step operator.

    profile     milliseconds a sample of what the features share, then of each category with that in hand
    libraries   samples/s on the same 24 series (8 block means of every realization): pycatch22, antropy, TSFEL, tsfresh
                (what is not installed is left out, with a sentence), and spinlock's temporal and nonlinear features of
                the same series as a 0-D rollout
    naive       spinlock's 54 features of every frame against 21 of them written down one formula after the other; the
                values are compared first
    workers     samples/s of all features in two worker processes of one thread
    memory      peak megabytes of a process that describes 3 samples, and of one that describes 30

Times are processor time of one thread, so that a busy machine counts less (not nothing: neighbours take caches and share
cores); contenders take turns. Absolute figures depend on the machine; ratios of one run are what travels. Needs the
extra `oracles`.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before numpy and torch

import argparse
import json
import math
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from feature_contenders import CONTENDERS, installed
from naive_features import naive_features

from spinlock.core.rollout import Rollout
from spinlock.core.workers import InProcesses, keep_freed_memory
from spinlock.features.extract import extract_rollout
from spinlock.features.fields import Fields
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY

REALIZATIONS, TIMES = 3, 250
SERIES_CATEGORIES = ("temporal", "nonlinear")
OF_FIELDS = tuple(f for f in PER_TRAJECTORY if f.spec.category != "operator_sensitivity")
OF_SERIES = tuple(f for f in PER_TRAJECTORY if f.spec.category in SERIES_CATEGORIES)
SHARED = ("norms", "pixels", "values", "spectra", "probes", "frame_products")
IDLE_GAIN = 1.8
"""How much faster two workers of one thread are than one, on an idle machine (1.7 to 1.9)."""

Figures = dict[str, Any]


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


def all_features(rollout: Rollout) -> None:
    extract_rollout(rollout, per_timestep=PER_TIMESTEP, per_trajectory=OF_FIELDS)


def medians(contenders: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, float]:
    """Median processor seconds of each, after one call to warm up, called in turn."""
    for function in contenders.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, function in contenders.items():
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def profile(size: int, *, repeats: int) -> Figures:
    """Milliseconds a sample, in the order of computation: shared intermediates, then the categories."""
    rollout = drifting_field(size, seed=size)
    found: dict[str, list[float]] = {}
    for _ in range(repeats + 1):
        start = time.process_time()
        fields = Fields.from_rollout(rollout)
        before = {"units of the initial condition": time.process_time() - start}
        for name in SHARED:
            start = time.process_time()
            getattr(fields, name)
            before[name] = time.process_time() - start
        for feature in (*PER_TIMESTEP, *OF_FIELDS):
            start = time.process_time()
            feature(fields)
            before[feature.spec.category] = before.get(feature.spec.category, 0.0) + time.process_time() - start
        for name, seconds in before.items():
            found.setdefault(name, []).append(seconds)
    parts = {name: 1000 * statistics.median(seconds[1:]) for name, seconds in found.items()}
    return {"milliseconds": parts, "all": sum(parts.values())}


def libraries(*, repeats: int) -> Figures:
    """Samples/s on the same 24 series, and values a sample."""
    warnings.simplefilter("ignore")
    series = series_of(drifting_field(32, seed=32))
    rows = list(series.double().numpy())
    rollout = Rollout(states=series[:, :, None, None, None], system="series", dt=0.1, channel_names=("u",))
    contenders: dict[str, Callable[[], object]] = {
        name: lambda function=function: function(rows) for name, function in installed().items()
    }
    contenders["spinlock"] = lambda: extract_rollout(rollout, per_timestep=(), per_trajectory=OF_SERIES)
    values = {name: function(rows) for name, function in installed().items()}
    values["spinlock"] = len(rows) * len(OF_SERIES)
    seconds = medians(contenders, repeats=repeats)
    return {
        "samples_per_s": {name: 1 / value for name, value in seconds.items()},
        "values_a_sample": values,
        "spinlock_times_as_fast": {name: value / seconds["spinlock"] for name, value in seconds.items()},
        "spinlock_times_as_fast_a_value": {
            name: value / values[name] / (seconds["spinlock"] / values["spinlock"]) for name, value in seconds.items()
        },
        "left_out": [f"{name} is not installed here" for name in CONTENDERS if name not in values],
    }


def naive(size: int, *, repeats: int) -> Figures:
    """54 features of every frame against 21 of them computed naively."""
    rollout = drifting_field(size, seed=size)
    fields = Fields.from_rollout(rollout)
    frames, by_name = fields.u.flatten(0, 2), {feature.name: feature for feature in PER_TIMESTEP}
    for name, expected in naive_features(frames).items():
        value = by_name[name](fields).flatten() * (
            rollout.dx if name.startswith(("gradient_mag", "curvature_w")) else 1
        )
        value = value / rollout.dx if name == "gradient_microscale" else value
        value = value * rollout.dx if name == "interface_length" else value
        # Quantiles of a large frame come from a histogram, right to 1/2048 of the range.
        torch.testing.assert_close(value.double(), expected.double(), rtol=2e-2, atol=1e-2, msg=name)

    def ours() -> None:
        fresh = Fields.from_rollout(rollout)
        for feature in PER_TIMESTEP:
            feature(fresh)

    seconds = medians({"spinlock": ours, "naive": lambda: naive_features(frames)}, repeats=repeats)
    return {
        "samples_per_s": {name: 1 / value for name, value in seconds.items()},
        "spinlock_times_as_fast": seconds["naive"] / seconds["spinlock"],
    }


def describe(task: tuple[int, int]) -> tuple[float, float, float]:
    """Processor and clock seconds of a number of samples of a size in this process, after one to warm up; peak megabytes."""
    size, count = task
    rollout = drifting_field(size, seed=size)
    all_features(rollout)
    processor, clock = time.process_time(), time.perf_counter()
    for _ in range(count):
        all_features(rollout)
    processor, clock = time.process_time() - processor, time.perf_counter() - clock
    return processor, clock, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def workers(size: int, *, repeats: int) -> Figures:
    """Samples/s of two workers, by the clock, and what their processor time would give on an idle machine."""
    count = max(2, repeats * 64 // size)
    found = [result for _, result in InProcesses(num_workers=2).map_unordered(describe, [(size, count), (size, count)])]
    processor, clock = (max(result[k] for result in found) for k in (0, 1))
    return {
        "samples_per_s_by_the_clock": 2 * count / clock,
        "samples_per_s_by_the_processors": IDLE_GAIN * count / processor,
        "milliseconds_a_sample": 1000 * processor / count,
    }


def memory(size: int) -> Figures:
    """Peak megabytes of a worker for 3 and for 30 samples."""
    few, many = (next(InProcesses(num_workers=1).map_unordered(describe, [(size, count)]))[1][2] for count in (3, 30))
    return {"peak_mb_of_3": few, "peak_mb_of_30": many, "ratio": many / few}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", nargs="*", help="profile, libraries, naive, workers, memory; all where nothing is named"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as workers do
    repeats = arguments.repeats
    measurements: dict[str, Callable[[], Figures]] = {"libraries": lambda: libraries(repeats=min(3, repeats))}
    for size in arguments.sizes:
        measurements[f"profile {size}"] = lambda size=size: profile(size, repeats=repeats)
        measurements[f"naive {size}"] = lambda size=size: naive(size, repeats=repeats)
        measurements[f"workers {size}"] = lambda size=size: workers(size, repeats=repeats)
    measurements["memory"] = lambda: memory(arguments.sizes[0])
    results = {}
    for name, measurement in measurements.items():
        if arguments.what and name.split()[0] not in arguments.what:
            continue
        results[name] = measurement()
        if not arguments.json:
            print(name, json.dumps(results[name], indent=1, default=str), flush=True)
    if arguments.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
