"""What a feature is: a documented function of the shared fields, with a category, a unit and a source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from spinlock.core.feature_table import FeatureSpec, Scope

PER_TIMESTEP_CATEGORIES = ("spatial", "spectral")
PER_TRAJECTORY_CATEGORIES = (
    "temporal",
    "causality",
    "invariant_drift",
    "operator_sensitivity",
    "nonlinear",
    "integrated",
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Feature:
    """A function of `Fields` that is one column; call it like the function.

    Attributes:
        name: of the column, the function's name.
        category: one of the eight.
        unit: in words, for example "1/time"; "1" for a pure number.
        source: author, year, section; or "definition".
        definition: the first line of the docstring.
        function: `fields` → (batch, time) for spatial and spectral features, else (batch,).
    """

    name: str
    category: str
    unit: str
    source: str
    definition: str
    function: Callable[[Any], Tensor]

    def __call__(self, fields: Any) -> Tensor:
        """The feature's values, as the function returns them."""
        return self.function(fields)

    @property
    def scope(self) -> Scope:
        """Whether the feature is one number a time step or a trajectory; its category says."""
        return "per_timestep" if self.category in PER_TIMESTEP_CATEGORIES else "per_trajectory"

    @property
    def spec(self) -> FeatureSpec:
        """The feature as a registry describes it."""
        return FeatureSpec(
            name=self.name,
            category=self.category,
            unit=self.unit,
            source=self.source,
            definition=self.definition,
            scope=self.scope,
        )


def feature(
    *, category: str, unit: str = "1", source: str = "definition"
) -> Callable[[Callable[[Any], Tensor]], Feature]:
    """Make a function of `Fields` a feature of `category`.

    Args:
        category: one of the eight.
        unit: in words; "1" for a pure number.
        source: author, year, section; or "definition".

    Raises:
        ValueError: if the category is unknown or the function has no docstring.
    """
    if category not in PER_TIMESTEP_CATEGORIES + PER_TRAJECTORY_CATEGORIES:
        known = ", ".join(PER_TIMESTEP_CATEGORIES + PER_TRAJECTORY_CATEGORIES)
        raise ValueError(f"unknown feature category '{category}'; known: {known}.")

    def decorate(function: Callable[[Any], Tensor]) -> Feature:
        name, text = getattr(function, "__name__", ""), function.__doc__ or ""
        if not text.strip():
            raise ValueError(f"feature '{name}' needs a docstring; its first line is the definition.")
        return Feature(
            name=name,
            category=category,
            unit=unit,
            source=source,
            definition=text.strip().splitlines()[0],
            function=function,
        )

    return decorate
