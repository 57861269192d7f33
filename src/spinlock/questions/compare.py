"""What differs between two sets of runs: a test of the whole, the columns that tell them apart, and how often tokens occur."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import false_discovery_control, mannwhitneyu, norm, rankdata
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.feature_table import FeatureSpec, FeatureTable
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import TokenTable
from spinlock.core.views import numbered

LEVEL = 0.05
"""False discovery rate of columns and of tokens."""
POWER = 0.8
SAME_CLUSTER = 0.75
"""Rank correlation beyond which two columns tell of one difference."""
FEWEST_VALUES = 3
"""Draws of each side that must have a value of a column for it to be compared."""
FEWEST_CARRIERS = 5
"""Draws that must carry a token for it to be tested."""
MOST_DRAWS = 2_000
"""Draws of a side whose embeddings are compared, at most: every pair is."""
ENERGY_PERMUTATIONS, TOKEN_PERMUTATIONS = 999, 9_999
_AT_ONCE = 500


class EnergyTest(NamedTuple):
    """Whether two sets of draws lie in different places of an embedding.

    Attributes:
        distance: 2 E|a - b| - E|a - a'| - E|b - b'|, over pairs of different draws; 0 on average where there is no difference.
        p: share of permutations of the draws with a distance that is as large.
    """

    distance: float
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A column that tells two sets apart.

    Attributes:
        column: its name.
        auc: share of the pairs of draws in which the second set's is larger, ties counted half.
        first_median, second_median: over draws, in the column's unit.
        q: smallest false discovery rate at which it is found (Benjamini-Hochberg).
        correlated: columns found as well that say the same (|rank correlation| > .75).
        unit, definition: of the column.
    """

    column: str
    auc: float
    first_median: float
    second_median: float
    q: float
    correlated: tuple[str, ...]
    unit: str
    definition: str

    def sentence(self, first: str, second: str) -> str:
        """The difference in words.

        Args:
            first, second: what the two sets are called.
        """
        larger = self.auc > 0.5
        what = self.definition.rstrip(".")
        meaning = f" ({what[0].lower()}{what[1:]})" if what else ""
        unit = "" if self.unit in ("", "1") else f" {self.unit}"
        share = self.auc if larger else 1 - self.auc
        with_it = f"; with it {listed(self.correlated, most=3)}" if self.correlated else ""
        return (
            f"{self.column}{meaning} is {'larger' if larger else 'smaller'} in {second}: median {self.second_median:.3g} against "
            f"{self.first_median:.3g}{unit} in {first}, and so in {share:.0%} of pairs of draws (q {self.q:.2g}){with_it}."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenChange:
    """How often a coarse token occurs in two sets.

    Attributes:
        category, token: which.
        first, second: shares, a draw's the share of its rows.
        h: Cohen's 2 asin √second - 2 asin √first; .2 is called small, .8 large.
        low, high: 95 % interval of h, for this many draws.
        q: of a permutation test, as of columns; NaN for a token of fewer than 5 draws, which is not tested.
    """

    category: str
    token: int
    first: float
    second: float
    h: float
    low: float
    high: float
    q: float


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
        energy=_energy_of(*embeddings, groups=(first.groups, second.groups), seed=seed) if embeddings else None,
        num_columns=num_tested,
        num_found=len(found.columns),
        differences=tuple(_clustered(found, specs, *means)),
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


def draw_means(values: Float[Tensor, "row column"], groups: Sequence[str]) -> Float[Tensor, "draw column"]:
    """Means over the rows of each draw, in the order of their sorted names, of what is present; NaN where nothing is."""
    draws = numbered(groups)
    present = ~values.isnan()
    sums, counts = (
        torch.zeros((int(draws.max()) + 1, values.shape[1]), dtype=torch.float64).index_add_(0, draws, part.double())
        for part in (values.nan_to_num(nan=0.0), present)
    )
    return sums / torch.where(counts > 0, counts, torch.nan)


class Found(NamedTuple):
    """Columns that differ, the clearest first.

    Attributes:
        columns: their numbers.
        auc: see `Difference`.
        q: likewise.
    """

    columns: Int[np.ndarray, " found"]
    auc: Float[np.ndarray, " found"]
    q: Float[np.ndarray, " found"]


def different_columns(
    first: Float[Tensor, "draw column"], second: Float[Tensor, "other_draw column"]
) -> tuple[int, Found]:
    """How many columns could be tested, and those found at a false discovery rate of 5 %.

    The Mann-Whitney test of every column, by Benjamini and Hochberg's procedure. A column that is constant, or has fewer than
    three values on a side, is not tested.

    Source: Mann & Whitney 1947, Ann. Math. Stat. 18; Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57.
    """
    one, other = first.numpy(), second.numpy()
    tested, auc, p = [], [], []
    for column in range(one.shape[1]):
        a, b = (values[~np.isnan(values)] for values in (one[:, column], other[:, column]))
        if min(len(a), len(b)) < FEWEST_VALUES or np.ptp(np.concatenate([a, b])) == 0:
            continue
        test = mannwhitneyu(b, a)
        tested.append(column)
        auc.append(test.statistic / (len(a) * len(b)))
        p.append(test.pvalue)
    if not tested:
        return 0, Found(np.empty(0, dtype=int), np.empty(0), np.empty(0))
    q, areas = false_discovery_control(p), np.array(auc)
    order = np.lexsort((np.arange(len(q)), -np.abs(areas - 0.5)))
    order = order[q[order] <= LEVEL]
    return len(tested), Found(np.array(tested)[order], areas[order], q[order])


def _clustered(
    found: Found,
    specs: Sequence[FeatureSpec],
    first: Float[Tensor, "draw column"],
    second: Float[Tensor, "other_draw column"],
) -> Iterator[Difference]:
    """The clearest column of each cluster: it takes with it every other that is correlated with it and not yet taken."""
    same = np.abs(rank_correlations(torch.cat([first, second])[:, found.columns].numpy())) > SAME_CLUSTER
    is_free = np.ones(len(found.columns), dtype=bool)
    for place, column in enumerate(found.columns.tolist()):
        if not is_free[place]:
            continue
        is_free[place] = False
        with_it = np.flatnonzero(same[place] & is_free)
        is_free[with_it] = False
        yield Difference(
            column=specs[column].name,
            auc=float(found.auc[place]),
            first_median=float(first[:, column].nanquantile(0.5)),
            second_median=float(second[:, column].nanquantile(0.5)),
            q=float(found.q[place]),
            correlated=tuple(specs[number].name for number in found.columns[with_it].tolist()),
            unit=specs[column].unit,
            definition=specs[column].definition,
        )


def rank_correlations(values: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "column column"]:
    """Correlations of ranks, over the rows where both columns have a value; 0 where one of them is constant there."""
    ranks = rankdata(values, axis=0, nan_policy="omit") if values.size else values
    present = (~np.isnan(ranks)).astype(float)
    ranks = np.nan_to_num(ranks - len(ranks) / 2)
    counts = np.maximum(present.T @ present, 1)
    means = (ranks.T @ present) / counts
    spreads = np.sqrt(np.maximum((ranks**2).T @ present / counts - means**2, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num((ranks.T @ ranks / counts - means * means.T) / (spreads * spreads.T), posinf=0, neginf=0)


def detectable_auc(first: int, second: int, num_columns: int) -> float | None:
    """From which AUC on a column that differs alone is found with 80 % chance; None where none would be.

    .5 + (z(1 - α/2) + z(.8)) √((m + n + 1) / 12 m n), with m and n draws and α = .05 / number of columns, which Benjamini and
    Hochberg's procedure asks of a lone one; where many differ, less is enough.

    Source: Noether 1987, J. Am. Stat. Assoc. 82, 645.
    """
    if not num_columns:
        return None
    wanted = norm.isf(LEVEL / num_columns / 2) + norm.ppf(POWER)
    auc = 0.5 + wanted * math.sqrt((first + second + 1) / (12 * first * second))
    return float(auc) if auc < 1 else None


def _energy_of(
    first: Float[Tensor, "row axis"],
    second: Float[Tensor, "other_row axis"],
    *,
    groups: tuple[Sequence[str], Sequence[str]],
    seed: int,
) -> EnergyTest | None:
    """The test of two embeddings and their rows' draws; None where a side has fewer than two draws that are known."""
    sides = []
    for side, (embedding, own) in enumerate(zip((first, second), groups, strict=True)):
        draws = numbered(own)
        order = torch.randperm(int(draws.max()) + 1, generator=torch_stream(seed, "draws", side))
        kept = torch.isin(draws, order[:MOST_DRAWS]) & ~embedding.isnan().any(dim=1)
        draws = draws[kept].unique(return_inverse=True)[1]
        if not len(draws) or int(draws.max()) < 1:
            return None
        sides.append((embedding[kept], draws))
    (one, draws), (other, others) = sides
    numbers = torch.cat([draws, others + int(draws.max()) + 1])
    is_first = torch.arange(int(numbers.max()) + 1) <= int(draws.max())
    return energy_test(torch.cat([one, other]), numbers, is_first, seed=seed)


def energy_test(
    rows: Float[Tensor, "row axis"],
    draws: Int[Tensor, " row"],
    is_first: Bool[Tensor, " draw"],
    *,
    num_permutations: int = ENERGY_PERMUTATIONS,
    seed: int = 0,
) -> EnergyTest:
    """The energy distance of two sets of draws, and how often it is as large when draws change sides by chance.

    The distance of two draws is the mean over pairs of their rows, so draws count alike however many rows they have.

    Args:
        rows: embeddings.
        draws: the number of each row's draw.
        is_first: whether a draw is of the first set; at least two of each.
        num_permutations: of the draws.
        seed: of the permutations.

    Source: Szekely & Rizzo 2013, J. Stat. Plan. Inference 143; here without the pairs of a draw with itself.
    """
    num_draws = len(is_first)
    counts = draws.bincount(minlength=num_draws).double()
    apart = torch.zeros((num_draws, num_draws), dtype=torch.float64)
    for some, own in zip(rows.split(_AT_ONCE), draws.split(_AT_ONCE), strict=True):
        to_draws = torch.zeros((num_draws, len(some)), dtype=torch.float64)
        to_draws.index_add_(0, draws, torch.cdist(rows, some).double())
        apart.index_add_(0, own, to_draws.mT)
    apart /= counts[:, None] * counts
    apart.fill_diagonal_(0.0)
    m, n = int(is_first.sum()), int((~is_first).sum())
    sums, total = apart.sum(dim=1), float(apart.sum())

    def distances(labels: Float[Tensor, "draw permutation"]) -> Float[Tensor, " permutation"]:
        within = (apart @ labels * labels).sum(dim=0)
        of_first = sums @ labels
        others = total - 2 * of_first + within
        return 2 * (of_first - within) / (m * n) - within / (m * (m - 1)) - others / (n * (n - 1))

    found = float(distances(is_first.double()[:, None]))
    slack = 1e-9 * (abs(found) + total / num_draws**2)
    as_large = sum(
        int((distances(labels) >= found - slack).sum())
        for labels in _permuted(is_first, num_permutations, seed=seed, what="energy")
    )
    return EnergyTest(found, (as_large + 1) / (num_permutations + 1))


def token_changes(first: TokenTable, second: TokenTable, *, seed: int = 0) -> tuple[TokenChange, ...]:
    """How often every coarse token occurs in two sets, the largest change first.

    Args:
        first, second: tokens of one tokenizer.
        seed: of the permutations of draws.
    """
    names = [
        (category, token)
        for category, sizes in zip(first.category_names, first.codebook_sizes.tolist(), strict=True)
        for token in range(sizes[0])
    ]
    one, other = (draw_means(_one_hot(table), table.groups) for table in (first, second))
    shares = torch.cat([one, other])
    m, n = len(one), len(other)
    is_first = torch.arange(m + n) < m
    carriers = (shares > 0).sum(dim=0)
    tested = carriers >= FEWEST_CARRIERS
    p = _permutation_p(shares[:, tested], is_first, seed=seed)
    q = torch.full((len(names),), torch.nan, dtype=torch.float64)
    if len(p):
        q[tested] = torch.from_numpy(false_discovery_control(p.numpy()))
    means = torch.stack([one.mean(dim=0), other.mean(dim=0)])
    angles = 2 * means.clamp(0, 1).sqrt().asin()
    h, half = angles[1] - angles[0], 1.96 * math.sqrt(1 / m + 1 / n)
    changes = [
        TokenChange(
            category=category,
            token=token,
            first=float(means[0, place]),
            second=float(means[1, place]),
            h=float(h[place]),
            low=float(h[place]) - half,
            high=float(h[place]) + half,
            q=float(q[place]),
        )
        for place, (category, token) in enumerate(names)
        if carriers[place]
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.h)))


def _one_hot(table: TokenTable) -> Float[Tensor, "sample token"]:
    """1 for the coarse token of each category; 0 for all of them where the category is absent."""
    sizes = table.codebook_sizes[:, 0].tolist()
    coarse = table.codes[:, :, 0]
    return torch.cat(
        [(coarse[:, place, None] == torch.arange(size)).float() for place, size in enumerate(sizes)], dim=1
    )


def _permutation_p(
    shares: Float[Tensor, "draw token"], is_first: Bool[Tensor, " draw"], *, seed: int
) -> Float[Tensor, " token"]:
    """How often the means of two sets differ as much when draws change sides by chance."""
    m, n = int(is_first.sum()), int((~is_first).sum())
    totals = shares.sum(dim=0)

    def differences(labels: Float[Tensor, "draw permutation"]) -> Float[Tensor, "permutation token"]:
        sums = labels.mT @ shares
        return (sums / m - (totals - sums) / n).abs()

    found = differences(is_first.double()[:, None])
    as_large = torch.zeros(shares.shape[1], dtype=torch.float64)
    for labels in _permuted(is_first, TOKEN_PERMUTATIONS, seed=seed, what="tokens"):
        as_large += (differences(labels) >= found - 1e-9).sum(dim=0)
    return (as_large + 1) / (TOKEN_PERMUTATIONS + 1)


def _permuted(
    is_first: Bool[Tensor, " draw"], count: int, *, seed: int, what: str
) -> Iterator[Float[Tensor, "draw permutation"]]:
    """Permutations of the labels, 1.0 for the first set, some at a time."""
    generator = torch_stream(seed, "permutations", what)
    for start in range(0, count, _AT_ONCE):
        keys = torch.rand((len(is_first), min(_AT_ONCE, count - start)), generator=generator)
        yield is_first[keys.argsort(dim=0)].double()
