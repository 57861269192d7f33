"""From a generation file to what its samples depend on: the plan, the recipe of a block, the description of the file."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spinlock._version import __version__
from spinlock.config.generate import GenerateConfig
from spinlock.core.errors import ConfigError
from spinlock.core.software import software
from spinlock.dynamics import (
    Parameter,
    SamplingPlan,
    Screening,
    SystemSpace,
    initial_parameters,
    plan_samples,
    simulate,
)
from spinlock.dynamics.precision import in_words, precision_mistake
from spinlock.dynamics.user_system import UserStep, step_digest
from spinlock.features.sdf import SDF
from spinlock.pipeline.sample_block import Recipe
from spinlock.store.dataset_layout import DatasetDescription, ParameterColumn

NOT_DATA = ("output_path", "storage")
"""Parts of a configuration that say where and how data are written, not what they are."""


def plan_of(config: GenerateConfig) -> SamplingPlan:
    """The samples that a configuration asks for."""
    return plan_samples(
        num_samples=config.num_samples,
        seed=config.seed,
        systems={name: system.weight for name, system in config.systems.items()},
        parameters={name: system.parameters for name, system in config.systems.items() if system.step is None},
        initial_conditions=config.initial_conditions,
        samples_per_group=config.sampling.samples_per_group,
        spatial_dimensions=config.spatial_dimensions,
        own=own_steps(config),
    )


def own_steps(config: GenerateConfig) -> dict[str, UserStep]:
    """The steps that users brought, by the name of their system."""
    return {
        name: UserStep(
            name=name,
            path=system.step,
            arrays=system.arrays,
            channels=system.channels,
            dt=system.dt,
            dx=system.dx,
            offset=system.offset,
            scale=system.scale,
            parameters=system.parameters,
        )
        for name, system in config.systems.items()
        if system.step is not None
    }


def recipe_of(config: GenerateConfig, plan: SamplingPlan) -> Recipe:
    """What all blocks of a data set share.

    Raises:
        ConfigError: if the device is not there or lacks the units of the precision, or a user's step cannot be imported.
        InputError: if a user's step fails on its first state.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, and torch sees no CUDA device here; use --device cpu.")
    if mistake := precision_mistake(config.precision, device=config.device):
        raise ConfigError(f"{mistake}.")
    _try_own_steps(config, plan)
    return Recipe(
        num_realizations=config.num_realizations,
        num_timesteps=config.num_timesteps,
        grid_size=config.grid_size,
        seed=config.seed,
        keep_states=config.storage.keep_states,
        operator_sensitivity=config.features.operator_sensitivity,
        columns=_parameter_columns(plan.spaces, config.initial_conditions),
        folder=shards_folder(config.output_path),
        fingerprint=fingerprint_of(config),
        screening=screening_of(config),
        spaces=plan.spaces,
        device=config.device,
        spatial_dimensions=config.spatial_dimensions,
        precision=config.precision,
    )


def _try_own_steps(config: GenerateConfig, plan: SamplingPlan) -> None:
    """Take one step of every system that a user brought, so that its mistakes are told before anything is written."""
    for name in own_steps(config):
        first = next((sample for sample in plan.plans if sample.system == name), None)
        if first is not None:
            next(
                simulate(
                    [first],
                    num_realizations=1,
                    num_timesteps=2,
                    grid_size=config.grid_size,
                    seed=config.seed,
                    spaces=plan.spaces,
                    spatial_dimensions=config.spatial_dimensions,
                )
            )


def screening_of(config: GenerateConfig) -> Screening:
    """Which samples are drawn again."""
    if config.screening.policy == "mark":
        return Screening()
    return Screening(redraw=config.screening.redraw, max_redraws=config.screening.max_redraws)


def shards_folder(target: Path) -> Path:
    """Where the shards of a data set lie until it is whole."""
    return target.with_name(f"{target.name}.shards")


def fingerprint_of(config: GenerateConfig) -> str:
    """One word for everything that the data depend on: configuration, the files of users' own steps, feature definitions,
    spinlock's version."""
    configuration = data_configuration(config)
    if config.precision == "float32":
        del configuration["precision"]  # float32 before there was a choice, so that runs begun then go on
    content = [configuration, SDF.to_json(), __version__]
    if own := own_steps(config):
        content.append({name: step_digest(step.path) for name, step in own.items()})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def data_configuration(config: GenerateConfig) -> dict[str, Any]:
    """The part of a configuration that the data depend on."""
    settings = config.model_dump(mode="json")
    keep_states = settings["storage"]["keep_states"]
    return {key: value for key, value in settings.items() if key not in NOT_DATA} | {"keep_states": keep_states}


def config_of_data(stored: Mapping[str, Any], *, output_path: Path) -> GenerateConfig:
    """The configuration that `data_configuration` was made from, for another target.

    Raises:
        pydantic.ValidationError: if it is not one of this version.
    """
    settings = {key: value for key, value in stored.items() if key != "keep_states"}
    storage = {"keep_states": stored.get("keep_states", "none")}
    return GenerateConfig.model_validate({**settings, "storage": storage, "output_path": str(output_path)})


def description_of(config: GenerateConfig, plan: SamplingPlan) -> DatasetDescription:
    """What the data-set file says of itself."""
    return DatasetDescription(
        registry=SDF,
        parameters=_parameter_columns(plan.spaces, config.initial_conditions),
        configuration=data_configuration(config),
        seed=config.seed,
        software=software(),
        sampling_report={name: _finite(asdict(report)) for name, report in plan.report.items()},
        channel_names={name: tuple(space.built().channel_names) for name, space in plan.spaces.items()},
        extra={
            "fingerprint": fingerprint_of(config),
            "precision": in_words(config.precision),
            "sampling_warnings": list(plan.warnings),
        },
    )


def _parameter_columns(spaces: Mapping[str, SystemSpace], kinds: Iterable[str] | None) -> tuple[ParameterColumn, ...]:
    """Every parameter of every system as a column `<system>.<parameter>`, with those of frame 0 at the end."""
    columns = []
    for name, space in spaces.items():
        system = space.built()
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


def _finite(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The same with None for NaN, which JSON does not know."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in figures.items()
    }
