"""One system's space; a point in it gives parameters, the kind of initial condition, its correlation length and its detail."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from spinlock.core.seeds import stream
from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.parameter_space import Override, Parameter, Value, narrow
from spinlock.dynamics.simulation import Precision
from spinlock.dynamics.system import System
from spinlock.dynamics.systems import SYSTEMS
from spinlock.dynamics.user_system import UserStep


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplePlan:
    """One sample before it is simulated: its system, parameters and initial condition.

    Attributes:
        index: number in the data set; with the seed, the key of its random streams.
        system: name in `SYSTEMS`.
        group: number of its parameter draw: samples of one group differ in the initial condition and noise only.
        parameters: physical values by name, those of the initial condition among them (`initial_length` and others, by its kind).
        initial_condition: kind of initial condition.
        attempt: how often it was drawn again after screening; part of the key of its random streams.
        initial_key: the sample whose random numbers make the initial condition; None for its own.
        noise_key: the sample whose random numbers make the noise; None for its own.
        later: how many whole runs go on before the states of this sample begin.
    """

    index: int
    system: str
    group: int
    parameters: Mapping[str, Value]
    initial_condition: str
    attempt: int = 0
    initial_key: int | None = None
    noise_key: int | None = None
    later: int = 0

    @property
    def initial_stream(self) -> tuple[int | str, ...]:
        """After the seed, the key of the random numbers of its initial condition."""
        number = self.index if self.initial_key is None else self.initial_key
        return (number, "initial", *self._attempts)

    def noise_stream(self, realization: int) -> tuple[int | str, ...]:
        """After the seed, the key of the random numbers of one realization's noise."""
        number = self.index if self.noise_key is None else self.noise_key
        return (number, realization, "noise", *self._attempts)

    @property
    def _attempts(self) -> tuple[int, ...]:
        return (self.attempt,) if self.attempt else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemSpace:
    """One system's sampled dimensions: its parameters, then the kind of initial condition, its correlation length and its detail.

    Attributes:
        system: name in `SYSTEMS`, or of a user's step.
        parameters: with a configuration's overrides.
        kind: of the initial condition, as a choice.
        own: the user's step; None for a system of the table.
    """

    system: str
    parameters: tuple[Parameter, ...]
    kind: Parameter
    own: UserStep | None = None

    @classmethod
    def of(
        cls,
        system: str,
        overrides: Mapping[str, Override],
        initial_conditions: Mapping[str, float | int] | None,
        *,
        own: UserStep | None = None,
    ) -> "SystemSpace":
        """The space of a system.

        Args:
            system: name in `SYSTEMS`.
            overrides: parameter → one value, `[low, high]`, the choices that stay, or choices with weights.
            initial_conditions: kind of initial condition → weight; None for the system's own.
            own: the user's step of that name; None for a system of the table.

        Raises:
            ConfigError: for unknown names, or overrides that do not fit.
        """
        built = SYSTEMS[system]() if own is None else own.system()
        weights = built.initial_conditions if initial_conditions is None else initial_conditions
        for name in weights:
            INITIAL_CONDITIONS[name]  # an unknown name is refused by the table
        kind = Parameter(
            name="initial_condition",
            kind="choice",
            choices=tuple(weights),
            weights=tuple(weights.values()),
            description="Kind of initial condition.",
        )
        return cls(system=system, parameters=narrow(built.parameters, overrides, whose=system), kind=kind, own=own)

    def built(self, *, precision: Precision = "float32") -> System:
        """The system that the space belongs to; a user's step has no layers that a precision acts on."""
        return SYSTEMS[self.system](precision=precision) if self.own is None else self.own.system()

    @property
    def num_dimensions(self) -> int:
        """Coordinates of a point."""
        return len(self.parameters) + 3

    def sampled_dimensions(self) -> list[int]:
        """Dimensions with more than one value; length and detail count where a kind of initial condition has them."""
        kinds = [INITIAL_CONDITIONS[str(name)]() for name in self.kind.choices]
        shape = (any(kind.length is not None for kind in kinds), any(kind.detail is not None for kind in kinds))
        varied = [not parameter.is_fixed for parameter in (*self.parameters, self.kind)]
        return [number for number, is_varied in enumerate((*varied, *shape)) if is_varied]

    def plan(
        self, point: Float[np.ndarray, " dimension"], *, index: int, group: int, repeat: int = 0, kind: str = ""
    ) -> SamplePlan:
        """The sample at a point of the unit cube.

        Args:
            point: a coordinate in [0, 1) for each dimension.
            index: number of the sample.
            group: number of the parameter draw.
            repeat: number of the sample in its group.
            kind: of the initial condition, in place of the point's own.
        """
        # Samples of one group go round the circle by the golden ratio, so their initial conditions spread as evenly as can be.
        turns = np.array([0.618033988749895, 0.754877666246693, 0.819172513396164])
        of_kind, of_length, of_detail = ((point[-3:] + repeat * turns) % 1.0).tolist()
        values = {p.name: p.value(float(u)) for p, u in zip(self.parameters, point[:-3], strict=True)}
        kind = kind or str(self.kind.value(of_kind))
        values |= INITIAL_CONDITIONS[kind]().values(of_length, of_detail)
        return SamplePlan(index=index, system=self.system, group=group, parameters=values, initial_condition=kind)

    def redrawn(self, plan: SamplePlan, *, seed: int) -> SamplePlan:
        """The next attempt of a sample: a uniform point of its own, keyed by the seed, the sample and the attempt.

        It keeps its group, so that a split keeps it where the first attempt would have been.
        """
        attempt = plan.attempt + 1
        point = stream(seed, plan.index, "redraw", attempt).random(self.num_dimensions)
        return replace(self.plan(point, index=plan.index, group=plan.group), attempt=attempt)
