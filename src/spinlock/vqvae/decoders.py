"""From the summed codewords back to columns: each category for itself, and what the others know about it."""

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

    def start_at_random(self, *, generator: torch.Generator) -> None:
        """Draw the output weights, and leave the linear path at 0 for good."""
        self.out.draw(generator=generator)
        self.linear.requires_grad_(False)

    def forward(self, e: Float[Tensor, "category row embedding"]) -> Float[Tensor, "category row width"]:
        """Columns of every category from its own codes."""
        return torch.baddbmm(self.out(torch.relu(self.hidden(e))), e, self.linear)


class JointDecoder(nn.Module):
    """A correction of every category's columns by the codes of all categories: E J + relu(E H) O.

    E is the row of all embeddings. J starts at 0 or at a ridge solution, O at 0.

    Args:
        num_categories: number of categories.
        embedding_dim: size of a category's embedding.
        hidden_dim: width of the hidden layer.
        width: columns of the widest category.
        generator: for the weights.
    """

    def __init__(
        self, *, num_categories: int, embedding_dim: int, hidden_dim: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        inputs, outputs = num_categories * embedding_dim, num_categories * width
        self.linear = nn.Parameter(torch.zeros(inputs, outputs))
        self.hidden = nn.Parameter((2 * torch.rand((inputs, hidden_dim), generator=generator) - 1) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(hidden_dim))
        self.out = nn.Parameter(torch.zeros(hidden_dim, outputs))

    @torch.no_grad()
    def start_at(self, linear: Float[Tensor, "input output"]) -> None:
        """Set the linear correction."""
        self.linear.copy_(linear)

    @torch.no_grad()
    def start_at_random(self, *, generator: torch.Generator) -> None:
        """Draw the output weights, and leave the linear path at 0 for good."""
        self.out.copy_((2 * torch.rand(self.out.shape, generator=generator) - 1) / self.out.shape[0] ** 0.5)
        self.linear.requires_grad_(False)

    def forward(self, e: Float[Tensor, "category row embedding"]) -> Float[Tensor, "category row width"]:
        """The correction of every category."""
        categories, rows, _ = e.shape
        flat = e.transpose(0, 1).flatten(1)
        out = flat @ self.linear + torch.relu(torch.addmm(self.bias, flat, self.hidden)) @ self.out
        return out.view(rows, categories, -1).transpose(0, 1)
