"""All figures of one split from its rows, their reconstructions and their tokens."""

import math
from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.tokens import TokenTable
from spinlock.metrics.rate import code_length_bits, empirical_entropy_bits
from spinlock.metrics.reconstruction import category_mse, category_r2, column_r2, masked_mse, pooled_r2, prefix_mse
from spinlock.metrics.report import SplitFigures
from spinlock.metrics.usage import collisions, level_gains, quantizer_usage


def judge_split(
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    prefixes: Sequence[Float[Tensor, "sample column"]],
    *,
    tokens: TokenTable,
    train_tokens: TokenTable,
    category_map: CategoryMap,
    orthogonality: float = math.nan,
    informativeness: float = math.nan,
) -> SplitFigures:
    """The figures of one split.

    Args:
        x: normalised rows; what stands where `mask` is False is not looked at.
        mask: True where a value is present.
        prefixes: reconstructions of `x` from the first level, the first two, …, all levels.
        tokens: of these rows.
        train_tokens: of the training rows, whose code frequencies are the yardstick of use and code length.
        category_map: of the tokenizer.
        orthogonality: measured by the caller on these rows; NaN for not measured.
        informativeness: likewise.
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
        collisions=collisions(tokens.codes),
        entropy_bits=empirical_entropy_bits(tokens),
        code_length_bits=code_length_bits(train_tokens, tokens),
        orthogonality=float(orthogonality),
        informativeness=float(informativeness),
    )
