"""What every quantiser can do once it is fitted: values of categories to codes, and back."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.tokens import MISSING
from spinlock.vqvae.packing import Batch
from spinlock.vqvae.part import Part

ROWS_AT_ONCE = 4096
"""Rows that are coded at a time where nothing needs all of them."""


class Coder(Part, ABC):
    """A fitted quantiser of standardised values: category by category, level by level, coarse to fine.

    A category's codes depend on that category's values of that row, on nothing else.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The backend that this is: "classical", "predictive" or "vqvae"."""

    @property
    @abstractmethod
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""

    @abstractmethod
    def encode(self, batch: Batch) -> Int[Tensor, "sample category level"]:
        """Codes of rows; -1 at all levels of a category without a value."""

    @abstractmethod
    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None, is_settled: bool = True
    ) -> Float[Tensor, "sample category width"]:
        """Values that codes stand for; NaN for an absent category.

        Args:
            codes: coarse to fine.
            num_levels: use the first levels only; all when not given.
            is_settled: whether values decoded from all levels are to encode to the same codes again, by coders that
                can do that; it takes most of the time and moves them little.
        """

    @abstractmethod
    def within(
        self,
        values: Float[Tensor, "sample category width"],
        codes: Int[Tensor, "sample category level"],
        *,
        is_settled: bool,
    ) -> Float[Tensor, "sample category width"]:
        """Values that some decoder made of these codes, where this one allows them; NaN where codes say that there is none.

        Args:
            values: finite.
            codes: of all levels where `is_settled`.
            is_settled: as of `decode`.
        """

    @abstractmethod
    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """The vector that each category's codes stand for; 0 for an absent category."""


def mark_absent(
    codes: Int[Tensor, "sample category level"], present: Bool[Tensor, "sample category"]
) -> Int[Tensor, "sample category level"]:
    """Codes with -1 at all levels of the categories that are not present."""
    return torch.where(present[..., None], codes, MISSING)


def blank_absent(
    values: Float[Tensor, "sample category width"], codes: Int[Tensor, "sample category level"]
) -> Float[Tensor, "sample category width"]:
    """Values with NaN where their category is absent."""
    return torch.where(codes[:, :, :1] == MISSING, torch.nan, values)
