"""What words mean: their rules in the names and units of the columns, as data and as a sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureRegistry, FeatureSpec
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.word_tree import LEVELS, SHARES, WordTree


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What a word asks of one column.

    Attributes:
        column: its name.
        unit: of the bounds.
        above: the value must be greater; None where it may be as low as it likes.
        at_most: the value must not be greater; None where it may be as high as it likes.
        levels: first and last level of `word_tree.LEVELS` that it may have; None where it must have no value.
        may_be_undefined: whether it may have no value.
    """

    column: str
    unit: str
    above: float | None
    at_most: float | None
    levels: tuple[str, str] | None
    may_be_undefined: bool

    def holds(self, value: float) -> bool:
        """Whether a value keeps the condition; NaN is no value."""
        if math.isnan(value):
            return self.may_be_undefined
        if self.levels is None:
            return False
        return (self.above is None or value > self.above) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        if self.levels is None:
            return f"{self.column} undefined"
        first, last = self.levels
        bounds = " and ".join(
            f"{what} {edge:.4g}"
            for what, edge in (("above", self.above), ("at most", self.at_most))
            if edge is not None
        )
        said = first if first == last else f"{first} to {last}"
        unit = f" {self.unit}" if bounds and self.unit not in ("", "1") else ""
        maybe = ", or undefined" if self.may_be_undefined else ""
        return f"{self.column} {said}{f' ({bounds}{unit})' if bounds else ''}{maybe}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """What a coarse token means exactly: a row has it if and only if all conditions hold.

    Attributes:
        category: whose token it is.
        token: the coarse code.
        conditions: at most three; none where every row of the category has the token.
    """

    category: str
    token: int
    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        said = "; ".join(map(str, self.conditions)) or "every row"
        return f"{self.category} {self.token}: {said}"


def definitions(
    words: WordTree, *, normalizer: TableNormalizer, category_map: CategoryMap, registry: FeatureRegistry
) -> tuple[Definition, ...]:
    """The definition of every word, category by category.

    A bound lies half-way between two values of the training runs, so that rounding decides no row of theirs.

    Args:
        words: the trees.
        normalizer: from the columns' own units to those of the trees.
        category_map: names of the categories.
        registry: names and units of the columns.
    """
    packing, edges = normalizer.packing, level_edges(words, normalizer=normalizer).tolist()
    found = []
    for category, name in enumerate(category_map.categories):
        for token in range(int(words.num_words[category])):
            conditions = []
            for said in words.rule(category, token):
                column = int(packing.columns[category, said.place])
                spec = registry.specs[column]
                levels = (said.first, said.last) if said.first <= said.last else None
                conditions.append(condition(spec, edges[column], levels=levels, may_be_undefined=said.may_be_undefined))
            found.append(Definition(category=name, token=token, conditions=tuple(conditions)))
    return tuple(found)


def level_edges(words: WordTree, *, normalizer: TableNormalizer) -> Float64[Tensor, "column edge"]:
    """Values between the levels of every column, in its own unit, ascending."""
    flat = torch.stack([normalizer.packing.unpack(edge[None])[0] for edge in words.thresholds.unbind(dim=2)])
    return normalizer.transform.invert(torch.nan_to_num(flat, posinf=1e6)).double().mT.cpu()


def condition(
    spec: FeatureSpec, edges: Sequence[float], *, levels: tuple[int, int] | None, may_be_undefined: bool = False
) -> Condition:
    """The condition that a column has one of the levels from the first to the last; None where it must have no value."""
    first, last = levels or (0, -1)
    return Condition(
        column=spec.name,
        unit=spec.unit,
        above=edges[first - 1] if levels and first > 0 else None,
        at_most=edges[last] if levels and last < len(SHARES) else None,
        levels=(LEVELS[first], LEVELS[last]) if levels else None,
        may_be_undefined=may_be_undefined or levels is None,
    )
