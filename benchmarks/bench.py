"""A short version of every stage's side-by-side figure, in one table beside the last release's; `make bench`.

    python benchmarks/bench.py [generation] [features] [training] [encoding] [search] [importing] [--output FILE]

Each figure is made by the benchmark that is named, on small sizes and one thread; all are so that more is better, and have a floor
below which something is broken or the machine is not what it seems. What was measured goes to benchmarks/history/<version>.json, with the
machine, the versions and the load; exit code 1 where a figure is below its floor. Ratios travel between machines, the others do not.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before numpy and torch

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import doors
import features
import generation
import simulation
import torch
import training_step
from search_latency import NUM_AXES, query_times

import spinlock
from spinlock.core.seeds import torch_stream
from spinlock.core.workers import keep_freed_memory

HISTORY = Path(__file__).with_name("history")
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "h5py")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        stage: of the pipeline.
        what: the figure, in words; "over" stands between what is compared.
        unit: "times" for ratios.
        value: more is better.
        floor: the least that is taken for sound.
    """

    stage: str
    what: str
    unit: str
    value: float
    floor: float


def generated() -> Iterator[Figure]:
    """Simulation over a plain loop (`simulation.py`), and samples a second from end to end (`generation.py`)."""
    with torch.no_grad():
        for name, floor in (("cnn", 1.3), ("gray_scott", 1.2), ("kuramoto_sivashinsky", 1.5)):
            ratio = float(simulation.measure(name, grid_size=32, seconds=2)["ratio"])
            what = f"{name}, batched over one realization after the other"
            yield Figure(stage="generation", what=what, unit="times", value=ratio, floor=floor)
    made = generation.speed("demo", 24)["samples_per_s_idle"]
    what = "the demo's samples with features, two workers, by the processors"
    yield Figure(stage="generation", what=what, unit="samples/s", value=made, floor=1.0)


def described() -> Iterator[Figure]:
    """Features of frames over formulas one by one, and of whole samples in a second (`features.py`)."""
    naive = features.naive(32, repeats=5)["spinlock_times_as_fast"]
    what = "54 features of every frame over 21 written one after the other, 32 x 32"
    yield Figure(stage="features", what=what, unit="times", value=naive, floor=4.0)
    milliseconds = features.profile(64, repeats=3)["all"]
    what = "all features of 3 realizations x 250 states, 64 x 64, one thread"
    yield Figure(stage="features", what=what, unit="samples/s", value=1000 / milliseconds, floor=2.0)


def trained() -> Iterator[Figure]:
    """One step over its matrix products alone, the floor that no code goes below (`training_step.py`)."""
    steps = {"batched": training_step.batched_step(), "sgemm": training_step.sgemm_step()}
    seconds = features.medians(steps, repeats=15)
    what = "the matrix products of a step over the whole step"
    yield Figure(stage="training", what=what, unit="times", value=seconds["sgemm"] / seconds["batched"], floor=0.25)


def encoded() -> Iterator[Figure]:
    """Rows a minute of the processor, distances from the corpus included, beam 8, as `encode_speed.py` measures them."""
    values = torch.randn((1500, 60), generator=torch_stream(0, "bench")).cumsum(1)
    categories = [f"category {column // 10}" for column in range(60)]
    table = spinlock.FeatureTable.from_array(values, names=list(map(str, range(60))), categories=categories)
    settings = {"backend": "predictive", "metric": "columns", "coarse": "codebook", "refit": False, "num_centers": 64}
    fitted = spinlock.Tokenizer([(16, 16)] * 3, **settings).fit(table.rows(torch.arange(500))).tokenizer_
    seconds = features.medians({"encode": lambda: fitted.encode(table)}, repeats=5)["encode"]
    what = "six categories x three levels of 16 codes, 60 columns, one thread"
    yield Figure(stage="encoding", what=what, unit="rows/minute", value=60 * len(table) / seconds, floor=10_000)


