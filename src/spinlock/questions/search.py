"""Exact questions to the embedding of many runs: which behave like one, like no other, like most, or the same."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.seeds import torch_stream
from spinlock.core.views import numbered
from spinlock.questions.nearest import Hits, nearest_others, nearest_rows
from spinlock.questions.pairs import Pairs, near_pairs
from spinlock.questions.subsets import Subset, far_apart, medoids

NUM_NEIGHBORS = 5
MOST_REFERENCE = 10_000
"""Draws that outliers are compared with, at most."""
MOST_COMPARED = 200_000
"""Rows among which pairs are searched, at most: the time grows with their square, and is minutes here."""


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
        self._by_draw = self.draws.argsort(stable=True)
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
        order = torch.addmv(self._half_squares, self.embedding, query, alpha=-1)
        if allowed is not None:
            order[~allowed] = torch.inf
        if but in self._number_of:
            order[self._rows_of(self._number_of[but])] = torch.inf
        count = num_hits
        while True:
            hits = nearest_rows(self.embedding, query, order, count)
            found = hits if each_run else self._one_a_draw(hits)
            if len(found.rows) >= num_hits or len(hits.rows) < count:
                return Hits(found.rows[:num_hits], found.values[:num_hits])
            count *= 4

    def _rows_of(self, draw: int) -> Int[Tensor, " row"]:
        """The rows of one draw."""
        ends = torch.searchsorted(self.draws, torch.tensor([draw, draw + 1]), sorter=self._by_draw)
        return self._by_draw[int(ends[0]) : int(ends[1])]

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
        near, _ = nearest_others(reference, torch.arange(len(reference)), reference, count)
        spacing = near.mean(dim=1).clamp(min=1e-6)
        near, which = nearest_others(self.embedding, own[self.draws], reference, count)
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
        chosen = far_apart(part, draws, size) if rare else medoids(part, draws, size, seed=seed)
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
        found = near_pairs(self.embedding[rows], self.draws[rows], limit=limit, num_hits=num_hits)
        return found._replace(first=rows[found.first], second=rows[found.second])


def _check_count(count: int, name: str) -> None:
    if count < 1:
        raise InputError(f"`{name}` must be at least 1; got {count}.")
