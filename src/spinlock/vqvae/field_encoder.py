"""An encoder that sees the columns of a category as a field: values of a grid row by row, channel after channel."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spinlock.vqvae.layers import CategoricalLinear
from spinlock.vqvae.sequence_encoders import check_sizes, draw_weights


class ResNetFieldEncoder(nn.Module):
    """Residual convolutions over a periodic grid, then mean and maximum over it; one network a category.

    Nothing is strided, so a field that is shifted around the grid has the same encoding, and the weights fit a grid of any size.

    Args:
        num_categories: number of networks.
        input_dim: columns of the widest category.
        generator: for the weights.
        height, width: of the grid.
        num_units: channels of every hidden layer.
        num_blocks: residual blocks of two 3 x 3 convolutions.
        output_dim: size of the result.

    Source: He et al. 2016, CVPR (residual blocks), here without normalisation.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        input_dim: int,
        generator: torch.Generator,
        height: int = 32,
        width: int = 32,
        num_units: int = 16,
        num_blocks: int = 2,
        output_dim: int = 64,
    ) -> None:
        super().__init__()
        check_sizes(height=height, width=width, num_units=num_units, num_blocks=num_blocks, output_dim=output_dim)
        self.grid, self.output_dim = (height, width), output_dim
        self.num_channels = math.ceil(input_dim / (height * width))

        def convolution(before: int) -> nn.Conv2d:
            return nn.Conv2d(
                num_categories * before,
                num_categories * num_units,
                kernel_size=3,
                padding=1,
                padding_mode="circular",
                groups=num_categories,
            )

        self.first = convolution(self.num_channels)
        self.blocks = nn.ModuleList(convolution(num_units) for _ in range(2 * num_blocks))
        draw_weights(self, generator)
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=2 * num_units, output_dim=output_dim, generator=generator
        )

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row output"]:
        """The encoding of every category; a last channel that is not whole is filled up with 0, the mean of every column."""
        missing = self.num_channels * math.prod(self.grid) - x.shape[2]
        field = torch.nn.functional.pad(x, (0, missing)).unflatten(2, (self.num_channels, *self.grid))
        hidden = torch.relu(self.first(field.transpose(0, 1).flatten(1, 2)))  # (row, category x unit, height, width)
        for one, other in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            hidden = torch.relu(hidden + other(torch.relu(one(hidden))))
        told = torch.stack([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3))], dim=2).unflatten(1, (len(x), -1))
        return self.out(told.flatten(2).transpose(0, 1))
