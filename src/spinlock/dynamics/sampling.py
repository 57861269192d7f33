"""Which samples are simulated: scrambled Sobol points in every system's parameter space, and a report on them.

Every system has a sequence of its own whose scrambling is keyed by the seed and the system's name. Its dimensions are
the system's parameters, the kind of frame 0 and the correlation length of frame 0. Systems are interleaved by their
shares, so every stretch of samples has about the same mixture. A plan depends on the seed, on the number of samples and
on its number alone: not on shards or workers.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import qmc

from spinlock.core.errors import ConfigError
from spinlock.core.seeds import key_of
from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.parameter_space import Override, Parameter, Value, narrow
from spinlock.dynamics.systems import SYSTEMS

logger = logging.getLogger(__name__)

SCRAMBLINGS = 32
"""Scramblings of which the least correlated is taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplePlan:
    """What one sample is made of.

    Attributes:
        index: number in the data set; with the seed, the key of its random streams.
        system: name in `SYSTEMS`.
        group: number of its parameter draw: samples of one group differ in frame 0 and noise only.
        parameters: physical values by name, `initial_length` among them where the kind of frame 0 has one.
        initial_condition: kind of frame 0.
    """

    index: int
    system: str
    group: int
    parameters: Mapping[str, Value]
    initial_condition: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemSampling:
    """How evenly one system's space is filled.

    Attributes:
        num_draws: points in it.
        num_dimensions: dimensions that are really sampled.
        discrepancy: centred L2 discrepancy of the points; NaN without dimensions or points.
        random_discrepancy: what independent uniform points have in the mean of their squares.
        max_correlation: largest |Pearson correlation| between two dimensions; NaN below 2 dimensions or 3 points.
        is_balanced: whether the number of points is a power of two, at which Sobol points are balanced.
    """

    num_draws: int
    num_dimensions: int
    discrepancy: float
    random_discrepancy: float
    max_correlation: float
    is_balanced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingPlan:
    """All samples of a data set, and how evenly they fill each system's space."""

    plans: tuple[SamplePlan, ...]
    report: Mapping[str, SystemSampling] = field(default_factory=dict)


