"""Stochastic CNN neural operators: random convolutional networks iterated on a field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from spinlock.core.errors import InputError, listed
from spinlock.core.rollout import StepOperator
from spinlock.core.seeds import stream
from spinlock.dynamics.initial_conditions import draw_fields
from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, Value
from spinlock.dynamics.system import REFERENCE_GRID, System

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "relu": torch.relu,
    "sine": torch.sin,
}
LIMIT = 3.0
"""A state saturates smoothly at ± this."""


class StochasticCNN(System):
    """A random network G decides what becomes of every neighbourhood; each draw of its weights is another world.

        G(u) = C_L(a(n(C_{L−1}(… a(n(C_1(u))))))), C: periodic convolutions, n: instance norm or nothing, a: activation
        S(x) = 3 tanh(x/3)
        H(u) = g (G(u) − h ⟨G(u)⟩), with ⟨…⟩ the spatial mean
        residual        u⁺ = S(u + α H(u)) + noise
        convex          u⁺ = (1 − α) u + α S(H(u)) + noise
        autoregressive  u⁺ = S(α u + H(u)) + noise

    The gain g acts on G, whose standard deviation is about 1 for a state of variance 1, so states stay bounded
    by 3 plus the noise. Without the inhibition h a fifth of all draws would end uniform. Weights and offsets come from the stream (weight_seed, "cnn"), so stored parameters rebuild the
    operator. Kernels are Gaussian-windowed white noise, mixed with their average over the 8 symmetries of the square:
    `asymmetry` 0 gives operators that look the same in all directions, 1 makes patterns travel. The last kernels end with a binomial filter, so that no pattern lives at the scale of single cells.
    One cell is one unit of length at every grid size.

    Frame 0: f.

    Source: definition; instance norm: Ulyanov, Vedaldi & Lempitsky (2016), arXiv:1607.08022.
    """

    name = "cnn"
    channel_names = ("u",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
    shares_calls = False
    # Fitted to 40 draws at 32, 64 and 128 cells a side: 1.2 to 1.3, .9 to 1.1 and .9 to 1.4.
    cost_powers: ClassVar[Mapping[str, float]] = {"num_layers": 1.0, "num_channels": 1.0, "kernel_size": 1.0}
    initial_conditions: ClassVar[Mapping[str, float]] = {
        "gaussian_field": 1.0,
        "noise": 1.0,
        "band_limited": 1.0,
        "power_law": 1.0,
        "blobs": 1.0,
        "rings": 1.0,
        "stripes": 1.0,
        "point_seeds": 1.0,
        "front": 1.0,
    }
    parameters = (
        Parameter(name="num_layers", kind="integer", low=2, high=4, description="L, convolutions."),
        Parameter(
            name="num_channels",
            kind="choice",
            choices=(8, 16, 32),
            weights=(2.0, 2.0, 1.0),
            description="Width between the layers.",
        ),
        Parameter(
            name="kernel_size",
            kind="choice",
            choices=(3, 5, 7),
            description="Cells along a side of a kernel.",
            unit="cell",
        ),
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
        *noise_parameters(3e-3, 0.15, unit="1/√step"),
    )

    def frame_zero(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one step without noise; all rows share one operator.

        Raises:
            InputError: if the rows have different parameters.
        """
        uneven = [name for name, values in parameters.items() if any(value != values[0] for value in values)]
        if uneven:
            raise InputError(f"the rows of a 'cnn' call must share one operator; {listed(uneven)} differ.")
        return _Network.of({name: values[0] for name, values in parameters.items()}, like=like).advance


