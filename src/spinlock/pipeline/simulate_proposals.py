"""Proposed parameters, really run: a new initial condition and new noise each, described and tokenized as the data set was."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from spinlock.config.generate import GenerateConfig
from spinlock.core.errors import UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import TokenTable
from spinlock.core.workers import Executor
from spinlock.dynamics.parameter_space import Value
from spinlock.dynamics.precision import precision_mistake
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.simulation import Screening
from spinlock.dynamics.space import SamplePlan, SystemSpace
from spinlock.features.aggregate import aggregate
from spinlock.features.extract import extract_rollout, within_range
from spinlock.features.sdf import SDF
from spinlock.pipeline.progress import Progress
from spinlock.pipeline.question_runs import Runs
from spinlock.store.guard import is_trusting

COLUMNS = SDF.with_scope("per_trajectory").aggregated()
"""The columns of a simulated run."""


def check_can_simulate(runs: Runs, system: str) -> None:
    """Refuses a system that cannot be run here.

    Raises:
        UsageError: if the data set does not say how its runs were made, or a user's own step made them and the file is not trusted.
        NamesDifferError: if the tokenizer was made for other columns than those of simulated runs.
    """
    space = runs.space(system)
    if runs.config is None or space is None:
        raise UsageError(
            f"the runs of '{system}' in {runs.path} were not simulated by spinlock, so it cannot run what is proposed: leave out "
            "--simulate (simulate=True) and run the proposals with what made the runs."
        )
    if space.own is not None and not is_trusting():
        raise UsageError(
            f"'{system}' is a step of somebody's own ({space.own.path}), which is not run because a file names it; if you made "
            f"{runs.path}, add --trusted."
        )
    if mistake := precision_mistake(runs.config.precision, device="cpu"):
        raise UsageError(f"{mistake}.")
    runs.tokenizer.tokenizer_.registry.check_same_names(COLUMNS.names, whose="a simulated run")


def tokens_of(
    runs: Runs,
    system: str,
    given: Sequence[tuple[Mapping[str, Value], str]],
    *,
    executor: Executor,
    progress: Progress,
) -> TokenTable:
    """The tokens of new runs, one row each; categories are absent (-1) where every realization diverged.

    Args:
        runs: whose configuration and tokenizer are used.
        system: which was checked by `check_can_simulate`.
        given: parameters and kind of initial condition of each new run.
        executor: where they are simulated; the tokens are the same anywhere.
        progress: is told of the runs.
    """
    config, space = runs.config, runs.space(system)
    assert config is not None
    assert space is not None
    # Beyond the last sample, so that no stream of random numbers is one of the data set's.
    first = config.num_samples
    plans = [
        SamplePlan(index=first + number, system=system, group=number, parameters=parameters, initial_condition=kind)
        for number, (parameters, kind) in enumerate(given)
    ]
    simulated = config.model_copy(update={"device": "cpu", "screening": Screening()})
    describe = partial(_described, simulated, system, space)
    rows: dict[int, Float[np.ndarray, " column"]] = {}
    progress("simulate", 0, len(plans))
    for plan, row in executor.map_unordered(describe, plans):
        rows[plan.index] = row
        progress("simulate", len(rows), len(plans))
    values = torch.from_numpy(np.stack([rows[plan.index] for plan in plans]))
    return runs.tokenizer.encode(FeatureTable(values=values, registry=COLUMNS))


def _described(
    config: GenerateConfig, system: str, space: SystemSpace, plan: SamplePlan
) -> Float[np.ndarray, " column"]:
    """The columns of one new run."""
    (rollout,) = simulate([plan], config, spaces={system: space})
    described = within_range(rollout if config.features.operator_sensitivity else replace(rollout, step=None))
    features = extract_rollout(described, name=f"proposal {plan.group + 1}").per_trajectory
    return aggregate(features).float().numpy()
