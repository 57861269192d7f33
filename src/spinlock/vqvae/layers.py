"""Layers that hold one set of weights a category and run all categories in one matrix product."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from spinlock.core import ranks
from spinlock.core.errors import ConfigError, did_you_mean

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "elu": nn.ELU}


def activation_of(name: str) -> nn.Module:
    """The activation called `name`.

    Raises:
        ConfigError: if there is none.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(f"unknown activation '{name}'. {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]()


class CategoricalLinear(nn.Module):
    """x W_c + b_c for every category c.

    Args:
        num_categories: number of weight matrices.
        input_dim: size of x.
        output_dim: size of the result.
        generator: for the weights, uniform within ±1/√input_dim; all zero when not given.
    """

    def __init__(
        self, *, num_categories: int, input_dim: int, output_dim: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        bound = 0.0 if generator is None else 1.0 / math.sqrt(input_dim)
        weight = torch.rand((num_categories, input_dim, output_dim), generator=generator) if bound else None
        zeros = torch.zeros(num_categories, input_dim, output_dim)
        self.weight = nn.Parameter(zeros if weight is None else (2 * weight - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(num_categories, 1, output_dim))

    def forward(self, x: Float[Tensor, "category row input"]) -> Float[Tensor, "category row output"]:
        """The product of every category."""
        return torch.baddbmm(self.bias, x, self.weight)


class CategoricalBatchNorm(nn.Module):
    """Batch normalisation of every category and unit; running moments outside of training.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    running_mean: Float[Tensor, "category 1 unit"]
    running_var: Float[Tensor, "category 1 unit"]
    momentum = 0.1
    eps = 1e-5

    def __init__(self, *, num_categories: int, num_units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_categories, 1, num_units))
        self.bias = nn.Parameter(torch.zeros(num_categories, 1, num_units))
        self.register_buffer("running_mean", torch.zeros(num_categories, 1, num_units))
        self.register_buffer("running_var", torch.ones(num_categories, 1, num_units))

    def forward(self, x: Float[Tensor, "category row unit"]) -> Float[Tensor, "category row unit"]:
        """Normalised by the batch of all processes in training with two rows or more, else by the running moments."""
        rows = ranks.num_rows(x.shape[1])
        if self.training and rows > 1:
            alone = rows == x.shape[1]
            how = _NormalizedByBatch.apply if alone else _normalized_by_parts
            normalized, mean, var = how(x, self.weight, self.bias, self.eps)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (rows / (rows - 1)), self.momentum)
            return normalized
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        return torch.addcmul(self.bias - self.running_mean * scale, x, scale)


class _NormalizedByBatch(torch.autograd.Function):
    """w z + b with z = (x - mean) / sd over the rows, and the mean and variance.

    On the CPU it goes category by category, which stay in the cache; for the way back it keeps z alone:
    ∂x = w / sd (g - ⟨g⟩ - z ⟨g z⟩), where g is the gradient of the result and ⟨⟩ the mean over rows.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        z, normalized = torch.empty_like(x), torch.empty_like(x)
        mean, var = torch.empty_like(weight), torch.empty_like(weight)
        for some in _parts(x):
            torch.mean(x[some], 1, keepdim=True, out=mean[some])
            torch.sub(x[some], mean[some], out=z[some])
            torch.mul(z[some], z[some], out=normalized[some])
            torch.mean(normalized[some], 1, keepdim=True, out=var[some])
            z[some] *= torch.rsqrt(var[some] + eps)
            torch.addcmul(bias[some], z[some], weight[some], out=normalized[some])
        ctx.save_for_backward(z, weight * torch.rsqrt(var + eps))
        ctx.mark_non_differentiable(mean, var)
        return normalized, mean, var

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        gradient = gradients[0]  # the moments have none
        z, scale = ctx.saved_tensors
        to_x = torch.empty_like(z)
        to_weight, to_bias = torch.empty_like(scale), torch.empty_like(scale)
        rows = z.shape[1]
        for some in _parts(z):
            torch.sum(gradient[some], 1, keepdim=True, out=to_bias[some])
            torch.mul(gradient[some], z[some], out=to_x[some])
            torch.sum(to_x[some], 1, keepdim=True, out=to_weight[some])
            torch.addcmul(gradient[some], z[some], to_weight[some], value=-1 / rows, out=to_x[some])
            to_x[some].sub_(to_bias[some] / rows).mul_(scale[some])
        return to_x, to_weight, to_bias, None


def _normalized_by_parts(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The same where other processes have the other rows of the batch."""
    mean = ranks.row_mean(x, 1, keepdim=True)
    centred = x - mean
    var = ranks.row_mean(centred.square(), 1, keepdim=True)
    return torch.addcmul(bias, centred * torch.rsqrt(var + eps), weight), mean.detach(), var.detach()


def _parts(x: Tensor) -> list[slice]:
    """One category after another on the CPU; all at once elsewhere."""
    return [slice(c, c + 1) for c in range(len(x))] if x.device.type == "cpu" else [slice(None)]


class SharedDropout(nn.Module):
    """Sets units to 0 with probability `rate` in training; one mask for all categories, from a generator of its own.

    The generator is handed over with `use`; without one, nothing is dropped.
    """

    def __init__(self, *, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ConfigError(f"`dropout` must be at least 0 and below 1; got {rate}.")
        self.rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, x: Float[Tensor, "category row unit"]) -> Float[Tensor, "category row unit"]:
        """`x` with some units at 0 and the others scaled up."""
        if not self.training or self.rate == 0 or self.generator is None:
            return x
        shape = (ranks.num_rows(x.shape[1]), *x.shape[2:])
        kept = ranks.own(torch.rand(shape, generator=self.generator, dtype=torch.float32)) >= self.rate
        return x * (kept.to(x) / (1 - self.rate))


def use_generator(module: nn.Module, generator: torch.Generator) -> None:
    """Let every dropout in `module` draw from `generator`."""
    for part in module.modules():
        if isinstance(part, SharedDropout):
            part.generator = generator
