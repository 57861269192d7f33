"""`spinlock discover-categories`: which columns of a data set are quantised together."""

from dataclasses import dataclass
from pathlib import Path

from spinlock.categories.by_clustering import cluster_categories
from spinlock.categories.by_registry import semantic_categories
from spinlock.categories.spec import ClusterSpec
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import UsageError, listed
from spinlock.core.feature_table import FeatureRegistry
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import load_table
from spinlock.store.category_file import CATEGORY_MAP, save_category_map
from spinlock.store.dataset_paths import AGGREGATED
from spinlock.store.outputs import claim_output


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryRow:
    """One line of the printed table."""

    category: str
    features: int
    columns: int
    first: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovery:
    """Categories that were found, and where they were written.

    Attributes:
        output: the JSON file.
        method: "semantic" or "auto".
        categories: one entry a category, in the order of the tokens.
        total: columns in all categories: every column of the data set.
        stability: of the clustering under resampling of rows, 1 for identical groups; None for the semantic map.
        fitted_to: how many of the rows the clustering looked at; None for the semantic map.
    """

    output: Path
    method: str
    categories: tuple[CategoryRow, ...]
    total: int
    stability: float | None = None
    fitted_to: str | None = None


def discover_categories(
    dataset: Path,
    output: Path,
    *,
    feature_path: str = AGGREGATED,
    method: str = "semantic",
    bounds: ClusterSpec | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Discovery:
    """Write the category map of a data set's columns.

    Args:
        dataset: a data-set file.
        output: a JSON file.
        feature_path: of the table inside the data set.
        method: "semantic", by the categories that the registry in the file names, or "auto", by clustering columns that
            move together.
        bounds: of the clustering; the defaults when not given.
        seed: of the resampling that measures the clustering's stability.
        progress: is told when it is done.

    Raises:
        InputError: if the columns do not add up, feature by feature, a bound is out of range, or something else than a map as
            spinlock wrote it is at `output`.
        UsageError: if bounds are given for the semantic map.
    """
    if bounds is not None and method == "semantic":
        names = listed(ClusterSpec.model_fields)
        raise UsageError(f"the method 'semantic' takes none of {names}; remove them, or choose the method 'auto'.")
    with claim_output(output, CATEGORY_MAP, inputs=(dataset,)):
        progress("discover categories", 0, 1)
        table = load_table(dataset, feature_path).table
        if method == "semantic":
            category_map, stability, fitted_to = semantic_categories(table.registry), None, None
        else:
            found = cluster_categories(table, **(bounds or ClusterSpec()).model_dump(), seed=seed)
            category_map, stability = found.map, found.stability
            fitted_to = f"{found.fitted_rows} of {found.num_rows} rows"
        save_category_map(category_map, output)
    progress("discover categories", 1, 1)
    return Discovery(
        output=output,
        method=method,
        categories=summary_rows(category_map, table.registry),
        total=len(category_map.feature_names),
        stability=stability,
        fitted_to=fitted_to,
    )


def summary_rows(category_map: CategoryMap, registry: FeatureRegistry) -> tuple[CategoryRow, ...]:
    """Categories with their counts of features and columns."""
    specs = registry.specs
    return tuple(
        CategoryRow(
            category=category,
            features=len({specs[column].feature for column in columns}),
            columns=len(columns),
            first=specs[columns[0]].name,
        )
        for category, columns in category_map.group_indices.items()
    )
