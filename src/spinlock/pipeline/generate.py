"""`spinlock generate`: from a configuration to a data-set file, in shards that survive."""

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinlock._version import __version__
from spinlock.config.generate import GenerateConfig
from spinlock.core.errors import InputError
from spinlock.dynamics import SYSTEMS, Parameter, SamplingPlan, Screening, initial_parameters, plan_samples
from spinlock.features.sdf import SDF
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.sample_block import BlockTask, Recipe, consecutive_runs, make_block, write_block
from spinlock.pipeline.software import software
from spinlock.pipeline.threads import one_thread
from spinlock.pipeline.workers import map_in_workers, num_cores
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import DatasetDescription, ParameterColumn
from spinlock.store.merge import merge_shards
from spinlock.store.shards import complete_shards, missing_samples, remove_shards

log = logging.getLogger(__name__)

NOT_DATA = ("output_path", "storage")
"""Parts of a configuration that say where and how data are written, not what they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run would cost, from a timed run of a few of its samples.

    Attributes:
        num_samples: that are still to be made.
        seconds: of the whole run with `num_workers`.
        num_bytes: of the data-set file.
        num_workers: processes.
        timed_samples: that the estimate rests on.
    """

    num_samples: int
    seconds: float
    num_bytes: int
    num_workers: int
    timed_samples: int


def generate(config: GenerateConfig, *, progress: Progress = silent) -> Path:
    """Make the data set that `config` describes, or go on where an earlier run was stopped; returns its path.

    Raises:
        InputError: if the target, or shards beside it, were made from another configuration.
        ResourceError: out of disk or memory; complete shards are kept.
    """
    target, plan = config.output_path, _plan(config)
    recipe = _recipe(config, plan)
    if target.exists():
        _check_target(target, recipe.fingerprint)
        log.info("%s is already complete.", target)
        return target
    for warning in plan.warnings:
        log.warning("%s", warning)
    done = complete_shards(recipe.folder, fingerprint=recipe.fingerprint)
    missing = missing_samples(done, config.num_samples)
    if done:
        log.info("Going on: %d of %d samples are already there.", config.num_samples - len(missing), config.num_samples)
    runs = consecutive_runs(missing, size=config.storage.shard_size)
    tasks = [BlockTask(plans=tuple(plan.plans[sample] for sample in run), recipe=recipe) for run in runs]
    finished = config.num_samples - len(missing)
    progress("generate", finished, config.num_samples)
    for _, count in map_in_workers(write_block, _longest_first(tasks), num_workers=_num_workers(config)):
        finished += count
        progress("generate", finished, config.num_samples)
    merge_shards(
        recipe.folder,
        target,
        description=_description(config, plan, recipe),
        num_samples=config.num_samples,
        fingerprint=recipe.fingerprint,
    )
    remove_shards(recipe.folder)
    return target


def estimate(config: GenerateConfig) -> Estimate:
    """Time and size of a run, from its first samples of every system, timed on one thread; nothing is written."""
    plan = _plan(config)
    recipe = _recipe(config, plan)
    first = [next(p for p in plan.plans if p.system == system) for system in plan.report]
    per_system = {p.system: sum(q.system == p.system for q in plan.plans) for p in first}
    seconds, num_bytes = 0.0, 0
    with one_thread():
        for sample in first:
            start = time.perf_counter()
            block = make_block(BlockTask(plans=(sample,), recipe=recipe))
            seconds += (time.perf_counter() - start) * per_system[sample.system]
            num_bytes += sum(array.nbytes for array in block.arrays().values()) * per_system[sample.system]
    workers = _num_workers(config)
    return Estimate(
        num_samples=config.num_samples,
        seconds=seconds / workers,
        num_bytes=num_bytes,
        num_workers=workers,
        timed_samples=len(first),
    )


def _num_workers(config: GenerateConfig) -> int:
    return num_cores() if config.storage.workers == "auto" else config.storage.workers


