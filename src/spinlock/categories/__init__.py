"""Group the columns of a feature table: by what they mean (`by_registry`) or by how they move together (`by_clustering`)."""

from spinlock.categories.by_clustering import ClusteringResult, cluster_categories
from spinlock.categories.by_registry import CategoryCount, category_counts, semantic_categories

__all__ = ["CategoryCount", "ClusteringResult", "category_counts", "cluster_categories", "semantic_categories"]
