"""Words: the coarse level of a category as a tree of questions about few columns, so that what a code means can be said exactly."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.packing import Batch
from spinlock.vqvae.part import Part
from spinlock.vqvae.spec import MOST_WORDS

LEVELS = ("very low", "low", "middling", "high", "very high", "undefined")
"""What the value of a column is called: by the shares of training runs below it, or for having none."""
SHARES = (0.1, 0.3, 0.7, 0.9)
UNDEFINED = len(SHARES) + 1
MOST_COLUMNS = 3
LEAST_SHARE = 0.005
"""Of the rows of a category that a word must have, and at least `LEAST_ROWS`."""
LEAST_ROWS = 10
RELIABILITY_POWER = 4
"""Of a column's correlation between replicates, by which the gain of a split is weighed: .915 of words repeat instead of .906."""
MARGIN = 0.02
"""How far within a word's bounds decoded values stay, as a share of their distance: more than rounding takes back."""


class Interval(NamedTuple):
    """What a word says of one column.

    Attributes:
        place: of the column in its category.
        first, last: the levels, `LEVELS` without "undefined", that its value may have; last < first where it must have none.
        may_be_undefined: whether it may have no value.
    """

    place: int
    first: int
    last: int
    may_be_undefined: bool


@dataclass(kw_only=True, eq=False, repr=False)
class WordTree(Part):
    """The word of every category of a row: one of at most 16, each defined by what levels at most three columns have.

    A level of a column says between which quantiles of the training runs (10, 30, 70 and 90 %) a value lies; having no
    value is a level too. Words are the leaves of a tree, so that every row has exactly one.

    Attributes:
        thresholds: of each standardised column, ascending; a value has as many levels below it as thresholds are less than it.
        allowed: whether a word lets a column have a level.
        num_words: of each category.
    """

    thresholds: Float[Tensor, "category width threshold"]
    allowed: Bool[Tensor, "category word width level"]
    num_words: Int[Tensor, " category"]

    @classmethod
    def fit(
        cls,
        batch: Batch,
        targets: Float[Tensor, "sample category axis"],
        partners: Int[Tensor, " sample"],
        *,
        usable: Bool[Tensor, "category width"],
        most_words: int = MOST_WORDS,
    ) -> "WordTree":
        """Grow the tree of every category, best split first.

        A split's gain is what it takes off the squared error of the partner's coordinates when every leaf predicts their mean,
        times the fourth power of the column's correlation between a row and its partner: what another run of the draw does not repeat
        makes no words.

        Args:
            batch: standardised rows of single runs.
            targets: coordinates of the rows.
            partners: for every row another row of the same draw, itself where there is none.
            usable: columns that words may speak of.
            most_words: of a category.

        Source: best-first trees, Friedman, Hastie & Tibshirani 2000, Ann. Stat. 28, section 8.
        """
        thresholds = _thresholds(batch)
        levels = _levels(batch, thresholds)
        trees = []
        for category, present in enumerate(batch.present.T):
            rows = (present & present[partners]).nonzero().flatten()
            paired = rows[partners[rows] != rows]
            rows = paired if len(paired) else rows
            places = usable[category].nonzero().flatten()
            reliable = _reliability(batch, category, places, rows, partners[rows])
            leaves = _grown(
                levels[rows, category][:, places],
                targets[partners[rows], category].double(),
                weights=reliable**RELIABILITY_POWER,
                most_words=most_words,
            )
            allowed = torch.ones((len(leaves), batch.values.shape[2], len(LEVELS)), dtype=torch.bool)
            for word, leaf in enumerate(leaves):
                allowed[word, places.cpu()] = leaf
            trees.append(allowed)
        num_words = torch.tensor([len(tree) for tree in trees])
        whole = torch.zeros((len(trees), int(num_words.max()), *trees[0].shape[1:]), dtype=torch.bool)
        for category, tree in enumerate(trees):
            whole[category, : len(tree)] = tree
        device = batch.values.device
        return cls(thresholds=thresholds, allowed=whole.to(device), num_words=num_words.to(device))

    def forward(
        self, values: Float[Tensor, "sample category width"], mask: Bool[Tensor, "sample category width"]
    ) -> Int[Tensor, "sample category"]:
        """The word of every category; where a category is absent, one that means nothing."""
        levels = _levels(Batch(values, mask), self.thresholds)
        found = []
        for category, allowed in enumerate(self.allowed):
            places = (~allowed[: self.num_words[category]]).any(dim=2).any(dim=0).nonzero().flatten()
            agrees = allowed[:, places[None], levels[:, category, places]].all(dim=2)  # (word, sample)
            agrees[self.num_words[category] :] = False
            found.append(agrees.byte().argmax(dim=0))
        return torch.stack(found, dim=1)

    @property
    def undefined(self) -> Bool[Tensor, "category word width"]:
        """Columns that a word says have no value."""
        return ~self.allowed[..., :UNDEFINED].any(dim=3) & self.allowed[..., UNDEFINED]

    def bounds(
        self, low: Float[Tensor, "category width"], high: Float[Tensor, "category width"]
    ) -> tuple[Float[Tensor, "category word width"], Float[Tensor, "category word width"]]:
        """Between which values a word's columns lie, a little within, so that rounding does not leave the word.

        Args:
            low, high: range of each column.
        """
        edges = torch.cat(
            [low[..., None], self.thresholds.clamp(low[..., None], high[..., None]), high[..., None]], dim=2
        )
        edges = edges[:, None].expand(-1, self.allowed.shape[1], -1, -1)
        some = self.allowed[..., :UNDEFINED]
        first = some.byte().argmax(dim=3)
        last = UNDEFINED - 1 - some.flip(3).byte().argmax(dim=3)
        lower, upper = (edges.gather(3, place[..., None])[..., 0] for place in (first, last + 1))
        margin = MARGIN * (upper - lower)
        lower = lower + torch.where(first > 0, margin, 0.0)
        return lower, upper - torch.where(last < UNDEFINED - 1, margin, 0.0)

    def rule(self, category: int, word: int) -> Iterator[Interval]:
        """What a word says, column by column; all of it together is the word's definition."""
        for place, allowed in enumerate(self.allowed[category, word].tolist()):
            if not all(allowed):
                values = [level for level in range(UNDEFINED) if allowed[level]]
                first, last = (values[0], values[-1]) if values else (0, -1)
                yield Interval(place, first, last, allowed[UNDEFINED])