def plan_samples(
    *,
    num_samples: int,
    seed: int,
    systems: Sequence[str] | Mapping[str, float | int] | None = None,
    parameters: Mapping[str, Mapping[str, Override]] | None = None,
    initial_conditions: Mapping[str, float | int] | None = None,
    samples_per_group: int = 1,
    spatial_dimensions: int = 2,
) -> SamplingPlan:
    """The plans of `num_samples` samples, and the report on how evenly they fill the spaces.

    Args:
        num_samples: at least 1.
        seed: of the data set.
        systems: names, for equal shares, or name → weight; where None, all that run in so many dimensions.
        parameters: system → parameter → one value, `[low, high]`, or the choices that stay.
        initial_conditions: kind of frame 0 → weight, for every system; None for each system's own.
        samples_per_group: samples that share one draw of parameters; frame 0 and noise differ.
        spatial_dimensions: 1 or 2.

    Raises:
        ConfigError: for unknown names, systems that do not run in so many dimensions, weights that are not positive, or
            overrides that do not fit.
    """
    if num_samples < 1 or samples_per_group < 1:
        raise ConfigError(
            f"`num_samples` and `samples_per_group` must be at least 1; got {num_samples} and {samples_per_group}."
        )
    weights = _system_weights(systems, spatial_dimensions)
    overrides = parameters or {}
    for name in overrides:
        SYSTEMS[name]  # an unknown name is refused by the table
    order = _interleave(weights, -(-num_samples // samples_per_group))
    plans: list[SamplePlan] = []
    report: dict[str, SystemSampling] = {}
    for name in weights:
        groups = [group for group, system in enumerate(order) if system == name]
        space = _Space.of(name, overrides.get(name, {}), initial_conditions)
        points = _sobol(len(groups), space.num_dimensions, seed=seed, system=name)
        report[name] = _report(points, space.sampled_dimensions())
        for group, point in zip(groups, points, strict=True):
            first = group * samples_per_group
            for index in range(first, min(first + samples_per_group, num_samples)):
                plans.append(space.plan(point, index=index, group=group, repeat=index - first))
    uneven = [name for name, sampling in report.items() if not sampling.is_balanced]
    if uneven:
        logger.info("Sobol points are balanced only in powers of two; not so: %s.", ", ".join(uneven))
    return SamplingPlan(plans=tuple(sorted(plans, key=lambda plan: plan.index)), report=report)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Space:
    """One system's sampled dimensions: its parameters, then the kind of frame 0, then its correlation length."""

    system: str
    parameters: tuple[Parameter, ...]
    kind: Parameter

    @classmethod
    def of(
        cls, system: str, overrides: Mapping[str, Override], initial_conditions: Mapping[str, float | int] | None
    ) -> "_Space":
        built = SYSTEMS[system]()
        weights = built.initial_conditions if initial_conditions is None else initial_conditions
        for name in weights:
            INITIAL_CONDITIONS[name]  # an unknown name is refused by the table
        kind = Parameter(
            name="initial_condition",
            kind="choice",
            choices=tuple(weights),
            weights=tuple(weights.values()),
            description="Kind of frame 0.",
        )
        return cls(system=system, parameters=narrow(built.parameters, overrides, whose=system), kind=kind)

    @property
    def num_dimensions(self) -> int:
        return len(self.parameters) + 2

    def sampled_dimensions(self) -> list[int]:
        """Dimensions with more than one value; the correlation length of frame 0 is one."""
        return [i for i, p in enumerate((*self.parameters, self.kind)) if not p.is_fixed] + [self.num_dimensions - 1]

    def plan(self, point: np.ndarray, *, index: int, group: int, repeat: int) -> SamplePlan:
        # Samples of one group go round the circle by the golden ratio, so their frames 0 spread as evenly as can be.
        of_kind, of_length = (point[-2:] + repeat * np.array([0.618033988749895, 0.754877666246693])) % 1.0
        values = {p.name: p.value(float(u)) for p, u in zip(self.parameters, point[:-2], strict=True)}
        kind = str(self.kind.value(float(of_kind)))
        length = INITIAL_CONDITIONS[kind]().length
        if length is not None:
            values["initial_length"] = length.value(float(of_length))
        return SamplePlan(index=index, system=self.system, group=group, parameters=values, initial_condition=kind)


def _system_weights(
    systems: Sequence[str] | Mapping[str, float | int] | None, spatial_dimensions: int
) -> dict[str, float | int]:
    """Systems and their weights, in the order of the table, so that the order of writing changes nothing."""
    if systems is None:
        systems = [name for name in SYSTEMS if not SYSTEMS[name]().dimension_mistake(spatial_dimensions)]
    given: dict[str, float | int] = dict.fromkeys(systems, 1.0)
    if isinstance(systems, Mapping):
        given.update(systems)
    for name, weight in given.items():
        if mistake := SYSTEMS[name]().dimension_mistake(spatial_dimensions):
            raise ConfigError(f"{mistake}.")
        if not weight > 0:
            raise ConfigError(f"the weight of system '{name}' must be greater than 0; got {weight:g}.")
    if not given:
        raise ConfigError("at least one system is needed; got none.")
    return {name: given[name] for name in SYSTEMS if name in given}


def _interleave(weights: Mapping[str, float | int], count: int) -> list[str]:
    """A system for each of `count` draws: every stretch holds the systems in about the proportion of their weights."""
    names, shares = list(weights), np.array(list(weights.values()))
    shares = shares / shares.sum()
    order, taken = [], np.zeros(len(names))
    for number in range(count):
        # The one that lags its share the most; the first of equals.
        chosen = int(np.argmax(shares * (number + 1) - taken))
        taken[chosen] += 1
        order.append(names[chosen])
    return order


def _sobol(count: int, dimensions: int, *, seed: int, system: str) -> np.ndarray:
    """The first `count` points of a scrambled Sobol sequence, (count, dimensions), in [0, 1).

    A few points in many dimensions are easily correlated: of some scramblings the one with the smallest maximal
    correlation is taken.
    """
    power = max(count - 1, 0).bit_length()
    best, smallest = np.empty((count, dimensions)), float("inf")
    for attempt in range(SCRAMBLINGS):
        generator = np.random.Generator(np.random.PCG64(key_of(seed, "sobol", system, attempt)))
        points = qmc.Sobol(dimensions, scramble=True, rng=generator).random_base2(power)[:count]
        correlation = _max_correlation(points)
        if attempt == 0 or correlation < smallest:
            best, smallest = points, correlation
    return best


def _max_correlation(points: np.ndarray) -> float:
    """Largest |Pearson correlation| between two dimensions; NaN below 2 dimensions or 3 points."""
    count, dimensions = points.shape
    if dimensions < 2 or count < 3:
        return float("nan")
    table = np.corrcoef(points, rowvar=False)
    return float(np.abs(table[np.triu_indices(dimensions, 1)]).max())


def _report(points: np.ndarray, dimensions: Sequence[int]) -> SystemSampling:
    points = points[:, dimensions]
    count, num_dimensions = points.shape
    discrepancy = random = float("nan")
    if count and num_dimensions:
        discrepancy = float(np.sqrt(qmc.discrepancy(points, method="CD")))
        # Hickernell (1998), Math. Comp. 67, 299: mean over independent uniform points of the squared discrepancy.
        random = float(np.sqrt(((5 / 4) ** num_dimensions - (13 / 12) ** num_dimensions) / count))
    return SystemSampling(
        num_draws=count,
        num_dimensions=num_dimensions,
        discrepancy=discrepancy,
        random_discrepancy=random,
        max_correlation=_max_correlation(points),
        is_balanced=count > 0 and count & (count - 1) == 0,
    )
