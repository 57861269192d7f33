"""A user's own step as a system: found by import path, with parameters that are sampled and initial conditions from the catalogue."""

import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import ConfigError, did_you_mean, listed
from spinlock.core.rollout import StepOperator
from spinlock.dynamics.disturbances import Disturb
from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.noise import NOISE_KINDS, White
from spinlock.dynamics.parameter_space import Columns, Override, Parameter
from spinlock.dynamics.system import System
from spinlock.dynamics.user_step import CheckedStep, one_line

Arrays = Literal["numpy", "torch"]
OWN_NOISE = ("noise_scale", "noise_length", "noise_kind")
"""Parameters that are not given to the step."""
NOISE_DEFAULTS: Mapping[str, Override] = {"noise_length": 0.1, "noise_kind": ("additive",)}
"""Parameters of the noise that hold beside a "noise_scale" where nothing is said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UserStep:
    """A step of the user's own, as a configuration describes it.

    Attributes:
        name: of the system.
        path: "package.module:function"; the function maps a state (channel, height, width) to the next of the same
            shape, and is given the sampled parameters by name.
        arrays: what it takes and returns.
        channels: names, one a channel.
        dt: time of a step, > 0.
        dx: grid spacing, > 0.
        offset, scale: the initial condition is offset + scale f, with f of mean 0 and variance 1.
        parameters: name → one value, (low, high), choices, or choices with weights. "noise_scale", "noise_length" and
            "noise_kind" are those of the noise that spinlock adds after each step; without the first there is none.
    """

    name: str
    path: str
    arrays: Arrays = "numpy"
    channels: tuple[str, ...] = ("u",)
    dt: float = 1.0
    dx: float = 1.0
    offset: float = 0.0
    scale: float = 1.0
    parameters: Mapping[str, Override]

    def system(self) -> System:
        """The step as a system; the module is imported when it is first simulated."""
        settings = {
            "__doc__": f"A user's own step, {self.path}.",
            "name": self.name,
            "channel_names": self.channels,
            "dt": self.dt,
            "amplitude": self.scale,
            "parameters": step_parameters(self.parameters),
            "user_step": self,
        }
        return type("OwnSystem", (_UserSystem,), settings)()


class _UserSystem(System):
    """The base class of systems that are made of a user's step."""

    domain_length = 0.0
    grows_with_grid = True
    bound = 1e12
    dimensions = (1, 2)
    shares_calls = False
    initial_conditions: ClassVar[Mapping[str, float]] = dict.fromkeys(INITIAL_CONDITIONS, 1.0)
    user_step: ClassVar[UserStep]

    def length(self, grid_size: int) -> float:
        """Side of the domain on a grid of `grid_size` cells, in the user's unit of length."""
        return self.user_step.dx * grid_size

    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """offset + scale f."""
        return self.user_step.offset + self.user_step.scale * fields

    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:  # noqa: ARG002
        """The function, row by row.

        Raises:
            ConfigError: if it cannot be imported.
        """
        given = self.user_step
        checked = CheckedStep(
            step=load_step(given.path, system=given.name), name=given.path, as_array=given.arrays == "numpy"
        )
        own = [name for name in parameters if name in given.parameters and name not in OWN_NOISE]
        count = len(next(iter(parameters.values()))) if parameters else 1
        rows = [{name: parameters[name][row] for name in own} for row in range(count)]

        def advance(states: Tensor) -> Tensor:
            by_row = rows if len(rows) == len(states) else rows[:1] * len(states)
            where = f"a state of system '{given.name}'"
            return torch.stack(
                [checked(state, where=where, **values) for state, values in zip(states, by_row, strict=True)]
            )

        return advance

    def _disturbed(self, parameters: Columns, white: White, like: Tensor) -> Disturb:
        if "noise_scale" not in self.user_step.parameters:
            return lambda state: state
        return super()._disturbed(parameters, white, like)


def step_parameters(given: Mapping[str, Override]) -> tuple[Parameter, ...]:
    """The parameters that a configuration declares: two numbers are the ends of a range, whole ones of whole numbers.

    Raises:
        ConfigError: for a range that ends before it starts, weights that do not fit, a kind of noise that is unknown, or
            a property of the noise without its scale.
    """
    if "noise_scale" not in given and (idle := [name for name in OWN_NOISE if name in given]):
        raise ConfigError(
            f"{listed(idle)} describes the noise that spinlock adds, and there is none without 'noise_scale'."
        )
    defaults = NOISE_DEFAULTS if "noise_scale" in given else {}
    parameters = tuple(_parameter(name, override) for name, override in {**defaults, **given}.items())
    for parameter in parameters:
        if parameter.name == "noise_kind" and not set(parameter.choices) <= set(NOISE_KINDS):
            raise ConfigError(f"parameter 'noise_kind' is additive or multiplicative; got {listed(parameter.choices)}.")
    return parameters


def _parameter(name: str, override: Override) -> Parameter:
    described: dict[str, Any] = {"name": name, "description": "Given to the user's step."}
    if isinstance(override, Mapping):
        weights = tuple(weight for weight in override["weights"] if isinstance(weight, int | float))
        return Parameter(kind="choice", choices=tuple(override["choices"]), weights=weights, **described)
    values = (override,) if isinstance(override, bool | int | float | str) else tuple(override)
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or len(values) > 2:
        return Parameter(kind="choice", choices=values, **described)
    is_whole = all(isinstance(number, int) for number in numbers)
    return Parameter(kind="integer" if is_whole else "real", low=numbers[0], high=numbers[-1], **described)


def load_step(path: str, *, system: str) -> Callable[..., Any]:
    """The function of an import path.

    Raises:
        ConfigError: if there is no such module or function, or the module fails while it is imported.
    """
    module_name, _, function = path.partition(":")
    if _origin(module_name) is None and module_name not in sys.modules:
        raise ConfigError(
            f"the step '{path}' of system '{system}' needs the module '{module_name}', which Python does not find; "
            "install it, or name its folder in PYTHONPATH."
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ConfigError(
            f"the module '{module_name}' of system '{system}' failed while it was imported: {one_line(error)}"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise ConfigError(
            f"the module '{module_name}' of system '{system}' has no function '{function}'. {did_you_mean(function, known)}"
        )
    return found


def step_digest(path: str) -> str:
    """SHA-256 of the file that a step is in, found without running it; "" where there is none."""
    origin = _origin(path.partition(":")[0])
    return hashlib.sha256(origin.read_bytes()).hexdigest() if origin is not None and origin.is_file() else ""


def _origin(module: str) -> Path | None:
    """The file of a module, or the folder of a package without one; nothing is imported, not even its parents."""
    places, spec, parts = None, None, module.split(".")
    for count in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:count]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    if spec is None:
        return None
    return Path(spec.origin) if spec.origin else Path(places[0]) if places else None
