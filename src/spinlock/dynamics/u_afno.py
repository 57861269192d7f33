"""U-AFNO neural operators: a U-Net whose bottleneck mixes Fourier modes, iterated on a field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from spinlock.core.rollout import StepOperator
from spinlock.core.seeds import stream
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

Rescale = Callable[[str, Tensor], Tensor]


class UAFNO(System):
    """A random network G that sees every scale at once: local kernels on the way down and up, all of space between.

        x₀ = a(n(K₀ u)),  x_d = a(n(K_d P x_{d−1})),  P: mean over 2 x 2 cells, widths c, 2c, 4c
        y_D = x_D + s F⁻¹ S_λ(M₂ a(M₁ F x_D)),  F: Fourier transform over space
        y_{d−1} = a(n(K'_d [U y_d, x_{d−1}])),  U: to twice the cells, linearly
        G(u) = K'_0 y_0
        H(u) = g (G(u) − h ⟨G(u)⟩), then a residual, convex or autoregressive update as of the system `cnn`

    M₁ and M₂ are complex matrices over channels in blocks, the same for every mode, with a acting on real and imaginary
    parts; S_λ shrinks both by λ towards 0. That ties the global path to places: the operator does not commute with shifts. The mixing strength s weighs the global path. Weights and offsets come from the
    stream (weight_seed, "u_afno"), so stored parameters rebuild the operator; layers are scaled to outputs of variance 1 on
    a reference field. Where a side cannot be halved so often, the last levels are left out. One cell is one unit of length
    at every grid size.

    Initial condition: f.

    Seen: labyrinths, woven stripes and speckle on the scale of cells beside bands and blobs as large as the domain that
    turn and slide; fine texture often rides on a large slow wave. About one draw in eight ends uniform or frozen.

    Source: U-Net: Ronneberger, Fischer & Brox (2015), arXiv:1505.04597; adaptive Fourier neural operator: Guibas et al.
    (2021), arXiv:2111.13587, section 4.
    """

    name = "u_afno"
    channel_names = ("u",)
    dt = 1.0
    domain_length = 32.0
    grows_with_grid = True
    bound = 100.0
    shares_calls = False
    width = "base_channels"
    relative_cost = 2.5
    cost_powers: ClassVar[Mapping[str, float]] = {"base_channels": 1.0, "kernel_size": 1.0}
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
        Parameter(
            name="base_channels",
            kind="choice",
            choices=(4, 8, 16),
            weights=(2.0, 2.0, 1.0),
            description="c, channels on the finest level.",
        ),
        Parameter(name="depth", kind="integer", low=1, high=2, description="D, times that the grid is halved."),
        Parameter(
            name="kernel_size",
            kind="choice",
            choices=(3, 5),
            unit="cell",
            description="Cells along a side of a kernel.",
        ),
        Parameter(name="num_blocks", kind="choice", choices=(1, 2, 4), description="Blocks of M₁ and M₂."),
        Parameter(name="mixing", kind="log", low=0.2, high=3.0, description="s, strength of the global path."),
        Parameter(name="sparsity", low=0.0, high=0.5, description="λ, by which Fourier coefficients are shrunk."),
        *LAYER_PARAMETERS,
        *UPDATE_PARAMETERS,
        *noise_parameters(3e-3, 0.15, unit="1/√step"),
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
    """G and the update rule, for one draw of parameters.

    Attributes:
        weights: by layer: "enter", "down1" …, "first", "second" (complex), "up1" …, "leave".
        offsets: by the same names.
        parameters: of the draw.
    """

    weights: Mapping[str, Tensor]
    offsets: Mapping[str, Tensor]
    parameters: Mapping[str, Value]

    @classmethod
    def of(cls, parameters: Mapping[str, Value], *, like: Tensor, precision: Precision = "float32") -> "_Network":
        """The operator of stored parameters, for states of the dtype and on the device of `like`."""
        rng = stream(int(parameters["weight_seed"]), "u_afno")
        raw = cls(weights=_weights(rng, parameters), offsets=_offsets(rng, parameters), parameters=parameters)
        scales: dict[str, Tensor] = {}

        def measured(name: str, output: Tensor) -> Tensor:
            scales[name] = output.abs().square().mean().sqrt().clamp(min=1e-6)
            return output / scales[name]

        last = raw.through(reference_fields(rng), rescale=measured)
        offsets = {**raw.offsets, "leave": raw.offsets["leave"] - last.mean()}
        ready = {name: weight / scales[name] for name, weight in raw.weights.items()}
        layers = layer_dtype(precision, num_channels=int(parameters["base_channels"]), like=like)
        return replace(
            raw,
            weights={name: _ready(weight, like, layers) for name, weight in ready.items()},
            offsets={name: _ready(offset, like, layers) for name, offset in offsets.items()},
        )

    def advance(self, u: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
        """The states one step later, without noise."""
        return updated(u, self.through(u.to(self.weights["enter"].dtype)).to(u.dtype), self.parameters)

    def through(self, u: Tensor, *, rescale: Rescale = lambda _, output: output) -> Tensor:
        """G(u); `rescale` is applied to the output of every linear layer, by its name."""
        levels = [self._layer("enter", u, rescale)]
        for level in range(1, int(self.parameters["depth"]) + 1):
            if levels[-1].shape[-1] % 2 or levels[-1].shape[-2] % 2:
                break
            levels.append(self._layer(f"down{level}", functional.avg_pool2d(levels[-1], 2), rescale))
        y = levels[-1]
        if len(levels) == int(self.parameters["depth"]) + 1:
            y = y + (float(self.parameters["mixing"]) * self._mixed(y, rescale)).to(y.dtype)
        for level in range(len(levels) - 1, 0, -1):
            y = self._layer(f"up{level}", torch.cat((_enlarged(y), levels[level - 1]), dim=1), rescale)
        return rescale("leave", convolve(y, self.weights["leave"])) + self.offsets["leave"].view(-1, 1, 1)

    def _layer(self, name: str, x: Tensor, rescale: Rescale) -> Tensor:
        out = rescale(name, convolve(x, self.weights[name]))
        if self.parameters["normalization"] == "instance":
            out = functional.group_norm(out, out.shape[1])
        return ACTIVATIONS[str(self.parameters["activation"])](out + self.offsets[name].view(-1, 1, 1))

    def _mixed(self, x: Tensor, rescale: Rescale) -> Tensor:
        """The Fourier path: channels mixed in blocks, mode by mode, with the same matrices for all modes.

        In the precision of the states, as there are no transforms in bfloat16.
        """
        activation = ACTIVATIONS[str(self.parameters["activation"])]
        size, (blocks, width, _) = x.shape[-2:], self.weights["first"].shape
        modes = torch.fft.rfft2(x.to(self.weights["first"].dtype.to_real()), norm="ortho").unflatten(1, (blocks, width))
        hidden = rescale("first", torch.einsum("bgiyx,gio->bgoyx", modes, self.weights["first"]))
        offset = self.offsets["first"].view(blocks, width, 1, 1)
        hidden = torch.complex(activation(hidden.real + offset.real), activation(hidden.imag + offset.imag))
        out = rescale("second", torch.einsum("bgiyx,gio->bgoyx", hidden, self.weights["second"]))
        threshold = float(self.parameters["sparsity"])
        out = torch.complex(functional.softshrink(out.real, threshold), functional.softshrink(out.imag, threshold))
        return torch.fft.irfft2(out.flatten(1, 2), s=size, norm="ortho")


def _widths(parameters: Mapping[str, Value]) -> list[int]:
    """Channels of every level, fine to coarse."""
    return [int(parameters["base_channels"]) * 2**level for level in range(int(parameters["depth"]) + 1)]


def _weights(rng: np.random.Generator, parameters: Mapping[str, Value]) -> dict[str, Tensor]:
    widths, size = _widths(parameters), int(parameters["kernel_size"])
    asymmetry, blocks = float(parameters["asymmetry"]), int(parameters["num_blocks"])

    def kernels(num_in: int, num_out: int) -> np.ndarray:
        return random_kernels(rng, num_in, num_out, size, asymmetry=asymmetry)

    weights: dict[str, np.ndarray] = {"enter": kernels(1, widths[0])}
    for level in range(1, len(widths)):
        weights[f"down{level}"] = kernels(widths[level - 1], widths[level])
    width = widths[-1] // blocks
    for name in ("first", "second"):
        real, imaginary = rng.standard_normal((2, blocks, width, width))
        weights[name] = real + 1j * asymmetry * imaginary  # the imaginary part turns phases, which moves patterns
    for level in range(len(widths) - 1, 0, -1):
        weights[f"up{level}"] = kernels(widths[level] + widths[level - 1], widths[level - 1])
    weights["leave"] = blurred(kernels(widths[0], 1))
    return {name: torch.from_numpy(weight) for name, weight in weights.items()}


def _offsets(rng: np.random.Generator, parameters: Mapping[str, Value]) -> dict[str, Tensor]:
    widths = _widths(parameters)
    offsets: dict[str, np.ndarray] = {"enter": 0.5 * rng.standard_normal(widths[0])}
    for level in range(1, len(widths)):
        offsets[f"down{level}"] = 0.5 * rng.standard_normal(widths[level])
        offsets[f"up{level}"] = 0.5 * rng.standard_normal(widths[level - 1])
    offsets["first"] = 0.2 * (rng.standard_normal(widths[-1]) + 1j * rng.standard_normal(widths[-1]))
    offsets["leave"] = np.zeros(1)
    return {name: torch.from_numpy(offset) for name, offset in offsets.items()}


def _enlarged(x: Tensor) -> Tensor:
    """Twice the cells along both sides, linear between their centres, so that no blocks show."""
    wide = functional.interpolate(functional.pad(x, (1,) * 4, mode="circular"), scale_factor=2, mode="bilinear")
    return wide[..., 2:-2, 2:-2]


def _ready(value: Tensor, like: Tensor, layers: torch.dtype) -> Tensor:
    dtype = like.dtype.to_complex() if value.is_complex() else layers
    return value.to(like.device, dtype).contiguous()
