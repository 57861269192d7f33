"""Columns of every category → one embedding a category."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from spinlock.core.errors import ConfigError
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
        encoded_dim = _size_of_result(self.encoder, name=encoder, num_categories=num_categories, width=width)
        self.uses_mask = getattr(self.encoder, "uses_mask", False)
        self.hidden = CategoricalLinear(
            num_categories=num_categories,
            input_dim=encoded_dim,
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

    def forward(
        self, x: Float[Tensor, "category row width"], mask: Bool[Tensor, "category row width"] | None = None
    ) -> Float[Tensor, "category row embedding"]:
        """The embedding of every category.

        Args:
            x: likely values where one is missing.
            mask: False where one is; looked at by encoders of which `uses_mask` is true.
        """
        encoded = self.encoder(x, mask) if self.uses_mask else self.encoder(x)
        return torch.baddbmm(self.out(torch.relu(self.hidden(encoded))), x, self.skip)


@torch.no_grad()
def _size_of_result(encoder: nn.Module, *, name: str, num_categories: int, width: int) -> int:
    """The size of an encoder's result, which is what it says.

    Raises:
        ConfigError: with the shape that it must have and the one that it has.
    """
    size = getattr(encoder, "output_dim", None)
    if not isinstance(size, int) or size < 1:
        raise ConfigError(f"encoder '{name}' must say the size of its result as `output_dim`; got {size}.")
    was_training = encoder.training
    found = encoder.eval()(torch.zeros(num_categories, 2, width))
    encoder.train(was_training)
    shape, must_be = tuple(getattr(found, "shape", ())), (num_categories, 2, size)
    if shape != must_be:
        raise ConfigError(
            f"encoder '{name}' must turn (category, row, column) into (category, row, {size}), its output_dim; of {num_categories} "
            f"categories, 2 rows and {width} columns it made {shape}."
        )
    return size


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
