"""Parts of all neural operators: activations, kernels, the update rule, and one operator a call."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from spinlock.core.errors import InputError, listed
from spinlock.dynamics.initial_conditions import draw_fields
from spinlock.dynamics.parameter_space import Columns, Parameter, Value
from spinlock.dynamics.system import REFERENCE_GRID

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "relu": torch.relu,
    "sine": torch.sin,
}
LIMIT = 3.0
"""A state saturates smoothly at ± this."""

LAYER_PARAMETERS = (
    Parameter(
        name="activation",
        kind="choice",
        choices=("tanh", "gelu", "relu", "sine"),
        description="a, between the layers.",
    ),
    Parameter(
        name="normalization",
        kind="choice",
        choices=("instance", "none"),
        description="n, after every convolution but the last.",
    ),
)
UPDATE_PARAMETERS = (
    Parameter(
        name="update",
        kind="choice",
        choices=("residual", "convex", "autoregressive"),
        weights=(2.0, 2.0, 1.0),
        description="How G makes the next state.",
    ),
    Parameter(
        name="alpha",
        kind="log",
        low=0.05,
        high=0.8,
        description="α, size of an update; memory where autoregressive.",
    ),
    Parameter(name="gain", kind="log", low=0.9, high=5.0, description="g, strength of G."),
    Parameter(
        name="inhibition",
        low=0.3,
        high=1.0,
        description="h, share of the mean of G that is taken back: global inhibition.",
    ),
    Parameter(name="asymmetry", low=0.0, high=1.0, description="Share of a kernel that no symmetry averages."),
    Parameter(name="weight_seed", kind="integer", low=0, high=2**31 - 1, description="Key of the weights."),
)


def shared_parameters(columns: Columns, *, system: str) -> dict[str, Value]:
    """The parameters of the one operator that all rows of a call share.

    Raises:
        InputError: if the rows have different parameters.
    """
    uneven = [name for name, values in columns.items() if any(value != values[0] for value in values)]
    if uneven:
        raise InputError(f"the rows of a '{system}' call must share one operator; {listed(uneven)} differ.")
    return {name: values[0] for name, values in columns.items()}


def updated(
    u: Float[Tensor, "batch channel height width"],
    output: Float[Tensor, "batch channel height width"],
    parameters: Mapping[str, Value],
) -> Float[Tensor, "batch channel height width"]:
    """The states one step later, without noise, from the output of the network.

    S(x) = 3 tanh(x/3),  H(u) = g (G(u) − h ⟨G(u)⟩), with ⟨…⟩ the spatial mean
    residual        u⁺ = S(u + α H(u))
    convex          u⁺ = (1 − α) u + α S(H(u))
    autoregressive  u⁺ = S(α u + H(u))

    Args:
        u: states.
        output: G(u).
        parameters: with those of `UPDATE_PARAMETERS`.
    """
    alpha, gain, inhibition = (float(parameters[name]) for name in ("alpha", "gain", "inhibition"))
    output = gain * (output - inhibition * output.mean(dim=(2, 3), keepdim=True))
    if parameters["update"] == "residual":
        return saturated(u + alpha * output)
    if parameters["update"] == "convex":
        return (1 - alpha) * u + alpha * saturated(output)
    return saturated(alpha * u + output)


def saturated(u: Tensor) -> Tensor:
    """3 tanh(u/3)."""
    return LIMIT * torch.tanh(u / LIMIT)


def reference_fields(rng: np.random.Generator) -> Float[Tensor, "4 1 height width"]:
    """Smooth fields of variance 1 on 32 x 32 cells in float64, on which layers are calibrated whatever the grid."""
    smooth = {"initial_length": 0.06}
    fields = draw_fields(
        "gaussian_field", rng=rng, num_channels=4, height=REFERENCE_GRID, width=REFERENCE_GRID, parameters=smooth
    )
    return torch.from_numpy(fields)[:, None]


def random_kernels(
    rng: np.random.Generator, num_in: int, num_out: int, size: int, *, asymmetry: float
) -> Float[np.ndarray, "num_out num_in size size"]:
    """Gaussian-windowed white noise, mixed with its average over the symmetries of the square."""
    offset = np.arange(size) - (size - 1) / 2
    window = np.exp(-(offset[:, None] ** 2 + offset[None, :] ** 2) / (2 * (size / 4) ** 2))
    kernels = rng.standard_normal((num_out, num_in, size, size)) * window
    turned = [np.rot90(kernels, turns, axes=(2, 3)) for turns in range(4)]
    even = sum(turn + turn[..., ::-1] for turn in turned) / 8
    # Averages are smaller than what they average: without the same size `asymmetry` would act as a gain.
    even *= np.linalg.norm(kernels) / np.linalg.norm(even)
    return asymmetry * kernels + (1 - asymmetry) * even


def blurred(kernels: np.ndarray) -> np.ndarray:
    """Kernels followed by the 3 x 3 binomial filter, which passes nothing of the finest waves a grid holds."""
    wider = np.pad(kernels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    down = (wider[:, :, :-2] + 2 * wider[:, :, 1:-1] + wider[:, :, 2:]) / 4
    return (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 4


def convolve(
    u: Float[Tensor, "batch input height width"], weight: Float[Tensor, "output input size size"]
) -> Float[Tensor, "batch output height width"]:
    """Convolution on a periodic domain.

    For one output channel on a processor, the rows of the kernel are output channels of their own, which are moved and added
    up afterwards: several times as fast, as vector units work on 16 output channels at once.
    """
    if u.dtype == torch.float64 and len(u) > 1:
        # In float64 torch writes out every window of a call; row by row that stays small.
        return torch.cat([convolve(row, weight) for row in u.split(1)])
    size, height = weight.shape[-1], u.shape[-2]
    padded = functional.pad(u, (size // 2,) * 4, mode="circular")
    if len(weight) > 1 or u.device.type != "cpu":
        return functional.conv2d(padded, weight)
    # (batch, row of the kernel, height + size - 1, width)
    by_row = functional.conv2d(padded, weight[0].transpose(0, 1)[:, :, None]).contiguous()
    by_row = by_row.to(torch.promote_types(u.dtype, torch.float32))
    # Row r of the kernel acts on what lies r cells further down.
    batch, row, y, x = by_row.stride()
    moved = by_row.as_strided((len(u), size, height, u.shape[-1]), (batch, row + y, y, x))
    return moved.sum(dim=1, keepdim=True).to(u.dtype)