def searched() -> Iterator[Figure]:
    """A query over reading all rows once in a matrix product (`search_latency.py`)."""
    rows = torch.randn(100_000, NUM_AXES, generator=torch_stream(0, "bench"))
    reading = features.medians({"read": lambda: rows @ rows[0]}, repeats=20)["read"]
    query = float(query_times(100_000, 20)[1:, 1].median())
    what = "one matrix product with 10^5 rows over a query among them"
    yield Figure(stage="search", what=what, unit="times", value=reading / query, floor=0.1)


def imported() -> Iterator[Figure]:
    """The same runs from the array in memory over from a netCDF file, features included (`doors.py`)."""
    warnings.simplefilter("ignore")
    runs = doors.waves(samples=12)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.nc"
        doors.dataset(runs).to_netcdf(path, engine="h5netcdf")
        sources = {
            "array": lambda: spinlock.extract_features(runs, **doors.PLAIN),
            "file": lambda: spinlock.extract_features(path),
        }
        seconds = features.medians(sources, repeats=3)
    what = "features of 12 runs from the array over from a netCDF file"
    yield Figure(stage="importing", what=what, unit="times", value=seconds["array"] / seconds["file"], floor=0.3)


STAGES: dict[str, Callable[[], Iterator[Figure]]] = {
    "generation": generated,
    "features": described,
    "training": trained,
    "encoding": encoded,
    "search": searched,
    "importing": imported,
}


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    model = platform.processor()
    if (cpus := Path("/proc/cpuinfo")).exists():
        lines = (line.partition(":") for line in cpus.read_text(encoding="ascii", errors="replace").splitlines())
        model = next((value.strip() for key, _, value in lines if key.strip() == "model name"), model)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "spinlock": spinlock.__version__,
        "commit": commit.stdout.strip(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        **{name: version(name) for name in LIBRARIES},
    }


def last_record(output: Path) -> dict[str, Any]:
    """The newest record of the history, by its date; of the same version where there is no other; {} where there is none."""
    records = {path: json.loads(path.read_text(encoding="utf-8")) for path in HISTORY.glob("*.json")}
    others = {path: record for path, record in records.items() if path != output} or records
    return max(others.values(), key=lambda record: record["machine"]["date"], default={})


def table(figures: list[Figure], last: dict[str, Any]) -> str:
    """Markdown: every figure, its floor, and what it was in the last record."""
    before = {(row["stage"], row["what"]): row["value"] for row in last.get("figures", ())}
    named = f"{last['machine']['spinlock']} ({last['machine']['commit']})" if last else "no record"
    rows = [f"| stage | figure | now | floor | {named} |", "|---|---|---|---|---|"]
    for one in figures:
        was = before.get((one.stage, one.what))
        now = f"{one.value:.3g} {one.unit}" + (" **below**" if one.value < one.floor else "")
        rows.append(f"| {one.stage} | {one.what} | {now} | {one.floor:g} | {'' if was is None else f'{was:.3g}'} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"{', '.join(STAGES)}; all where nothing is named")
    parser.add_argument("--output", type=Path, default=HISTORY / f"{spinlock.__version__}.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as workers do
    found: dict[str, Any] = {"machine": machine(), "seconds": {}, "figures": []}
    figures: list[Figure] = []
    for name, stage in STAGES.items():
        if not arguments.stages or name in arguments.stages:
            start = time.perf_counter()
            figures += stage()
            found["seconds"][name] = round(time.perf_counter() - start, 1)
            print(f"{name}: {found['seconds'][name]:.0f} s", file=sys.stderr, flush=True)
    last = last_record(arguments.output)
    print(", ".join(f"{key} {value}" for key, value in found["machine"].items()), table(figures, last), sep="\n\n")
    if not arguments.stages:
        found["figures"] = [asdict(one) | {"value": float(f"{one.value:.4g}")} for one in figures]
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if any(one.value < one.floor for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
