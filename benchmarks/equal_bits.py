"""The tokenizer against residual k-means with a beam and FAISS's product residual quantiser, with as many bits, on test rows.

    python benchmarks/equal_bits.py --dataset runs/demo/rollouts.h5 --config configs/vqvae/demo.yaml --seeds 3

Every seed draws its own split, starts and training. All coders see the same standardised training rows; the figures are mean
squared errors of the same test rows.
"""

import argparse
import json
import logging
from pathlib import Path
from statistics import fmean, stdev

import faiss
import numpy as np
import torch

from spinlock.categories.by_registry import semantic_categories
from spinlock.config import TrainConfig, load_config
from spinlock.metrics.baselines import fit_baselines
from spinlock.metrics.reconstruction import masked_mse
from spinlock.pipeline.tables import family_path, load_table
from spinlock.pipeline.train import split_table, tokenizer_config, training_settings
from spinlock.training.fit import fit_tokenizer


def faiss_errors(train: np.ndarray, test: np.ndarray, *, num_splits: int, num_levels: int, num_bits: int) -> np.ndarray:
    """Reconstruction of the test rows by `ProductResidualQuantizer(columns, num_splits, num_levels, num_bits)`."""
    quantizer = faiss.ProductResidualQuantizer(train.shape[1], num_splits, num_levels, num_bits)
    quantizer.train(np.ascontiguousarray(train))
    return quantizer.decode(quantizer.compute_codes(np.ascontiguousarray(test)))


def compare(config: TrainConfig, seed: int) -> dict[str, float]:
    """Test error of every coder for one seed."""
    config = config.model_copy(update={"training": config.training.model_copy(update={"seed": seed})})
    table = load_table(config.dataset_path, family_path(config.family)).table
    rows = split_table(table, config)
    category_map = semantic_categories(table.registry)
    fitted = fit_tokenizer(
        rows["train"],
        rows["validation"],
        category_map=category_map,
        config=tokenizer_config(config),
        settings=training_settings(config),
    )
    tokenizer = fitted.tokenizer
    train, test = tokenizer.normalize(rows["train"]), tokenizer.normalize(rows["test"])
    sizes = tokenizer.backend.codebook_sizes
    ours = tokenizer.decode_normalized(tokenizer.encode(rows["test"]))
    errors = {f"spinlock (auto: kept {fitted.kept})": masked_mse(test.x, ours, test.mask)}
    for coder in fit_baselines(train.x, train.mask, category_map=category_map, codebook_sizes=sizes, seed=seed):
        errors[coder.name] = masked_mse(test.x, coder.reconstruct(test.x, test.mask), test.mask)
    bits = torch.log2(sizes.double())
    if (bits == bits[0, 0]).all() and train.x.shape[1] % len(category_map.categories) == 0:
        decoded = faiss_errors(
            train.x.numpy(),
            test.x.numpy(),
            num_splits=len(category_map.categories),
            num_levels=sizes.shape[1],
            num_bits=int(bits[0, 0]),
        )
        errors["FAISS ProductResidualQuantizer"] = masked_mse(test.x, torch.from_numpy(decoded), test.mask)
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("configs/vqvae/demo.yaml"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    overrides = (f"dataset_path={arguments.dataset}", "training.category_mapping_file=null")
    config = load_config(arguments.config, TrainConfig, overrides=overrides)
    runs = [compare(config, seed) for seed in range(arguments.seeds)]
    merged: dict[str, list[float]] = {}
    for run in runs:
        for name, error in run.items():
            merged.setdefault("spinlock" if name.startswith("spinlock") else name, []).append(error)
    kept = [name for run in runs for name in run if name.startswith("spinlock")]
    if arguments.json:
        print(json.dumps({"errors": merged, "kept": kept}, indent=1))
        return
    print("kept:", "; ".join(kept))
    for name, errors in sorted(merged.items(), key=lambda item: fmean(item[1])):
        spread = stdev(errors) if len(errors) > 1 else 0.0
        print(f"{name:<48} {fmean(errors):.4f} ± {spread:.4f}   {'  '.join(f'{error:.4f}' for error in errors)}")


if __name__ == "__main__":
    main()
