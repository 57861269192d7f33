"""What turns the columns of a category into a vector; `ENCODERS` lists them by name."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spinlock.core.errors import ConfigError
from spinlock.core.registry import Registry
from spinlock.vqvae.field_encoder import ResNetFieldEncoder
from spinlock.vqvae.layers import CategoricalBatchNorm, CategoricalLinear, SharedDropout, activation_of
from spinlock.vqvae.sequence_encoders import FourierParameterEncoder, GRUEncoder, TemporalConvEncoder
from spinlock.vqvae.set_encoder import SetEncoder


class MLPEncoder(nn.Module):
    """Linear layers with normalisation, activation and dropout between; one network a category.

    Args:
        num_categories: number of networks.
        input_dim: columns of the widest category.
        generator: for the weights.
        hidden_dims: widths of the hidden layers.
        output_dim: size of the result.
        dropout: share of hidden units that are set to 0 in training.
        activation: relu, gelu, silu, tanh or elu.
        batch_norm: normalise hidden units over the batch.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        input_dim: int,
        generator: torch.Generator,
        hidden_dims: Sequence[int] = (256, 128),
        output_dim: int = 64,
        dropout: float = 0.1,
        activation: str = "relu",
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        if min([*hidden_dims, output_dim]) < 1:
            raise ConfigError(
                f"`hidden_dims` and `output_dim` must be greater than 0; got {list(hidden_dims)} and {output_dim}."
            )
        layers: list[nn.Module] = []
        width = input_dim
        for hidden in hidden_dims:
            layers.append(
                CategoricalLinear(
                    num_categories=num_categories, input_dim=width, output_dim=hidden, generator=generator
                )
            )
            if batch_norm:
                layers.append(CategoricalBatchNorm(num_categories=num_categories, num_units=hidden))
            layers += [activation_of(activation), SharedDropout(rate=dropout)]
            width = hidden
        layers.append(
            CategoricalLinear(
                num_categories=num_categories, input_dim=width, output_dim=output_dim, generator=generator
            )
        )
        self.layers = nn.Sequential(*layers)
        self.output_dim = output_dim

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row output"]:
        """The encoding of every category."""
        return self.layers(x)


class IdentityEncoder(nn.Module):
    """The columns themselves.

    Args:
        num_categories: taken for the common face; unused weights are never made.
        input_dim: columns of the widest category.
        generator: taken for the common face.
    """

    def __init__(self, *, num_categories: int, input_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        del num_categories, generator
        self.output_dim = input_dim

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row input"]:
        """`x`."""
        return x


ENCODERS: Registry[nn.Module] = Registry(
    "encoder",
    {
        "MLPEncoder": MLPEncoder,
        "IdentityEncoder": IdentityEncoder,
        "TemporalConvEncoder": TemporalConvEncoder,
        "GRUEncoder": GRUEncoder,
        "ResNetFieldEncoder": ResNetFieldEncoder,
        "SetEncoder": SetEncoder,
        "FourierParameterEncoder": FourierParameterEncoder,
    },
    takes_own=True,
)
GIVEN_LATER = ("num_categories", "input_dim", "generator")
"""Arguments of an encoder that the model supplies; a configuration may not."""
