"""What a tokenizer has to beat: textbook coders with the same number of bits, none of them spinlock's own.

Each is fitted on training rows alone and judged on any rows; missing values are read as the column's training mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.metrics.coder import Coder, ColumnMean
from spinlock.metrics.rate import nominal_bits
from spinlock.metrics.reconstruction import masked_mse
from spinlock.metrics.residual_kmeans import ResidualKMeans, fit_residual_codebooks
from spinlock.metrics.transform_coding import PCAScalar


@dataclass(frozen=True, kw_only=True, slots=True)
class BaselineFigures:
    """What one baseline costs and achieves.

    Attributes:
        name: in words.
        bits: it spends on a sample; never more than the tokenizer's.
        mse: split → mean squared error over the present entries.
    """

    name: str
    bits: float
    mse: Mapping[str, float]


def fit_baselines(
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    *,
    category_map: CategoryMap,
    codebook_sizes: Int[Tensor, "category level"],
    encoding_beam: int = 8,
    training_beam: int = 5,
    seed: int = 0,
) -> tuple[Coder, ...]:
    """The baselines, fitted on training rows, worst idea first.

    The column mean (no bits); principal components with scalar quantisers; residual k-means with the tokenizer's own
    codebook sizes: greedy, the same codebooks searched with a beam, and codebooks that were trained with a beam too.

    Args:
        x: normalised training rows.
        mask: True where a value is present.
        category_map: of the tokenizer.
        codebook_sizes: of the tokenizer; their bits are what each baseline may spend.
        encoding_beam: sums kept while encoding.
        training_beam: sums kept while fitting the last baseline's codebooks.
        seed: of the k-means starts.
    """
    greedy, beamed = (
        fit_residual_codebooks(x, mask, category_map=category_map, codebook_sizes=codebook_sizes, beam=beam, seed=seed)
        for beam in (1, training_beam)
    )
    return (
        ColumnMean(x, mask),
        PCAScalar(x, mask, bits=nominal_bits(codebook_sizes), seed=seed),
        ResidualKMeans(greedy, name="residual k-means, greedy"),
        ResidualKMeans(greedy, name=f"residual k-means, beam {encoding_beam}", beam=encoding_beam),
        ResidualKMeans(beamed, name=f"residual k-means, trained with a beam, beam {encoding_beam}", beam=encoding_beam),
    )


def judge_baselines(
    coders: Sequence[Coder], splits: Mapping[str, tuple[Tensor, Tensor]]
) -> tuple[BaselineFigures, ...]:
    """The error of every baseline on every split.

    Args:
        coders: fitted baselines.
        splits: split → normalised rows and their mask.
    """
    return tuple(
        BaselineFigures(
            name=coder.name,
            bits=coder.bits,
            mse={split: masked_mse(x, coder.reconstruct(x, mask), mask) for split, (x, mask) in splits.items()},
        )
        for coder in coders
    )
