"""Corpora with known labels, by code that shares nothing with spinlock's simulators; one HDF5 file each (see `films.py`).

    python benchmarks/transfer/make_corpora.py --output runs/transfer [--corpora life_like gray_scott]

Needs numpy alone. The twelve families of equations are made by `make_corpus.py`, which needs exponax.
"""

import argparse
import inspect
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from exponents import flows
from films import Films
from gray_scott import gray_scott
from lattices import lattices
from life_like import life_like
from wolfram import wolfram

CORPORA: dict[str, Callable[[np.random.Generator], Films]] = {
    "life_like": life_like,
    "wolfram": wolfram,
    "lattices": lattices,
    "gray_scott": gray_scott,
    "flows": flows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--corpora", nargs="+", choices=tuple(CORPORA), default=list(CORPORA))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.corpora:
        start = time.perf_counter()
        make = CORPORA[name]
        films = make(np.random.default_rng([arguments.seed, list(CORPORA).index(name)]))
        films.save(arguments.output / f"{name}.h5", source=inspect.getmodule(make).__doc__)
        print(
            f"{name}: {len(films.label)} films, {len(np.unique(films.label))} labels, {len(np.unique(films.draw))} draws, "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
