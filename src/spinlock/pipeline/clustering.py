"""The "auto" mode: categories by clustering, and how they are kept for the report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spinlock.categories.by_clustering import ClusteringResult, cluster_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.core.plain import from_plain, to_plain
from spinlock.core.report import ColumnTree


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterBounds:
    """Bounds that the groups of columns must keep to; see `cluster_categories`."""

    max_clusters: int = 12
    min_features_per_category: int = 3
    orthogonality_target: float = 0.15


def cluster(train_rows: FeatureTable, *, bounds: ClusterBounds, seed: int) -> ClusteringResult:
    """Columns that move together on training rows."""
    return cluster_categories(train_rows, **asdict(bounds), seed=seed)


def clustering_facts(found: ClusteringResult) -> dict[str, Any]:
    """A clustering's tree as JSON keeps it; `tree_of` reads it."""
    group_of = {column: group for group, columns in enumerate(found.map.group_indices.values()) for column in columns}
    place = {name: column for column, name in enumerate(found.map.feature_names)}
    tree = ColumnTree(
        linkage=tuple(map(tuple, found.linkage.tolist())),
        leaves=found.leaves,
        groups=tuple(group_of[place[name]] for name in found.leaves),
        stability=found.stability,
        correlations=found.correlations,
        scores=found.scores,
    )
    return to_plain(tree)


def tree_of(facts: Mapping[str, Any] | None) -> ColumnTree | None:
    """The tree for the report; None where the categories did not come from a clustering."""
    return from_plain(ColumnTree, facts) if facts else None
