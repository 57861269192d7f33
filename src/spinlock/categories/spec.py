"""The bounds of a grouping of columns by clustering. Needs no torch."""

from typing import Annotated

from pydantic import Field

from spinlock.core.spec import Count, Spec


class ClusterSpec(Spec):
    """Bounds that the groups of columns must keep to."""

    max_clusters: Count = 12
    """Most categories that clustering may find."""

    min_features_per_category: Count = 3
    """Columns of the smallest category that clustering may find; smaller groups join the nearest one."""

    orthogonality_target: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.15
    """Highest mean squared rank correlation between columns of different categories that clustering may leave."""
