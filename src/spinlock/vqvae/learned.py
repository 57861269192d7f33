"""The learned quantiser as a backend: trained encoders and decoders, codes by beam search over the trained codebooks."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import ConfigError
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import TokenizerConfig
from spinlock.vqvae.backend import Backend, blank_absent, config_from_json, mark_absent
from spinlock.vqvae.beam_search import ROWS_AT_ONCE
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.packing import Packing


def build_model(
    config: TokenizerConfig, *, packing: Packing, seed: int, restart_threshold: float = 0.05
) -> CategoricalHierarchicalVQVAE:
    """The network that a configuration with given levels asks for, its weights drawn from `seed`."""
    if config.levels is None or config.category_tokens:
        raise ConfigError("the vqvae backend needs `levels` of one codebook size for all categories; give them.")
    return CategoricalHierarchicalVQVAE(
        num_categories=packing.num_categories,
        width=packing.width,
        levels=config.levels,
        encoder=config.encoder,
        encoder_params=config.encoder_params,
        group_hidden_dim=config.group_hidden_dim,
        group_embedding_dim=config.group_embedding_dim,
        decay=config.decay,
        use_ema=config.use_ema,
        restart_threshold=restart_threshold,
        hierarchy=config.hierarchy,
        generator=torch_stream(seed, "weights"),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LearnedBackend(Backend):
    """Embeddings by the trained encoders, codes by beam search, columns by the trained decoders.

    Unlike with the other backends, a few decoded rows in a hundred encode to other codes: which columns a trained encoder sends into a
    cell is not known in closed form, and codes that depend on what all categories decode to would not be a category's own.

    Attributes:
        model: in evaluation mode and float64, so that a row's codes do not depend on the rows beside it.
        config: what the model was built from.
        beam: hypotheses of the search; 1 is greedy.
    """

    name: ClassVar[str] = "vqvae"
    packing: Packing
    model: CategoricalHierarchicalVQVAE
    config: TokenizerConfig
    beam: int = 8

    @classmethod
    def of(
        cls, model: CategoricalHierarchicalVQVAE, *, config: TokenizerConfig, packing: Packing, beam: int
    ) -> "LearnedBackend":
        """A backend from the present weights of a model, which stays as it is."""
        frozen = copy.deepcopy(model).requires_grad_(False).eval().double()
        return cls(packing=packing, model=frozen, config=config, beam=beam)

    @property
    def codebook_sizes(self) -> Int[Tensor, "category level"]:
        """Number of codes of each codebook."""
        sizes = torch.tensor([quantizer.num_tokens for quantizer in self.model.level_quantizers])
        return sizes.expand(self.packing.num_categories, -1)

    @torch.no_grad()
    def encode(
        self, x: Float[Tensor, "sample column"], mask: Bool[Tensor, "sample column"]
    ) -> Int[Tensor, "sample category level"]:
        """Codes of standardised rows; -1 at all levels of a category without a value."""
        codes = [
            self.model.levels.encode(self.model.extractor(part.transpose(0, 1)).transpose(0, 1), beam=self.beam)
            for part in self.packing.pack(x).double().split(ROWS_AT_ONCE)
        ]
        return mark_absent(torch.cat(codes), self.packing.present(mask))

    @torch.no_grad()
    def decode(
        self, codes: Int[Tensor, "sample category level"], *, num_levels: int | None = None
    ) -> Float[Tensor, "sample column"]:
        """Standardised columns from the first `num_levels` codes; NaN for an absent category."""
        columns = self.packing.unpack(self.model.decode(codes[:, :, :num_levels])).float()
        return blank_absent(columns, codes, packing=self.packing)

    @torch.no_grad()
    def embed(self, codes: Int[Tensor, "sample category level"]) -> Float[Tensor, "sample category latent"]:
        """Sum of the codewords of each category."""
        return self.model.embed(codes).float()

    def tensors(self) -> dict[str, Tensor]:
        """The weights in float32, in which they were trained."""
        state = self.model.state_dict()
        return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}

    def settings(self) -> dict[str, object]:
        """The configuration and the beam."""
        return {"beam": self.beam, "config": asdict(self.config)}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], *, packing: Packing
    ) -> "LearnedBackend":
        """The backend that `tensors` and `settings` came from."""
        config = config_from_json(settings["config"])
        model = build_model(config, packing=packing, seed=0)
        model.load_state_dict(dict(tensors))
        frozen = model.requires_grad_(False).eval().double()
        return cls(packing=packing, model=frozen, config=config, beam=int(settings["beam"]))