def _plan(config: GenerateConfig) -> SamplingPlan:
    return plan_samples(
        num_samples=config.num_samples,
        seed=config.seed,
        systems={name: system.weight for name, system in config.systems.items()},
        parameters={name: system.parameters for name, system in config.systems.items()},
        initial_conditions=config.initial_conditions,
        samples_per_group=config.sampling.samples_per_group,
        spatial_dimensions=config.spatial_dimensions,
    )


def _recipe(config: GenerateConfig, plan: SamplingPlan) -> Recipe:
    return Recipe(
        num_realizations=config.num_realizations,
        num_timesteps=config.num_timesteps,
        grid_size=config.grid_size,
        seed=config.seed,
        keep_states=config.storage.keep_states,
        operator_sensitivity=config.features.operator_sensitivity,
        columns=_parameter_columns(plan.report, config.initial_conditions),
        folder=config.output_path.with_name(config.output_path.name + ".shards"),
        fingerprint=_fingerprint(config),
        screening=_screening(config),
        spaces=plan.spaces,
        spatial_dimensions=config.spatial_dimensions,
    )


def _screening(config: GenerateConfig) -> Screening:
    if config.screening.policy == "mark":
        return Screening()
    return Screening(redraw=config.screening.redraw, max_redraws=config.screening.max_redraws)


def _configuration(config: GenerateConfig) -> dict[str, Any]:
    """The part of a configuration that the data depend on."""
    settings = config.model_dump(mode="json")
    keep_states = settings["storage"]["keep_states"]
    return {key: value for key, value in settings.items() if key not in NOT_DATA} | {"keep_states": keep_states}


def _fingerprint(config: GenerateConfig) -> str:
    """One word for everything that the data depend on: configuration, feature definitions, spinlock's version."""
    content = [_configuration(config), SDF.to_json(), __version__]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_target(target: Path, fingerprint: str) -> None:
    with open_dataset(target) as dataset:
        made_from = dataset.metadata.get("extra", {}).get("fingerprint")
    if made_from != fingerprint:
        raise InputError(
            f"{target} exists and was made from another configuration or version of spinlock; remove it or choose another --output."
        )


def _parameter_columns(systems: Iterable[str], kinds: Iterable[str] | None) -> tuple[ParameterColumn, ...]:
    """Every parameter of every system as a column `<system>.<parameter>`, with those of frame 0 at the end."""
    columns = []
    for name in systems:
        system = SYSTEMS[name]()
        frame = initial_parameters(system.initial_conditions if kinds is None else kinds)
        columns += [_parameter_column(name, parameter) for parameter in (*system.parameters, *frame)]
    return tuple(columns)


def _parameter_column(system: str, parameter: Parameter) -> ParameterColumn:
    has_range = parameter.kind in ("real", "integer", "log") and not parameter.name.startswith("initial_")
    return ParameterColumn(
        name=f"{system}.{parameter.name}",
        unit=parameter.unit,
        low=float(parameter.low) if has_range else np.nan,
        high=float(parameter.high) if has_range else np.nan,
        choices=tuple(str(choice) for choice in parameter.choices),
    )


def _longest_first(tasks: list[BlockTask]) -> list[BlockTask]:
    """Blocks with the most samples first, so that no worker is left alone with a long one at the end."""
    return sorted(tasks, key=lambda task: -len(task.plans))


def _description(config: GenerateConfig, plan: SamplingPlan, recipe: Recipe) -> DatasetDescription:
    return DatasetDescription(
        registry=SDF,
        parameters=recipe.columns,
        configuration=_configuration(config),
        seed=config.seed,
        software=software(),
        sampling_report={name: _finite(asdict(report)) for name, report in plan.report.items()},
        channel_names={name: tuple(SYSTEMS[name]().channel_names) for name in plan.report},
        extra={"fingerprint": recipe.fingerprint, "sampling_warnings": list(plan.warnings)},
    )


def _finite(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The same with None for NaN, which JSON does not know."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in figures.items()
    }
