"""The schema of a generation file: which samples are simulated, what is computed from them, what is kept."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from spinlock.config.document import Location
from spinlock.config.tables import (
    all_systems,
    dimension_mistake,
    initial_condition_mistake,
    parameter_mistake,
    precision_use_mistake,
    step_mistakes,
    system_mistake,
)
from spinlock.core.spec import Count, FilePath, Flag, ImportPath, Positive, Spec, Word, located
from spinlock.dynamics.simulation import Simulation

Scalar = bool | int | float | str
Override = Scalar | tuple[Scalar, ...] | dict[str, tuple[Scalar, ...]]
"""One value; several: the ends of a range, or the choices that stay; or choices and their weights."""
_FORMS = "one value, [low, high], a list of choices, or one of {low, high}, {value}, {choices}, {choices, weights}"


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


def _override(value: object) -> Override:
    """One value; several: the ends of a range, or the choices that stay; or choices and their weights."""
    if isinstance(value, dict) and set(value) == {"choices", "weights"}:
        return {name: _several(value[name]) for name in ("choices", "weights")}
    if isinstance(value, dict):
        forms = {("low", "high"), ("high", "low"), ("value",), ("choices",)}
        if tuple(value) not in forms:
            raise ValueError(f"takes {_FORMS}")
        value = [value["low"], value["high"]] if "low" in value else next(iter(value.values()))
    if isinstance(value, list | tuple):
        return _several(value)
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"takes {_FORMS}")
    return value


def _several(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple) or not value or not all(_is_scalar(entry) for entry in value):
        raise ValueError(f"takes {_FORMS}")
    return tuple(value)


def _named(value: object) -> object:
    """A list of names as a mapping of names to nothing."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice")
        return dict.fromkeys(value)
    return value


def _systems(value: object, info: Any) -> object:
    """Every form of `systems` as a mapping of names to sections; `info` is pydantic's, with the fields before it."""
    if value == "all":
        value = list(all_systems(info.data.get("spatial_dimensions", 2)))
    value = _named(value)
    if not isinstance(value, dict):
        return value
    return {
        _OwnName(name) if isinstance(entry, dict) and entry.get("step") is not None else name: {}
        if entry is None
        else entry
        for name, entry in value.items()
    }


class _OwnName(str):
    """A name of the user's own, which its entry backs with a step."""


def _known_system(name: object) -> object:
    if isinstance(name, str) and (mistake := system_mistake(name, is_own=isinstance(name, _OwnName))):
        raise ValueError(mistake)
    return str(name) if isinstance(name, _OwnName) else name


def _weights(value: object) -> object:
    """A list of names as weights of 1."""
    value = _named(value)
    return (
        {name: 1.0 if entry is None else entry for name, entry in value.items()} if isinstance(value, dict) else value
    )


def _words(value: object) -> object:
    """Words in one text as a list."""
    return value.split() if isinstance(value, str) else value


def _workers(value: object) -> object:
    if value != "auto" and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1024):
        raise ValueError("must be auto or a whole number from 1 to 1024")
    return value


def _known_initial_condition(name: str) -> str:
    if mistake := initial_condition_mistake(name):
        raise ValueError(mistake)
    return name


_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def _also(*forms: dict[str, Any]) -> Any:
    """Adds shorter forms to the JSON schema of a field."""

    def extend(schema: dict[str, Any]) -> None:
        kept = {
            key: schema.pop(key) for key in ("type", "additionalProperties", "minProperties", "anyOf") if key in schema
        }
        schema["anyOf"] = [kept, *forms]

    return extend


_VALUE: dict[str, Any] = {"type": ["number", "string", "boolean"]}
_SEVERAL: dict[str, Any] = {"type": "array", "items": _VALUE, "minItems": 1}


_WEIGHTS: dict[str, Any] = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1}


