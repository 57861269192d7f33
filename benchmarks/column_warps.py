"""What the map of heavy-tailed columns is worth: errors at equal bits, and whether tokens tell systems apart.

python benchmarks/column_warps.py --dataset datasets/diverse_10k.h5 --rows 4000 --bits 24 72 --seeds 0

error            of test rows in standardised units of the maps themselves, and relative to the best other coder in the same units;
                 errors of different maps do not compare, the ratios do
in linear units  of the same rows, decoded to physical units, winsorised and standardised without a map
1-NN             test rows whose nearest training row is of their own system: by all columns, and by what tokens decode to
logistic         test rows whose system a logistic regression on one-hot tokens names
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import faiss
import numpy as np
import torch
from contenders import KINDS, Problem
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder
from splits import SplitTable, arguments_of, coding_error, drawn, fitted, split_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.core.masked import masked_mse
from spinlock.store.dataset import open_dataset
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.spec import ModelSpec, WarpChoice
from spinlock.vqvae.tokenizer import FittedTokenizer


def labelled_table(path: Path) -> FeatureTable:
    """Rows of a data-set file that have features, with the system as their ids."""
    with open_dataset(path) as dataset:
        table, systems = dataset.feature_table(), dataset.systems
    named = FeatureTable(
        values=table.values,
        mask=table.mask,
        registry=table.registry,
        ids=tuple(f"{row}:{system}" for row, system in enumerate(systems)),
        groups=table.groups,
    )
    return named.rows(table.mask.any(1))


def systems_of(table: FeatureTable) -> np.ndarray:
    """The system of every row."""
    return np.array([name.split(":", 1)[1] for name in table.ids])


def nearest_accuracy(known: torch.Tensor, x: torch.Tensor, split: SplitTable) -> float:
    """Share of test rows whose nearest training row is of their own system."""
    classifier = KNeighborsClassifier(1).fit(known.numpy(), systems_of(split.train))
    return float(classifier.score(x.numpy(), systems_of(split.test)))


def figures(split: SplitTable, *, warp: str, bits: int, seed: int) -> Iterator[tuple[str, float]]:
    """Errors and accuracies of one map at so many bits."""
    category_map = semantic_categories(split.train.registry)
    model = ModelSpec(bits=bits, backend="predictive")
    tokenizer = fitted(split, category_map=category_map, model=model, seed=seed, column_warp=warp)
    problem = Problem.of(split, category_map=category_map, bits=bits, seed=seed, warp=warp)
    others = [problem.error(x) for kind in ("textbook", "faiss") for _, x in KINDS[kind](problem)]
    error = coding_error(tokenizer, split.test)
    yield "error", error
    yield "relative to the best other", error / min(others)
    yield "in linear units", linear_error(tokenizer, split)
    known, tokens = tokenizer.encode(split.train), tokenizer.encode(split.test)
    yield "1-NN of columns", nearest_accuracy(problem.train.x, problem.test.x, split)
    decoded = (tokenizer.decode_normalized(part) for part in (known, tokens))
    yield "1-NN of decoded tokens", nearest_accuracy(*decoded, split)
    codes, unseen = (part.codes.flatten(1).numpy() for part in (known, tokens))
    one_hot = OneHotEncoder(handle_unknown="ignore").fit(codes)
    classifier = LogisticRegression(max_iter=300).fit(one_hot.transform(codes), systems_of(split.train))
    yield "logistic of tokens", float(classifier.score(one_hot.transform(unseen), systems_of(split.test)))


def linear_error(tokenizer: FittedTokenizer, split: SplitTable) -> float:
    """Error of decoded test rows in physical units, winsorised and standardised without a map."""
    linear = ColumnTransform.fit(split.train.values, split.train.mask, warp="linear")
    decoded = tokenizer.decode(tokenizer.encode(split.test))
    y, seen = linear(split.test.values, split.test.mask)
    z, known = linear(decoded.values, decoded.mask)
    return masked_mse(y, z, seen & known)


def main() -> None:
    warps = get_args(WarpChoice)
    arguments = arguments_of(
        __doc__,
        rows={"type": int, "default": 4000},
        bits={"type": int, "nargs": "+", "default": [24, 72]},
        seeds={"type": int, "nargs": "+", "default": [0]},
        warps={"choices": warps, "nargs": "+", "default": list(warps)},
    )
    faiss.omp_set_num_threads(1)
    table, found = labelled_table(arguments.dataset), {}
    for seed in arguments.seeds:
        split = split_table(drawn(table, rows=arguments.rows, seed=seed), seed=seed)
        for warp in arguments.warps:
            kinds = ColumnTransform.fit(split.train.values, split.train.mask, warp=warp).warp.names(table.names)
            counts = ", ".join(f"{len(names)} by {name}" for name, names in kinds.items() if names)
            print(f"seed {seed}, {warp}: {counts or 'no column mapped'}", flush=True)
            for bits in arguments.bits:
                for name, value in figures(split, warp=warp, bits=bits, seed=seed):
                    found[f"seed {seed}, {warp}, {bits} bits: {name}"] = value
                    print(f"  {bits:>3} bits  {name:<28} {value:.4f}", flush=True)
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
