"""Which columns are quantised together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spinlock.core.errors import InputError, listed
from spinlock.core.feature_table import FeatureRegistry, check_same_names
from spinlock.core.shown import shown


@shown
@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryMap:
    """Named groups of columns: disjoint, covering, none empty, made for *these* names.

    Attributes:
        group_indices: category → its columns; the order of the categories is the order of the tokens.
        feature_names: the columns that the indices point into.
        registry_version: of the feature definitions that the map was made for.
    """

    group_indices: Mapping[str, tuple[int, ...]]
    feature_names: tuple[str, ...]
    registry_version: str = "user"

    def __post_init__(self) -> None:
        names, groups = self.feature_names, {k: tuple(v) for k, v in self.group_indices.items()}
        object.__setattr__(self, "group_indices", groups)
        object.__setattr__(self, "feature_names", tuple(names))
        if not groups:
            raise InputError("a category map needs at least one category.")
        empty = [category for category, columns in groups.items() if not columns]
        if empty:
            raise InputError(f"a category needs at least one column; {listed(empty)} has none.")
        owner: dict[int, str] = {}
        for category, columns in groups.items():
            _check_columns(category, columns, num_columns=len(names))
            for column in columns:
                if column in owner:
                    raise InputError(
                        f"column {column} ('{names[column]}') is in two categories: '{owner[column]}' and '{category}'."
                        if owner[column] != category
                        else f"column {column} ('{names[column]}') is twice in category '{category}'."
                    )
                owner[column] = category
        orphans = [name for column, name in enumerate(names) if column not in owner]
        if orphans:
            raise InputError(f"{len(orphans)} of {len(names)} features are in no category: {listed(orphans)}.")

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names, in the order of the tokens."""
        return tuple(self.group_indices)

    def check_names(self, names: Sequence[str], *, whose: str = "the category map") -> None:
        """Refuse a table with other columns, naming the ones that differ."""
        check_same_names(names, self.feature_names, whose=whose)

    @classmethod
    def from_registry(cls, registry: FeatureRegistry) -> "CategoryMap":
        """The semantic map: every column in the category that its spec names."""
        return cls(group_indices=registry.categories, feature_names=registry.names, registry_version=registry.version)

    def to_plain(self) -> dict[str, Any]:
        """The map as lists and words, readable by `from_plain`."""
        return {
            "group_indices": {category: list(columns) for category, columns in self.group_indices.items()},
            "feature_names": list(self.feature_names),
            "registry_version": self.registry_version,
        }

    def to_json(self) -> str:
        """The map as text, readable by `from_json`."""
        return json.dumps(self.to_plain(), indent=1)

    @classmethod
    def from_json(cls, text: str, *, names: Sequence[str] | None = None) -> "CategoryMap":
        """Read a map, in spinlock's form or as a bare `{category: [column, …]}`.

        Args:
            text: JSON.
            names: the columns of the table at hand, for a bare map, which has none of its own.

        Raises:
            InputError: if the text is neither form, or the map breaks a rule.
        """
        try:
            data: Any = json.loads(text)
        except ValueError as error:
            raise InputError(f"the category map is not JSON: {error}.") from error
        return cls.from_plain(data, names=names)

    @classmethod
    def from_plain(cls, data: Any, *, names: Sequence[str] | None = None) -> "CategoryMap":
        """The map of what JSON holds, in either form; see `from_json`."""
        bare = isinstance(data, dict) and "group_indices" not in data
        groups = data if bare else data["group_indices"] if isinstance(data, dict) else None
        if not isinstance(groups, dict) or not all(isinstance(columns, list) for columns in groups.values()):
            raise InputError('a category map must be {"group_indices": {category: [column, …]}, "feature_names": […]}.')
        feature_names = (names or ()) if bare else data.get("feature_names", names or ())
        if not isinstance(feature_names, list | tuple) or not all(isinstance(name, str) for name in feature_names):
            raise InputError("`feature_names` in the category map must be a list of words.")
        if not feature_names:
            raise InputError("a bare category map has no feature names: it can only be read beside a data set.")
        for category, columns in groups.items():
            _check_columns(category, columns, num_columns=len(feature_names))
        return cls(
            group_indices={str(category): tuple(columns) for category, columns in groups.items()},
            feature_names=tuple(feature_names),
            registry_version="user" if bare else str(data.get("registry_version", "user")),
        )


def _check_columns(category: str, columns: Sequence[object], *, num_columns: int) -> None:
    """Refuse what is no column number, before anything relies on it."""
    for column in columns:
        if isinstance(column, bool) or not isinstance(column, int) or not 0 <= column < num_columns:
            raise InputError(f"category '{category}' names column {column!r}; columns go from 0 to {num_columns - 1}.")
