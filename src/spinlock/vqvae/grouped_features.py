"""Columns of every category → one embedding a category."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spinlock.vqvae.encoders import ENCODERS, GIVEN_LATER
from spinlock.vqvae.layers import CategoricalLinear


class GroupedFeatureExtractor(nn.Module):
    """embedding_c = x_c S_c + out_c(relu(hidden_c(encoder_c(x_c)))), for every category c on its own.

    S is a linear path that `start_at` sets to the principal directions of the training rows, and `out` starts at 0:
    before training, the embedding is the data itself in its principal axes.

    Args:
        num_categories: number of categories.
        width: columns of the widest one.
        encoder: name in `ENCODERS`.
        encoder_params: its parameters.
        group_hidden_dim: width of the layer after the encoder.
        group_embedding_dim: size of the embedding.
        generator: for the weights.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        width: int,
        encoder: str,
        encoder_params: Mapping[str, object],
        group_hidden_dim: int,
        group_embedding_dim: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        ENCODERS.check_parameters(encoder, encoder_params, given_later=GIVEN_LATER)
        self.encoder = ENCODERS.build(
            encoder, num_categories=num_categories, input_dim=width, generator=generator, **encoder_params
        )
        self.hidden = CategoricalLinear(
            num_categories=num_categories,
            input_dim=self.encoder.output_dim,
            output_dim=group_hidden_dim,
            generator=generator,
        )
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=group_hidden_dim, output_dim=group_embedding_dim
        )
        self.skip = nn.Parameter(torch.zeros(num_categories, width, group_embedding_dim))

    @torch.no_grad()
    def start_at(self, axes: Float[Tensor, "category width embedding"]) -> None:
        """Set the linear path."""
        self.skip.copy_(axes)

    def forward(self, x: Float[Tensor, "category row width"]) -> Float[Tensor, "category row embedding"]:
        """The embedding of every category."""
        return torch.baddbmm(self.out(torch.relu(self.hidden(self.encoder(x)))), x, self.skip)


def principal_axes(
    rows: Float[Tensor, "category row width"], *, num_axes: int
) -> Float[Tensor, "category width {num_axes}"]:
    """Orthonormal directions of largest second moment, largest first; zero columns beyond the width."""
    moments = (rows.mT.double() @ rows.double()) / rows.shape[1]
    axes = torch.linalg.eigh(moments).eigenvectors.flip(2)[:, :, :num_axes]
    # The sign of an eigenvector is arbitrary: its largest entry is made positive.
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    axes = (axes * largest.sign()).to(rows.dtype)
    missing = num_axes - axes.shape[2]
    return torch.nn.functional.pad(axes, (0, missing)) if missing > 0 else axes
