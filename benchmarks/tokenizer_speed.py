"""Seconds of fits and rows a minute of encoding, and the most memory it took.

    python benchmarks/tokenizer_speed.py --dataset datasets/diverse_10k.h5 --rows 1000 10000 --threads 2

    the first document's settings   410 epochs, batch 1024, levels 32/16/8 with 128/256/512 codes, from the classical start, none left out
    auto                            all backends, sizes left to the data, the best kept, training ended by the default patience
    encode                          rows a minute with beam 8 and greedily

Processor seconds are what the machine would need if it did nothing else; on a busy machine the clock shows more.
"""

import argparse
import json
import logging
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from spinlock.training.settings import TrainingSettings
from spinlock.vqvae.classical import ClassicalBackend
from splits import drawn, split_table, summary_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.training.fit import FitResult, fit_tokenizer

LEVELS = tuple(Level(latent_dim=latent, num_tokens=tokens) for latent, tokens in ((32, 128), (16, 256), (8, 512)))
ENCODER = {"hidden_dims": (256, 128), "output_dim": 64, "dropout": 0.1}
CONFIGS = {
    "410 epochs of the first document's settings": TokenizerConfig(
        levels=LEVELS, backend="vqvae", encoder_params=ENCODER
    ),
    "auto": TokenizerConfig(levels=None, backend="auto", encoder_params=ENCODER),
    "predictive": TokenizerConfig(levels=LEVELS, backend="predictive"),
}
ENCODED_ROWS = 10_000


@dataclass(frozen=True)
class Seconds:
    """What something took, by the processor and by the clock."""

    processor: float
    clock: float


def fitted(table: FeatureTable, config: TokenizerConfig) -> tuple[FitResult, Seconds]:
    """A fit on the training rows of the table's split, for one backend with all its epochs, and what it took."""
    split = split_table(table, seed=0)
    settings = TrainingSettings()
    if config.backend == "vqvae":
        settings = replace(settings, patience=settings.num_epochs)
    start = time.process_time(), time.perf_counter()
    result = fit_tokenizer(
        split.train,
        split.validation,
        category_map=semantic_categories(table.registry),
        config=config,
        settings=settings,
    )
    return result, Seconds(time.process_time() - start[0], time.perf_counter() - start[1])


def rows_a_minute(table: FeatureTable, backend: ClassicalBackend, result: FitResult, beam: int) -> float:
    """Rows that one core encodes in a minute of processor time."""
    x, mask = result.tokenizer.normalize(table)
    times = 1 + ENCODED_ROWS // len(x)
    x, mask = (part.repeat(times, 1)[:ENCODED_ROWS] for part in (x, mask))
    searching = replace(backend, beam=beam)
    start = time.process_time()
    searching.encode(x, mask)
    return 60 * len(x) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--configs", choices=CONFIGS, nargs="+", default=list(CONFIGS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(arguments.threads)
    whole = summary_table(arguments.dataset)
    figures: dict[str, float] = {}
    for rows in arguments.rows:
        table = drawn(whole, rows=rows, seed=0)
        for name in arguments.configs:
            result, seconds = fitted(table, CONFIGS[name])
            found = {"processor s": seconds.processor, "clock s": seconds.clock}
            own = getattr(result.tokenizer.backend, "own", result.tokenizer.backend)
            if isinstance(own, ClassicalBackend):
                for beam in (1, 8):
                    rate = rows_a_minute(table, own, result, beam)
                    found[f"rows encoded a minute, beam {beam}"] = rate
            for what, figure in found.items():
                key = f"{name}, {len(table)} rows: {what}"
                figures[key] = figure
                print(f"{key:<80} {figure:12.1f}", flush=True)
    figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory, MB':<80} {figures['peak memory, MB']:12.1f}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
