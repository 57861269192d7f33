"""Parameters of one system as axes of the unit cube: by their own distributions where these are known, by ranks of runs where not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from spinlock.dynamics.parameter_space import Parameter, Value


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ParameterAxis:
    """One parameter as a number in [0, 1].

    Attributes:
        name: of the parameter.
        parameter: with its range; None where only its values in some runs are known.
        values, ranks: those values, ascending, and their mean ranks scaled to [0, 1], where the range is not known.
        choices: what can be chosen, where nothing is said of more; empty for a number.
        is_whole: whether all known values are whole numbers, where the range is not known.
    """

    name: str
    parameter: Parameter | None = None
    values: Float[np.ndarray, " value"] | None = None
    ranks: Float[np.ndarray, " value"] | None = None
    choices: tuple[str, ...] = ()
    is_whole: bool = False

    @classmethod
    def of_runs(cls, name: str, values: Sequence[Value]) -> "ParameterAxis":
        """The axis of a parameter that is known from runs alone: words are choices, numbers are placed by rank."""
        if any(isinstance(value, str) for value in values):
            return cls(name=name, choices=tuple(sorted({str(value) for value in values})))
        numbers = np.asarray(values, dtype=float)
        ranks = (rankdata(numbers) - 1) / max(1, len(numbers) - 1)
        known, first = np.unique(numbers, return_index=True)
        return cls(name=name, values=known, ranks=ranks[first], is_whole=bool((known == np.round(known)).all()))

    @property
    def is_kept(self) -> bool:
        """Whether a small step along it means nothing: a choice, a name that is a number, or a single value."""
        if self.parameter is None:
            return self.values is None or len(self.values) < 2
        return self.parameter.is_named or self.parameter.is_fixed or self.parameter.kind in ("choice", "boolean")

    def stored(self, value: float | str) -> Value:
        """The parameter's own value of what a data set keeps: a choice is kept as its word, a boolean as a number."""
        if self.parameter is not None and self.parameter.kind == "boolean":
            return value == "True" if isinstance(value, str) else bool(value)
        if self.parameter is not None and self.parameter.kind == "integer":
            return int(float(value))
        if self.parameter is not None and self.parameter.kind == "choice":
            return {str(choice): choice for choice in self.parameter.choices}.get(str(value), value)
        return value

    def place(self, value: Value) -> float:
        """Where a value lies: the middle of the part of [0, 1] that gives it.

        Raises:
            ValueError: for a choice that is not known.
        """
        if self.parameter is not None:
            return float(np.clip(np.mean(self.parameter.interval(value)), 0.0, 1.0))
        if self.values is None or self.ranks is None:
            return (self.choices.index(str(value)) + 0.5) / len(self.choices)
        return float(np.interp(float(value), self.values, self.ranks))

    def value(self, place: float) -> Value:
        """The value at a place, never beyond the values that are known; of an axis that is not a choice."""
        if self.parameter is not None:
            return self.parameter.value(min(place, np.nextafter(1.0, 0.0)))
        assert self.values is not None
        assert self.ranks is not None
        found = float(np.interp(place, self.ranks, self.values))
        return float(round(found)) if self.is_whole else found


def places_of(
    axes: Sequence[ParameterAxis], runs: Sequence[Mapping[str, Value]], *, absent: float = np.nan
) -> Float[np.ndarray, "run axis"]:
    """Where runs lie; `absent` where one lacks a parameter."""
    return np.array(
        [[axis.place(run[axis.name]) if axis.name in run else absent for axis in axes] for run in runs]
    ).reshape(len(runs), len(axes))