@dataclass(frozen=True, kw_only=True, slots=True)
class _Network:
    """G and the update rule, for one draw of parameters."""

    weights: tuple[Float[Tensor, "_ _ _ _"], ...]
    offsets: tuple[Float[Tensor, " _"], ...]
    activation: Callable[[Tensor], Tensor]
    is_normalized: bool
    update: str
    alpha: float
    gain: float
    inhibition: float

    @classmethod
    def of(cls, parameters: Mapping[str, Value], *, like: Tensor) -> "_Network":
        """The operator of stored parameters, in the dtype and on the device of `like`."""
        rng = stream(int(parameters["weight_seed"]), "cnn")
        kernel = int(parameters["kernel_size"])
        widths = [1, *[int(parameters["num_channels"])] * (int(parameters["num_layers"]) - 1), 1]
        weights = [
            _kernels(rng, num_in, num_out, kernel, asymmetry=float(parameters["asymmetry"]))
            for num_in, num_out in pairwise(widths)
        ]
        weights[-1] = _blurred(weights[-1])
        offsets = [0.5 * rng.standard_normal(width) for width in widths[1:-1]] + [np.zeros(1)]
        raw = cls(
            weights=tuple(torch.from_numpy(weight) for weight in weights),
            offsets=tuple(torch.from_numpy(offset) for offset in offsets),
            activation=ACTIVATIONS[str(parameters["activation"])],
            is_normalized=parameters["normalization"] == "instance",
            update=str(parameters["update"]),
            alpha=float(parameters["alpha"]),
            gain=float(parameters["gain"]),
            inhibition=float(parameters["inhibition"]),
        )
        return raw._calibrated(rng, like)

    def advance(self, u: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The states one step later, without noise."""
        output = self._through(u)
        output = self.gain * (output - self.inhibition * output.mean(dim=(2, 3), keepdim=True))
        if self.update == "residual":
            return _saturated(u + self.alpha * output)
        if self.update == "convex":
            return (1 - self.alpha) * u + self.alpha * _saturated(output)
        return _saturated(self.alpha * u + output)

    def _through(self, u: Tensor) -> Tensor:
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            u = self.activation(self._normalized(_convolve(u, weight)) + offset.view(-1, 1, 1))
        return _convolve(u, self.weights[-1]) + self.offsets[-1].view(-1, 1, 1)

    def _normalized(self, u: Tensor) -> Tensor:
        return functional.group_norm(u, u.shape[1]) if self.is_normalized else u

    def _calibrated(self, rng: np.random.Generator, like: Tensor) -> "_Network":
        """The same with every layer scaled to outputs of mean square 1 on a reference field, and the last without mean.

        The reference is a smooth field of variance 1 on 32 x 32 cells, whatever the grid that follows.
        Source: layer-sequential unit-variance initialisation, Mishkin & Matas (2016), arXiv:1511.06422.
        """
        smooth = {"initial_length": 0.06}
        fields = draw_fields(
            "gaussian_field", rng=rng, num_channels=4, height=REFERENCE_GRID, width=REFERENCE_GRID, parameters=smooth
        )
        u = torch.from_numpy(fields)[:, None]
        weights: list[Tensor] = []
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            out = _convolve(u, weight)
            weights.append(weight / out.std(correction=0))
            u = self.activation(self._normalized(out / out.std(correction=0)) + offset.view(-1, 1, 1))
        last = _convolve(u, self.weights[-1])
        weights.append(self.weights[-1] / last.std(correction=0))
        offsets = (*self.offsets[:-1], -(last.mean() / last.std(correction=0)).view(1))
        return replace(
            self,
            weights=tuple(weight.to(like.device, like.dtype).contiguous() for weight in weights),
            offsets=tuple(offset.to(like.device, like.dtype) for offset in offsets),
        )


def _kernels(
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


def _blurred(kernels: np.ndarray) -> np.ndarray:
    """Kernels followed by the 3 x 3 binomial filter, which passes nothing of the finest waves a grid holds."""
    wider = np.pad(kernels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    down = (wider[:, :, :-2] + 2 * wider[:, :, 1:-1] + wider[:, :, 2:]) / 4
    return (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 4


def _convolve(u: Tensor, weight: Tensor) -> Tensor:
    margin = weight.shape[-1] // 2
    return functional.conv2d(functional.pad(u, (margin,) * 4, mode="circular"), weight)


def _saturated(u: Tensor) -> Tensor:
    return LIMIT * torch.tanh(u / LIMIT)
