"""From the summed codewords back to columns, each category for itself."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spinlock.vqvae.layers import CategoricalLinear


class CategoryDecoder(nn.Module):
    """columns_c = e_c D_c + out_c(relu(hidden_c(e_c))); D starts at the transposed principal axes, `out` at 0.

    Args:
        num_categories: number of categories.
        embedding_dim: size of e.
        hidden_dim: width of the hidden layer.
        width: columns of the widest category.
        generator: for the weights.
    """

    def __init__(
        self, *, num_categories: int, embedding_dim: int, hidden_dim: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.hidden = CategoricalLinear(
            num_categories=num_categories, input_dim=embedding_dim, output_dim=hidden_dim, generator=generator
        )
        self.out = CategoricalLinear(num_categories=num_categories, input_dim=hidden_dim, output_dim=width)
        self.linear = nn.Parameter(torch.zeros(num_categories, embedding_dim, width))

    @torch.no_grad()
    def start_at(self, axes: Float[Tensor, "category width embedding"]) -> None:
        """Make the linear path the inverse of the extractor's."""
        self.linear.copy_(axes.mT)

    def forward(self, e: Float[Tensor, "category row embedding"]) -> Float[Tensor, "category row width"]:
        """Columns of every category from its own codes."""
        return torch.baddbmm(self.out(torch.relu(self.hidden(e))), e, self.linear)
