"""All figures of a tokenizer on every split, beside baselines at equal bits: the `Report`."""

import math
from collections.abc import Mapping
from statistics import fmean

import torch

from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import TokenTable
from spinlock.metrics.baselines import fit_baselines, judge_baselines
from spinlock.metrics.judge import ModelFigures, judge_split
from spinlock.metrics.reconstruction import masked_mse
from spinlock.metrics.report import Report, SplitFigures
from spinlock.metrics.stability import token_agreements
from spinlock.pipeline.realizations import Halves
from spinlock.vqvae.losses import orthogonality
from spinlock.vqvae.tokenizer import FittedTokenizer, NormalizedTable


def judge(
    tokenizer: FittedTokenizer,
    tables: Mapping[str, FeatureTable],
    *,
    backend_mse: Mapping[str, float],
    provenance: Mapping[str, str],
    seed: int,
    halves: Halves | None = None,
) -> Report:
    """The report on a tokenizer.

    Args:
        tokenizer: fitted on the rows of `tables["train"]`.
        tables: split → rows; "train" is needed, as the yardstick of codebook use and to fit the baselines.
        backend_mse: backend → validation error at equal bits.
        provenance: in words.
        seed: of the baselines' starts.
        halves: descriptions of all samples but the training rows by halves of their realizations, where there are any.
    """
    normalized = {name: tokenizer.normalize(table) for name, table in tables.items()}
    tokens = {name: tokenizer.encode(table) for name, table in tables.items()}
    sizes = tokenizer.backend.codebook_sizes
    coders = fit_baselines(*normalized["train"], category_map=tokenizer.category_map, codebook_sizes=sizes, seed=seed)
    return Report(
        splits={
            name: figures_of(
                tokenizer,
                table,
                tokens=tokens[name],
                train_tokens=tokens["train"],
                halves=None if halves is None or name == "train" else halves.of(tables[name].ids),
            )
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
    tokenizer: FittedTokenizer,
    table: NormalizedTable,
    *,
    tokens: TokenTable,
    train_tokens: TokenTable,
    halves: tuple[FeatureTable, FeatureTable] | None = None,
) -> SplitFigures:
    """The figures of some rows and their tokens; the training rows' tokens are the yardstick of codebook use.

    What a second encoding costs is not spent on the training rows: their round trip and stability are not measured.
    """
    x, mask = table
    levels = range(1, tokens.codes.shape[2] + 1)
    prefixes = [tokenizer.decode_normalized(tokens, num_levels=level) for level in levels]
    is_held_out = tokens is not train_tokens
    partial = [masked_mse(x, prefix, mask) for prefix in prefixes[:-1]]
    return judge_split(
        x,
        mask,
        prefixes,
        tokens=tokens,
        train_tokens=train_tokens,
        category_map=tokenizer.category_map,
        model=ModelFigures(
            orthogonality=float(orthogonality(tokenizer.embed(tokens))),
            informativeness=fmean(partial) if partial else 0.0,
            round_trip=_round_trip(tokenizer, tokens) if is_held_out else math.nan,
            agreements=token_agreements(*map(tokenizer.encode, halves)) if halves and is_held_out else (),
        ),
    )


def _round_trip(tokenizer: FittedTokenizer, tokens: TokenTable) -> float:
    """Share of the tokens that come back when what they stand for is encoded; absent ones are not counted."""
    again = tokenizer.encode(tokenizer.decode(tokens)).codes
    present = tokens.codes >= 0
    return float((again == tokens.codes)[present].double().mean())
