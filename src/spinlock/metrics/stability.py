"""Agreement of tokens between runs: whether they say something about the system, or about one of its runs."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.repeatability import DETECTS, Change, SameToken
from spinlock.core.report import TokenAgreement
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import TokenTable
from spinlock.metrics.usage import code_counts, entropy_bits

NUM_SHUFFLES = 20


def token_agreements(first: TokenTable, second: TokenTable) -> tuple[TokenAgreement, ...]:
    """The agreement of every codebook between two descriptions of the same samples, row by row.

    Both are to come from disjoint realizations of each sample, so that what they share is the system and its parameters.
    `between` is exact, over all ordered pairs of different samples: (Σ_k n_k m_k - agreeing samples) / (n (n - 1)), with
    n_k and m_k how often code k came in the first and the second description.

    Raises:
        InputError: if the two are of other rows, categories or codebooks.
    """
    same = (first.ids == second.ids, first.category_names == second.category_names)
    if not all(same) or not torch.equal(first.codebook_sizes, second.codebook_sizes):
        raise InputError("the two descriptions must be of the same rows, categories and codebooks, in the same order.")
    found = []
    for category, name in enumerate(first.category_names):
        for level in range(first.codes.shape[2]):
            one, other = first.codes[:, category, level], second.codes[:, category, level]
            both = (one >= 0) & (other >= 0)
            found.append(_agreement(one[both], other[both], int(first.codebook_sizes[category, level]), name, level))
    return tuple(found)


def _agreement(one: Tensor, other: Tensor, num_codes: int, name: str, level: int) -> TokenAgreement:
    rows = len(one)
    agreeing = int((one == other).sum())
    by_chance = int((code_counts(one, num_codes) * code_counts(other, num_codes)).sum()) - agreeing
    within = agreeing / rows if rows else math.nan
    between = by_chance / (rows * (rows - 1)) if rows > 1 else math.nan
    corrected = (within - between) / (1 - between) if between < 1 else math.nan
    f1 = detection_f1(one, other, num_codes)
    bits = reproducible_bits(one, other, num_codes)
    return TokenAgreement(
        category=name,
        level=level,
        num_samples=rows,
        within=within,
        between=between,
        corrected=corrected,
        reproducible_bits=bits.found,
        most_reproducible_bits=bits.most,
        num_codes=num_codes,
        num_tokens=int((~f1.isnan()).sum()),
        num_detectors=int((f1 >= DETECTS).sum()),
    )


def detection_f1(
    first: Int[Tensor, " sample"], second: Int[Tensor, " sample"], num_codes: int
) -> Float64[Tensor, " code"]:
    """F1 of "the first description has code k" as a detector of "the second has it": 2 n_both / (n_first + n_second).

    The harmonic mean of precision and recall, and the same with the two exchanged (van Rijsbergen 1979, ch. 7). NaN where k comes
    in neither.
    """
    both = code_counts(first[first == second], num_codes).double()
    either = (code_counts(first, num_codes) + code_counts(second, num_codes)).double()
    return 2 * both / torch.where(either > 0, either, torch.nan)


class ReproducibleBits(NamedTuple):
    """Bits that come again, and as many as the same rows show of codes that agree entirely; NaN with fewer than two samples."""

    found: float
    most: float


def reproducible_bits(
    first: Int[Tensor, " sample"], second: Int[Tensor, " sample"], num_codes: int
) -> ReproducibleBits:
    """Bits that one description's code says of the other's: their mutual information less the mean of that of 20 shuffles.

    I = H(first) + H(second) - H(first, second) from the frequencies on these rows. Such a plug-in estimate is too high, the more so
    the fewer rows there are a pair of codes; shuffled pairs, of which the true value is 0, say by about how much. What is left is 0 on
    average where the two are unrelated, so single values may be negative. Where they are related and rows are few it is too little,
    as agreement can show no more than `most`: (H(first) + H(second)) / 2 less the same. found / most is the adjusted mutual
    information.
    Source: Vinh, Epps & Bailey 2010, J. Mach. Learn. Res. 11, 2837, with shuffles in place of their sum.
    """
    if len(first) < 2:
        return ReproducibleBits(math.nan, math.nan)
    shuffled = 0.0
    for number in range(NUM_SHUFFLES):
        order = torch.randperm(len(first), generator=torch_stream(number, "shuffled tokens"))
        shuffled += _joint_entropy(first, second[order], num_codes) / NUM_SHUFFLES
    # Shuffling changes neither description's own entropy, so mutual informations differ as joint entropies do.
    own = (entropy_bits(code_counts(first, num_codes)) + entropy_bits(code_counts(second, num_codes))) / 2
    return ReproducibleBits(found=shuffled - _joint_entropy(first, second, num_codes), most=shuffled - own)


def _joint_entropy(first: Tensor, second: Tensor, num_codes: int) -> float:
    return entropy_bits(torch.unique(first.long() * num_codes + second.long(), return_counts=True)[1])


def same_token_rates(
    agreements: Sequence[TokenAgreement], *, at: Change, chance: Sequence[TokenAgreement] = (), step: float = math.nan
) -> tuple[SameToken, ...]:
    """How often tokens of each level come again, over all categories: every pair of tokens counts alike.

    Codebooks of one code are left out, and levels that have no other: what they give is always the same.

    Args:
        agreements: between the two descriptions.
        at: what differs between them.
        chance: agreements whose `between` is what chance gives, where it is not that of `agreements`.
        step: see `SameToken`.
    """
    rates = []
    for level in sorted({entry.level for entry in agreements}):
        here = [entry for entry in agreements if entry.level == level and entry.num_codes > 1]
        by_chance = [entry for entry in chance or agreements if entry.level == level and entry.num_codes > 1]
        if here:
            rates.append(
                SameToken(
                    at=at,
                    level=level,
                    num_pairs=sum(entry.num_samples for entry in here),
                    same=_mean((entry.within, entry.num_samples) for entry in here),
                    chance=_mean((entry.between, entry.num_samples) for entry in by_chance),
                    step=step,
                )
            )
    return tuple(rates)


def _mean(weighted: Iterable[tuple[float, int]]) -> float:
    """The mean of what was measured, by weight; NaN where nothing was."""
    known = [(value, weight) for value, weight in weighted if not math.isnan(value)]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else math.nan


def rows_of(tokens: TokenTable, rows: Int[Tensor, " chosen"]) -> TokenTable:
    """Codes of some rows, under numbers in place of names: what pairs of different samples are compared by."""
    return TokenTable(
        codes=tokens.codes[rows], category_names=tokens.category_names, codebook_sizes=tokens.codebook_sizes
    )


def pairs_of_groups(groups: Sequence[str]) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """The first and the last row of every group that has more than one, group by group: one pair each, so that pairs are independent."""
    first = {group: row for row, group in reversed(list(enumerate(groups)))}
    last = {group: row for row, group in enumerate(groups)}
    pairs = [(first[group], last[group]) for group in dict.fromkeys(groups) if first[group] != last[group]]
    one, other = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).unbind(1)
    return one, other
