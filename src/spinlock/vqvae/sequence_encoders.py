"""Encoders that see the columns of a category as series: steps of a run side by side, series after series."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from spinlock.core.errors import ConfigError
from spinlock.vqvae.layers import CategoricalLinear


def as_series(
    x: Float[Tensor, "category row input"], num_steps: int
) -> Float[Tensor, "category row series {num_steps}"]:
    """The columns as series of `num_steps` steps; the last is filled up with 0, the mean of every column."""
    missing = -x.shape[2] % num_steps
    return torch.nn.functional.pad(x, (0, missing)).unflatten(2, (-1, num_steps))


def masked_series(
    x: Float[Tensor, "category row input"], mask: Bool[Tensor, "category row input"] | None, num_steps: int
) -> tuple[Float[Tensor, "category row series {num_steps}"], Bool[Tensor, "category row {num_steps}"]]:
    """Series with 0 where a value is missing, and the steps at which any of them has one; all are there when no mask is given."""
    mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
    there = as_series(mask.to(x.dtype), num_steps).amax(dim=2) > 0
    return as_series(torch.where(mask, x, 0.0), num_steps), there


def last_step(there: Bool[Tensor, "category row step"]) -> Int[Tensor, "category row"]:
    """The last step that is there; the first where none is."""
    return torch.where(there, torch.arange(there.shape[2], device=there.device), 0).amax(dim=2)


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

    A step at which no series has a value is not looked at.

    Source: Bai, Kolter & Koltun 2018, arXiv:1803.01271 (dilations), here not causal.
    """

    uses_mask = True

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
        check_sizes(num_steps=num_steps, num_channels=num_channels, num_layers=num_layers, output_dim=output_dim)
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
        draw_weights(self.layers, generator)
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=2 * num_channels, output_dim=output_dim, generator=generator
        )

    def forward(
        self, x: Float[Tensor, "category row input"], mask: Bool[Tensor, "category row input"] | None = None
    ) -> Float[Tensor, "category row output"]:
        """The encoding of every category; `mask` is False where a value is missing."""
        categories = len(x)
        series, there = masked_series(x, mask, self.num_steps)
        hidden = series.transpose(0, 1).flatten(1, 2)  # (row, category x series, step)
        seen = there.transpose(0, 1)[:, :, None]  # (row, category, 1, step)
        for layer in self.layers:
            after = torch.relu(layer(hidden)).unflatten(1, (categories, -1))
            after = torch.where(seen, after, 0.0).flatten(1, 2)
            hidden = after + hidden if after.shape == hidden.shape else after
        by_category = hidden.unflatten(1, (categories, -1))
        mean = by_category.sum(dim=3) / seen.sum(dim=3).clamp(min=1)
        last = last_step(there).transpose(0, 1)[:, :, None, None].expand(-1, -1, mean.shape[2], 1)
        told = torch.stack([mean, by_category.gather(3, last)[..., 0]], dim=3)
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

    A step at which no series has a value is passed over.

    Source: Cho et al. 2014, EMNLP.
    """

    uses_mask = True

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
        check_sizes(num_steps=num_steps, num_units=num_units, output_dim=output_dim)
        self.num_steps, self.output_dim = num_steps, output_dim
        num_series = math.ceil(input_dim / num_steps)
        self.units = nn.ModuleList(nn.GRU(num_series, num_units, batch_first=True) for _ in range(num_categories))
        draw_weights(self.units, generator)
        self.out = CategoricalLinear(
            num_categories=num_categories, input_dim=num_units, output_dim=output_dim, generator=generator
        )

    def forward(
        self, x: Float[Tensor, "category row input"], mask: Bool[Tensor, "category row input"] | None = None
    ) -> Float[Tensor, "category row output"]:
        """The encoding of every category; `mask` is False where a value is missing."""
        series, there = masked_series(x, mask, self.num_steps)
        order = (~there).to(torch.int8).argsort(dim=2, stable=True)  # steps that are there first, in their order
        steps = series.gather(3, order[:, :, None].expand_as(series)).transpose(2, 3)  # (category, row, step, series)
        states = torch.stack([unit(own)[0] for unit, own in zip(self.units, steps, strict=True)])
        last = (there.sum(dim=2) - 1).clamp(min=0)[..., None, None].expand(-1, -1, 1, states.shape[3])
        return self.out(states.gather(2, last)[:, :, 0])


class FourierParameterEncoder(nn.Module):
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
        check_sizes(num_frequencies=num_frequencies, hidden_dim=hidden_dim, output_dim=output_dim)
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


def check_sizes(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        ConfigError: naming the size.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"`{name}` must be greater than 0; got {size}.")


@torch.no_grad()
def draw_weights(modules: nn.Module, generator: torch.Generator) -> None:
    """Weights uniform within ±1/√inputs from the generator, biases 0."""
    for parameter in modules.parameters():
        if parameter.dim() == 1:
            parameter.zero_()
        elif parameter.device.type != "meta":  # where nothing is allocated, there is nothing to draw
            bound = 1.0 / math.sqrt(parameter[0].numel())
            parameter.copy_((2 * torch.rand(parameter.shape, generator=generator) - 1) * bound)
