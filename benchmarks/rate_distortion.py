"""Error on test rows against bits: the predictive tokenizer, residual k-means, PCA with scalar quantisers and FAISS's quantisers.

    python benchmarks/rate_distortion.py --dataset datasets/diverse_10k.h5 --bits 24 48 72 96 144 --rows 10000 1000 --seeds 3

Every seed draws its own split, starts and training; `--rows` takes that many samples before the split. All coders see the same
standardised training rows and are given the same number of bits; the figures are mean squared errors of the same test rows.
Cells that are in `--results` already are not computed again.
"""

import argparse
import json
import logging
import time
from pathlib import Path
from statistics import fmean, stdev

import faiss
import numpy as np
import torch

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import stream
from spinlock.core.tokens import TokenizerConfig
from spinlock.metrics.baselines import fit_baselines
from spinlock.metrics.reconstruction import masked_mse
from spinlock.pipeline.tables import family_path, load_table
from spinlock.training.fit import fit_tokenizer
from spinlock.training.settings import TrainingSettings
from spinlock.training.split import split_by_group
from spinlock.vqvae.codebook_sizes import codebook_sizes

FAISS_SHAPES = {24: (6, 1, 4), 48: (6, 1, 8), 72: (6, 2, 6), 96: (6, 2, 8), 144: (6, 3, 8)}
"""Bits → splits, levels and bits a level of FAISS's product residual quantiser."""


def faiss_quantizers(columns: int, bits: int) -> dict[str, object]:
    """Quantisers of FAISS that spend exactly `bits`."""
    eights = bits // 8
    found: dict[str, object] = {}
    if bits % 8 == 0:
        found["FAISS ResidualQuantizer"] = faiss.ResidualQuantizer(columns, eights, 8)
        found["FAISS LocalSearchQuantizer"] = faiss.LocalSearchQuantizer(columns, eights, 8)
        if columns % eights == 0:
            found["FAISS ProductQuantizer"] = faiss.ProductQuantizer(columns, eights, 8)
    if bits in FAISS_SHAPES and columns % FAISS_SHAPES[bits][0] == 0:
        found["FAISS ProductResidualQuantizer"] = faiss.ProductResidualQuantizer(columns, *FAISS_SHAPES[bits])
    return found


def cell(table: FeatureTable, *, bits: int, seed: int, backend: str) -> dict[str, float]:
    """Test error of every coder at one number of bits, for one seed."""
    split = split_by_group(table.groups, seed=seed)
    train, validation, test = (table.rows(rows) for rows in (split.train, split.validation, split.test))
    category_map = semantic_categories(table.registry)
    start = time.perf_counter()
    fitted = fit_tokenizer(
        train,
        validation,
        category_map=category_map,
        config=TokenizerConfig(levels=None, bits=bits, backend=backend),
        settings=TrainingSettings(seed=seed),
    )
    seconds = time.perf_counter() - start
    tokenizer = fitted.tokenizer
    (x, mask), (y, seen) = tokenizer.normalize(train), tokenizer.normalize(test)
    ours = tokenizer.decode_normalized(tokenizer.encode(test))
    errors = {"spinlock": masked_mse(y, ours, seen), "seconds of the fit": seconds}
    count = len(category_map.categories)
    sizes = codebook_sizes((bits // count,) * count, most=8)
    for coder in fit_baselines(x, mask, category_map=category_map, codebook_sizes=sizes, seed=seed):
        errors[coder.name] = masked_mse(y, coder.reconstruct(y, seen), seen)
    rows, queries = (np.ascontiguousarray(part.numpy()) for part in (x, y))
    for name, quantizer in faiss_quantizers(x.shape[1], bits).items():
        quantizer.train(rows)
        decoded = torch.from_numpy(quantizer.decode(quantizer.compute_codes(queries)))
        errors[name] = masked_mse(y, decoded, seen)
    return {name: float(error) for name, error in errors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--bits", type=int, nargs="+", default=[24, 48, 72, 96, 144])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backend", choices=("predictive", "classical", "auto"), default="predictive")
    parser.add_argument("--results", type=Path, default=Path("runs/rate_distortion.json"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    table = load_table(arguments.dataset, family_path("summary")).table
    done = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    for rows in arguments.rows:
        for bits in arguments.bits:
            for seed in range(arguments.seeds):
                key = f"{arguments.dataset.name} {arguments.backend} rows {rows} bits {bits} seed {seed}"
                if key not in done:
                    chosen = np.sort(stream(seed, "rows").permutation(len(table))[:rows])
                    done[key] = cell(
                        table.rows(torch.from_numpy(chosen)), bits=bits, seed=seed, backend=arguments.backend
                    )
                    arguments.results.write_text(json.dumps(done, indent=1))
            keys = [k for k in done if f" {arguments.backend} rows {rows} bits {bits} seed" in k]
            show(rows, bits, [done[k] for k in keys])
    if arguments.json:
        print(json.dumps(done))


def show(rows: int, bits: int, runs: list[dict[str, float]]) -> None:
    """The coders of one cell, the best first."""
    print(f"{rows} rows, {bits} bits")
    names = [name for name in runs[0] if name != "seconds of the fit"]
    means = {name: fmean(run[name] for run in runs) for name in names}
    best = min(mean for name, mean in means.items() if name != "spinlock")
    for name in sorted(names, key=means.__getitem__):
        errors = [run[name] for run in runs]
        spread = stdev(errors) if len(errors) > 1 else 0.0
        note = f"   {means[name] / best:.2f} of the best other" if name == "spinlock" else ""
        print(f"  {name:<46} {means[name]:.4f} ± {spread:.4f}{note}")


if __name__ == "__main__":
    main()