def rows_by_word(words: Int[Tensor, "sample category"]) -> Iterator[tuple[int, int, Int[Tensor, " row"]]]:
    """Every word of every category that rows have, with those rows."""
    for category, own in enumerate(words.T):
        order = own.argsort(stable=True)
        there, counts = torch.unique_consecutive(own[order], return_counts=True)
        yield from (
            (category, word, rows) for word, rows in zip(there.tolist(), order.split(counts.tolist()), strict=True)
        )


def _thresholds(batch: Batch) -> Float[Tensor, "category width threshold"]:
    """Quantiles of present values, each half-way to the next value above, where rounding cannot cross; infinite where none is above."""
    values = torch.where(batch.mask, batch.values.double(), torch.inf).sort(dim=0).values
    count = batch.mask.sum(dim=0)
    found = []
    for share in SHARES:
        place = (share * (count - 1).clamp(min=0).double()).floor().long()
        at = values.gather(0, place[None])[0]
        above = torch.where(values > at, values, torch.inf).amin(dim=0)
        found.append(torch.where(torch.isfinite(above), (at + above) / 2, torch.inf))
    return torch.stack(found, dim=2)


def _levels(
    batch: Batch, thresholds: Float[Tensor, "category width threshold"]
) -> Int[Tensor, "sample category width"]:
    level = sum((batch.values > edge).long() for edge in thresholds.unbind(dim=2))
    return torch.where(batch.mask, level, UNDEFINED)


def _reliability(
    batch: Batch, category: int, places: Tensor, rows: Int[Tensor, " row"], partners: Int[Tensor, " row"]
) -> Float[Tensor, " place"]:
    """Correlation of each column between rows and their partners, over pairs that both have it; 1 where rows are their own."""
    one, other = (batch.values[at, category][:, places].double() for at in (rows, partners))
    both = (batch.mask[rows, category] & batch.mask[partners, category])[:, places].double()
    count = both.sum(dim=0).clamp(min=1)
    one, other = (both * (x - (both * x).sum(dim=0) / count) for x in (one, other))
    scale = (one.square().sum(dim=0) * other.square().sum(dim=0)).sqrt()
    return ((one * other).sum(dim=0) / scale.clamp(min=1e-12)).clamp(min=0.0)


