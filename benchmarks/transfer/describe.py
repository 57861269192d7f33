"""Describes corpora of films by spinlock's features and by others; one .npz of values and names for each corpus and description.

    python benchmarks/transfer/describe.py --folder runs/transfer --by spinlock catch22 tsfresh

`multirocket` and `hydra` need aeon, which has an environment of its own; see the README. `vicreg` needs `--states`, a data set of
spinlock's own with states and two realizations a sample, and `vicreg.npz` beside it is made of it once.

Libraries of series get those that a person would take from a film: the spatial mean, the spatial standard deviation, and the values of
16 cells on a lattice (4 for tsfresh, which is slow). Of catch22 (its 22 features with mean and standard deviation, 24) and tsfresh
(its `EfficientFCParameters`) mean and standard deviation over the cells are kept. MultiRocket and Hydra take all 18 series as channels
of one, of standardised films, by their default settings; their kernels know no label.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from series import series_of, standardised

DT, DX = 1.0, 1.0
"""Of every corpus, so that no unit says which label it is."""
CORPORA = ("equations", "life_like", "wolfram", "lattices", "gray_scott", "flows")
Described = tuple[np.ndarray, list[str]]


def films(corpus: Path) -> Iterator[np.ndarray]:
    """Films (time, channel, height, width), one by one."""
    with h5py.File(corpus) as file:
        yield from file["states"]


def columns_of(values: np.ndarray, names: list[str]) -> Described:
    """Features (film, series, feature) → those of the mean and the deviation, and mean and deviation over the cells."""
    cells = values[:, 2:]
    parts = [values[:, 0], values[:, 1], cells.mean(1), cells.std(1)]
    kinds = ("of_mean", "of_std", "mean_of_cells", "std_of_cells")
    return np.concatenate(parts, 1), [f"{kind}__{name}" for kind in kinds for name in names]


def by_spinlock(corpus: Path, arguments: argparse.Namespace) -> Described:
    from spinlock.core.views import in_memory  # noqa: PLC0415  other environments have no spinlock
    from spinlock.pipeline.extract_features import Source, extract_features  # noqa: PLC0415
    from spinlock.pipeline.tables import load_table  # noqa: PLC0415

    with h5py.File(corpus) as file:
        periodic = bool(file.attrs["periodic"])
    source = Source(path=corpus, axes="ntchw", dataset_key="states", group_key="draw", dt=DT, dx=DX, periodic=periodic)
    output = corpus.with_suffix(".features.h5")
    table = in_memory(load_table(extract_features(source, output=output, workers=arguments.workers).output).table)
    return table.values.numpy(), list(table.names)


def by_catch22(corpus: Path, arguments: argparse.Namespace) -> Described:
    import pycatch22  # noqa: PLC0415

    del arguments
    rows, names = [], []
    for states in films(corpus):
        found = [pycatch22.catch22_all(series.tolist(), catch24=True) for series in series_of(states, lattice=4)]
        rows.append([entry["values"] for entry in found])
        names = found[0]["names"]
    return columns_of(np.array(rows, dtype=np.float64), names)


def by_tsfresh(corpus: Path, arguments: argparse.Namespace) -> Described:
    import pandas  # noqa: PLC0415  slow to load
    from tsfresh import extract_features as tsfresh_features  # noqa: PLC0415
    from tsfresh.feature_extraction import EfficientFCParameters  # noqa: PLC0415

    del arguments
    series = np.stack([series_of(states, lattice=2) for states in films(corpus)])
    rows, names = [], []
    for block in np.array_split(series, -(-len(series) // 20)):
        count, per_film, steps = block.shape
        frame = pandas.DataFrame(
            {
                "id": np.repeat(np.arange(count * per_film), steps),
                "time": np.tile(np.arange(steps), count * per_film),
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
        rows.append(found.to_numpy(dtype=np.float64).reshape(count, per_film, -1))
        names = list(found.columns)
    return columns_of(np.concatenate(rows), names)


def by_kernels(corpus: Path, arguments: argparse.Namespace, *, kind: str) -> Described:
    from aeon.transformations.collection import convolution_based  # noqa: PLC0415

    del arguments
    series = np.stack([series_of(standardised(states), lattice=4) for states in films(corpus)]).astype(np.float32)
    transform = getattr(convolution_based, kind)(random_state=0, n_jobs=1)
    values = np.asarray(transform.fit_transform(series), dtype=np.float32)
    return values, [f"{kind}_{number}" for number in range(values.shape[1])]


def by_multirocket(corpus: Path, arguments: argparse.Namespace) -> Described:
    return by_kernels(corpus, arguments, kind="MultiRocket")


def by_hydra(corpus: Path, arguments: argparse.Namespace) -> Described:
    return by_kernels(corpus, arguments, kind="HydraTransformer")


def by_vicreg(corpus: Path, arguments: argparse.Namespace) -> Described:
    from vicreg import embedding, load_or_train  # noqa: PLC0415

    encoder = load_or_train(arguments.states, corpus.with_name("vicreg.npz"))
    values = np.stack([embedding(encoder, states) for states in films(corpus)])
    return values, [f"vicreg_{number}" for number in range(values.shape[1])]


BY: dict[str, Callable[[Path, argparse.Namespace], Described]] = {
    "spinlock": by_spinlock,
    "catch22": by_catch22,
    "tsfresh": by_tsfresh,
    "multirocket": by_multirocket,
    "hydra": by_hydra,
    "vicreg": by_vicreg,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), help="<name>.h5 in the folder")
    parser.add_argument("--by", nargs="+", choices=tuple(BY), default=["spinlock", "catch22", "tsfresh"])
    parser.add_argument("--states", type=Path, default=Path("datasets/pairs_with_states.h5"))
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    for by in arguments.by:
        for corpus in arguments.corpora:
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the other libraries, about constant series
                values, names = BY[by](arguments.folder / f"{corpus}.h5", arguments)
            seconds = time.perf_counter() - start
            np.savez(arguments.folder / f"{corpus}.{by}.npz", values=values, names=np.array(names), seconds=seconds)
            print(f"{corpus} by {by}: {len(values)} films, {len(names)} columns, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
