"""How much work samples are, relative to each other: for the order of tasks, the time left, and estimates."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from spinlock.dynamics.space import SamplePlan
from spinlock.dynamics.systems import SYSTEMS


def cost(plan: SamplePlan) -> float:
    """The cost of a sample, up to a factor of its system: the product of powers that the system states, once a run that goes before."""
    powers = SYSTEMS[plan.system]().cost_powers if plan.system in SYSTEMS else {}  # a user's step may cost anything
    return (1 + plan.later) * float(np.prod([float(plan.parameters[name]) ** power for name, power in powers.items()]))


def relative_work(plans: Sequence[SamplePlan]) -> list[float]:
    """The cost of each sample over the mean of its system, times what the system costs relative to others.

    Without the second factor the stretches that are taken first would be those with the widest networks, which cost more
    than equations do, and the time left would be overestimated twofold.
    """
    costs = [cost(plan) for plan in plans]
    by_system: dict[str, list[float]] = defaultdict(list)
    for plan, value in zip(plans, costs, strict=True):
        by_system[plan.system].append(value)
    means = {system: float(np.mean(values)) for system, values in by_system.items()}
    weights = {name: SYSTEMS[name]().relative_cost if name in SYSTEMS else 1.0 for name in means}
    return [weights[plan.system] * value / means[plan.system] for plan, value in zip(plans, costs, strict=True)]


def timed_samples(plans: Sequence[SamplePlan], *, most_together: int) -> list[tuple[SamplePlan, ...]]:
    """Samples that are worth timing: of each system some that stand together; of one whose samples differ in cost, three.

    Args:
        plans: of the data set.
        most_together: samples that are timed in one call.
    """
    chosen: list[tuple[SamplePlan, ...]] = []
    for system in dict.fromkeys(plan.system for plan in plans):
        own = sorted((plan for plan in plans if plan.system == system), key=cost)
        if cost(own[0]) == cost(own[-1]):
            chosen.append(tuple(own[:most_together]))
        else:
            places = sorted({round(share * (len(own) - 1)) for share in (0.1, 0.5, 0.9)})
            chosen += [(own[place],) for place in places]
    return chosen


def seconds_by_system(
    plans: Sequence[SamplePlan], timed: Sequence[tuple[Sequence[SamplePlan], float]]
) -> dict[str, float]:
    """Seconds of all samples of each system, from some that were timed.

    Where samples differ in cost, time = a + b cost with a, b ≥ 0 is fitted to what was timed.

    Args:
        plans: of the data set.
        timed: samples of one system that ran together, and their seconds.
    """
    found: dict[str, float] = {}
    for system in dict.fromkeys(plan.system for plan in plans):
        own = [cost(plan) for plan in plans if plan.system == system]
        calls = [(cost(group[0]), seconds / len(group)) for group, seconds in timed if group[0].system == system]
        costs, seconds = np.array([c for c, _ in calls]), np.array([s for _, s in calls])
        found[system] = float(_line(costs, seconds, np.array(own)).sum())
    return found


def _line(costs: np.ndarray, seconds: np.ndarray, where: np.ndarray) -> np.ndarray:
    if len(set(costs.tolist())) == 1:
        return np.full(len(where), seconds.mean())
    slope, start = np.polyfit(costs, seconds, 1)
    if slope < 0:
        return np.full(len(where), seconds.mean())
    if start < 0:
        slope, start = float(costs @ seconds / (costs @ costs)), 0.0
    return start + slope * where


def share_done(work: Mapping[int, float], done: set[int]) -> float:
    """The part of the work that is in some of its samples."""
    return sum(work[sample] for sample in done) / sum(work.values()) if work else 1.0
