"""Encoders that see the columns of a category as series: steps of a run side by side, series after series."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spinlock.core.errors import ConfigError
from spinlock.vqvae.layers import CategoricalLinear


def as_series(
    x: Float[Tensor, "category row input"], num_steps: int
) -> Float[Tensor, "category row series {num_steps}"]:
    """The columns as series of `num_steps` steps; the last is filled up with 0, the mean of every column."""
    missing = -x.shape[2] % num_steps
    return torch.nn.functional.pad(x, (0, missing)).unflatten(2, (-1, num_steps))


class TemporalConvEncoder(nn.Module):
    """Dilated convolutions along the steps of a category's series, then their mean and last step; one network a category.

    Args:
        num_categories: number of networks.
        input_dim: columns of the widest category.
        generator: for the weights.
        num_steps: of a series; 32 in the family of trajectories.
        num_channels: of every layer.
        num_layers: the k-th looks 2^k steps to both sides.
        output_dim: size of the result.

    Source: Bai, Kolter & Koltun 2018, arXiv:1803.01271 (dilations), here not causal.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        input_dim: int,
        generator: torch.Generator,
        num_steps: int = 32,
        num_channels: int = 32,
        num_layers: int = 4,
        output_dim: int = 64,
    ) -> None:
        super().__init__()
        _check(num_steps=num_steps, num_channels=num_channels, num_layers=num_layers, output_dim=output_dim)
        self.num_steps, self.output_dim = num_steps, output_dim
        widths = [math.ceil(input_dim / num_steps), *[num_channels] * num_layers]
        self.layers = nn.ModuleList(
            nn.Conv1d(
                num_categories * before,
                num_categories * after,
                kernel_size=3,
                padding=2**place,
                dilation=2**place,
                groups=num_categories,
            )
            for place, (before, after) in enumerate(zip(widths, widths[1:], strict=False))
        )
        _draw(self.layers, generator)
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=2 * num_channels, output_dim=output_dim, generator=generator
        )

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row output"]:
        """The encoding of every category."""
        categories = len(x)
        hidden = as_series(x, self.num_steps).transpose(0, 1).flatten(1, 2)  # (row, category x series, step)
        for layer in self.layers:
            after = torch.relu(layer(hidden))
            hidden = after + hidden if after.shape == hidden.shape else after
        told = torch.stack([hidden.mean(dim=2), hidden[:, :, -1]], dim=2).unflatten(1, (categories, -1))
        return self.out(told.flatten(2).transpose(0, 1))


class GRUEncoder(nn.Module):
    """The last state of a gated recurrent unit that goes along the steps of a category's series; one network a category.

    Args:
        num_categories: number of networks.
        input_dim: columns of the widest category.
        generator: for the weights.
        num_steps: of a series; 32 in the family of trajectories.
        num_units: of the state.
        output_dim: size of the result.

    Source: Cho et al. 2014, EMNLP.
    """

    def __init__(
        self,
        *,
        num_categories: int,
        input_dim: int,
        generator: torch.Generator,
        num_steps: int = 32,
        num_units: int = 64,
        output_dim: int = 64,
    ) -> None:
        super().__init__()
        _check(num_steps=num_steps, num_units=num_units, output_dim=output_dim)
        self.num_steps, self.output_dim = num_steps, output_dim
        num_series = math.ceil(input_dim / num_steps)
        self.units = nn.ModuleList(nn.GRU(num_series, num_units, batch_first=True) for _ in range(num_categories))
        _draw(self.units, generator)
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=num_units, output_dim=output_dim, generator=generator
        )

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row output"]:
        """The encoding of every category."""
        steps = as_series(x, self.num_steps).transpose(2, 3)  # (category, row, step, series)
        last = [unit(own)[0][:, -1] for unit, own in zip(self.units, steps, strict=True)]
        return self.out(torch.stack(last))


class FourierEncoder(nn.Module):
    """Sines and cosines of every column at several frequencies, then two linear layers; one network a category.

    For columns on which behaviour depends sharply, such as parameters near a transition.

    Args:
        num_categories: number of networks.
        input_dim: columns of the widest category.
        generator: for the weights.
        num_frequencies: π/4, π/2, π, … in units of a column's standard deviation.
        hidden_dim: width of the layer between.
        output_dim: size of the result.

    Source: Tancik et al. 2020, NeurIPS (Fourier features).
    """

    def __init__(
        self,
        *,
        num_categories: int,
        input_dim: int,
        generator: torch.Generator,
        num_frequencies: int = 4,
        hidden_dim: int = 128,
        output_dim: int = 64,
    ) -> None:
        super().__init__()
        _check(num_frequencies=num_frequencies, hidden_dim=hidden_dim, output_dim=output_dim)
        self.num_frequencies, self.output_dim = num_frequencies, output_dim
        self.hidden = CategoricalLinear(
            num_categories=num_categories,
            input_dim=(1 + 2 * num_frequencies) * input_dim,
            output_dim=hidden_dim,
            generator=generator,
        )
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=hidden_dim, output_dim=output_dim, generator=generator
        )

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row output"]:
        """The encoding of every category."""
        waves = [x * (math.pi / 4 * 2**k) for k in range(self.num_frequencies)]
        seen = torch.cat([x, *map(torch.sin, waves), *map(torch.cos, waves)], dim=2)
        return self.out(torch.relu(self.hidden(seen)))


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"`{name}` must be greater than 0; got {size}.")


@torch.no_grad()
def _draw(modules: nn.Module, generator: torch.Generator) -> None:
    """Weights uniform within ±1/√inputs from the generator, biases 0."""
    for parameter in modules.parameters():
        if parameter.dim() == 1:
            parameter.zero_()
        elif parameter.device.type != "meta":  # where nothing is allocated, there is nothing to draw
            bound = 1.0 / math.sqrt(parameter[0].numel())
            parameter.copy_((2 * torch.rand(parameter.shape, generator=generator) - 1) * bound)
