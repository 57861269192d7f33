"""Which samples are simulated: scrambled Sobol points in every system's parameter space, and a report on them.

Every system has a sequence of its own whose scrambling is keyed by the seed and the system's name. Its dimensions are
the system's parameters, the kind of initial condition, and the correlation length and the detail of the initial condition. Systems take turns by
their shares, so every stretch of samples has about the same mixture; in large data sets a turn is a run of up to four draws,
because samples of one system are simulated faster together. A plan depends on the seed, on the number of samples and
on its number alone: not on shards or workers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from scipy.stats import qmc

from spinlock.core.errors import ConfigError
from spinlock.core.seeds import key_of
from spinlock.dynamics.evenness import SystemSampling, evenness, max_correlation, sampling_warnings
from spinlock.dynamics.operations import Pairs
from spinlock.dynamics.parameter_space import Override
from spinlock.dynamics.space import SamplePlan, SystemSpace
from spinlock.dynamics.systems import SYSTEMS
from spinlock.dynamics.user_system import UserStep

SCRAMBLINGS = 32
"""Scramblings of which the least correlated is taken."""
LONGEST_RUN, TURNS = 4, 8
"""Draws that a system may make in a row, and turns that it must still have in the data set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingPlan:
    """All samples of a data set, and how evenly they fill each system's space.

    Attributes:
        plans: one a sample, in order.
        report: system → how evenly its space is filled.
        spaces: system → its space.
        warnings: what a reader of the data should know of their sampling, one sentence each.
    """

    plans: tuple[SamplePlan, ...]
    report: Mapping[str, SystemSampling] = field(default_factory=dict)
    spaces: Mapping[str, SystemSpace] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def plan_samples(  # noqa: PLR0913  the sections of a configuration
    *,
    num_samples: int,
    seed: int,
    systems: Sequence[str] | Mapping[str, float | int] | None = None,
    parameters: Mapping[str, Mapping[str, Override]] | None = None,
    initial_conditions: Mapping[str, float | int] | None = None,
    samples_per_group: int = 1,
    pairs: Pairs | None = None,
    spatial_dimensions: int = 2,
    own: Mapping[str, UserStep] | None = None,
) -> SamplingPlan:
    """The plans of `num_samples` samples, and the report on how evenly they fill the spaces.

    Args:
        num_samples: at least 1; of pairs, all that their bases have.
        seed: of the data set.
        systems: names, for equal shares, or name → weight; where None, all that run in so many dimensions.
        parameters: system → parameter → one value, `[low, high]`, the choices that stay, or choices with weights.
        initial_conditions: kind of initial condition → weight, for every system; None for each system's own.
        samples_per_group: samples that share one draw of parameters; the initial condition and noise differ.
        pairs: operations, where each draw is a base that is run as it is and under each of them.
        spatial_dimensions: 1 or 2.
        own: name → a user's step; a name in `systems` that is here is not looked up in the table.

    Raises:
        ConfigError: for unknown names, systems that do not run in so many dimensions, weights that are not positive,
            overrides that do not fit, or operations that a system does not have.
    """
    if num_samples < 1 or samples_per_group < 1:
        raise ConfigError(
            f"`num_samples` and `samples_per_group` must be at least 1; got {num_samples} and {samples_per_group}."
        )
    own = own or {}
    weights = _system_weights(systems, spatial_dimensions, own)
    overrides = parameters or {}
    for name in overrides.keys() - own:
        SYSTEMS[name]  # an unknown name is refused by the table
    order = _interleave(weights, -(-num_samples // samples_per_group) if pairs is None else pairs.num_bases)
    plans: list[SamplePlan] = []
    report: dict[str, SystemSampling] = {}
    spaces = {
        name: SystemSpace.of(name, overrides.get(name, {}), initial_conditions, own=own.get(name)) for name in weights
    }
    firsts = _first_samples(order, spaces, samples_per_group=samples_per_group, pairs=pairs)
    for name, space in spaces.items():
        groups = [group for group, system in enumerate(order) if system == name]
        points = _sobol(len(groups), space.num_dimensions, seed=seed, system=name)
        report[name] = evenness(points[:, space.sampled_dimensions()])
        for group, point in zip(groups, points, strict=True):
            first = firsts[group]
            if pairs is not None:
                plans += pairs.plans(space, point, first=first, group=group)
                continue
            for index in range(first, min(first + samples_per_group, num_samples)):
                plans.append(space.plan(point, index=index, group=group, repeat=index - first))
    return SamplingPlan(
        plans=tuple(sorted(plans, key=lambda plan: plan.index)),
        report=report,
        spaces=spaces,
        warnings=sampling_warnings(report, samples_per_group=samples_per_group),
    )


def _first_samples(
    order: Sequence[str], spaces: Mapping[str, SystemSpace], *, samples_per_group: int, pairs: Pairs | None
) -> list[int]:
    """The number of the first sample of each draw."""
    if pairs is None:
        return [group * samples_per_group for group in range(len(order))]
    pairs.check(spaces)
    sizes = {name: pairs.samples_of_base(space) for name, space in spaces.items()}
    return list(accumulate((sizes[name] for name in order), initial=0))


def _system_weights(
    systems: Sequence[str] | Mapping[str, float | int] | None, spatial_dimensions: int, own: Mapping[str, UserStep]
) -> dict[str, float | int]:
    """Systems and their weights, in the order of the table, so that the order of writing changes nothing; own ones last."""
    if systems is None:
        systems = [name for name in SYSTEMS if not SYSTEMS[name]().dimension_mistake(spatial_dimensions)]
    given: dict[str, float | int] = dict.fromkeys(systems, 1.0)
    if isinstance(systems, Mapping):
        given.update(systems)
    for name, weight in given.items():
        if name not in own and (mistake := SYSTEMS[name]().dimension_mistake(spatial_dimensions)):
            raise ConfigError(f"{mistake}.")
        if not weight > 0:
            raise ConfigError(f"the weight of system '{name}' must be greater than 0; got {weight:g}.")
    if not given:
        raise ConfigError("at least one system is needed; got none.")
    return {name: given[name] for name in (*SYSTEMS, *sorted(own)) if name in given}


def _interleave(weights: Mapping[str, float | int], count: int) -> list[str]:
    """A system for each of `count` draws: every stretch holds the systems in about the proportion of their weights."""
    names, shares = list(weights), np.array(list(weights.values()))
    shares = shares / shares.sum()
    run = 1
    while 2 * run <= LONGEST_RUN and 2 * run * TURNS * len(names) <= count:
        run *= 2
    order: list[str] = []
    taken = np.zeros(len(names))
    for number in range(-(-count // run)):
        # The one that lags its share the most; the first of equals.
        chosen = int(np.argmax(shares * (number + 1) - taken))
        taken[chosen] += 1
        order += [names[chosen]] * run
    return order[:count]


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
        correlation = max_correlation(points)
        if attempt == 0 or correlation < smallest:
            best, smallest = points, correlation
    return best
