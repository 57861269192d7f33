"""Group the columns of a feature table: by what they mean (`by_registry`) or by how they move together (`by_clustering`)."""

from spinlock.categories.by_clustering import ClusteringResult, cluster_categories
from spinlock.categories.by_registry import semantic_categories

__all__ = ["ClusteringResult", "cluster_categories", "semantic_categories"]
