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

from spinlock.core.rollout import StepOperator
from spinlock.core.seeds import stream
from spinlock.dynamics.disturbances import NOISE_SCHEDULE, ScheduledNoise
from spinlock.dynamics.neural import (
    ACTIVATIONS,
    LAYER_PARAMETERS,
    UPDATE_PARAMETERS,
    blurred,
    convolve,
    random_kernels,
    reference_fields,
    shared_parameters,
    updated,
)
from spinlock.dynamics.noise import noise_parameters
from spinlock.dynamics.parameter_space import Columns, Parameter, Value
from spinlock.dynamics.precision import Precision, layer_dtype
from spinlock.dynamics.system import System


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
    One cell is one unit of length at every grid size. The noise is constant, annealed or periodic.

    Initial condition: f.

    Seen: woven diagonals, wavy stripes, combs and speckle that often travel; a tenth of the draws ends uniform.

    Source: definition; instance norm: Ulyanov, Vedaldi & Lempitsky (2016), arXiv:1607.08022.
    """

    name = "cnn"
    channel_names = ("u",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
    shares_calls = False
    disturbance = ScheduledNoise
    width = "num_channels"
    relative_cost = 2.5
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
        *LAYER_PARAMETERS,
        *UPDATE_PARAMETERS,
        *noise_parameters(3e-3, 0.15, unit="1/√step"),
        NOISE_SCHEDULE,
    )

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """f."""
        return fields

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one step without noise; all rows share one operator.

        Raises:
            InputError: if the rows have different parameters.
        """
        shared = shared_parameters(parameters, system=self.name)
        return _Network.of(shared, like=like, precision=self.precision).advance


@dataclass(frozen=True, kw_only=True, slots=True)
class _Network:
    """G and the update rule, for one draw of parameters."""

    weights: tuple[Float[Tensor, "_ _ _ _"], ...]
    offsets: tuple[Float[Tensor, " _"], ...]
    activation: Callable[[Tensor], Tensor]
    is_normalized: bool
    parameters: Mapping[str, Value]

    @classmethod
    def of(cls, parameters: Mapping[str, Value], *, like: Tensor, precision: Precision = "float32") -> "_Network":
        """The operator of stored parameters, for states of the dtype and on the device of `like`."""
        rng = stream(int(parameters["weight_seed"]), "cnn")
        kernel = int(parameters["kernel_size"])
        widths = [1, *[int(parameters["num_channels"])] * (int(parameters["num_layers"]) - 1), 1]
        weights = [
            random_kernels(rng, num_in, num_out, kernel, asymmetry=float(parameters["asymmetry"]))
            for num_in, num_out in pairwise(widths)
        ]
        weights[-1] = blurred(weights[-1])
        offsets = [0.5 * rng.standard_normal(width) for width in widths[1:-1]] + [np.zeros(1)]
        raw = cls(
            weights=tuple(torch.from_numpy(weight) for weight in weights),
            offsets=tuple(torch.from_numpy(offset) for offset in offsets),
            activation=ACTIVATIONS[str(parameters["activation"])],
            is_normalized=parameters["normalization"] == "instance",
            parameters=parameters,
        )
        layers = layer_dtype(precision, num_channels=int(parameters["num_channels"]), like=like)
        return raw._calibrated(rng)._on(like.device, layers)

    def advance(self, u: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The states one step later, without noise."""
        return updated(u, self._through(u.to(self.weights[0].dtype)).to(u.dtype), self.parameters)

    def _through(self, u: Tensor) -> Tensor:
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            u = self.activation(self._normalized(convolve(u, weight)) + offset.view(-1, 1, 1))
        return convolve(u, self.weights[-1]) + self.offsets[-1].view(-1, 1, 1)

    def _normalized(self, u: Tensor) -> Tensor:
        return functional.group_norm(u, u.shape[1]) if self.is_normalized else u

    def _calibrated(self, rng: np.random.Generator) -> "_Network":
        """These layers, each scaled to outputs of mean square 1 on a reference field, and the last without mean.

        The reference is a smooth field of variance 1 on 32 x 32 cells, whatever the grid that follows.
        Source: layer-sequential unit-variance initialisation, Mishkin & Matas (2016), arXiv:1511.06422.
        """
        u = reference_fields(rng)
        weights: list[Tensor] = []
        for weight, offset in zip(self.weights[:-1], self.offsets[:-1], strict=True):
            out = convolve(u, weight)
            weights.append(weight / out.std(correction=0))
            u = self.activation(self._normalized(out / out.std(correction=0)) + offset.view(-1, 1, 1))
        last = convolve(u, self.weights[-1])
        weights.append(self.weights[-1] / last.std(correction=0))
        offsets = (*self.offsets[:-1], -(last.mean() / last.std(correction=0)).view(1))
        return replace(self, weights=tuple(weights), offsets=offsets)

    def _on(self, device: torch.device, dtype: torch.dtype) -> "_Network":
        return replace(
            self,
            weights=tuple(weight.to(device, dtype).contiguous() for weight in self.weights),
            offsets=tuple(offset.to(device, dtype) for offset in self.offsets),
        )
