"""The learned quantiser as a coder: trained encoders and decoders, codes by beam search over the trained codebooks."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.seeds import torch_stream
from spinlock.vqvae.beam_search import ROWS_AT_ONCE, beam_search, codeword_sums
from spinlock.vqvae.coder import Coder, blank_absent, mark_absent
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.packing import Batch
from spinlock.vqvae.part import tensors_below
from spinlock.vqvae.spec import EncoderSpec, ModelSpec


@dataclass(kw_only=True, eq=False, repr=False)
class LearnedCoder(Coder):
    """Embeddings by the trained encoders, codes by beam search, columns by the trained decoders.

    Unlike with the other coders, a few decoded rows in a hundred encode to other codes: which columns a trained encoder sends into a
    cell is not known in closed form, and codes that depend on what all categories decode to would not be a category's own.

    Attributes:
        model: in evaluation mode and float64, so that a row's codes do not depend on the rows beside it.
        encoder: what the model's encoders were built from.
        beam: hypotheses of the search; 1 is greedy.
    """

    model: CategoricalHierarchicalVQVAE
    encoder: EncoderSpec
    beam: int = 8

    @classmethod
    def of(cls, model: CategoricalHierarchicalVQVAE, *, encoder: EncoderSpec, beam: int) -> "LearnedCoder":
        """A coder from the present weights of a model, which stays as it is."""
        frozen = copy.deepcopy(model).requires_grad_(False).eval().double()
        return cls(model=frozen, encoder=encoder, beam=beam)

    @property
    def name(self) -> str:
        """The backend that this is."""
        return "vqvae"

    @property
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""
        axes = self.model.level_quantizers[0].axes
        sizes = torch.tensor([quantizer.num_tokens for quantizer in self.model.level_quantizers], device=axes.device)
        return sizes.expand(len(axes), -1)

    @torch.no_grad()
    def encode(self, batch: Batch) -> Int[Tensor, "sample category level"]:
        """Codes of rows; -1 at all levels of a category without a value."""
        codes = [
            beam_search(
                self.model.extractor(part.transpose(0, 1), mask.transpose(0, 1)).transpose(0, 1),
                self.model.codebooks,
                beam=self.beam,
            )
            for part, mask in zip(
                batch.values.double().split(ROWS_AT_ONCE), batch.mask.split(ROWS_AT_ONCE), strict=True
            )
        ]
        return mark_absent(torch.cat(codes), batch.present)

    @torch.no_grad()
    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None, is_settled: bool = True
    ) -> Float[Tensor, "sample category width"]:
        """Values from the first `num_levels` codes; NaN for an absent category."""
        del is_settled  # see above
        return blank_absent(self.model.decode(codes[:, :, :num_levels]).float(), codes)

    def within(
        self,
        values: Float[Tensor, "sample category width"],
        codes: Int[Tensor, "sample category level"],
        *,
        is_settled: bool,
    ) -> Float[Tensor, "sample category width"]:
        """The same values, which no trained decoder bounds."""
        del is_settled  # see above
        return blank_absent(values, codes)

    @torch.no_grad()
    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """Sum of the codewords of each category."""
        return codeword_sums(codes, self.model.codebooks).float()

    def settings(self) -> dict[str, Any]:
        """What the model was built from, and the beam."""
        sizes = dict(zip(("num_categories", "width"), self.model.extractor.skip.shape[:2], strict=True))
        return {
            "part": type(self).__name__,
            "model": self.model.spec.model_dump(mode="json") | sizes,
            "encoder": self.encoder.model_dump(mode="json"),
            "beam": self.beam,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> "LearnedCoder":
        """The coder that `state_dict` and `settings` came from."""
        shape = dict(settings["model"])
        encoder = EncoderSpec(**settings["encoder"])
        sizes = {name: int(shape.pop(name)) for name in ("num_categories", "width")}
        model = CategoricalHierarchicalVQVAE(
            **sizes, spec=ModelSpec(**shape), encoder=encoder, generator=torch_stream(0, "weights")
        ).double()
        model.load_state_dict(tensors_below(state, "model"))
        return cls(model=model.requires_grad_(False).eval(), encoder=encoder, beam=int(settings["beam"]))
