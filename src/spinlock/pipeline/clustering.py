"""The "auto" mode: categories by clustering, and how they are kept for the report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spinlock.categories.by_clustering import ClusteringResult, cluster_categories
from spinlock.core.views import View
from spinlock.plots.content import Tree


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterBounds:
    """What the groups of columns must keep to; see `cluster_categories`."""

    max_clusters: int = 12
    min_features_per_category: int = 3
    orthogonality_target: float = 0.15


def cluster(train_rows: View, *, bounds: ClusterBounds, seed: int) -> ClusteringResult:
    """Columns that move together on training rows."""
    return cluster_categories(train_rows, **asdict(bounds), seed=seed)


def clustering_facts(found: ClusteringResult) -> dict[str, Any]:
    """A clustering as JSON keeps it; `tree_of` reads it."""
    group_of = {column: group for group, columns in enumerate(found.map.group_indices.values()) for column in columns}
    place = {name: column for column, name in enumerate(found.map.feature_names)}
    return {
        "linkage": found.linkage.tolist(),
        "leaves": list(found.leaves),
        "groups": [group_of[place[name]] for name in found.leaves],
        "stability": found.stability,
        "fitted_to": f"{found.fitted_rows} of {found.num_rows} rows",
        "correlations": {str(number): value for number, value in found.correlations.items()},
        "scores": {str(number): score for number, score in found.scores.items()},
    }


def tree_of(facts: Mapping[str, Any] | None) -> Tree | None:
    """The tree for the report; None where the categories did not come from a clustering."""
    if not facts:
        return None
    return Tree(
        linkage=np.array(facts["linkage"], dtype=np.float64).reshape(-1, 4),
        leaves=tuple(facts["leaves"]),
        groups=tuple(facts["groups"]),
        stability=float("nan") if facts["stability"] is None else float(facts["stability"]),
        scores={int(number): float(score) for number, score in facts["scores"].items()},
    )
