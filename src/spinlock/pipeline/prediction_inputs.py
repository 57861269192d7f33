"""What is known of a run before it is made, as numbers for a forest: its system, parameters and initial condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from spinlock.core.errors import InputError, UsageError, did_you_mean, listed
from spinlock.dynamics.parameter_space import Value
from spinlock.pipeline.parameter_axes import ParameterAxis
from spinlock.pipeline.question_runs import Runs

ABSENT = -1.0
"""Where a run has no such parameter; below every place and every number of an initial condition."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PredictionInputs:
    """The inputs: a slot for every parameter of a run's own system, shared among systems; then which system and kind it is of.

    A column for each parameter of each system would hold a number in the rows of one system alone, too few to learn from.

    Attributes:
        axes: system → its parameters.
        kinds: of initial conditions.
        numbers: names of the numbers that initial conditions have.
    """

    axes: Mapping[str, tuple[ParameterAxis, ...]]
    kinds: tuple[str, ...]
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, runs: Runs) -> "PredictionInputs":
        """The inputs of all runs of a data set."""
        axes = {name: runs.of_system(name).axes for name in dict.fromkeys(runs.systems)}
        taken = {name: {axis.name for axis in own} for name, own in axes.items()}
        numbers = {
            name
            for system, values in zip(runs.systems, runs.values, strict=True)
            for name, value in values.items()
            if name not in taken[system] and not isinstance(value, str)
        }
        return cls(axes=axes, kinds=tuple(sorted(set(runs.starts))), numbers=tuple(sorted(numbers)))

    @property
    def systems(self) -> tuple[str, ...]:
        """In the order of their numbers."""
        return tuple(self.axes)

    def number(self, system: str) -> int:
        """The number of a system.

        Raises:
            UsageError: for one that is not known.
        """
        if system not in self.axes:
            raise UsageError(f"no run was of '{system}'. {did_you_mean(system, self.axes)}")
        return self.systems.index(system)

    def row(self, system: str, start: str, values: Mapping[str, Value]) -> Float[np.ndarray, " input"]:
        """The inputs of one run; what is not given of it is absent.

        Raises:
            UsageError: for a system or kind of initial condition that is not known, or a parameter that the system does not have.
            InputError: for a choice that is not known.
        """
        own = self.axes[self.systems[self.number(system)]]
        known = [*(axis.name for axis in own), *self.numbers]
        if unknown := [name for name in values if name not in known]:
            raise UsageError(f"'{system}' has no parameter {listed(unknown)}. {did_you_mean(unknown[0], known)}")
        if start not in self.kinds:
            raise UsageError(f"no run started from '{start}'. {did_you_mean(start, self.kinds)}")
        slots = np.full(max(map(len, self.axes.values())), ABSENT)
        for slot, axis in enumerate(own):
            if axis.name in values:
                slots[slot] = _place(axis, values[axis.name])
        numbers = [float(values.get(name, ABSENT)) for name in self.numbers]
        which = [float(name == system) for name in self.axes] + [float(kind == start) for kind in self.kinds]
        return np.array([*slots, *numbers, *which])

    def rows(
        self, systems: Sequence[str], starts: Sequence[str], values: Sequence[Mapping[str, Value]]
    ) -> Float[np.ndarray, "row input"]:
        """The inputs of several runs."""
        return np.stack([self.row(*run) for run in zip(systems, starts, values, strict=True)])


def _place(axis: ParameterAxis, value: Value) -> float:
    try:
        return axis.place(axis.stored(value))
    except ValueError as error:
        known = axis.choices or (axis.parameter.choices if axis.parameter is not None else ())
        raise InputError(f"parameter '{axis.name}' is one of {listed(known)}; got {value!r}.") from error
