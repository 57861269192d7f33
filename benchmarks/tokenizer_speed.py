"""Seconds of fits, and the most memory they took.

    python benchmarks/tokenizer_speed.py --dataset datasets/diverse_10k.h5 --rows 1000 10000 --threads 2

    the first document's settings   410 epochs, batch 1024, levels 32/16/8 with 128/256/512 codes, from the classical start, none left out
    auto                            all backends, sizes left to the data, the best kept, training ended by the default patience
    predictive                      the same levels, nothing trained by gradients

Processor seconds are what the machine would need if it did nothing else; on a busy machine the clock shows more. What encoding
takes is measured by `encode_speed.py`.
"""

import argparse
import json
import logging
import resource
import time
from pathlib import Path

import torch
from splits import drawn, split_table, summary_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.training.fit import fit_tokenizer
from spinlock.training.spec import FitSpec
from spinlock.vqvae.spec import ModelSpec

LEVELS = ((32, 128), (16, 256), (8, 512))
MODELS = {
    "410 epochs of the first document's settings": ModelSpec(levels=LEVELS, backend="vqvae"),
    "auto": ModelSpec(),
    "predictive": ModelSpec(levels=LEVELS, backend="predictive"),
}


def seconds_of_fit(table: FeatureTable, model: ModelSpec) -> dict[str, float]:
    """What a fit on the table's split takes; one backend gets all its epochs."""
    split = split_table(table, seed=0)
    fit = FitSpec(patience=410) if model.backend == "vqvae" else FitSpec()
    start = time.process_time(), time.perf_counter()
    fit_tokenizer(split.train, split.validation, category_map=semantic_categories(table.registry), model=model, fit=fit)
    return {"processor s": time.process_time() - start[0], "clock s": time.perf_counter() - start[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--models", choices=MODELS, nargs="+", default=list(MODELS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(arguments.threads)
    whole = summary_table(arguments.dataset)
    figures: dict[str, float] = {}
    for rows in arguments.rows:
        table = drawn(whole, rows=rows, seed=0)
        for name in arguments.models:
            for what, figure in seconds_of_fit(table, MODELS[name]).items():
                key = f"{name}, {len(table)} rows: {what}"
                figures[key] = figure
                print(f"{key:<80} {figure:12.1f}", flush=True)
    figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory, MB':<80} {figures['peak memory, MB']:12.1f}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
