"""What a second fit with validation rows is worth: errors of test rows before and after it, beside the best baseline.

    python benchmarks/refit.py --dataset datasets/demo.h5 --seeds 0 1 2

Every seed draws its own split, starts and training; a fit gives both tokenizers, as `refit: false` and `refit: true` would. The
baselines are those of the reports, with the same codebooks: once fitted to training rows, once to validation rows too.
"""

import json
from statistics import fmean, stdev

import torch
from splits import SplitTable, arguments_of, coding_error, drawn, split_table, summary_table

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.masked import masked_mse
from spinlock.metrics.baselines import fit_baselines
from spinlock.training.fit import fit_tokenizer
from spinlock.training.spec import FitSpec
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.spec import ModelSpec

COLUMNS = ("refit: false", "refit: true", "best baseline, training rows", "best baseline, validation rows too")
"""Of the table, with the figures of one seed in the same order."""


def errors(split: SplitTable, *, model: ModelSpec, seed: int) -> tuple[float, ...]:
    """Errors of the test rows of one split."""
    category_map = semantic_categories(split.train.registry)
    result = fit_tokenizer(
        split.train, split.validation, category_map=category_map, model=model, fit=FitSpec(seed=seed, refit=True)
    )
    train, validation, test = map(result.chosen.normalize, split)
    both = Rows(*(torch.cat(parts) for parts in zip(train, validation, strict=True)))
    sizes = result.chosen.codebook_sizes
    return (
        *(coding_error(tokenizer, split.test) for tokenizer in (result.chosen, result.tokenizer)),
        *(
            min(
                masked_mse(test.x, coder.reconstruct(*test), test.mask)
                for coder in fit_baselines(*rows, category_map=category_map, codebook_sizes=sizes, seed=seed)
            )
            for rows in (train, both)
        ),
    )


def main() -> None:
    arguments = arguments_of(
        __doc__,
        rows={"type": int, "help": "drawn anew for every seed; all when not given"},
        seeds={"type": int, "nargs": "+", "default": [0, 1, 2]},
        backends={"nargs": "+", "default": ["classical", "predictive", "vqvae"]},
        tokens={"type": int, "nargs": 3, "default": [16, 16, 16], "help": "of each level"},
    )
    table = summary_table(arguments.dataset)
    levels = tuple(zip((32, 16, 8), arguments.tokens, strict=True))
    found: dict[str, list[tuple[float, ...]]] = {}
    print(f"| backend | {' | '.join(COLUMNS)} | true over false |\n|---|{'---|' * (len(COLUMNS) + 1)}")
    for backend in arguments.backends:
        model = ModelSpec(levels=levels, backend=backend)
        for seed in arguments.seeds:
            split = split_table(drawn(table, rows=arguments.rows or len(table), seed=seed), seed=seed)
            found.setdefault(backend, []).append(errors(split, model=model, seed=seed))
        cells = [
            f"{fmean(column):.4f}" + (f" ± {stdev(column):.4f}" if len(column) > 1 else "")
            for column in zip(*found[backend], strict=True)
        ]
        ratio = fmean(after / before for before, after, *_ in found[backend])
        print(f"| {backend} | {' | '.join(cells)} | {ratio:.3f} |", flush=True)
    if arguments.json:
        print(
            json.dumps(
                {backend: [dict(zip(COLUMNS, row, strict=True)) for row in rows] for backend, rows in found.items()}
            )
        )


if __name__ == "__main__":
    main()
