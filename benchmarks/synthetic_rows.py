"""Data sets of any number of rows that look like a given one, to measure what grows with the rows.

    python benchmarks/synthetic_rows.py SOURCE TARGET --rows 1000000 [--seed 0]

A row is a row of SOURCE whose realizations are moved towards those of a row near it, by a share in [0, .5) that differs a
little from column to column. So atoms stay where both rows are on one, columns stay within their ranges and keep their
correlations, and a value is missing where it is missing in the first row. The aggregated columns are those of the mixed
realizations. Row i is made from row i mod n of SOURCE; each round through SOURCE has draws of its own, of the sizes that
they have there. Whatever the number of rows, row i is the same for a seed, and memory holds SOURCE's features and one block.

TARGET has the layout of docs/data_format.md, all but the states: it keeps one frame of /features/sdf/per_timestep, the mean
over time, and one cell of frame 0, so that its size is that of the features. `extent` says what SOURCE's features were computed from.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from spinlock.core.feature_table import BLOCK_ROWS
from spinlock.core.seeds import stream
from spinlock.features.aggregate import aggregate
from spinlock.store.dataset import Dataset, open_dataset
from spinlock.store.dataset_check import content_sha256
from spinlock.store.dataset_paths import ARRAYS
from spinlock.store.hdf5_image import create_array, file_size, hdf5_on_disk

NEIGHBORS = 8
SPREAD = 0.05
"""Standard deviation between columns of the share by which a row is moved."""
COPIED = ("system", "params", "initial_condition", "dt", "dx", "num_channels", "extent", "redraws")


def neighbors_of(aggregated: np.ndarray) -> np.ndarray:
    """The rows nearest to each row, by the ranks of its columns."""
    ranks = np.where(np.isnan(aggregated), 0.5, aggregated.argsort(0).argsort(0) / len(aggregated))
    most = min(NEIGHBORS, len(ranks) - 1)
    return NearestNeighbors(n_neighbors=most + 1).fit(ranks).kneighbors(ranks, return_distance=False)[:, 1:]


def mixed(runs: np.ndarray, near: np.ndarray, rows: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The realizations of some rows, moved towards those of rows near them."""
    own = runs[rows]
    other = runs[near[rows, chance.integers(near.shape[1], size=len(rows))]]
    share = chance.random((len(rows), 1, 1), dtype=np.float32) / 2
    share = share + SPREAD * chance.standard_normal((len(rows), 1, own.shape[2]), dtype=np.float32)
    return np.where(np.isnan(other), own, own + share.clip(0, 1) * (other - own))


def source_arrays(source: Dataset) -> dict[str, np.ndarray]:
    """Field → one row a sample of what is repeated, thinned to one frame and one cell."""
    arrays = {name: source.numbers(name) for name in COPIED if ARRAYS[name].dtype != "word"}
    for name in ("system", "initial_condition"):
        words = source.file.words(ARRAYS[name].path)
        arrays[name] = np.array([word.encode() for word in words], dtype=ARRAYS[name].stored_dtype())
    samples = range(len(source))
    arrays["inputs"] = np.stack([source.numbers("inputs", slice(n, n + 1))[0, :, :1, :1] for n in samples])
    arrays["per_timestep"] = np.stack([_mean_frame(source, sample) for sample in samples])
    arrays["valid"] = source.numbers("valid")
    arrays["diverged_at"] = np.where(arrays["valid"], -1, 0).astype(np.int32)
    for name in ("dead_at", "frozen_at"):
        arrays[name] = np.full_like(arrays["diverged_at"], -1)
    return arrays


def _mean_frame(source: Dataset, sample: int) -> np.ndarray:
    """Features of a frame, on average over the saved times."""
    frames = source.numbers("per_timestep", slice(sample, sample + 1))[0]
    with np.errstate(invalid="ignore"):
        return (np.nansum(frames, 0, keepdims=True) / (~np.isnan(frames)).sum(0)).astype(np.float32)


def blocks(source: Dataset, *, num_rows: int, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of consecutive rows."""
    repeated = source_arrays(source)
    runs, groups = source.numbers("per_trajectory"), source.groups
    near = neighbors_of(source.numbers("aggregated"))
    for start in range(0, num_rows, BLOCK_ROWS):
        index = np.arange(start, min(start + BLOCK_ROWS, num_rows))
        rows = index % len(runs)
        per_trajectory = mixed(runs, near, np.resize(rows, BLOCK_ROWS), stream(seed, "synthetic rows", start))
        per_trajectory = per_trajectory[: len(rows)]  # a short block has the rows that a whole one begins with
        yield {name: values[rows] for name, values in repeated.items()} | {
            "index": index,
            "group": groups[rows] + index // len(runs) * (groups.max() + 1),
            "per_trajectory": per_trajectory,
            "aggregated": aggregate(torch.from_numpy(per_trajectory)).numpy(),
        }


def write(source: Dataset, target: Path, *, num_rows: int, seed: int) -> None:
    """Write a data set of synthetic rows."""
    first = next(blocks(source, num_rows=1, seed=seed))
    plans = {name: ((num_rows, *values.shape[1:]), ARRAYS[name].stored_dtype()) for name, values in first.items()}
    with hdf5_on_disk(target, file_size(plans.values())) as file, h5py.File(source.path) as given:
        arrays = {name: create_array(file, ARRAYS[name].path, *plan) for name, plan in plans.items()}
        for block in blocks(source, num_rows=num_rows, seed=seed):
            start = int(block["index"][0])
            for name, values in block.items():
                arrays[name][start : start + len(values)] = values
        file["features/summary"] = file["features/sdf"]
        file.create_group("metadata")
        for path in ("metadata", "features/sdf", *(spec.path for spec in ARRAYS.values() if spec.path in file)):
            for name, value in given[path].attrs.items():
                file[path].attrs[name] = value
        file["metadata"].attrs["num_samples"] = num_rows
        file["metadata"].attrs["num_timesteps"] = 1
        del file["metadata"].attrs["content_sha256"]
    with open_dataset(target) as written:
        content = content_sha256(written, tuple(plans))
    with h5py.File(target, "r+") as file:
        file["metadata"].attrs["content_sha256"] = content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a data set with features of single realizations")
    parser.add_argument("target", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with open_dataset(arguments.source) as source:
        write(source, arguments.target, num_rows=arguments.rows, seed=arguments.seed)


if __name__ == "__main__":
    main()
