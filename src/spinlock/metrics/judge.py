"""All figures of one split from the sums of its errors and its tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from jaxtyping import Int64
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.repeatability import Replicates, SameToken
from spinlock.core.report import SplitFigures, TokenAgreement
from spinlock.core.tokens import TokenTable
from spinlock.metrics.rate import code_length_bits, entropy_bits_by_level, nominal_bits_by_level
from spinlock.metrics.reconstruction import ErrorSums
from spinlock.metrics.usage import collisions, level_gains, quantizer_usage


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFigures:
    """Figures that need the model itself; NaN or empty where they were not measured.

    Attributes:
        orthogonality: correlation between categories.
        round_trip: share of tokens that re-encoding the decoded columns gives again.
        agreements: of tokens between realizations.
        replicates: of decoded columns, against other realizations.
        same_tokens: how often tokens come again.
    """

    orthogonality: float = math.nan
    round_trip: float = math.nan
    agreements: Sequence[TokenAgreement] = ()
    replicates: Replicates = Replicates()
    same_tokens: Sequence[SameToken] = ()


def judge_split(
    errors: ErrorSums,
    *,
    digests: Int64[Tensor, "sample 2"],
    tokens: TokenTable,
    train_tokens: TokenTable,
    category_map: CategoryMap,
    model: ModelFigures,
) -> SplitFigures:
    """The figures of one split.

    Args:
        errors: of the normalised rows, decoded from 0, 1, 2, …, all levels.
        digests: `row_digests` of the normalised rows.
        tokens: of these rows.
        train_tokens: of the training rows, whose code frequencies use and code length are held against.
        category_map: of the tokenizer.
        model: what only the caller can measure.
    """
    by_level, r2 = errors.mse(), errors.column_r2()
    groups = {name: list(columns) for name, columns in category_map.group_indices.items()}
    return SplitFigures(
        num_samples=errors.num_rows,
        mse=by_level[-1],
        r2=errors.r2(),
        mse_by_level=by_level,
        level_gains=tuple(level_gains(torch.tensor(by_level, dtype=torch.float64)).tolist()),
        category_mse={name: errors.mse(columns) for name, columns in groups.items()},
        category_r2={name: errors.r2(columns) for name, columns in groups.items()},
        column_r2=dict(zip(category_map.feature_names, r2.tolist(), strict=True)),
        usage=quantizer_usage(train_tokens, tokens),
        bits_by_level=nominal_bits_by_level(tokens.codebook_sizes),
        entropy_bits_by_level=entropy_bits_by_level(tokens),
        collisions=collisions(tokens.codes, digests),
        code_length_bits=code_length_bits(train_tokens, tokens),
        orthogonality=model.orthogonality,
        informativeness=fmean(by_level[1:-1]) if len(by_level) > 2 else 0.0,
        out_of_corpus=math.nan if tokens.out_of_corpus is None else float(tokens.out_of_corpus.double().mean()),
        round_trip=model.round_trip,
        agreements=tuple(model.agreements),
        replicates=model.replicates,
        same_tokens=tuple(model.same_tokens),
    )
