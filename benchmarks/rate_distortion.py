"""Error on test rows against bits: the predictive tokenizer, textbook coders, FAISS, learned codebooks of other recipes.

    python benchmarks/rate_distortion.py --dataset datasets/diverse_10k.h5 --bits 24 48 72 96 144 --rows 10000 1000 --seeds 0 1 2

Every seed draws its own split, starts and training; `--rows` takes that many samples before the split. All coders see the same
standardised training rows and are given the same number of bits; the figures are mean squared errors of the same test rows.
"spinlock, one category" is the same tokenizer with all columns in one category: what tokens about the whole vector would give.
What is in `--results` already, by the same code, is not computed again.
"""

import argparse
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import get_args

import faiss
import torch
from contenders import KINDS, Problem
from splits import SplitTable, code_version, coding_error, drawn, fitted, split_table, summary_table

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
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--bits", type=int, nargs="+", default=[24, 48, 72, 96, 144])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--coders", choices=CODERS, nargs="+", default=list(CODERS))
    parser.add_argument(
        "--warp", choices=get_args(WarpChoice), default="auto", help="map of heavy-tailed columns, of all coders"
    )
    parser.add_argument("--results", type=Path, default=Path("runs/rate_distortion.json"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    table = summary_table(arguments.dataset)
    done = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    version = code_version()
    for rows in arguments.rows:
        for bits in arguments.bits:
            where = f"code {version} {arguments.dataset.name} {arguments.warp} rows {rows} bits {bits}"
            cells = [f"{where} seed {seed}" for seed in arguments.seeds]
            for cell, seed in zip(cells, arguments.seeds, strict=True):
                found = done.setdefault(cell, {})
                for coder in arguments.coders:
                    if coder not in found:
                        split = split_table(drawn(table, rows=rows, seed=seed), seed=seed)
                        found[coder] = CODERS[coder](split, bits, seed, arguments.warp)
                        arguments.results.write_text(json.dumps(done, indent=1))
            show(rows, bits, [done[cell] for cell in cells])
    if arguments.json:
        print(json.dumps(done))


def show(rows: int, bits: int, cells: list[Mapping[str, Errors]]) -> None:
    """The coders at one number of rows and bits, the best first."""
    print(f"{rows} rows, {bits} bits, {len(cells)} seeds", flush=True)
    found: dict[str, list[float]] = {}
    for cell in cells:
        for errors in cell.values():
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
