"""Time and memory of what goes through all rows of a data set, each in a process of its own.

    python benchmarks/streaming.py DATASET [DATASET …]

The rows of DATASET are read as a view, checked, grouped into categories by meaning and by clustering; then as many tokens by
chance, of 6 categories x 3 levels, are written and read back as CSV, HDF5 and Parquet. Memory is the peak of the process
(ru_maxrss) with all libraries, of which the first line, opening the view without a pass, tells the part. `synthetic_rows.py`
makes data sets of any number of rows.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from spinlock.core.tokens import TokenTable
from spinlock.pipeline.discover_categories import discover_categories
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.validate import validate_dataset
from spinlock.store.dataset import open_dataset
from spinlock.store.token_file import load_tokens, save_tokens

CATEGORIES, LEVELS, TOKENS = 6, 3, 256


def open_view(dataset: Path, _: Path) -> None:
    with open_dataset(dataset) as opened:
        opened.view()


def one_pass(dataset: Path, _: Path) -> None:
    with open_dataset(dataset) as opened:
        view = opened.view()
    for _block in view.blocks():
        pass


def load(dataset: Path, _: Path) -> None:
    load_table(dataset)


def semantic(dataset: Path, folder: Path) -> None:
    discover_categories(dataset, folder / "semantic.json")


def clustering(dataset: Path, folder: Path) -> None:
    discover_categories(dataset, folder / "auto.json", method="auto")


def check(dataset: Path, _: Path) -> None:
    if validate_dataset(dataset).problems:
        raise SystemExit(f"{dataset} is no sound data set.")


def tokens_of(dataset: Path) -> TokenTable:
    with open_dataset(dataset) as opened:
        view = opened.view()
    chance = np.random.default_rng(0)
    return TokenTable(
        codes=torch.from_numpy(chance.integers(0, TOKENS, size=(len(view), CATEGORIES, LEVELS))),
        category_names=tuple(f"category_{number}" for number in range(CATEGORIES)),
        codebook_sizes=torch.full((CATEGORIES, LEVELS), TOKENS),
        ids=view.ids,
        groups=view.groups,
        distances=torch.from_numpy(chance.random(len(view), dtype=np.float32)),
        out_of_corpus=torch.from_numpy(chance.random(len(view)) < 0.05),
    )


def writing(ending: str) -> Callable[[Path, Path], None]:
    return lambda dataset, folder: save_tokens(tokens_of(dataset), folder / f"tokens{ending}")


def reading(ending: str) -> Callable[[Path, Path], None]:
    def read(_: Path, folder: Path) -> None:
        load_tokens(folder / f"tokens{ending}")

    return read


STEPS: dict[str, Callable[[Path, Path], None]] = {
    "open the view": open_view,
    "open it and go through once": one_pass,
    "find empty rows (load_table)": load,
    "discover-categories, semantic": semantic,
    "discover-categories, auto": clustering,
    "validate --dataset": check,
}
for format_of in (".csv", ".h5", ".parquet"):
    STEPS |= {f"make tokens, write {format_of}": writing(format_of), f"read {format_of}": reading(format_of)}


def measured(name: str, dataset: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds by the clock, seconds of the processor and peak memory in GB of one step."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (name, dataset, folder))


def _run(name: str, dataset: Path, folder: Path) -> tuple[float, float, float]:
    start, busy = time.perf_counter(), time.process_time()
    STEPS[name](dataset, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return time.perf_counter() - start, time.process_time() - busy, peak / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", type=Path, nargs="+", metavar="DATASET")
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS), metavar="STEP")
    arguments = parser.parse_args()
    print(f"{'step':32} {'data set':24} {'seconds':>8} {'CPU s':>8} {'peak GB':>8}")
    for dataset in arguments.datasets:
        with tempfile.TemporaryDirectory(dir=dataset.parent) as folder:
            for name in arguments.steps:
                seconds, busy, peak = measured(name, dataset, Path(folder))
                print(f"{name:32} {dataset.name:24} {seconds:8.1f} {busy:8.1f} {peak:8.2f}", flush=True)


if __name__ == "__main__":
    main()
