"""The "auto" mode: categories by clustering, and how they are kept for the report."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spinlock.categories.by_clustering import ClusteringResult, cluster_categories
from spinlock.core.feature_table import FeatureTable
from spinlock.plots.content import Tree


def cluster(train_rows: FeatureTable, *, seed: int) -> ClusteringResult:
    """Columns that move together on training rows."""
    return cluster_categories(train_rows, seed=seed)


def clustering_facts(found: ClusteringResult) -> dict[str, Any]:
    """A clustering as JSON keeps it; `tree_of` reads it."""
    group_of = {column: group for group, columns in enumerate(found.map.group_indices.values()) for column in columns}
    place = {name: column for column, name in enumerate(found.map.feature_names)}
    return {
        "linkage": found.linkage.tolist(),
        "leaves": list(found.leaves),
        "groups": [group_of[place[name]] for name in found.leaves],
        "stability": found.stability,
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
