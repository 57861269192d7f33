"""Fits a tokenizer to spinlock's own data alone and keeps its folder, for `probe.py --tokenizers`.

    python benchmarks/transfer/fit_tokenizer.py --train datasets/pairs.h5 --output runs/transfer/tokenizer

The data set should keep the features of single realizations, at least two a sample: they tell noise from behaviour.
"""

import argparse
import time
from pathlib import Path

import spinlock
from spinlock.core.views import in_memory
from spinlock.pipeline.realizations import load_halves
from spinlock.pipeline.tables import load_table

LEVELS = ((32, 16), (16, 16), (8, 16))
"""Codebooks of 16 tokens: coarse, medium, fine."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, default=Path("datasets/pairs.h5"))
    parser.add_argument("--output", type=Path, default=Path("runs/transfer/tokenizer"))
    parser.add_argument("--backend", default="predictive")
    arguments = parser.parse_args()
    start = time.perf_counter()
    loaded = load_table(arguments.train)
    table, halves = in_memory(loaded.table), load_halves(loaded.path, loaded.table)
    runs = halves and halves.runs(table.ids)
    tokenizer = spinlock.Tokenizer(levels=LEVELS, backend=arguments.backend).fit(table, runs=runs)
    tokenizer.save_pretrained(arguments.output)
    print(f"fitted to {len(table)} rows of {arguments.train} in {time.perf_counter() - start:.0f} s: {tokenizer}")


if __name__ == "__main__":
    main()
