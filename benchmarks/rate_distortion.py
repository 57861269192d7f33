"""Error on test rows against bits: the predictive tokenizer, textbook coders, FAISS, learned codebooks of other recipes.

    python benchmarks/rate_distortion.py --dataset datasets/diverse_10k.h5 --bits 24 48 72 96 144 --rows 10000 1000 --seeds 0 1 2

Every seed draws its own split, starts and training; `--rows` takes that many samples before the split. All coders see the same
standardised training rows and are given the same number of bits; the figures are mean squared errors of the same test rows.
"spinlock, one category" is the same tokenizer with all columns in one category: what tokens about the whole vector would give.
What is in `--results` already, by the same code, is not computed again.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import get_args

import faiss
from contenders import KINDS, Problem
from splits import Results, SplitTable, arguments_of, coding_error, drawn, fitted, split_table, summary_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.category_map import CategoryMap
from spinlock.vqvae.spec import ModelSpec, WarpChoice

OURS, SECONDS = "spinlock", "processor seconds of spinlock's fit"
ONE_CATEGORY = "spinlock, one category"
MOST_BITS_OF_ONE_CATEGORY = 96
"""Beyond, the codewords of all levels are too many to be fitted together."""

Errors = dict[str, float]


def predictive_error(split: SplitTable, category_map: CategoryMap, bits: int, seed: int, warp: str) -> float:
    """Error of the test rows by the predictive tokenizer."""
    model = ModelSpec(bits=bits, backend="predictive")
    tokenizer = fitted(split, category_map=category_map, model=model, seed=seed, column_warp=warp)
    return coding_error(tokenizer, split.test)


def spinlock(split: SplitTable, bits: int, seed: int, warp: str) -> Errors:
    """The tokenizer as it is, and what its fit and its errors took."""
    start = time.process_time()
    error = predictive_error(split, semantic_categories(split.train.registry), bits, seed, warp)
    seconds = time.process_time() - start
    return {OURS: error, SECONDS: seconds}


def one_category(split: SplitTable, bits: int, seed: int, warp: str) -> Errors:
    """The tokenizer with all columns in one category."""
    if bits > MOST_BITS_OF_ONE_CATEGORY:
        return {}
    names = split.train.names
    whole = CategoryMap(group_indices={"all": tuple(range(len(names)))}, feature_names=names)
    return {ONE_CATEGORY: predictive_error(split, whole, bits, seed, warp)}


def others(kind: str) -> Callable[[SplitTable, int, int, str], Errors]:
    """Coders of one kind that are no part of spinlock."""

    def errors(split: SplitTable, bits: int, seed: int, warp: str) -> Errors:
        category_map = semantic_categories(split.train.registry)
        problem = Problem.of(split, category_map=category_map, bits=bits, seed=seed, warp=warp)
        return {name: problem.error(rows) for name, rows in KINDS[kind](problem)}

    return errors


CODERS = {"spinlock": spinlock, "one_category": one_category} | {kind: others(kind) for kind in KINDS}


def main() -> None:
    warps = get_args(WarpChoice)
    arguments = arguments_of(
        __doc__,
        bits={"type": int, "nargs": "+", "default": [24, 48, 72, 96, 144]},
        rows={"type": int, "nargs": "+", "default": [1000]},
        seeds={"type": int, "nargs": "+", "default": [0, 1, 2]},
        coders={"choices": CODERS, "nargs": "+", "default": list(CODERS)},
        warp={"choices": warps, "default": "auto", "help": "map of heavy-tailed columns, of all coders"},
        results={"type": Path, "default": Path("runs/rate_distortion.json")},
    )
    faiss.omp_set_num_threads(1)
    table, results = summary_table(arguments.dataset), Results(arguments.results)

    def errors_of(coder: str, rows: int, bits: int, seed: int) -> Errors:
        split = split_table(drawn(table, rows=rows, seed=seed), seed=seed)
        return CODERS[coder](split, bits, seed, arguments.warp)

    for rows, bits in product(arguments.rows, arguments.bits):
        where = f"{arguments.dataset.name} {arguments.warp} rows {rows} bits {bits}"
        cells = [
            results.of(f"{where} seed {seed}: {coder}", partial(errors_of, coder, rows, bits, seed))
            for seed, coder in product(arguments.seeds, arguments.coders)
        ]
        show(rows, bits, cells)
    if arguments.json:
        print(json.dumps(results.found))


def show(rows: int, bits: int, cells: list[Errors]) -> None:
    """The coders at one number of rows and bits, the best first."""
    print(f"{rows} rows, {bits} bits", flush=True)
    found: dict[str, list[float]] = {}
    for errors in cells:
        for name, error in errors.items():
            found.setdefault(name, []).append(error)
    seconds = found.pop(SECONDS, [])
    best = min((fmean(errors) for name, errors in found.items() if name not in (OURS, ONE_CATEGORY)), default=None)
    for name, errors in sorted(found.items(), key=lambda item: fmean(item[1])):
        spread = f" ± {stdev(errors):.4f}" if len(errors) > 1 else ""
        note = f"   {fmean(errors) / best:.2f} of the best other" if best and name in (OURS, ONE_CATEGORY) else ""
        print(f"  {name:<46} {fmean(errors):.4f}{spread}{note}")
    if seconds:
        print(f"  spinlock's fit took {fmean(seconds):.0f} processor seconds")


if __name__ == "__main__":
    main()