def _only(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


ParameterOverride = Annotated[
    Any,
    BeforeValidator(_override),
    WithJsonSchema(
        {
            "anyOf": [
                _VALUE,
                _SEVERAL,
                _only(low=_VALUE, high=_VALUE),
                _only(value=_VALUE),
                _only(choices=_SEVERAL),
                _only(choices=_SEVERAL, weights=_WEIGHTS),
            ]
        }
    ),
]


class SystemConfig(Spec):
    """How much of the data set one system makes up, and which of its parameters are narrowed; or a step of your own."""

    weight: Positive = 1.0
    """Share of the samples, relative to the other systems."""

    parameters: dict[str, ParameterOverride] = {}
    """Parameter → one value, {low, high} in its own unit, {choices}, or {choices, weights}; the others keep their ranges. A step is given them by name."""

    step: ImportPath | None = None
    """package.module:function of your own: from a state (channel, height, width) to the next. It runs as your code."""

    arrays: Literal["numpy", "torch"] = "numpy"
    """What the step takes and returns; with torch operations its gains are exact."""

    channels: Annotated[tuple[Word, ...], Field(min_length=1)] = ("u",)
    """Names of the channels of the step's states."""

    dt: Positive = 1.0
    """Time of one step."""

    dx: Positive = 1.0
    """Grid spacing of the step's states."""

    offset: Annotated[float, Field(strict=True, allow_inf_nan=False)] = 0.0
    """Mean of the initial condition, in the unit of the step's states."""

    scale: Positive = 1.0
    """Standard deviation of the initial condition, in the unit of the step's states."""

    @model_validator(mode="after")
    def _check_step(self) -> "SystemConfig":
        """What describes a step comes with one, and its parameters can be sampled."""
        if self.step is None:
            fields = type(self).model_fields
            idle = [
                key
                for key in fields
                if key not in ("weight", "parameters", "step") and getattr(self, key) != fields[key].default
            ]
            rule = "describes a step of your own; name it with step, or leave this out"
            mistakes: list[tuple[Location, str]] = [((key,), rule) for key in idle]
        else:
            mistakes = [(("parameters", *below), mistake) for below, mistake in step_mistakes(self.parameters)]
        if mistakes:
            raise located(mistakes)
        return self


class SamplingConfig(Spec):
    """How parameters are drawn (scrambled Sobol points)."""

    samples_per_group: Count = 1
    """Samples that share one draw of parameters and differ in the initial condition and noise; splits keep them together."""


class PairsConfig(Spec):
    """Base and operated runs with the same initial condition and noise, as `spinlock pairs` makes them."""

    operations: Annotated[
        tuple[Word, ...],
        BeforeValidator(_words),
        Field(min_length=1, json_schema_extra=_also({"type": "string"})),
    ]
    """A step of a parameter as feed+0.2 (of its place in its own distribution, from 0 to 1), initial=KIND, later, or several joined by &."""

    bases: Count
    """Draws of parameters; each is run as it is and under every operation of its system."""

    initial_conditions: Annotated[int, Field(strict=True, ge=3, le=10_000)] = 6
    """Initial conditions of each base, all of one kind; at least 3."""


class FeaturesConfig(Spec):
    """What is computed from the rollouts."""

    operator_sensitivity: Flag = True
    """Whether the features that run the step operator again are computed; they are missing otherwise."""


class StorageConfig(Spec):
    """What is kept, and how the work is cut."""

    keep_states: Literal["none", "float32", "float16"] = "none"
    """Precision in which states are stored; "none" stores features only."""

    shard_size: Count = 16
    """Samples a shard: what is lost at most, for each worker, when the run is killed."""

    workers: Annotated[int | Literal["auto"], BeforeValidator(_workers)] = "auto"
    """Processes of one thread each; "auto" is the number of cores, or fewer where memory is short."""


class GenerateConfig(Simulation):
    """A data set of simulated samples and their features."""

    num_samples: Count
    """Samples: draws of a system, its parameters and initial condition."""

    output_path: FilePath
    """The HDF5 file that is written."""

    systems: Annotated[
        dict[Annotated[str, BeforeValidator(_known_system)], SystemConfig],
        BeforeValidator(_systems),
        Field(min_length=1, json_schema_extra=_also(_NAMES, {"const": "all"})),
    ]
    """Systems to draw from: "all" that run in so many dimensions, a list of names, name → weight and parameters, your own name → step."""

    initial_conditions: Annotated[
        Annotated[dict[Annotated[str, AfterValidator(_known_initial_condition)], Positive], Field(min_length=1)] | None,
        BeforeValidator(_weights),
        Field(json_schema_extra=_also(_NAMES)),
    ] = None
    """Kinds of initial conditions for every system: a list, or name → weight; each system's own where it is empty."""

    sampling: SamplingConfig = SamplingConfig()

    pairs: PairsConfig | None = None
    """Operations whose effects are asked for; num_samples is then all of their runs, which `spinlock pairs` counts."""

    features: FeaturesConfig = FeaturesConfig()
    storage: StorageConfig = StorageConfig()

    @model_validator(mode="after")
    def _check_together(self) -> "GenerateConfig":
        """Parameters belong to their systems, these run in so many dimensions; a group is no larger than the data set."""
        shipped = {system: entry for system, entry in self.systems.items() if entry.step is None}
        mistakes: list[tuple[Location, str]] = [
            (("systems", system, "parameters", name), mistake)
            for system, entry in shipped.items()
            for name, override in entry.parameters.items()
            if (mistake := parameter_mistake(system, name, override))
        ]
        mistakes += [
            (("systems", system), mistake)
            for system in shipped
            if (mistake := dimension_mistake(system, self.spatial_dimensions))
        ]
        if self.precision == "bfloat16" and not mistakes:
            overrides = {system: entry.parameters for system, entry in shipped.items()}
            if mistake := precision_use_mistake(overrides):
                mistakes.append((("precision",), mistake))
        if self.pairs is not None:
            if self.sampling.samples_per_group != 1:
                text = "must be 1 with pairs, whose bases have pairs.initial_conditions"
                mistakes.append((("sampling", "samples_per_group"), text))
            if self.screening.policy == "redraw":
                text = "must be mark with pairs: a run that is drawn again has lost its partner"
                mistakes.append((("screening", "policy"), text))
        if self.sampling.samples_per_group > self.num_samples:
            text = f"must be at most num_samples, which is {self.num_samples}"
            mistakes.append((("sampling", "samples_per_group"), text))
        if mistakes:
            raise located(mistakes)
        return self
