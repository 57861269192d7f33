"""The tables that configurations name entries of; imported when a name is checked, so that a schema needs no torch."""

import re
from collections.abc import Mapping
from typing import Any

from spinlock.core.errors import did_you_mean
from spinlock.core.spec import Location


def unknown(kind: str, name: str, known: Mapping[str, object]) -> str:
    """The sentence for a name that is in no table; "" for one that is."""
    return "" if name in known else f"unknown {kind} '{name}'. {did_you_mean(name, known)}".rstrip(".")


def system_mistake(name: str, *, is_own: bool) -> str:
    """The sentence that refuses the name of a system; "" if it is right.

    Args:
        name: of the system.
        is_own: whether it comes with a user's step.
    """
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    if not is_own:
        return unknown("system", name, SYSTEMS)
    if name in SYSTEMS:
        return f"'{name}' is a system of spinlock; call your own step something else"
    allowed = re.fullmatch(r"[a-z][a-z0-9_]*", name)
    return "" if allowed else f"the name of your own system takes a-z, 0-9 and _, a letter first; got '{name}'"


def initial_condition_mistake(name: str) -> str:
    """The sentence that refuses the name of a kind of initial condition; "" if it is right."""
    from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS  # noqa: PLC0415

    return unknown("initial condition", name, INITIAL_CONDITIONS)


def parameter_mistake(system: str, parameter: str, override: Any) -> str:
    """The sentence that refuses the range, the value or the choices of a system's parameter; "" if they are right."""
    from spinlock.dynamics.parameter_space import narrow  # noqa: PLC0415
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    try:
        narrow(SYSTEMS[system]().parameters, {parameter: override}, whose=system)
    except ValueError as error:
        return str(error).rstrip(".")
    return ""


def step_mistakes(parameters: Mapping[str, Any]) -> list[tuple[Location, str]]:
    """Mistakes in the parameters that a configuration declares for a user's step, each with its location."""
    from spinlock.dynamics.user_system import step_parameters  # noqa: PLC0415

    mistakes: list[tuple[Location, str]] = [
        ((name,), f"is given to the step by name, and '{name}' is no Python name")
        for name in parameters
        if not name.isidentifier()
    ]
    try:
        step_parameters(parameters)
    except ValueError as error:
        mistakes.append(((), str(error).rstrip(".")))
    return mistakes


def all_systems(spatial_dimensions: int) -> tuple[str, ...]:
    """Every system that runs in so many dimensions, in the order of the table."""
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    return tuple(name for name in SYSTEMS if not SYSTEMS[name]().dimension_mistake(spatial_dimensions))


def dimension_mistake(system: str, spatial_dimensions: int) -> str:
    """The sentence that refuses a system in so many dimensions; "" if it runs."""
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    return SYSTEMS[system]().dimension_mistake(spatial_dimensions)


def precision_use_mistake(systems: Mapping[str, Mapping[str, Any]]) -> str:
    """The sentence that refuses bfloat16 where these systems are simulated; "" if it acts on one of them.

    Args:
        systems: name → the overrides of its parameters, which are right.
    """
    from spinlock.dynamics.parameter_space import narrow  # noqa: PLC0415
    from spinlock.dynamics.precision import BFLOAT16_CHANNELS  # noqa: PLC0415
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    for name, overrides in systems.items():
        system = SYSTEMS[name]()
        widths = [p.choices for p in narrow(system.parameters, overrides, whose=name) if p.name == system.width]
        if any(int(channels) >= BFLOAT16_CHANNELS for choices in widths for channels in choices):
            return ""
    layered = " and ".join(f"'{name}'" for name in SYSTEMS if SYSTEMS[name]().width)
    return f"bfloat16 acts on {layered} with {BFLOAT16_CHANNELS} channels and more, and none is sampled here"
