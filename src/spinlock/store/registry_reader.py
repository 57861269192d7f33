"""The feature registry of a file, in spinlock's form or in the forms that others write."""

from typing import Any

from spinlock.core.errors import InputError
from spinlock.core.feature_table import AGGREGATIONS, STORED, FeatureRegistry, FeatureSpec
from spinlock.store.json_file import parse_json


def read_registry(text: str, *, where: str) -> FeatureRegistry:
    """A registry from JSON.

    `features` may be a list of objects with `name` and `category`, or an object name → {category, …}; keys that are not
    spinlock's are passed over.

    Raises:
        InputError: saying what was found at `where`.
    """
    data: Any = parse_json(text, path=where)
    features = data.get("features") if isinstance(data, dict) else None
    if isinstance(features, dict):
        features = [{"name": name, **(entry if isinstance(entry, dict) else {})} for name, entry in features.items()]
    if not isinstance(features, list) or not all(isinstance(entry, dict) for entry in features):
        raise InputError(f'{where} must be {{"version": …, "features": [{{"name": …, "category": …}}, …]}}.')
    specs: list[FeatureSpec] = []
    for entry in features:
        if not isinstance(entry.get("name"), str) or not isinstance(entry.get("category"), str):
            raise InputError(f"{where} has a feature without a name and a category: {str(entry)[:80]}.")
        kept = {key: str(value) for key, value in entry.items() if key in STORED}
        if kept.get("aggregation", "none") not in ("none", *AGGREGATIONS):
            raise InputError(f"{where} has an aggregation '{kept['aggregation']}' of feature '{kept['name']}'.")
        specs.append(FeatureSpec(**kept))  # pyright: ignore[reportArgumentType]
    return FeatureRegistry(specs=tuple(specs), version=str(data.get("version", "user")))


def registry_of_columns(
    registry: FeatureRegistry | None, columns: tuple[str, ...] | None, width: int, *, where: str
) -> FeatureRegistry:
    """One spec a column, from the names beside the data and the registry of the family, whichever there are.

    Names decide where there are some; the registry then says what they mean. Without names, the registry must have as many
    features as there are columns, of one scope or aggregated.

    Raises:
        InputError: saying what was found and what was expected.
    """
    if columns is not None and len(columns) != width:
        raise InputError(f"{where} has {width} columns and `column_names` names {len(columns)}.")
    if registry is None:
        if columns is None:
            raise InputError(
                f"{where} has no attribute `column_names` and its family has no `feature_registry`; one of them must name its columns."
            )
        return FeatureRegistry(specs=tuple(FeatureSpec(name=name, category="all") for name in columns))
    candidates = (
        registry,
        registry.aggregated(),
        *(registry.with_scope(s) for s in ("per_timestep", "per_trajectory")),
    )
    if columns is not None:
        known = {spec.name: spec for candidate in candidates for spec in candidate.specs}
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise InputError(
                f"{where}: {len(unknown)} of {width} columns are not in its feature registry, '{unknown[0]}' first."
            )
        return FeatureRegistry(specs=tuple(known[name] for name in columns), version=registry.version)
    fitting = [candidate for candidate in candidates if len(candidate) == width]
    if not fitting:
        raise InputError(
            f"{where} has {width} columns; its registry has {len(registry)} features and {len(registry.aggregated())} aggregated ones."
        )
    return fitting[0]
