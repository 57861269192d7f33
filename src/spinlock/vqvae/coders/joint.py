"""Joint decoding on top of any coder: each category's tokens from its own values, every column from all tokens."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.vqvae.coder import Coder
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.imputation import fill_absent
from spinlock.vqvae.joint_decoder import JointDecoder
from spinlock.vqvae.packing import Batch, Packing


@dataclass(kw_only=True, eq=False, repr=False)
class JointCoder(Coder):
    """Codes by another coder, in each category alone; columns by regression on what the codes of all categories decode to.

    Attributes:
        own: the codes, and the decoding of each category from its own.
        packing: of the columns, which the regression sees in the order of the table.
        decoders: of the first level's codes, of the first two levels', …, of all.
        covariance: of what each category's own codes decode to, over training rows; stands in for an absent category.
        low, high: range of each standardised column over the training rows, 0 in padding.
        is_consistent: whether decoded rows are moved to where they encode to the codes they came from.
    """

    own: ClassicalCoder | LearnedCoder
    packing: Packing
    decoders: tuple[JointDecoder, ...]
    covariance: Float[Tensor, "column column"]
    low: Float[Tensor, "category width"]
    high: Float[Tensor, "category width"]
    is_consistent: bool = True

    @property
    def name(self) -> str:
        """The backend that this is: joint decoding of residual codebooks is called "predictive"."""
        return "predictive" if isinstance(self.own, ClassicalCoder) else self.own.name

    @property
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""
        return self.own.codebook_sizes

    def encode(self, batch: Batch) -> Int[Tensor, "sample category level"]:
        """Codes of rows; -1 at all levels of a category without a value."""
        return self.own.encode(batch)

    def own_columns(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample column"]:
        """Columns from each category's own codes; an absent category by what the others let expect of them."""
        e = self.packing.unpack(self.own.decode(codes))
        return fill_absent(e, ~torch.isnan(e), self.covariance)

    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None, is_settled: bool = True
    ) -> Float[Tensor, "sample category width"]:
        """Values from the first `num_levels` codes; NaN for an absent category.

        Values that are decoded from all levels encode to the same codes again, where the coder is consistent.
        """
        prefix = codes[:, :, :num_levels]
        y = self.packing.pack(self.decoders[prefix.shape[2] - 1](self.own_columns(prefix)))
        return self.within(y, codes, is_settled=is_settled and prefix.shape == codes.shape)

    def within(
        self,
        values: Float[Tensor, "sample category width"],
        codes: Int[Tensor, "sample category level"],
        *,
        is_settled: bool,
    ) -> Float[Tensor, "sample category width"]:
        """The same within the training rows' range, and where they encode to the same codes again."""
        return self.own.within(values.clamp(self.low, self.high), codes, is_settled=is_settled and self.is_consistent)

    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """The vector that each category's own codes stand for; 0 for an absent category."""
        return self.own.embed(codes)
