"""How fast data sets are made from end to end, features included, what a second worker gives, and what memory it takes.

    speed    the first samples of a shipped data set, simulated and described as `spinlock generate` does it; seconds are
             given by the clock and by the processors (which other work on the machine hardly changes), and extrapolated
             to the whole data set
    workers  the same samples by one worker and by two, in turn
    configs  the same for the shipped data sets that `speed` leaves out, on their own grids
    memory   peak resident size of all processes together for some samples and for ten times as many

    python benchmarks/generation.py [speed] [configs] [workers] [memory] [--grids 32 64 128] [--samples 92] [--results FILE] [--json]

With `--results`, what was measured is kept in that file after each measurement, and a run that was stopped goes on.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from spinlock.config import GenerateConfig, load_config
from spinlock.core.workers import InProcesses
from spinlock.dynamics.space import SamplePlan
from spinlock.pipeline.recipe import Recipe, plan_of, recipe_of
from spinlock.pipeline.sample_block import consecutive_runs, write_block
from spinlock.pipeline.workload import relative_work

CONFIGS = Path(__file__).parents[1] / "configs" / "generate"
NAMES = {32: "test_1k_inline_features", 64: "diverse_10k", 128: "test_1k_inline_features"}
"""Grid → the shipped data set that is measured on it."""
OTHERS = ("demo", "neural_operators_1k")


def timed_block(recipe: Recipe, plans: Sequence[SamplePlan]) -> float:
    """The processor seconds that a block took."""
    start = time.process_time()
    write_block(recipe, plans)
    return time.process_time() - start


def make(config: GenerateConfig, samples: range, *, workers: int) -> dict[str, float]:
    """Make some samples of a data set in shards, as `spinlock generate` does; clock and processor seconds."""
    plan = plan_of(config)
    recipe, work = recipe_of(config, plan), relative_work(plan.plans)
    runs = consecutive_runs(samples, size=config.storage.shard_size)
    runs.sort(key=lambda run: -sum(work[sample] for sample in run))
    tasks = [tuple(plan.plans[sample] for sample in run) for run in runs]
    start, processor = time.perf_counter(), 0.0
    for _, seconds in InProcesses(num_workers=workers).map_unordered(partial(timed_block, recipe), tasks):
        processor += seconds
    return {"clock_s": time.perf_counter() - start, "processor_s": processor}


def configured(name: str, folder: Path, *overrides: str) -> GenerateConfig:
    """A shipped configuration with its target in a folder."""
    target = f"output_path={folder / 'data.h5'}"
    return load_config(CONFIGS / f"{name}.yaml", GenerateConfig, overrides=(target, *overrides))


def speed(name: str, samples: int, *overrides: str) -> dict[str, Any]:
    """Samples a second by two workers, and the minutes of the whole data set, by the clock and by the processors."""
    with tempfile.TemporaryDirectory() as folder:
        config = configured(name, Path(folder), *overrides, "storage.shard_size=8")
        size = config.num_samples
        found = make(config, range(min(samples, size)), workers=2)
    # Two workers of one thread are 1.8 times as fast as one: what the processors alone would take on an idle machine.
    idle = found["processor_s"] / 1.8
    return {
        "data_set": name,
        "samples": samples,
        **found,
        "samples_per_s": samples / found["clock_s"],
        "samples_per_s_idle": samples / idle,
        "whole_data_set_samples": size,
        "whole_data_set_minutes": size / samples * found["clock_s"] / 60,
        "whole_data_set_minutes_idle": size / samples * idle / 60,
    }


def workers(samples: int, *, rounds: int = 2) -> dict[str, Any]:
    """The fastest of some rounds of one worker and of two, in turn, on 32 x 32 cells."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count in seconds:
            with tempfile.TemporaryDirectory() as folder:
                config = configured("diverse_10k", Path(folder), "grid_size=32", "storage.shard_size=4")
                seconds[count].append(make(config, range(samples), workers=count)["clock_s"])
    one, two = min(seconds[1]), min(seconds[2])
    return {"samples": samples, "one_worker_s": one, "two_workers_s": two, "ratio": one / two}


def memory(samples: int) -> dict[str, Any]:
    """Peak resident megabytes of `spinlock generate` with one worker, for some samples and ten times as many."""
    peaks = [peak_of(samples * factor) for factor in (1, 10)]
    return {"samples": samples, "peak_mb": peaks[0], "peak_mb_of_ten_times": peaks[1], "ratio": peaks[1] / peaks[0]}


def peak_of(samples: int) -> float:
    """Peak resident megabytes of all processes of a run together, looked at fifty times a second."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = {
            "num_samples": samples,
            "num_timesteps": 64,
            "grid_size": 32,
            "storage.shard_size": 8,
            "storage.workers": 1,
            "output_path": Path(folder) / "data.h5",
        }
        arguments = [part for key, value in overrides.items() for part in ("-o", f"{key}={value}")]
        command = [sys.executable, "-m", "spinlock", "-q", "generate", "--config", str(CONFIGS / "diverse_10k.yaml")]
        process = subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL)  # noqa: S603
        peak = 0.0
        while process.poll() is None:
            parts = resident(process.pid)
            if parts:
                peak = max(peak, sum(own for own, _ in parts) + max(shared for _, shared in parts))
            time.sleep(0.02)
        if process.returncode:
            raise RuntimeError(f"generate ended with exit code {process.returncode}")
    return peak


def resident(pid: int) -> list[tuple[float, float]]:
    """Megabytes of a process and of all below it: own ones, and those of libraries (Linux).

    Own pages that forked processes share are divided among them. Those of libraries are the same for all, and are not
    divided: that would depend on what else runs on the machine.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    size = {line.split()[0]: int(line.split()[1]) / 1000 for line in lines[1:]}
    own = [(size["Pss_Anon:"], size["Rss:"] - size["Anonymous:"])] if size else []
    return own + [part for child in below for part in resident(int(child))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="speed, configs, workers, memory; all where nothing is named")
    parser.add_argument("--grids", type=int, nargs="+", default=sorted(NAMES), choices=sorted(NAMES))
    parser.add_argument("--samples", type=int, default=96, help="samples of each measurement of speed")
    parser.add_argument("--results", type=Path, help="file that results are kept in")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    measurements: dict[str, Callable[[], dict[str, Any]]] = {
        **{
            f"speed_{grid}": lambda grid=grid: speed(NAMES[grid], arguments.samples, f"grid_size={grid}")
            for grid in arguments.grids
        },
        **{f"configs_{name}": lambda name=name: speed(name, arguments.samples) for name in OTHERS},
        "workers": lambda: workers(arguments.samples),
        "memory": lambda: memory(96),
    }
    results: dict[str, Any] = {}
    if arguments.results and arguments.results.exists():
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
    for name, measurement in measurements.items():
        if arguments.what and name.partition("_")[0] not in arguments.what:
            continue
        if name not in results:
            results[name] = measurement()
            if arguments.results:
                arguments.results.write_text(json.dumps(results, indent=1), encoding="utf-8")
        if not arguments.json:
            print(name, *(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in results[name].items()))
    if arguments.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
