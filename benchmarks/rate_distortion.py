"""Error on test rows against bits: the predictive tokenizer, textbook coders, FAISS, learned codebooks of other recipes.

    python benchmarks/rate_distortion.py --dataset datasets/diverse_10k.h5 --bits 24 48 72 96 144 --rows 10000 1000 --seeds 3

Every seed draws its own split, starts and training; `--rows` takes that many samples before the split. All coders see the same
standardised training rows and are given the same number of bits; the figures are mean squared errors of the same test rows.
"spinlock, one category" is the same tokenizer with all columns in one category: what tokens about the whole vector would give.
Cells that are in `--results` already are not computed again.
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

import faiss
import torch
from contenders import KINDS, Problem, decodings
from splits import SplitTable, drawn, split_table, summary_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import TokenizerConfig
from spinlock.metrics.reconstruction import masked_mse
from spinlock.training.fit import fit_tokenizer
from spinlock.training.settings import TrainingSettings

OURS, SECONDS = "spinlock", "processor seconds of spinlock's fit"
ONE_CATEGORY = "spinlock, one category"
MOST_BITS_OF_ONE_CATEGORY = 96
"""Beyond, the codewords of all levels are too many to be fitted together."""


def cell(table: FeatureTable, *, bits: int, seed: int, backend: str, others: Sequence[str]) -> dict[str, float]:
    """Test error of every coder at one number of bits, for one seed."""
    split = train, validation, test = split_table(table, seed=seed)
    category_map = semantic_categories(table.registry)
    config = TokenizerConfig(levels=None, bits=bits, backend=backend)
    start = time.process_time()
    tokenizer = fit_tokenizer(
        train, validation, category_map=category_map, config=config, settings=TrainingSettings(seed=seed)
    ).tokenizer
    seconds = time.process_time() - start
    (x, mask), (y, seen) = tokenizer.normalize(train), tokenizer.normalize(test)
    errors = {OURS: masked_mse(y, tokenizer.decode_normalized(tokenizer.encode(test)), seen), SECONDS: seconds}
    if bits <= MOST_BITS_OF_ONE_CATEGORY:
        errors[ONE_CATEGORY] = error_in_one_category(split, config=config, seed=seed)
    problem = Problem(
        train=train,
        validation=validation,
        test=test,
        x=x,
        mask=mask,
        y=y,
        seen=seen,
        category_map=category_map,
        bits=bits,
        seed=seed,
    )
    return errors | {name: masked_mse(y, rows, seen) for name, rows in decodings(problem, others)}


def error_in_one_category(split: SplitTable, *, config: TokenizerConfig, seed: int) -> float:
    """Test error of the tokenizer with all columns in one category."""
    names = split.train.names
    whole = CategoryMap(group_indices={"all": tuple(range(len(names)))}, feature_names=names)
    tokenizer = fit_tokenizer(
        split.train, split.validation, category_map=whole, config=config, settings=TrainingSettings(seed=seed)
    ).tokenizer
    y, seen = tokenizer.normalize(split.test)
    return masked_mse(y, tokenizer.decode_normalized(tokenizer.encode(split.test)), seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--bits", type=int, nargs="+", default=[24, 48, 72, 96, 144])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backend", choices=("predictive", "classical", "auto"), default="predictive")
    parser.add_argument("--others", choices=KINDS, nargs="*", default=list(KINDS), help="whom to compare with")
    parser.add_argument("--results", type=Path, default=Path("runs/rate_distortion.json"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    table = summary_table(arguments.dataset)
    done = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    for rows in arguments.rows:
        for bits in arguments.bits:
            for seed in range(arguments.seeds):
                key = f"{arguments.dataset.name} {arguments.backend} rows {rows} bits {bits} seed {seed}"
                if key not in done:
                    done[key] = cell(
                        drawn(table, rows=rows, seed=seed),
                        bits=bits,
                        seed=seed,
                        backend=arguments.backend,
                        others=arguments.others,
                    )
                    arguments.results.write_text(json.dumps(done, indent=1))
            keys = [k for k in done if f" {arguments.backend} rows {rows} bits {bits} seed" in k]
            show(rows, bits, [done[k] for k in keys])
    if arguments.json:
        print(json.dumps(done))


def show(rows: int, bits: int, runs: list[dict[str, float]]) -> None:
    """The coders of one cell, the best first."""
    print(f"{rows} rows, {bits} bits")
    names = dict.fromkeys(name for run in runs for name in run if name != SECONDS)
    found = {name: [run[name] for run in runs if name in run] for name in names}
    means = {name: fmean(errors) for name, errors in found.items()}
    others = [mean for name, mean in means.items() if name not in (OURS, ONE_CATEGORY)]
    for name in sorted(names, key=means.__getitem__):
        errors = found[name]
        spread = stdev(errors) if len(errors) > 1 else 0.0
        ours = others and name in (OURS, ONE_CATEGORY)
        note = f"   {means[name] / min(others):.2f} of the best other" if ours else ""
        print(f"  {name:<46} {means[name]:.4f} ± {spread:.4f}{note}")


if __name__ == "__main__":
    main()
