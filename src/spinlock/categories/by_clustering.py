"""Columns that rank the samples alike are grouped: the "auto" mode."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score, silhouette_score

from spinlock.categories.rank_correlation import centred_ranks, rank_correlation
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry
from spinlock.core.seeds import stream
from spinlock.core.views import FIT_ROWS, View, in_memory, thinned

log = logging.getLogger(__name__)

MIN_SILHOUETTE = 0.05
"""Groups that score no better than this are no better than none: everything stays one category."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClusteringResult:
    """A category map found from data, and how sure one can be of it.

    Attributes:
        map: categories "cluster_0", "cluster_1", … in the order of their first column.
        scores: number of groups → best silhouette of a cut with that many.
        correlations: number of groups → mean squared rank correlation of that cut's columns with those of other groups.
        stability: mean adjusted Rand index between groupings of disjoint random halves of the rows, with this number
            of groups; 1 = the same groups every time, 0 = chance; NaN where there is one group.
        linkage: scipy's matrix of Ward's linkage over `leaves`, for a dendrogram; empty where fewer than two columns vary.
        leaves: names of the columns in the linkage, which are those that vary.
        constant_columns: names of the columns that do not vary; they are in the largest category.
        orphans: names of the columns whose own group was too small, and that went to the nearest one.
        fitted_rows, num_rows: rows that were looked at, of so many.
    """

    map: CategoryMap
    scores: Mapping[int, float]
    correlations: Mapping[int, float]
    stability: float
    linkage: Float[np.ndarray, "merge 4"]
    leaves: tuple[str, ...]
    constant_columns: tuple[str, ...]
    orphans: tuple[str, ...]
    fitted_rows: int
    num_rows: int

    @property
    def num_clusters(self) -> int:
        """Number of categories."""
        return len(self.map.group_indices)


@dataclass(frozen=True, slots=True, eq=False)
class _Grouping:
    """Labels 0, 1, … in the order of first columns; `score` is the silhouette; `adopted` marks former orphans.

    `correlation` is the mean of r² over pairs of columns in different groups.
    """

    labels: Int[np.ndarray, " column"]
    score: float
    adopted: np.ndarray
    correlation: float = 0.0


def cluster_categories(
    view: View,
    *,
    max_clusters: int = 12,
    min_features_per_category: int = 3,
    orthogonality_target: float = 0.15,
    num_repeats: int = 5,
    seed: int = 0,
) -> ClusteringResult:
    """Categories of columns that rank the samples alike, with their number chosen by the silhouette.

    1. Distance between two columns: 1 - |Spearman r| over the rows that have both; 1 where r is undefined.
    2. Ward's linkage of the chords √(2 (1 - |r|)), the distances of standardised columns up to their sign. (Average
       linkage peels off pairs of near-copies and leaves nearly all columns in one group.) Every cut of the tree is a
       candidate: its groups of at least `min_features_per_category` columns stay, the columns of smaller ones
       ("orphans") join the group at the smallest mean distance.
    3. Of the candidates with at most `max_clusters` groups, whose columns have a mean r² of at most
       `orthogonality_target` with those of other groups, the one with the highest mean silhouette is taken, the coarsest
       of equals; where none exceeds 0.05 all columns stay in one category. Where none meets the target, the candidate
       that comes nearest to it is taken, with a warning.

    Of more than 50 000 rows it sees 50 000, chosen by group (`choose_rows`).

    Args:
        view: training rows only: held-out rows must not shape the categories.
        max_clusters: at most so many categories, >= 1.
        min_features_per_category: at least so many columns in each, >= 1.
        orthogonality_target: highest mean squared rank correlation between columns of different categories, in (0, 1].
        num_repeats: pairs of disjoint halves that the stability is averaged over; 0 for no stability (NaN).
        seed: of the halves, and of the choice of rows.

    Raises:
        InputError: if the table has fewer than 3 rows, or a bound is out of range.
    """
    if max_clusters < 1 or min_features_per_category < 1:
        raise InputError(
            "`max_clusters` and `min_features_per_category` must be at least 1; "
            f"got {max_clusters} and {min_features_per_category}."
        )
    if not 0 < orthogonality_target <= 1:
        raise InputError(f"`orthogonality_target` must be above 0 and at most 1; got {orthogonality_target}.")
    if len(view) < 3:
        raise InputError(f"clustering columns by correlation needs at least 3 rows; got {len(view)}.")
    table = in_memory(thinned(view, FIT_ROWS, seed))
    ranks = centred_ranks(table.values.cpu().numpy())
    distance = _distances(ranks)
    varying = np.flatnonzero(~np.isnan(np.diag(distance)))
    tree, best, scores, correlations = np.empty((0, 4)), None, {}, {}
    if len(varying) >= 2:
        distance = _filled(distance[np.ix_(varying, varying)])
        tree = _tree(distance)
        candidates = _candidates(tree, distance, min_features=min_features_per_category, max_clusters=max_clusters)
        scores = {number: grouping.score for number, grouping in sorted(candidates.items())}
        correlations = {number: grouping.correlation for number, grouping in candidates.items()}
        best = _best(list(candidates.values()), orthogonality_target)
    if best is None or best.score <= MIN_SILHOUETTE:
        best = _Grouping(np.zeros(len(varying), dtype=np.int64), 0.0, np.zeros(len(varying), dtype=bool))
    names = view.registry.names
    constant = sorted(set(range(len(names))) - set(varying.tolist()))
    return ClusteringResult(
        map=_to_map(view.registry, best.labels, varying, constant),
        scores=scores,
        correlations=correlations,
        stability=_stability(
            ranks[:, varying],
            num_groups=int(best.labels.max(initial=0)) + 1,
            min_features=min_features_per_category,
            num_repeats=num_repeats,
            seed=seed,
        ),
        linkage=tree,
        leaves=tuple(names[column] for column in varying),
        constant_columns=tuple(names[column] for column in constant),
        orphans=tuple(names[column] for column in varying[best.adopted]),
        fitted_rows=len(table),
        num_rows=len(view),
    )


