"""Describes the corpus by spinlock's features, by catch22 and by tsfresh; one .npz of values and names each.

    python benchmarks/transfer/describe.py --corpus runs/transfer/corpus.h5 --by spinlock catch22 tsfresh

The other libraries describe series. They get those that a person would take from a film: the spatial mean, the spatial standard
deviation, and the values of 16 cells on a lattice (4 for tsfresh, which is slow), of which mean and standard deviation over the cells
are kept. catch22 is its 22 features with mean and standard deviation (24); tsfresh is its `EfficientFCParameters`.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pycatch22
from equations import CELLS

from spinlock.core.views import in_memory
from spinlock.pipeline.extract_features import Source, extract_features
from spinlock.pipeline.tables import load_table

DT, DX = 1.0, 1.0
"""Of every family, so that no unit says which one it is."""
Described = tuple[np.ndarray, list[str]]


def series_of(states: np.ndarray, *, lattice: int) -> np.ndarray:
    """Series (series, time) of one sample: spatial mean, spatial standard deviation, then cells on a lattice."""
    step = CELLS // lattice
    cells = states[:, step // 2 :: step, step // 2 :: step].reshape(len(states), -1).T
    return np.concatenate([[states.mean((1, 2)), states.std((1, 2))], cells]).astype(np.float64)


def columns_of(values: np.ndarray, names: list[str]) -> Described:
    """Features (sample, series, feature) → those of the mean and the deviation, and mean and deviation over the cells."""
    cells = values[:, 2:]
    parts = [values[:, 0], values[:, 1], cells.mean(1), cells.std(1)]
    kinds = ("of_mean", "of_std", "mean_of_cells", "std_of_cells")
    return np.concatenate(parts, 1), [f"{kind}__{name}" for kind in kinds for name in names]


def by_spinlock(corpus: Path) -> Described:
    output = corpus.with_name("features.h5")
    source = Source(path=corpus, axes="nthw", dataset_key="states", dt=DT, dx=DX)
    table = in_memory(load_table(extract_features(source, output=output, workers=1).output).table)
    return table.values.numpy(), list(table.names)


def by_catch22(corpus: Path) -> Described:
    with h5py.File(corpus) as file:
        rows, names = [], []
        for states in file["states"]:
            found = [pycatch22.catch22_all(series.tolist(), catch24=True) for series in series_of(states, lattice=4)]
            rows.append([entry["values"] for entry in found])
            names = found[0]["names"]
    return columns_of(np.array(rows, dtype=np.float64), names)


def by_tsfresh(corpus: Path) -> Described:
    import pandas  # noqa: PLC0415  slow to load
    from tsfresh import extract_features as tsfresh_features  # noqa: PLC0415
    from tsfresh.feature_extraction import EfficientFCParameters  # noqa: PLC0415

    with h5py.File(corpus) as file:
        rows, names = [], []
        total = len(file["states"])
        for start in range(0, total, 20):
            block = np.stack([series_of(states, lattice=2) for states in file["states"][start : start + 20]])
            count, per_sample, steps = block.shape
            frame = pandas.DataFrame(
                {
                    "id": np.repeat(np.arange(count * per_sample), steps),
                    "time": np.tile(np.arange(steps), count * per_sample),
                    "u": block.reshape(-1),
                }
            )
            found = tsfresh_features(
                frame,
                column_id="id",
                column_sort="time",
                default_fc_parameters=EfficientFCParameters(),
                n_jobs=0,
                disable_progressbar=True,
            )
            rows.append(found.to_numpy(dtype=np.float64).reshape(count, per_sample, -1))
            names = list(found.columns)
            print(f"tsfresh: {start + count} of {total}", flush=True)
    return columns_of(np.concatenate(rows), names)


BY: dict[str, Callable[[Path], Described]] = {"spinlock": by_spinlock, "catch22": by_catch22, "tsfresh": by_tsfresh}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("runs/transfer/corpus.h5"))
    parser.add_argument("--by", nargs="+", choices=tuple(BY), default=list(BY))
    arguments = parser.parse_args()
    for name in arguments.by:
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the other libraries, about constant series
            values, names = BY[name](arguments.corpus)
        seconds = time.perf_counter() - start
        np.savez(arguments.corpus.with_name(f"{name}.npz"), values=values, names=np.array(names), seconds=seconds)
        print(f"{name}: {len(values)} samples, {len(names)} columns, {len(values) / seconds:.2f} samples/s", flush=True)


if __name__ == "__main__":
    main()
