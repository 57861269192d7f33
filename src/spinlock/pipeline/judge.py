"""All figures of a tokenizer on every split, beside baselines at equal bits: the `Report`."""

from collections.abc import Mapping
from statistics import fmean

import torch

from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import TokenTable
from spinlock.metrics.baselines import fit_baselines, judge_baselines
from spinlock.metrics.judge import judge_split
from spinlock.metrics.reconstruction import masked_mse
from spinlock.metrics.report import Report, SplitFigures
from spinlock.vqvae.losses import orthogonality
from spinlock.vqvae.tokenizer import FittedTokenizer, NormalizedTable


def judge(
    tokenizer: FittedTokenizer,
    tables: Mapping[str, FeatureTable],
    *,
    backend_mse: Mapping[str, float],
    provenance: Mapping[str, str],
    seed: int,
) -> Report:
    """The report on a tokenizer.

    Args:
        tokenizer: fitted on the rows of `tables["train"]`.
        tables: split → rows; "train" is needed, as the yardstick of codebook use and to fit the baselines.
        backend_mse: backend → validation error at equal bits.
        provenance: in words.
        seed: of the baselines' starts.
    """
    normalized = {name: tokenizer.normalize(table) for name, table in tables.items()}
    tokens = {name: tokenizer.encode(table) for name, table in tables.items()}
    sizes = tokenizer.backend.codebook_sizes
    coders = fit_baselines(*normalized["train"], category_map=tokenizer.category_map, codebook_sizes=sizes, seed=seed)
    return Report(
        splits={
            name: figures_of(tokenizer, table, tokens=tokens[name], train_tokens=tokens["train"])
            for name, table in normalized.items()
        },
        category_names=tokenizer.category_map.categories,
        codebook_sizes=tuple(tuple(int(size) for size in row) for row in sizes),
        bits=float(torch.log2(sizes.double()).sum()),
        baselines=judge_baselines(coders, {name: (table.x, table.mask) for name, table in normalized.items()}),
        backend=tokenizer.backend.name,
        backend_mse=dict(backend_mse),
        provenance=dict(provenance),
    )


def figures_of(
    tokenizer: FittedTokenizer, table: NormalizedTable, *, tokens: TokenTable, train_tokens: TokenTable
) -> SplitFigures:
    """The figures of some rows and their tokens; the training rows' tokens are the yardstick of codebook use."""
    x, mask = table
    levels = range(1, tokens.codes.shape[2] + 1)
    prefixes = [tokenizer.decode_normalized(tokens, num_levels=level) for level in levels]
    partial = [masked_mse(x, prefix, mask) for prefix in prefixes[:-1]]
    return judge_split(
        x,
        mask,
        prefixes,
        tokens=tokens,
        train_tokens=train_tokens,
        category_map=tokenizer.category_map,
        orthogonality=float(orthogonality(tokenizer.embed(tokens))),
        informativeness=fmean(partial) if partial else 0.0,
    )
