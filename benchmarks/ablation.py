"""What each choice of the tokenizer is worth: error on test rows with the choice taken back, relative to the whole.

    python benchmarks/ablation.py --dataset datasets/diverse_10k.h5 --rows 1000 --bits 72 --seeds 3

Every seed draws its own rows, split, starts and training. A variant is a few keys of the configuration, listed below; beside
them stands the recipe of the project's first document, which is no part of spinlock. Nothing is fitted to validation rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from contenders import Problem
from first_recipe import LATENT_DIMS, trained_by_first_recipe
from splits import Results, arguments_of, coding_error, drawn, fitted, split_table, summary_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.vqvae.spec import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The keys that differ from the whole: of the model, of the fit, and whether sizes are three equal levels."""

    model: Mapping[str, Any] = field(default_factory=dict)
    fit: Mapping[str, Any] = field(default_factory=dict)
    equal_levels: bool = False


VQVAE = {"backend": "vqvae"}
VARIANTS: dict[str, Variant | None] = {
    "the whole: predictive, bits spread by the data": Variant(),
    "no kernel in the joint decoder": Variant(fit={"num_centers": 0}),
    "no joint decoder: each category by itself": Variant(fit={"joint_decoding": False}),
    "decoded rows not moved into their cells": Variant(fit={"consistent_decoding": False}),
    "no mixing with neighbours": Variant(fit={"num_neighbors": 0, "mixing_reach": 0.0}),
    "codebooks trained without a beam": Variant(fit={"training_beam": 1}),
    "encoding without a beam": Variant(fit={"beam": 1}),
    "codewords of all levels not fitted together": Variant(fit={"refit_rounds": 0}),
    "three equal levels in every category": Variant(equal_levels=True),
    "three equal levels, classical backend": Variant(equal_levels=True, model={"backend": "classical"}),
    "three equal levels, learned": Variant(equal_levels=True, model=VQVAE),
    "the same without a joint decoder": Variant(equal_levels=True, model=VQVAE, fit={"joint_decoding": False}),
    "the same without restarts of dead codes": Variant(equal_levels=True, model=VQVAE | {"restart_threshold": 0.0}),
    "three equal levels, the first document's recipe": None,
}


def variant_error(table: FeatureTable, *, rows: int, bits: int, seed: int, variant: Variant | None) -> float:
    """Error of the test rows of one seed's split; of the first document's recipe without a variant."""
    split = split_table(drawn(table, rows=rows, seed=seed), seed=seed)
    category_map = semantic_categories(table.registry)
    each = bits // len(category_map.categories) // len(LATENT_DIMS)
    if variant is None:
        problem = Problem.of(split, category_map=category_map, bits=bits, seed=seed)
        groups, level_bits = list(category_map.group_indices.values()), (each,) * len(LATENT_DIMS)
        recipe = trained_by_first_recipe(problem.train, groups, level_bits=level_bits, seed=seed)
        return problem.error(recipe.reconstruct(problem.test.x))
    levels = [(latent, 2**each) for latent in LATENT_DIMS]
    sizes: dict[str, Any] = {"levels": levels} if variant.equal_levels else {"bits": bits}
    model = ModelSpec(**({"backend": "predictive"} | sizes | dict(variant.model)))
    tokenizer = fitted(split, category_map=category_map, model=model, seed=seed, **variant.fit)
    return coding_error(tokenizer, split.test)


def main() -> None:
    arguments = arguments_of(
        __doc__,
        rows={"type": int, "default": 1000},
        bits={"type": int, "default": 72, "help": "a sample; a multiple of 18 for equal levels"},
        seeds={"type": int, "default": 3},
        results={"type": Path, "default": Path("runs/ablation.json")},
    )
    table, results = summary_table(arguments.dataset), Results(arguments.results)
    sizes = {"rows": arguments.rows, "bits": arguments.bits}
    whole: list[float] = []
    for name, variant in VARIANTS.items():
        errors = [
            results.of(
                f"{arguments.dataset.name} {sizes} seed {seed}: {name}",
                partial(variant_error, table, **sizes, seed=seed, variant=variant),
            )
            for seed in range(arguments.seeds)
        ]
        whole = whole or errors
        ratio = fmean(one / other for one, other in zip(errors, whole, strict=True))
        spread = stdev(errors) if len(errors) > 1 else 0.0
        print(f"{name:<56} {fmean(errors):.4f} ± {spread:.4f}   {ratio:.3f} of the whole", flush=True)
    if arguments.json:
        print(json.dumps(results.found))


if __name__ == "__main__":
    main()