def _best(candidates: list[_Grouping], orthogonality_target: float) -> _Grouping | None:
    """The highest silhouette among those that meet the target, of equals the first, which has the fewest groups."""
    orthogonal = [grouping for grouping in candidates if grouping.correlation <= orthogonality_target]
    if orthogonal or not candidates:
        return max(orthogonal, key=lambda grouping: grouping.score, default=None)
    nearest = min(candidates, key=lambda grouping: grouping.correlation)
    log.warning(
        "no grouping of the columns meets orthogonality_target=%g; the nearest has a mean squared rank correlation of %.3f "
        "between groups.",
        orthogonality_target,
        nearest.correlation,
    )
    return nearest


def _distances(ranks: Float[np.ndarray, "sample column"]) -> Float[np.ndarray, "column column"]:
    """1 - |r|, symmetric; the diagonal is NaN for a column that does not vary."""
    distance = 1.0 - np.abs(rank_correlation(ranks))
    return (distance + distance.T) / 2


def _filled(distance: Float[np.ndarray, "column column"]) -> Float[np.ndarray, "column column"]:
    """The distances with 1 where a pair's correlation is undefined and 0 on the diagonal."""
    distance = np.where(np.isnan(distance), 1.0, distance)
    np.fill_diagonal(distance, 0.0)
    return distance


def _tree(distance: Float[np.ndarray, "column column"]) -> Float[np.ndarray, "merge 4"]:
    """Ward's linkage of the chords that belong to 1 - |r|.

    Source: Ward 1963, J. Am. Stat. Assoc. 58, 236.
    """
    return linkage(squareform(np.sqrt(2.0 * distance.clip(min=0.0)), checks=False), method="ward")


def _candidates(
    tree: Float[np.ndarray, "merge 4"],
    distance: Float[np.ndarray, "column column"],
    *,
    min_features: int,
    max_clusters: int,
) -> dict[int, _Grouping]:
    """For every possible number of groups (2 to `max_clusters`) the cut with the highest silhouette."""
    best: dict[int, _Grouping] = {}
    most = min(max_clusters, len(distance) - 1)
    for cut in cut_tree(tree).T[::-1]:  # from one group to single columns
        is_large = np.bincount(cut) >= min_features
        number = int(is_large.sum())
        if not 2 <= number <= most:
            continue
        labels, adopted = _adopt_orphans(cut, distance, is_large=is_large)
        score = float(silhouette_score(distance, labels, metric="precomputed"))
        if number not in best or score > best[number].score:
            apart = labels[:, None] != labels
            best[number] = _Grouping(labels, score, adopted, float(np.square(1.0 - distance[apart]).mean()))
    return dict(sorted(best.items()))


def _adopt_orphans(cut: np.ndarray, distance: np.ndarray, *, is_large: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels after the columns of small groups joined the nearest large one, and which did."""
    adopted = ~is_large[cut]
    labels = (is_large.cumsum() - 1)[cut]
    member = (labels[:, None] == np.arange(is_large.sum())) & ~adopted[:, None]  # (column, group)
    labels[adopted] = (distance[adopted] @ member / member.sum(0)).argmin(1)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse], adopted


def _stability(
    ranks: Float[np.ndarray, "sample column"], *, num_groups: int, min_features: int, num_repeats: int, seed: int
) -> float:
    """Mean adjusted Rand index between the groupings, into `num_groups`, of disjoint random halves of the rows.

    The ranks of the whole table are kept: they are a monotone scale of each column, so no half needs sorting again.
    """
    rows = len(ranks)
    if num_groups < 2 or num_repeats < 1 or rows < 6:
        return float("nan")
    agreements = []
    for repeat in range(num_repeats):
        order = stream(seed, "clustering stability", repeat).permutation(rows)
        labels = []
        for half in (order[: rows // 2], order[rows // 2 :]):
            distance = _filled(_distances(ranks[half]))
            tree = _tree(distance)
            found = _candidates(tree, distance, min_features=min_features, max_clusters=num_groups)
            labels.append(found[max(found)].labels if found else np.zeros(len(distance), dtype=np.int64))
        agreements.extend(adjusted_rand_score(one, other) for one, other in pairwise(labels))
    return float(np.mean(agreements))


def _to_map(registry: FeatureRegistry, labels: np.ndarray, varying: np.ndarray, constant: list[int]) -> CategoryMap:
    """The map of the labels; columns that do not vary go to the largest group (the first of equals)."""
    groups = [varying[labels == label].tolist() for label in range(int(labels.max(initial=0)) + 1)]
    groups[int(np.argmax([len(group) for group in groups]))].extend(constant)
    ordered = sorted((sorted(group) for group in groups), key=lambda group: group[0])
    return CategoryMap(
        group_indices={f"cluster_{number}": tuple(group) for number, group in enumerate(ordered)},
        feature_names=registry.names,
        registry_version=registry.version,
    )
