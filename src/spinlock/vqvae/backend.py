"""What every quantiser can do once it is fitted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.tokens import MISSING, Level, TokenizerConfig
from spinlock.vqvae.packing import Packing


class Backend(ABC):
    """A fitted quantiser of standardised columns: category by category, level by level.

    A category's codes depend on that category's columns of that row, on nothing else.
    """

    name: ClassVar[str]
    packing: Packing

    @property
    @abstractmethod
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""

    @abstractmethod
    def encode(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Int[Tensor, "sample category level"]:
        """Codes of standardised rows; -1 at all levels of a category without a value.

        Args:
            x: missing entries filled in with a likely value.
            mask: True where a value was present.
        """

    @abstractmethod
    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None
    ) -> Float[Tensor, "sample column"]:
        """Standardised columns from the first `num_levels` codes (all by default); NaN for an absent category."""

    @abstractmethod
    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """The vector that each category's codes stand for; 0 for an absent category."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Everything that was fitted, by name."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """What `from_tensors` needs besides the tensors; fit for JSON."""

    @classmethod
    @abstractmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], *, packing: Packing) -> "Backend":
        """The backend that `tensors` and `settings` came from."""


def mark_absent(
    codes: Int[Tensor, "sample category level"], present: Bool[Tensor, "sample category"]
) -> Int[Tensor, "sample category level"]:
    """Codes with -1 at all levels of the categories that are not present."""
    return torch.where(present[..., None], codes, MISSING)


def blank_absent(
    columns: Float[Tensor, "sample column"], codes: Int[Tensor, "sample category level"], *, packing: Packing
) -> Float[Tensor, "sample column"]:
    """Columns with NaN where their category is absent."""
    absent = (codes[:, :, :1] == MISSING).expand(-1, -1, packing.width)
    return torch.where(packing.unpack(absent.to(columns.dtype)) > 0, torch.nan, columns)


def config_from_json(content: Mapping[str, Any]) -> TokenizerConfig:
    """The configuration that `dataclasses.asdict` and JSON made `content` of."""
    levels = content["levels"] and tuple(Level(**level) for level in content["levels"])
    sizes = {name: tuple(tokens) for name, tokens in content["category_tokens"].items()}
    return TokenizerConfig(**{**content, "levels": levels, "category_tokens": sizes})
