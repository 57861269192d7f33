"""Parameters as data: name, unit, range; and the map from the unit cube to their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import ConfigError, did_you_mean, listed

Kind = Literal["real", "integer", "log", "choice", "boolean"]
Value = float | int | str | bool
Override = Value | Sequence[Value] | Mapping[str, Sequence[Value]]
"""A configuration's word on a parameter: one value, `[low, high]`, the choices that stay, or a mapping with
`choices` and their `weights`."""
Columns = Mapping[str, Sequence[Value]]
"""Parameters of a batch: name → one value a row."""


MOST_VALUES = 2**16
"""Whole numbers of a larger range name something, as the seed of random weights does: the next one has nothing in common with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One sampled dimension of a system.

    Attributes:
        name: unique in its system.
        description: what it does, in one sentence.
        kind: "real" and "log" are uniform in the value and in its logarithm, "integer" has both ends and draws each
            value equally often, "choice" follows `weights`, "boolean" is a fair coin.
        unit: physical unit in words; "1" for a pure number, "domain" for a share of the domain's length.
        low, high: ends of the range, both included.
        choices: values of a "choice".
        weights: of the choices, > 0; equal where empty.
    """

    name: str
    description: str
    kind: Kind = "real"
    unit: str = "1"
    low: float | int = 0.0
    high: float | int = 1.0
    choices: tuple[Value, ...] = ()
    weights: tuple[float | int, ...] = ()

    def __post_init__(self) -> None:
        numeric = self.kind in ("real", "integer", "log")
        if numeric and not self.low <= self.high:
            raise ConfigError(f"parameter '{self.name}' needs low <= high; got {self.low:g} and {self.high:g}.")
        if self.kind == "log" and not self.low > 0:
            raise ConfigError(
                f"parameter '{self.name}' is sampled in its logarithm and needs low > 0; got {self.low:g}."
            )
        if self.kind == "choice" and not self.choices:
            raise ConfigError(f"parameter '{self.name}' needs at least one choice.")
        if self.weights and (len(self.weights) != len(self.choices) or min(self.weights) <= 0):
            raise ConfigError(
                f"parameter '{self.name}' needs one weight > 0 for each of its {len(self.choices)} choices; "
                f"got {listed(self.weights)}."
            )

    @property
    def is_fixed(self) -> bool:
        """Whether there is only one value, so that nothing is sampled."""
        if self.kind == "choice":
            return len(self.choices) == 1
        return self.kind != "boolean" and self.low == self.high

    @property
    def is_named(self) -> bool:
        """Whether its whole numbers only name something, so that a small step means nothing."""
        return self.kind == "integer" and self.high - self.low >= MOST_VALUES

    def value(self, u: float) -> Value:
        """The value at `u` in [0, 1) of the parameter's cumulative distribution."""
        if self.kind == "real":
            return float(self.low + (self.high - self.low) * u)
        if self.kind == "log":
            return float(self.low * (self.high / self.low) ** u)
        if self.kind == "integer":
            return int(min(self.low + np.floor(u * (self.high - self.low + 1)), self.high))
        if self.kind == "boolean":
            return bool(u >= 0.5)
        weights = self.weights or (1.0,) * len(self.choices)
        ends = list(accumulate(weights))
        return self.choices[min(int(np.searchsorted(ends, u * ends[-1], side="right")), len(ends) - 1)]

    def interval(self, value: Value) -> tuple[float, float]:
        """The part of [0, 1) that gives a value: the inverse of `value`; a point where the parameter is continuous.

        Outside the range it lies below 0 or above 1.

        Raises:
            ValueError: for a value that is none of the choices.
        """
        if self.kind in ("choice", "boolean"):
            known = self.choices if self.kind == "choice" else (False, True)
            ends = [0.0, *accumulate(self.weights or (1.0,) * len(known))]
            place = known.index(value)
            return ends[place] / ends[-1], ends[place + 1] / ends[-1]
        if self.is_fixed:
            return 0.0, 1.0
        number = float(value)
        if self.kind == "integer":
            count = self.high - self.low + 1
            return float((number - self.low) / count), float((number - self.low + 1) / count)
        if self.kind == "log":
            place = float(np.log(number / self.low) / np.log(self.high / self.low))
        else:
            place = float((number - self.low) / (self.high - self.low))
        return place, place

    def narrowed(self, override: Override) -> "Parameter":
        """This parameter fixed to one value, on the range `[low, high]`, with fewer choices, or with other weights.

        A range may reach beyond the shipped one: that is where patterns were seen, not what the equation allows.

        Raises:
            ConfigError: if the override does not fit the parameter's kind.
        """
        if isinstance(override, Mapping):
            return self._chosen(tuple(override["choices"]), weights=tuple(override["weights"]))
        if self.kind in ("choice", "boolean"):
            is_one = isinstance(override, bool | int | float | str)
            return self._chosen((override,) if is_one else tuple(override))
        ends = (override, override) if not isinstance(override, Sequence) else tuple(override)
        if len(ends) != 2 or not all(isinstance(e, int | float) and not isinstance(e, bool) for e in ends):
            raise ConfigError(f"parameter '{self.name}' takes one number or [low, high]; got {override!r}.")
        if self.kind == "integer" and any(int(end) != end for end in ends):
            raise ConfigError(f"parameter '{self.name}' takes whole numbers; got {override!r}.")
        low, high = float(ends[0]), float(ends[1])
        return replace(self, low=low, high=high)

    def _chosen(self, wanted: tuple[Value, ...], *, weights: tuple[Value, ...] | None = None) -> "Parameter":
        """This parameter with some of its choices, by new weights or by those that they have."""
        if self.kind not in ("choice", "boolean"):
            raise ConfigError(f"parameter '{self.name}' takes one number or [low, high]; it has no choices to weigh.")
        known = self.choices if self.kind == "choice" else (False, True)
        for value in wanted:
            if value not in known:
                raise ConfigError(
                    f"parameter '{self.name}' has no choice {value!r}. {did_you_mean(str(value), map(str, known))}"
                )
        if len(set(wanted)) < len(wanted):
            raise ConfigError(f"parameter '{self.name}' names a choice twice; got {listed(wanted)}.")
        if weights is None:
            return replace(self, kind="choice", choices=wanted, weights=self._weights_of(wanted))
        if not all(isinstance(weight, int | float) and not isinstance(weight, bool) for weight in weights):
            raise ConfigError(f"the weights of parameter '{self.name}' must be numbers; got {listed(weights)}.")
        numbers = tuple(weight for weight in weights if isinstance(weight, int | float))
        return replace(self, kind="choice", choices=wanted, weights=numbers)

    def _weights_of(self, wanted: tuple[Value, ...]) -> tuple[float | int, ...]:
        if not self.weights:
            return ()
        by_choice = dict(zip(self.choices, self.weights, strict=True))
        return tuple(by_choice[value] for value in wanted)


def narrow(parameters: Sequence[Parameter], overrides: Mapping[str, Override], *, whose: str) -> tuple[Parameter, ...]:
    """The parameters with a configuration's overrides applied, in their own order.

    Args:
        parameters: of a system.
        overrides: parameter name → one value, `[low, high]`, the choices that stay, or choices with weights.
        whose: the system's name, for the message.

    Raises:
        ConfigError: for a name that the system does not have, or an override that does not fit.
    """
    names = [parameter.name for parameter in parameters]
    for name in overrides:
        if name not in names:
            raise ConfigError(f"system '{whose}' has no parameter '{name}'. {did_you_mean(name, names)}")
    return tuple(p.narrowed(overrides[p.name]) if p.name in overrides else p for p in parameters)


def column(parameters: Columns, name: str, like: Tensor) -> Float[Tensor, "batch 1 1 1"]:
    """One parameter of a batch in float64, on the device of `like`, ready to be multiplied with fields."""
    return torch.tensor([float(v) for v in parameters[name]], dtype=torch.float64, device=like.device).view(-1, 1, 1, 1)
