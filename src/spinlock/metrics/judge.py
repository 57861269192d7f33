"""All figures of one split from its rows, their reconstructions and their tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.tokens import TokenTable
from spinlock.metrics.rate import code_length_bits, entropy_bits_by_level, nominal_bits_by_level
from spinlock.metrics.reconstruction import category_mse, category_r2, column_r2, masked_mse, pooled_r2, prefix_mse
from spinlock.metrics.report import SplitFigures
from spinlock.metrics.stability import TokenAgreement
from spinlock.metrics.usage import collisions, level_gains, quantizer_usage


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFigures:
    """Figures that need the model itself; NaN or empty where they were not measured.

    Attributes:
        orthogonality: correlation between categories.
        informativeness: reconstruction error of the partial decoders.
        round_trip: share of tokens that re-encoding the decoded columns gives again.
        agreements: of tokens between realizations.
    """

    orthogonality: float = math.nan
    informativeness: float = math.nan
    round_trip: float = math.nan
    agreements: tuple[TokenAgreement, ...] = ()


def judge_split(
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    prefixes: Sequence[Float[Tensor, "sample column"]],
    *,
    tokens: TokenTable,
    train_tokens: TokenTable,
    category_map: CategoryMap,
    model: ModelFigures,
) -> SplitFigures:
    """The figures of one split.

    Args:
        x: normalised rows; what stands where `mask` is False is not looked at.
        mask: True where a value is present.
        prefixes: reconstructions of `x` from the first level, the first two, …, all levels.
        tokens: of these rows.
        train_tokens: of the training rows, whose code frequencies are the yardstick of use and code length.
        category_map: of the tokenizer.
        model: what only the caller can measure.
        informativeness: likewise.
        round_trip: share of tokens that re-encoding the decoded columns gives again; likewise.
        agreements: of tokens between realizations; empty for not measured.
    """
    nothing, complete = x.new_zeros(()).expand_as(x), prefixes[-1]
    by_level = [category_mse(x, p, mask, category_map) for p in (nothing, *prefixes)]
    errors = prefix_mse(x, prefixes, mask)
    r2 = column_r2(x, complete, mask)
    return SplitFigures(
        num_samples=len(x),
        mse=masked_mse(x, complete, mask),
        r2=pooled_r2(x, complete, mask),
        mse_by_level=tuple(errors.tolist()),
        level_gains=tuple(level_gains(errors).tolist()),
        category_mse={name: tuple(level[name] for level in by_level) for name in category_map.categories},
        category_r2=category_r2(x, complete, mask, category_map),
        column_r2=dict(zip(category_map.feature_names, r2.tolist(), strict=True)),
        usage=quantizer_usage(train_tokens, tokens),
        bits_by_level=nominal_bits_by_level(tokens.codebook_sizes),
        entropy_bits_by_level=entropy_bits_by_level(tokens),
        collisions=collisions(tokens.codes, x),
        code_length_bits=code_length_bits(train_tokens, tokens),
        orthogonality=model.orthogonality,
        informativeness=model.informativeness,
        out_of_corpus=math.nan if tokens.out_of_corpus is None else float(tokens.out_of_corpus.double().mean()),
        round_trip=model.round_trip,
        agreements=model.agreements,
    )
