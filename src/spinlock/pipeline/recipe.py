"""From a generation file to the plans of its samples, the recipe that they share, and the description of the data set."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spinlock._version import __version__
from spinlock.config.generate import GenerateConfig
from spinlock.core.errors import ConfigError
from spinlock.core.software import software
from spinlock.dynamics.initial_conditions import initial_parameters
from spinlock.dynamics.operations import Pairs
from spinlock.dynamics.parameter_space import Parameter
from spinlock.dynamics.precision import in_words, precision_mistake
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import SamplingPlan, plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.dynamics.space import SystemSpace
from spinlock.dynamics.user_system import UserStep, step_digest
from spinlock.features.sdf import SDF
from spinlock.store.dataset_layout import DatasetDescription, ParameterColumn

NOT_DATA = ("output_path", "storage")
"""Parts of a configuration that say where and how data are written, not what they are."""


def plan_of(config: GenerateConfig) -> SamplingPlan:
    """The samples that a configuration asks for.

    Raises:
        ConfigError: for operations that its systems do not have, or a number of samples that is not that of its pairs.
    """
    plan = _plan_of(config)
    if len(plan.plans) != config.num_samples:
        raise ConfigError(
            f"num_samples must be {len(plan.plans)}, which is all runs of its pairs, as `spinlock pairs` counts them; got "
            f"{config.num_samples}."
        )
    return plan


def counted(config: GenerateConfig) -> GenerateConfig:
    """A configuration of pairs with as many samples as these are.

    Raises:
        ConfigError: for operations that its systems do not have.
    """
    return config.model_copy(update={"num_samples": len(_plan_of(config).plans)})


def _plan_of(config: GenerateConfig) -> SamplingPlan:
    return plan_samples(
        num_samples=config.num_samples,
        seed=config.seed,
        systems={name: system.weight for name, system in config.systems.items()},
        parameters={name: system.parameters for name, system in config.systems.items() if system.step is None},
        initial_conditions=config.initial_conditions,
        samples_per_group=config.sampling.samples_per_group,
        pairs=pairs_of(config),
        spatial_dimensions=config.spatial_dimensions,
        own=own_steps(config),
    )


def pairs_of(config: GenerateConfig) -> Pairs | None:
    """The operations of a configuration; None for a data set without any.

    Raises:
        ConfigError: for words that are none, or too few initial conditions.
    """
    if config.pairs is None:
        return None
    asked = config.pairs
    return Pairs.of_texts(asked.operations, num_bases=asked.bases, num_initial_conditions=asked.initial_conditions)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that the samples of a data set share; with the plans of some, all that a worker needs.

    Attributes:
        config: of the data set.
        spaces: system → the space that its samples are drawn from.
        columns: parameters of all systems, as they are stored.
        fingerprint: of everything that the samples depend on.
    """

    config: GenerateConfig
    spaces: Mapping[str, SystemSpace]
    columns: tuple[ParameterColumn, ...]
    fingerprint: str

    @property
    def most_states(self) -> int:
        """States of the longest realization that is simulated, those before the ones that are looked at among them."""
        pairs = pairs_of(self.config)
        return self.config.num_timesteps * (1 if pairs is None else 1 + pairs.latest)

    @property
    def folder(self) -> Path:
        """Where the shards of the data set lie until it is whole."""
        target = self.config.output_path
        return target.with_name(f"{target.name}.shards")

    def with_whole_path(self) -> "Recipe":
        """The recipe with a target that is the same from any working directory."""
        target = self.config.output_path.absolute()
        return replace(self, config=self.config.model_copy(update={"output_path": target}))


def prepare(config: GenerateConfig, *, here: bool = True) -> tuple[SamplingPlan, Recipe]:
    """The samples of a data set and what they share, once it is known that they can be made.

    Args:
        config: of the data set.
        here: whether this machine makes them; otherwise its device may be missing.

    Raises:
        ConfigError: if the device is not there or lacks the units of the precision, or a user's step cannot be imported.
        InputError: if a user's step fails on its first state.
    """
    if here:
        check_device(config)
    plan = plan_of(config)
    _try_own_steps(config, plan)
    return plan, recipe_of(config, plan)


def check_device(config: GenerateConfig) -> None:
    """Refuses a device that is not on this machine.

    Raises:
        ConfigError: if it is not there or lacks the units of the precision.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, and torch sees no CUDA device here; use --device cpu.")
    if mistake := precision_mistake(config.precision, device=config.device):
        raise ConfigError(f"{mistake}.")


def recipe_of(config: GenerateConfig, plan: SamplingPlan) -> Recipe:
    """The recipe of a data set, without a look at whether it can be made here."""
    pairs = pairs_of(config)
    kinds = [] if pairs is None else [one.initial for one in pairs.operations if one.initial]
    return Recipe(
        config=config,
        spaces=plan.spaces,
        columns=_parameter_columns(plan.spaces, config.initial_conditions, dict.fromkeys(kinds)),
        fingerprint=fingerprint_of(config),
    )


def _try_own_steps(config: GenerateConfig, plan: SamplingPlan) -> None:
    """Take one step of every system that a user brought, so that its mistakes are told before anything is written."""
    one_step = Simulation(
        num_realizations=1,
        num_timesteps=2,
        grid_size=config.grid_size,
        spatial_dimensions=config.spatial_dimensions,
        seed=config.seed,
    )
    for name in own_steps(config):
        first = next((sample for sample in plan.plans if sample.system == name), None)
        if first is not None:
            next(simulate([first], one_step, spaces=plan.spaces))


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
    if config.pairs is None:
        del settings["pairs"]  # as before there were any, so that runs begun then go on
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


def description_of(recipe: Recipe, plan: SamplingPlan) -> DatasetDescription:
    """The words of the data-set file about itself."""
    config = recipe.config
    return DatasetDescription(
        registry=SDF,
        parameters=recipe.columns,
        configuration=data_configuration(config),
        seed=config.seed,
        software=software(),
        sampling_report={name: _finite(asdict(report)) for name, report in plan.report.items()},
        channel_names={name: tuple(space.built().channel_names) for name, space in plan.spaces.items()},
        extra={
            "fingerprint": recipe.fingerprint,
            "precision": in_words(config.precision),
            "sampling_warnings": list(plan.warnings),
        },
    )


def _parameter_columns(
    spaces: Mapping[str, SystemSpace], kinds: Iterable[str] | None, others: Iterable[str]
) -> tuple[ParameterColumn, ...]:
    """Every parameter of every system as a column `<system>.<parameter>`, with those of the initial condition at the end.

    Args:
        spaces: of the systems.
        kinds: of initial conditions of every system; None for each system's own.
        others: further kinds that operations bring.
    """
    columns = []
    for name, space in spaces.items():
        system = space.built()
        frame = initial_parameters([*(system.initial_conditions if kinds is None else kinds), *others])
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
    """Figures with None for NaN, which JSON does not know."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in figures.items()
    }
