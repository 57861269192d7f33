"""What a feature is: a function of the shared fields, with the facts that a registry tells of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from spinlock.core.feature_table import FeatureSpec, Scale, Scope
from spinlock.core.needs import NOTHING, Needs

PER_TIMESTEP_CATEGORIES = ("spatial", "spectral")
PER_TRAJECTORY_CATEGORIES = (
    "temporal",
    "causality",
    "invariant_drift",
    "operator_sensitivity",
    "nonlinear",
    "integrated",
)

RUN: tuple[Scale, ...] = ("length of the run",)
GRID: tuple[Scale, ...] = ("grid spacing",)
CHANNELS: tuple[Scale, ...] = ("number of channels",)
LEVEL: tuple[Scale, ...] = ("level of the field",)
"""Settings that values depend on; `RUN + GRID` of a feature that depends on both."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Feature:
    """A function of `Fields` that is one column; call it like the function.

    Attributes:
        spec: name, category, unit, needs and all else that a registry tells.
        function: `fields` → (batch, time) for spatial and spectral features, else (batch,).
    """

    spec: FeatureSpec
    function: Callable[[Any], Tensor]

    def __call__(self, fields: Any) -> Tensor:
        """The feature's values, as the function returns them."""
        return self.function(fields)

    @property
    def name(self) -> str:
        """Of the column."""
        return self.spec.name


def feature(
    *,
    category: str,
    unit: str = "1",
    source: str = "definition",
    needs: Needs = NOTHING,
    undefined: str = "",
    scale: tuple[Scale, ...] = (),
) -> Callable[[Callable[[Any], Tensor]], Feature]:
    """Make a function of `Fields` a feature of `category`; its name is the column's, its docstring's first line the definition.

    Args:
        category: one of the eight; it says whether the feature is one number a time step or a trajectory.
        unit: in words, for example "1/time"; "1" for a pure number.
        source: author, year, section; or "definition".
        needs: the least that a rollout must have; what is told nowhere else.
        undefined: the states that have no value even so, in words; "" where all have one.
        scale: settings that the value depends on beside what it describes, as `benchmarks/feature_stability.py` found them.

    Raises:
        ValueError: if the category is unknown.
    """
    if category not in PER_TIMESTEP_CATEGORIES + PER_TRAJECTORY_CATEGORIES:
        known = ", ".join(PER_TIMESTEP_CATEGORIES + PER_TRAJECTORY_CATEGORIES)
        raise ValueError(f"unknown feature category '{category}'; known: {known}.")
    scope: Scope = "per_timestep" if category in PER_TIMESTEP_CATEGORIES else "per_trajectory"

    def decorate(function: Callable[[Any], Tensor]) -> Feature:
        # `python -OO` takes docstrings away: definitions are empty then, and nothing else is missing.
        text = (getattr(function, "__doc__", "") or "").strip()
        spec = FeatureSpec(
            name=getattr(function, "__name__", ""),
            category=category,
            unit=unit,
            source=source,
            definition=text.partition("\n")[0],
            scope=scope,
            needs=needs,
            undefined=undefined,
            scale=scale,
        )
        return Feature(spec=spec, function=function)

    return decorate
