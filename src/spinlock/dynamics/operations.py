"""Operations on what a run is made from: a step of a parameter, another kind of initial condition, the later part of the run.

An operation is a word; `&` joins several into one:

    feed+0.2                      the parameter's place in its own distribution moves by +0.2: 0 is its lowest value, 1 its highest
    gray_scott.feed+0.2           the same, of that system alone
    initial=blobs                 another kind of initial condition, of the same length and detail where it has them
    later                         what the run does after its end, for as long again
    feed+0.2&kill_position-0.1    both at once
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from spinlock.core.errors import ConfigError, did_you_mean, listed
from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.parameter_space import Parameter
from spinlock.dynamics.space import SamplePlan, SystemSpace

STEP = re.compile(r"(?:(?P<system>\w+)\.)?(?P<name>[A-Za-z_]\w*)(?P<step>[+-](?:\d+\.?\d*|\.\d+))")
FEWEST_INITIAL_CONDITIONS = 3
"""At a base: an effect that is the mean over fewer is mostly that of the initial conditions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """A change of what a run is made from.

    Attributes:
        text: as it was written.
        steps: parameter → how far its place in its own distribution moves.
        system: whose operation it is; "" for every system that has the parameters.
        initial: kind of initial condition that replaces the run's own; "" to keep it.
        later: how many whole runs go on before what is looked at begins.
    """

    text: str
    steps: Mapping[str, float] = field(default_factory=dict)
    system: str = ""
    initial: str = ""
    later: int = 0

    @classmethod
    def of_text(cls, text: str) -> "Operation":
        """The operation that a word means.

        Raises:
            ConfigError: if it means none, or steps farther than a distribution is wide.
        """
        steps: dict[str, float] = defaultdict(float)
        systems: list[str] = []
        initial, later = "", 0
        for part in text.split("&"):
            if part == "later":
                later += 1
            elif part.startswith("initial="):
                if initial:
                    raise ConfigError(f"an operation has at most one kind of initial condition; got '{text}'.")
                initial = part.removeprefix("initial=")
                INITIAL_CONDITIONS[initial]  # an unknown name is refused by the table
            elif found := STEP.fullmatch(part):
                steps[found["name"]] += float(found["step"])
                systems += [found["system"]] if found["system"] else []
            else:
                raise ConfigError(
                    "an operation is a step of a parameter as feed+0.2, initial=KIND, later, or several of these joined by &; "
                    f"got '{part or text}'."
                )
        for name, step in steps.items():
            if not abs(step) < 1:
                raise ConfigError(
                    f"a step of a parameter is a part of its distribution, between -1 and 1; got {name}{step:+g} in '{text}'."
                )
        if len(set(systems)) > 1:
            raise ConfigError(f"an operation is of one system; '{text}' names {listed(dict.fromkeys(systems))}.")
        return cls(text=text, steps=dict(steps), system="".join(set(systems)), initial=initial, later=later)

    def is_of(self, space: SystemSpace) -> bool:
        """Whether a system has what the operation changes."""
        names = {parameter.name for parameter in space.parameters}
        return self.system in ("", space.system) and self.steps.keys() <= names

    def plan(
        self, space: SystemSpace, point: Float[np.ndarray, " dimension"], *, index: int, base: SamplePlan
    ) -> SamplePlan:
        """The base's sample under the operation, from the same random numbers.

        Args:
            space: of the system.
            point: of the unit cube, where the base lies.
            index: number of the sample.
            base: of the same initial condition.
        """
        moved = point.copy()
        for number, parameter in enumerate(space.parameters):
            moved[number] += self.steps.get(parameter.name, 0.0)
        moved = np.clip(moved, 0.0, np.nextafter(1.0, 0.0))
        plan = space.plan(moved, index=index, group=base.group, kind=self.initial)
        return replace(plan, initial_key=base.index, noise_key=base.index, later=self.later)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Base and operated runs of a data set: of each base and initial condition one run as it is, then one an operation.

    Attributes:
        operations: in order; each is of the systems that have what it changes.
        num_bases: draws of parameters.
        num_initial_conditions: at each base, all of one kind, length and detail.
    """

    operations: tuple[Operation, ...]
    num_bases: int
    num_initial_conditions: int

    @classmethod
    def of_texts(cls, texts: Sequence[str], *, num_bases: int, num_initial_conditions: int) -> "Pairs":
        """Pairs of operations as they are written.

        Raises:
            ConfigError: for a word that is no operation, one that is named twice, or too few initial conditions.
        """
        if not texts:
            raise ConfigError("pairs need at least one operation, for example feed+0.2; got none.")
        if twice := sorted({text for text in texts if texts.count(text) > 1}):
            raise ConfigError(f"each operation is named once; got {listed(twice)} twice.")
        if num_initial_conditions < FEWEST_INITIAL_CONDITIONS:
            raise ConfigError(
                f"an effect is the mean over at least {FEWEST_INITIAL_CONDITIONS} initial conditions; got {num_initial_conditions}."
            )
        return cls(
            operations=tuple(map(Operation.of_text, texts)),
            num_bases=num_bases,
            num_initial_conditions=num_initial_conditions,
        )

    @property
    def latest(self) -> int:
        """How many whole runs go on before the latest states that any sample holds."""
        return max(operation.later for operation in self.operations)

    def of_system(self, space: SystemSpace) -> tuple[Operation, ...]:
        """The operations of a system.

        Raises:
            ConfigError: if there is none, or one steps a parameter that cannot be stepped.
        """
        found = tuple(operation for operation in self.operations if operation.is_of(space))
        if not found:
            names = [parameter.name for parameter in space.parameters if not _mistake(parameter)]
            raise ConfigError(
                f"none of the operations {listed(operation.text for operation in self.operations)} is of system '{space.system}'; "
                f"its parameters that can be stepped are {listed(names, most=24)}."
            )
        for operation in found:
            for parameter in space.parameters:
                if parameter.name in operation.steps and (mistake := _mistake(parameter)):
                    raise ConfigError(
                        f"'{operation.text}' cannot step {space.system}.{parameter.name}, which {mistake}."
                    )
        return found

    def check(self, spaces: Mapping[str, SystemSpace]) -> None:
        """Refuses operations that no system of the data set has.

        Raises:
            ConfigError: naming the first.
        """
        for operation in self.operations:
            if not any(operation.is_of(space) for space in spaces.values()):
                known = dict.fromkeys(parameter.name for space in spaces.values() for parameter in space.parameters)
                unknown = [name for name in operation.steps if name not in known]
                why = (
                    f"no system of the data set has a parameter '{unknown[0]}'. {did_you_mean(unknown[0], known)}"
                    if unknown
                    else f"no system of the data set is meant by it; there are {listed(spaces)}."
                )
                raise ConfigError(f"'{operation.text}' changes nothing: {why}")

    def samples_of_base(self, space: SystemSpace) -> int:
        """Samples that a base of a system has."""
        return self.num_initial_conditions * (1 + len(self.of_system(space)))

    def plans(
        self, space: SystemSpace, point: Float[np.ndarray, " dimension"], *, first: int, group: int
    ) -> list[SamplePlan]:
        """The samples of one base: initial condition by initial condition, each as it is and then under every operation.

        Args:
            space: of its system.
            point: of the unit cube; squeezed to where every step stays within the distributions.
            first: number of its first sample.
            group: number of the base.

        Raises:
            ConfigError: if steps of a parameter up and down leave no place for a base.
        """
        operations = self.of_system(space)
        point = self._squeezed(space, point, operations)
        plans: list[SamplePlan] = []
        for _ in range(self.num_initial_conditions):
            base = space.plan(point, index=first + len(plans), group=group)
            plans.append(base)
            plans += [
                operation.plan(space, point, index=base.index + 1 + number, base=base)
                for number, operation in enumerate(operations)
            ]
        return plans

    def _squeezed(
        self, space: SystemSpace, point: Float[np.ndarray, " dimension"], operations: Sequence[Operation]
    ) -> Float[np.ndarray, " dimension"]:
        squeezed = point.copy()
        for number, parameter in enumerate(space.parameters):
            steps = [0.0, *(operation.steps.get(parameter.name, 0.0) for operation in operations)]
            width = 1.0 - max(steps) + min(steps)
            if width <= 0:
                raise ConfigError(
                    f"steps of '{parameter.name}' by {min(steps):+g} and {max(steps):+g} leave no base from which both stay within "
                    "its distribution; take smaller ones."
                )
            squeezed[number] = -min(steps) + width * point[number]
        return squeezed


def _mistake(parameter: Parameter) -> str:
    """Why a parameter cannot be stepped; "" if it can."""
    if parameter.kind in ("choice", "boolean"):
        return "is a choice"
    if parameter.is_named:
        return "is a name that looks like a number"
    return "has one value" if parameter.is_fixed else ""