class _Leaf(NamedTuple):
    """Rows of a leaf, what it lets every column have, and its best split: the gain, the place and the levels to the left."""

    rows: Int[Tensor, " row"]
    allowed: Bool[Tensor, "place level"]
    gain: float
    place: int
    left: Bool[Tensor, " level"]


def _grown(
    levels: Int[Tensor, "row place"],
    targets: Float[Tensor, "row axis"],
    *,
    weights: Float[Tensor, " place"],
    most_words: int,
) -> list[Bool[Tensor, "place level"]]:
    """What each leaf lets every column have, from low to high."""
    levels, targets, weights = levels.cpu(), targets.cpu(), weights.cpu()
    least = max(LEAST_ROWS, round(LEAST_SHARE * len(levels)))
    everything = torch.ones((levels.shape[1], len(LEVELS)), dtype=torch.bool)
    rows = torch.arange(len(levels))
    leaves = [_with_split(rows, everything, levels, targets, weights=weights, least=least)]
    while len(leaves) < most_words:
        at = max(range(len(leaves)), key=lambda number: leaves[number].gain)
        leaf = leaves[at]
        if leaf.gain <= 0:
            break
        goes_left = leaf.left[levels[leaf.rows, leaf.place]]
        sides = []
        for chosen, of_side in ((goes_left, leaf.left), (~goes_left, ~leaf.left)):
            allowed = leaf.allowed.clone()
            allowed[leaf.place] &= of_side
            sides.append(_with_split(leaf.rows[chosen], allowed, levels, targets, weights=weights, least=least))
        leaves[at : at + 1] = sides
    return [leaf.allowed for leaf in leaves]


def _with_split(
    rows: Int[Tensor, " chosen"],
    allowed: Bool[Tensor, "place level"],
    levels: Int[Tensor, "row place"],
    targets: Float[Tensor, "row axis"],
    *,
    weights: Float[Tensor, " place"],
    least: int,
) -> _Leaf:
    """A leaf with the split that gains most; a gain of 0 where none can be made."""
    spoken_of = ~allowed.all(dim=1)
    if int(spoken_of.sum()) >= MOST_COLUMNS:
        weights = torch.where(spoken_of, weights, 0.0)
    own, aim = levels[rows], targets[rows]
    places = own.shape[1]
    flat = own + torch.arange(places) * len(LEVELS)
    counts = torch.zeros(places * len(LEVELS), dtype=torch.float64)
    counts.index_add_(0, flat.flatten(), torch.ones(flat.numel(), dtype=torch.float64))
    sums = torch.stack(
        [
            torch.zeros_like(counts).index_add_(0, flat.flatten(), one[:, None].expand(-1, places).flatten())
            for one in aim.T
        ],
        dim=1,
    )
    counts, sums = counts.view(places, -1), sums.view(places, len(LEVELS), -1)
    whole = aim.sum(dim=0).square().sum() / max(1, len(rows))
    sides = _sides()
    left, left_sums = counts @ sides.mT, torch.einsum("kl,pla->pka", sides, sums)
    right, right_sums = len(rows) - left, aim.sum(dim=0) - left_sums
    gains = left_sums.square().sum(2) / left.clamp(min=1) + right_sums.square().sum(2) / right.clamp(min=1) - whole
    gains = torch.where((left >= least) & (right >= least), gains * weights[:, None], 0.0)
    if not gains.numel() or gains.amax() <= 0:
        return _Leaf(rows, allowed, 0.0, 0, torch.zeros(len(LEVELS), dtype=torch.bool))
    place, side = divmod(int(gains.argmax()), len(sides))
    chosen = sides[side].bool()
    if not counts[place, UNDEFINED] and side != len(sides) - 1:
        chosen = chosen.clone()  # no row lacks it here; one that does goes where most rows go
        chosen[UNDEFINED] = bool(left[place, side] > right[place, side])
    return _Leaf(rows, allowed, float(gains[place, side]), place, chosen)


def _sides() -> Float[Tensor, "side level"]:
    """What may go to the left: levels up to one of them, without and with "undefined", or "undefined" alone."""
    below = torch.ones((UNDEFINED, len(LEVELS)), dtype=torch.float64).tril()[: UNDEFINED - 1]
    with_undefined = below.clone()
    with_undefined[:, UNDEFINED] = 1.0
    alone = torch.zeros((1, len(LEVELS)), dtype=torch.float64)
    alone[:, UNDEFINED] = 1.0
    return torch.cat([below, with_undefined, alone])
