"""Exact questions to the embedding of many runs: which behave like one, like no other, like most, or the same."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from sklearn.cluster import KMeans
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.seeds import torch_stream
from spinlock.core.views import FIT_ROWS, numbered

NUM_NEIGHBORS = 5
MOST_REFERENCE = 10_000
"""Draws that outliers are compared with, at most."""
MOST_COMPARED = 200_000
"""Rows among which pairs are searched, at most: the time grows with their square, and is minutes here."""
_ROWS_AT_ONCE = 256
_ROUNDING = 2.0**-24
"""Half a unit in the last place of 1 in float32."""


class Hits(NamedTuple):
    """Rows that answer a question, the best first.

    Attributes:
        rows: their numbers.
        values: of each, what they are ordered by.
    """

    rows: Int[Tensor, " hit"]
    values: Float[Tensor, " hit"]


class Pairs(NamedTuple):
    """Rows of different draws that are as good as one, nearest first.

    Attributes:
        first, second: their row numbers, one pair for two draws.
        distances: between the two.
        num_pairs: of rows that lie so near, found or not shown.
        limit: the distance below which they do.
    """

    first: Int[Tensor, " pair"]
    second: Int[Tensor, " pair"]
    distances: Float[Tensor, " pair"]
    num_pairs: int
    limit: float


class Subset(NamedTuple):
    """Rows that stand for all.

    Attributes:
        rows: their numbers, those that stand for most rows first.
        num_rows: how many rows each is the nearest of.
    """

    rows: Int[Tensor, " member"]
    num_rows: Int[Tensor, " member"]


class BehaviourIndex:
    """The embedding of many runs, ready to be searched: every answer is that of comparing all rows.

    Rows whose embedding is NaN, because they have no column, are in no answer. A draw stands in an answer once, by its
    best row, unless each run is asked for.

        index = spinlock.BehaviourIndex(tokenizer.embed(table), table.groups)
        rows, distances = index.like(index.embedding[7], num_hits=10, but=table.groups[7])

    Args:
        embedding: where rows lie, float32, as `Tokenizer.embed` gives it; kept, not copied, where nothing is missing.
        groups: the draw of each row; rows are draws of their own when not given.

    Raises:
        InputError: if the two are not of equally many rows, or no row has an embedding.
    """

    def __init__(self, embedding: Float[Tensor, "sample axis"], groups: Sequence[str] = ()) -> None:
        if groups and len(groups) != len(embedding):
            raise InputError(f"`groups` must have one entry for each of the {len(embedding)} rows; got {len(groups)}.")
        known = ~embedding.isnan().any(dim=1)
        if not known.any():
            raise InputError(f"none of the {len(embedding)} rows has an embedding: each lacks every column of a run.")
        self.known: Bool[Tensor, " sample"] = known
        self.embedding: Float[Tensor, "sample axis"] = (
            embedding if known.all() else embedding.masked_fill(~known[:, None], 0.0)
        ).contiguous()
        self.draws: Int[Tensor, " sample"] = numbered(groups) if groups else torch.arange(len(embedding))
        self._number_of = dict(zip(groups, self.draws.tolist(), strict=True)) if groups else {}
        self._half_squares = torch.linalg.vector_norm(self.embedding, dim=1).square() / 2
        self._half_squares[~known] = torch.inf

    def __len__(self) -> int:
        return len(self.embedding)

    def like(
        self,
        query: Float[Tensor, " axis"],
        *,
        num_hits: int = 10,
        but: str | None = None,
        allowed: Bool[Tensor, " sample"] | None = None,
        each_run: bool = False,
    ) -> Hits:
        """The nearest rows and their Euclidean distances, nearest first, of equals the first.

        Args:
            query: where to look.
            num_hits: at most; fewer where there are no more draws.
            but: a draw that is left out: the query's own.
            allowed: False for rows that are not wanted.
            each_run: whether several rows of a draw may be hits.

        Raises:
            InputError: if the query is NaN or of another length, or `num_hits` is not positive.
        """
        if query.shape != self.embedding.shape[1:] or query.isnan().any():
            raise InputError(
                f"`query` must be {self.embedding.shape[1]} numbers, an embedding by the same tokenizer; got "
                f"{'NaN' if query.shape == self.embedding.shape[1:] else tuple(query.shape)}."
            )
        _check_count(num_hits, "num_hits")
        # |b|²/2 - a·b orders the rows b as |a - b| does.
        order = self._half_squares - self.embedding @ query
        if allowed is not None:
            order[~allowed] = torch.inf
        if but in self._number_of:
            order[self.draws == self._number_of[but]] = torch.inf
        count = num_hits
        while True:
            hits = self._nearest(query, order, count)
            found = hits if each_run else self._one_a_draw(hits)
            if len(found.rows) >= num_hits or len(hits.rows) < count:
                return Hits(found.rows[:num_hits], found.values[:num_hits])
            count *= 4

    def _nearest(self, query: Float[Tensor, " axis"], order: Float[Tensor, " sample"], count: int) -> Hits:
        """The `count` nearest rows by their exact distances; `order` need only be right up to rounding."""
        count = min(count, len(order))
        last = float(order.topk(count, largest=False).values[-1])
        # A row that is as near as the last has no larger norm than `reach`, so no larger rounding error than this.
        length = float(query.double().norm())
        reach = length + max(0.0, 2 * last + length**2) ** 0.5
        error = 2 * (self.embedding.shape[1] + 4) * _ROUNDING * (length * reach + reach**2)
        rows = ((order <= last + error) & (order < torch.inf)).nonzero().squeeze(1)
        distances = (self.embedding[rows].double() - query.double()).norm(dim=1)
        best = distances.argsort(stable=True)[:count]
        return Hits(rows[best], distances[best].float())

    def _one_a_draw(self, hits: Hits) -> Hits:
        """The first hit of each draw."""
        seen: set[int] = set()
        kept = [
            place
            for place, draw in enumerate(self.draws[hits.rows].tolist())
            if draw not in seen and not seen.add(draw)
        ]
        return Hits(hits.rows[kept], hits.values[kept])

    def unlike(
        self, *, num_hits: int = 10, allowed: Bool[Tensor, " sample"] | None = None, each_run: bool = False
    ) -> Hits:
        """The rows that lie most apart from the others, farthest first; see `apartness`.

        Args:
            num_hits: at most.
            allowed: False for rows that are not wanted; they are compared with all the same.
            each_run: whether several rows of a draw may be hits.
        """
        _check_count(num_hits, "num_hits")
        values = self.apartness()
        wanted = self.known if allowed is None else self.known & allowed
        rows = values.masked_fill(~wanted, -torch.inf).argsort(descending=True, stable=True)[: int(wanted.sum())]
        hits = Hits(rows, values[rows])
        found = hits if each_run else self._one_a_draw(hits)
        return Hits(found.rows[:num_hits], found.values[:num_hits])

    def apartness(self) -> Float[Tensor, " sample"]:
        """How far each row is from its 5 nearest other draws, over how far these are from theirs; NaN where it is not known.

        It is 1 where a row lies as densely as its neighbours do, in crowded and in thinly settled parts alike. A draw is
        compared with by its first row, and draws that are the same count once; of more than 10 000 draws, so many by chance.

        Raises:
            InputError: if there are fewer than three draws that differ.

        Source: Breunig, Kriegel, Ng & Sander 2000, Proc. ACM SIGMOD, 93 (LOF, whose distances are not made reachabilities here).
        """
        rows = self._first_rows()
        reference, same = self.embedding[rows].unique(dim=0, return_inverse=True)
        if len(reference) < 3:
            raise InputError(f"what lies apart is told from at least 3 draws that differ; got {len(reference)}.")
        # The reference row that a draw is compared with by: no row is compared with its own draw.
        own = torch.full((int(self.draws.max()) + 1,), -1)
        own[self.draws[rows]] = same
        count = min(NUM_NEIGHBORS, len(reference) - 2)
        near, _ = _others(reference, torch.arange(len(reference)), reference, count)
        spacing = near.mean(dim=1).clamp(min=1e-6)
        near, which = _others(self.embedding, own[self.draws], reference, count)
        return (near.mean(dim=1) / spacing[which].mean(dim=1)).float().masked_fill(~self.known, torch.nan)

    def _first_rows(self) -> Int[Tensor, " draw"]:
        """The first row of each draw that has an embedding, of at most 10 000 of them."""
        rows = self.known.nonzero().squeeze(1).flip(0)
        first = torch.full((int(self.draws.max()) + 1,), -1)
        first[self.draws[rows]] = rows  # of rows of one draw the last one written stays: the first
        first = first[first >= 0]
        if len(first) <= MOST_REFERENCE:
            return first
        chosen = torch.randperm(len(first), generator=torch_stream(0, "reference draws"))[:MOST_REFERENCE]
        return first[chosen.sort().values]

    def subset(
        self,
        size: int,
        *,
        rare: bool = False,
        allowed: Bool[Tensor, " sample"] | None = None,
        seed: int = 0,
    ) -> Subset:
        """Rows of different draws that stand for all.

        Typical ones are medoids: the rows nearest to the centres of k-means. Rare ones are chosen one after another, each as far as
        possible from those before it (greedy k-centre), so that what occurs once is found too.

        Args:
            size: how many.
            rare: whether rare behaviour is to be covered rather than most rows.
            allowed: False for rows that are not looked at.
            seed: of k-means.

        Raises:
            InputError: if there are fewer draws than `size`.

        Source: Gonzalez 1985, Theor. Comput. Sci. 38 (greedy k-centre).
        """
        _check_count(size, "size")
        rows = (self.known if allowed is None else self.known & allowed).nonzero().squeeze(1)
        draws = self.draws[rows]
        if size > len(draws.unique()):
            raise InputError(f"a subset of {size} needs as many draws; there are {len(draws.unique())}.")
        part = self.embedding[rows]
        chosen = _far_apart(part, draws, size) if rare else _medoids(part, draws, size, seed=seed)
        stands_for = torch.cat([torch.cdist(some, part[chosen]).argmin(dim=1) for some in part.split(65_536)])
        counts = stands_for.bincount(minlength=size)
        order = counts.argsort(descending=True, stable=True)
        return Subset(rows[torch.tensor(chosen)[order]], counts[order])

    def noise(self) -> float | None:
        """The median distance of two rows of one draw, neighbours in its order; None where no draw has two rows."""
        rows = self.known.nonzero().squeeze(1)
        rows = rows[self.draws[rows].argsort(stable=True)]
        same = self.draws[rows[1:]] == self.draws[rows[:-1]]
        if not same.any():
            return None
        first, second = rows[:-1][same], rows[1:][same]
        return float((self.embedding[first].double() - self.embedding[second].double()).norm(dim=1).median())

    def duplicates(
        self,
        *,
        num_hits: int = 10,
        nearer_than: float | None = None,
        allowed: Bool[Tensor, " sample"] | None = None,
    ) -> Pairs:
        """Pairs of rows of different draws that are nearer to each other than noise moves a run.

        Args:
            num_hits: pairs of draws at most.
            nearer_than: the distance below which two rows are as good as one; `noise` when not given.
            allowed: False for rows that are not looked at.

        Raises:
            InputError: if there is no noise to compare with, or there are more than 200 000 rows.
        """
        _check_count(num_hits, "num_hits")
        limit = self.noise() if nearer_than is None else nearer_than
        if limit is None:
            raise InputError(
                "no draw has two rows, so nothing says what noise does; say below which distance two rows are as good as one."
            )
        rows = (self.known if allowed is None else self.known & allowed).nonzero().squeeze(1)
        if len(rows) > MOST_COMPARED:
            raise InputError(
                f"pairs are searched among at most {MOST_COMPARED} rows; got {len(rows)}: choose some of them first."
            )
        part, draws = self.embedding[rows].double(), self.draws[rows]
        first, second, distances, total = [], [], [], 0
        for start in range(0, len(part), _ROWS_AT_ONCE):
            some = part[start : start + _ROWS_AT_ONCE]
            numbers = torch.arange(start, start + len(some))
            apart = torch.cdist(some, part[start:], compute_mode="use_mm_for_euclid_dist")
            later = torch.arange(start, len(part)) > numbers[:, None]
            apart[~later | (draws[start:] == draws[numbers][:, None])] = torch.inf
            near = apart.topk(min(num_hits, apart.shape[1]), dim=1, largest=False)
            place, slot = (near.values < torch.inf).nonzero(as_tuple=True)
            other = near.indices[place, slot] + start
            exact = (part[numbers[place]] - part[other]).norm(dim=1)
            kept = exact < limit
            total += int((apart < limit).sum())
            for found, entries in ((first, numbers[place]), (second, other), (distances, exact)):
                found.append(entries[kept])
        one, two, exact = (torch.cat(found) for found in (first, second, distances))
        seen: set[tuple[int, int]] = set()
        order = exact.argsort(stable=True)
        ends = zip(draws[one[order]].tolist(), draws[two[order]].tolist(), strict=True)
        best = [place for place, (a, b) in enumerate(ends) if not {(a, b), (b, a)} & seen and not seen.add((a, b))][
            :num_hits
        ]
        order = order[best]
        return Pairs(rows[one[order]], rows[two[order]], exact[order].float(), total, limit)


def _check_count(count: int, name: str) -> None:
    if count < 1:
        raise InputError(f"`{name}` must be at least 1; got {count}.")


def _others(
    rows: Float[Tensor, "sample axis"],
    own: Int[Tensor, " sample"],
    reference: Float[Tensor, "reference axis"],
    count: int,
) -> tuple[Float[Tensor, "sample neighbor"], Int[Tensor, "sample neighbor"]]:
    """Distances to the nearest reference rows but one, float64, and which they are.

    Args:
        rows: to be compared.
        own: of each the reference row that is left out; -1 for none.
        reference: rows to compare with.
        count: neighbours.
    """
    near, which = [], []
    half_squares = reference.square().sum(dim=1) / 2
    for some, left_out in zip(rows.split(_ROWS_AT_ONCE), own.split(_ROWS_AT_ONCE), strict=True):
        order = half_squares - some @ reference.mT
        order[(left_out >= 0).nonzero().squeeze(1), left_out[left_out >= 0]] = torch.inf
        found = order.topk(count, dim=1, largest=False).indices
        which.append(found)
        near.append((some[:, None].double() - reference[found].double()).norm(dim=2))
    return torch.cat(near), torch.cat(which)


def _medoids(rows: Float[Tensor, "row axis"], draws: Int[Tensor, " row"], size: int, *, seed: int) -> list[int]:
    """The row nearest to each centre of k-means, the largest cluster's first, no two of one draw."""
    fitted = rows
    if len(rows) > FIT_ROWS:
        fitted = rows[torch.randperm(len(rows), generator=torch_stream(seed, "rows of k-means"))[:FIT_ROWS]]
    found = KMeans(size, n_init=4, random_state=seed)  # pyright: ignore[reportArgumentType] its stubs know "auto" alone
    found = found.fit(fitted.numpy())
    centers = torch.from_numpy(found.cluster_centers_).to(rows.dtype)
    sizes = torch.from_numpy(found.labels_).long().bincount(minlength=size)
    is_free = torch.ones(len(rows), dtype=torch.bool)
    chosen = []
    for center in sizes.argsort(descending=True, stable=True).tolist():
        distances = (rows - centers[center]).norm(dim=1)
        chosen.append(int(distances.masked_fill(~is_free, torch.inf).argmin()))
        is_free &= draws != draws[chosen[-1]]
    return chosen


def _far_apart(rows: Float[Tensor, "row axis"], draws: Int[Tensor, " row"], size: int) -> list[int]:
    """The row nearest to the mean, then always the one that is farthest from those chosen, no two of one draw."""
    chosen = [int((rows - rows.mean(dim=0)).norm(dim=1).argmin())]
    distance = rows.new_full((len(rows),), torch.inf)
    while len(chosen) < size:
        distance = torch.minimum(distance, (rows - rows[chosen[-1]]).norm(dim=1))
        distance[draws == draws[chosen[-1]]] = -1.0  # farther than none that is left
        chosen.append(int(distance.argmax()))
    return chosen
