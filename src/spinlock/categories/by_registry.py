"""The semantic map: every column in the category that its feature was defined in."""

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, listed
from spinlock.core.feature_table import AGGREGATIONS, FeatureRegistry


def semantic_categories(registry: FeatureRegistry) -> CategoryMap:
    """The map from each column's name to the category of its feature, after the columns have been counted.

    A registry is either aggregated (every feature came to exactly one mean, one std and one cv column, all of one
    category) or plain (no column is an aggregate: one column a feature). Nothing may be left over. The map follows
    names; no order of the columns is assumed.

    Raises:
        InputError: naming the features that lack or double an aggregation, the columns that are not aggregates
            beside those that are, or the features whose columns are in two categories.
    """
    if not len(registry):
        raise InputError("a category map needs at least one feature; the registry has none.")
    _check_aggregations(registry)
    return CategoryMap.from_registry(registry)


def _check_aggregations(registry: FeatureRegistry) -> None:
    aggregates = [spec for spec in registry.specs if spec.aggregation != "none"]
    if not aggregates:
        return
    plain = [spec.name for spec in registry.specs if spec.aggregation == "none"]
    if plain:
        raise InputError(
            f"{len(plain)} of {len(registry)} columns are no mean, std or cv over realizations, the others are: {listed(plain)}."
        )
    found: dict[str, list[str]] = {}
    categories: dict[str, set[str]] = {}
    for spec in aggregates:
        found.setdefault(spec.feature, []).append(spec.aggregation)
        categories.setdefault(spec.feature, set()).add(spec.category)
    wrong = [
        f"{feature} has {', '.join(sorted(kinds))}"
        for feature, kinds in found.items()
        if sorted(kinds) != sorted(AGGREGATIONS)
    ]
    if wrong:
        raise InputError(
            f"every feature needs exactly one mean, std and cv column; {len(wrong)} of {len(found)} have not: {'; '.join(wrong[:6])}."
        )
    torn = [feature for feature, names in categories.items() if len(names) > 1]
    if torn:
        raise InputError(
            f"the mean, std and cv of a feature belong to one category; {listed(torn)} are in {listed(sorted(categories[torn[0]]))}."
        )
