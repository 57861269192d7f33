"""What differs between two sets of runs: a test of the whole, the columns that tell them apart, and how often tokens occur."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import TokenTable
from spinlock.questions.column_differences import (
    FEWEST_VALUES,
    Difference,
    clustered,
    detectable_auc,
    different_columns,
)
from spinlock.questions.draws import draw_means
from spinlock.questions.energy import EnergyTest, energy_of_sides
from spinlock.questions.token_changes import TokenChange, token_changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What differs between two sets of runs.

    Attributes:
        num_draws: of both sets.
        energy: the test of the whole; None where the rows have no embedding.
        num_columns: that were tested.
        num_found: of them, that differ.
        differences: one for each cluster of correlated ones, the clearest first.
        tokens: every coarse token that occurs, the largest |h| first; none without tokens.
        detectable_auc: from which on a lone column is found with 80 % chance; None where no difference would be.
    """

    num_draws: tuple[int, int]
    energy: EnergyTest | None
    num_columns: int
    num_found: int
    differences: tuple[Difference, ...]
    tokens: tuple[TokenChange, ...]
    detectable_auc: float | None


def compare_sets(
    first: FeatureTable,
    second: FeatureTable,
    *,
    embeddings: tuple[Float[Tensor, "row axis"], Float[Tensor, "other_row axis"]] | None = None,
    tokens: tuple[TokenTable, TokenTable] | None = None,
    seed: int = 0,
) -> Comparison:
    """What differs between two sets of rows, whose draws are what is counted: rows of one draw are replicates.

    Args:
        first, second: columns of the same names; no draw is in both.
        embeddings: of the same rows, by one tokenizer; without them the whole is not tested.
        tokens: likewise; without them none are counted.
        seed: of the permutations, and of the choice among more than 2000 draws of a side for the test of the whole.

    Raises:
        InputError: if a side has fewer than three draws, or a draw is on both sides.
        NamesDifferError: if the columns differ.
    """
    check_sets(first, second)
    sizes = len(set(first.groups)), len(set(second.groups))
    columns = [spec.is_of_a_run for spec in first.registry.specs]
    specs = [spec for spec, is_used in zip(first.registry.specs, columns, strict=True) if is_used]
    means = tuple(draw_means(table.values[:, torch.tensor(columns)], table.groups) for table in (first, second))
    num_tested, found = different_columns(*means)
    return Comparison(
        num_draws=sizes,
        energy=energy_of_sides(*embeddings, groups=(first.groups, second.groups), seed=seed) if embeddings else None,
        num_columns=num_tested,
        num_found=len(found.columns),
        differences=tuple(clustered(found, specs, *means)),
        tokens=token_changes(*tokens, seed=seed) if tokens else (),
        detectable_auc=detectable_auc(*sizes, num_tested),
    )


def check_sets(first: FeatureTable, second: FeatureTable) -> None:
    """Refuse two sets that cannot be compared; see `compare_sets`."""
    first.registry.check_same_names(second.names, whose="the second set")
    sizes = len(set(first.groups)), len(set(second.groups))
    if min(sizes) < FEWEST_VALUES:
        raise InputError(
            f"each side of a comparison needs at least {FEWEST_VALUES} draws; got {sizes[0]} and {sizes[1]}."
        )
    both = set(first.groups) & set(second.groups)
    if both:
        raise InputError(
            f"draws are compared as wholes, and {len(both)} have rows on both sides, the first '{min(both)}'; split by what "
            "differs from draw to draw."
        )
