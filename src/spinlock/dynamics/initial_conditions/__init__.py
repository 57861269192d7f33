"""Kinds of initial conditions: normalised fields, each with mean 0, variance 1 and the correlation length that it claims.

    random_fields.py   Gaussian, rough, heavy-tailed, white
    waves.py           plane, crossed, round, modulated
    structures.py      bumps, fronts, vortices, cells
    discrete.py        soups, patches, rectangles, known patterns of Life

The correlation length ℓ, in units of the domain's side, is the distance at which the autocorrelation, averaged over
directions, has fallen to e^{-1/2} ≈ 0.607; for a Gaussian correlation exp(−r²/(2ℓ²)) it is its ℓ. A wave of k cycles
a domain has the averaged autocorrelation J₀(2πkr), which gives ℓ = 1.318 / (2πk); on a line cos(2πkr), 0.919 / (2πk).
It is the length before the field is normalised; on a line, which holds few lengths, taking out the mean and the variance
of every field shortens it by a tenth to a fifth where large scales are strong.

A kind draws one field a channel. Mean and variance are exact for every field. A system maps the fields to states of
its own units (`System.initial_condition`), so what a kind looks like is the same in every system.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float

from spinlock.core.errors import ConfigError
from spinlock.core.registry import Registry
from spinlock.dynamics.initial_conditions.discrete import DISCRETE
from spinlock.dynamics.initial_conditions.kind import InitialCondition
from spinlock.dynamics.initial_conditions.random_fields import RANDOM_FIELDS
from spinlock.dynamics.initial_conditions.structures import STRUCTURES
from spinlock.dynamics.initial_conditions.waves import WAVES
from spinlock.dynamics.parameter_space import Parameter, Value

INITIAL_CONDITIONS: Registry[InitialCondition] = Registry(
    "initial condition",
    {
        name: (lambda condition=condition: condition)
        for name, condition in (RANDOM_FIELDS | WAVES | STRUCTURES | DISCRETE).items()
    },
)
"""Kinds of initial conditions by name; `INITIAL_CONDITIONS[name]()` is the kind."""


def initial_parameters(kinds: Iterable[str]) -> tuple[Parameter, ...]:
    """The parameters that some kinds of initial conditions sample and store together, one a name; ranges differ from kind to kind."""
    found = {parameter.name: parameter for kind in kinds for parameter in INITIAL_CONDITIONS[kind]().parameters}
    return tuple(found[name] for name in sorted(found))


def draw_fields(
    kind: str,
    *,
    rng: np.random.Generator,
    num_channels: int,
    height: int,
    width: int,
    parameters: Mapping[str, Value] | None = None,
) -> Float[np.ndarray, "channel height width"]:
    """One field a channel with mean 0 and variance 1, float64.

    Args:
        kind: in `INITIAL_CONDITIONS`.
        rng: the stream of this frame.
        num_channels: number of independent fields.
        height, width: of the grid, in cells; height is 1 for a line, else the width.
        parameters: values of what the kind samples, by name; others are not looked at.

    Raises:
        ConfigError: for a kind that is not in the table, or a parameter that is missing or outside its range.
    """
    condition = INITIAL_CONDITIONS[kind]()
    given = parameters or {}
    for parameter in condition.parameters:
        value = given.get(parameter.name)
        if value is None or not parameter.low <= float(value) <= parameter.high:
            raise ConfigError(
                f"initial condition '{kind}' needs '{parameter.name}' from {parameter.low:g} to {parameter.high:g} "
                f"({parameter.unit}); got {value}."
            )
    canvas = condition.canvas(given, rng=rng, height=height, width=width)
    fields = np.stack([condition.draw(canvas) for _ in range(num_channels)])
    fields -= fields.mean(axis=(1, 2), keepdims=True)
    return fields / fields.std(axis=(1, 2), keepdims=True)
