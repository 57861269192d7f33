"""An encoder that sees the columns of a category as a set, such as the realizations of a sample, side by side."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from spinlock.vqvae.layers import CategoricalLinear
from spinlock.vqvae.sequence_encoders import check_sizes


class SetEncoder(nn.Module):
    """out(mean of the members' vectors, their maximum), each vector by the same two layers; one network a category.

    The columns of the first member come first, then those of the second, and so on. Their order does not matter, and a member
    without a value counts for nothing.

    Args:
        num_categories: number of networks.
        input_dim: columns of the widest category.
        generator: for the weights.
        num_members: of a set, at most.
        hidden_dim: size of a member's vector.
        output_dim: size of the result.

    Source: Zaheer et al. 2017, NeurIPS (deep sets).
    """

    uses_mask = True

    def __init__(
        self,
        *,
        num_categories: int,
        input_dim: int,
        generator: torch.Generator,
        num_members: int = 3,
        hidden_dim: int = 64,
        output_dim: int = 64,
    ) -> None:
        super().__init__()
        check_sizes(num_members=num_members, hidden_dim=hidden_dim, output_dim=output_dim)
        self.num_members, self.output_dim = num_members, output_dim
        sizes = (math.ceil(input_dim / num_members), hidden_dim, hidden_dim)
        self.member = nn.ModuleList(
            CategoricalLinear(num_categories=num_categories, input_dim=before, output_dim=after, generator=generator)
            for before, after in zip(sizes, sizes[1:], strict=False)
        )
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=2 * hidden_dim, output_dim=output_dim, generator=generator
        )

    def forward(
        self, x: Float[Tensor, "category row input"], mask: Bool[Tensor, "category row input"] | None = None
    ) -> Float[Tensor, "category row output"]:
        """The encoding of every category.

        Args:
            x: members side by side; a last one that is not whole is filled up with 0, the mean of every column.
            mask: False where a value is missing; all are there when not given.
        """
        mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        pad = (0, -x.shape[2] % self.num_members)
        values, there = (
            torch.nn.functional.pad(part, pad).unflatten(2, (self.num_members, -1))
            for part in (torch.where(mask, x, 0.0), mask)
        )
        vectors = values.flatten(1, 2)
        for layer in self.member:
            vectors = torch.relu(layer(vectors))
        vectors = vectors.unflatten(1, values.shape[1:3])  # (category, row, member, unit)
        counts = there.any(dim=3, keepdim=True)
        total = torch.where(counts, vectors, 0.0)
        mean = total.sum(dim=2) / counts.sum(dim=2).clamp(min=1)
        return self.out(torch.cat([mean, total.amax(dim=2)], dim=2))  # vectors are not negative
