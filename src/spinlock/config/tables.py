"""The tables that configurations name entries of; imported when a name is checked, so that a schema needs no torch."""

from collections.abc import Mapping
from typing import Any

from spinlock.core.errors import did_you_mean


def unknown(kind: str, name: str, known: Mapping[str, object]) -> str:
    """The sentence for a name that is in no table; "" for one that is."""
    return "" if name in known else f"unknown {kind} '{name}'. {did_you_mean(name, known)}".rstrip(".")


def system_mistake(name: str) -> str:
    """What is wrong with the name of a system; "" if nothing is."""
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    return unknown("system", name, SYSTEMS)


def initial_condition_mistake(name: str) -> str:
    """What is wrong with the name of a kind of frame 0; "" if nothing is."""
    from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS  # noqa: PLC0415

    return unknown("initial condition", name, INITIAL_CONDITIONS)


def parameter_mistake(system: str, parameter: str, override: Any) -> str:
    """What is wrong with the range, the value or the choices of a system's parameter; "" if nothing is."""
    from spinlock.dynamics.parameter_space import narrow  # noqa: PLC0415
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    try:
        narrow(SYSTEMS[system]().parameters, {parameter: override}, whose=system)
    except ValueError as error:
        return str(error).rstrip(".")
    return ""


def all_systems() -> tuple[str, ...]:
    """Every system, in the order of the table."""
    from spinlock.dynamics.systems import SYSTEMS  # noqa: PLC0415

    return tuple(SYSTEMS)


def encoder_mistake(name: str) -> str:
    """What is wrong with the name of an encoder; "" if nothing is."""
    from spinlock.vqvae.encoders import ENCODERS  # noqa: PLC0415

    return unknown("encoder", name, ENCODERS)


def encoder_params_mistake(name: str, parameters: Mapping[str, Any]) -> str:
    """What is wrong with the parameters of an encoder; "" if one can be made from them."""
    import torch  # noqa: PLC0415

    from spinlock.vqvae.encoders import ENCODERS  # noqa: PLC0415

    try:
        ENCODERS.check_parameters(name, parameters, given_later=("input_dim",))
        with torch.device("meta"):  # nothing is allocated, whatever the sizes are
            ENCODERS.build(name, input_dim=1, **parameters)
    except (ValueError, TypeError, RuntimeError) as error:
        return str(error).split("\n")[0].rstrip(".")
    return ""
