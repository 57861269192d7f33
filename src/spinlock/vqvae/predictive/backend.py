"""The predictive quantiser as a backend: each category's tokens from its own columns, every column from all tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.backend import Backend, blank_absent
from spinlock.vqvae.classical import ClassicalBackend
from spinlock.vqvae.packing import Packing
from spinlock.vqvae.predictive.absent import fill_absent
from spinlock.vqvae.predictive.consistency import project_to_cells
from spinlock.vqvae.predictive.joint_decoder import JointDecoder, no_correction


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PredictiveBackend(Backend):
    """Codes by beam search in each category alone; columns by regression on the codewords of all categories.

    Attributes:
        own: the codebooks, and the search in them.
        decoders: of the first level's codes, of the first two levels', …, of all.
        covariance: of the own-category reconstructions of training rows, to stand in for an absent category.
        is_consistent: whether decoded rows are moved to where they encode to the codes they came from.
    """

    name: ClassVar[str] = "predictive"
    packing: Packing
    own: ClassicalBackend
    decoders: tuple[JointDecoder, ...]
    covariance: Float[Tensor, "column column"]
    is_consistent: bool = True

    @classmethod
    def of(
        cls,
        own: ClassicalBackend,
        x: Float[Tensor, "sample column"],
        mask: Bool[Tensor, "sample column"],
        *,
        is_consistent: bool = True,
    ) -> "PredictiveBackend":
        """A backend that decodes each category by its own codewords.

        Args:
            own: fitted codebooks.
            x: standardised training rows, missing entries filled in.
            mask: True where a value was present.
            is_consistent: see above.
        """
        e = torch.nan_to_num(own.decode(own.encode(x, mask)))
        return cls(
            packing=own.packing,
            own=own,
            decoders=tuple(no_correction(x.shape[1]) for _ in own.codebooks),
            covariance=(e.mT @ e) / len(e),
            is_consistent=is_consistent,
        )

    @property
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""
        return self.own.codebook_sizes

    def encode(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Int[Tensor, "sample category level"]:
        """Codes of standardised rows; -1 at all levels of a category without a value."""
        return self.own.encode(x, mask)

    def own_columns(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample column"]:
        """Columns by each category's own codewords; an absent category by what the others let expect of them."""
        e = self.own.decode(codes)
        return fill_absent(e, ~torch.isnan(e), self.covariance)

    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None
    ) -> Float[Tensor, "sample column"]:
        """Standardised columns from the first `num_levels` codes; NaN for an absent category.

        Columns that are decoded from all levels encode to the same codes again.
        """
        prefix = codes[:, :, :num_levels]
        y = self.decoders[prefix.shape[2] - 1](self.own_columns(prefix))
        y = y.clamp(self.own.low, self.own.high)
        if self.is_consistent and prefix.shape == codes.shape:
            low, high = self.own.packed_range()
            packed = self.packing.pack(y)
            y = self.packing.unpack(
                project_to_cells(packed, codes, self.own.codebooks, beam=self.own.beam, low=low, high=high).to(y.dtype)
            )
        return blank_absent(y, codes, packing=self.packing)

    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """Sum of the codewords of each category, padded to the width of the largest; 0 for an absent category."""
        return self.own.embed(codes)

    def tensors(self) -> dict[str, Tensor]:
        """Codebooks, decoders and ranges."""
        named = {f"own.{name}": t for name, t in self.own.tensors().items()}
        for level, decoder in enumerate(self.decoders):
            named |= {f"decoders.{level}.{name}": t for name, t in decoder.tensors().items()}
        return named | {"covariance": self.covariance}

    def settings(self) -> dict[str, object]:
        """Of the codebooks, and whether decoded rows are moved."""
        return {"own": self.own.settings(), "is_consistent": self.is_consistent}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], *, packing: Packing
    ) -> "PredictiveBackend":
        """The backend that `tensors` and `settings` came from."""
        own = ClassicalBackend.from_tensors(_part(tensors, "own."), settings["own"], packing=packing)
        levels = range(len(own.codebooks))
        return cls(
            packing=packing,
            own=own,
            decoders=tuple(JointDecoder.from_tensors(_part(tensors, f"decoders.{level}.")) for level in levels),
            covariance=tensors["covariance"],
            is_consistent=bool(settings["is_consistent"]),
        )


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
