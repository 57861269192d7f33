"""What of a split's tokens comes again at a replicate: values, and one sentence that says what a token is good for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Change = Literal[
    "other realizations", "another initial condition", "a small step of the parameters", "any other draw of its system"
]
WHY_NOT: Mapping[Change, str] = {
    "other realizations": "no judged sample has two realizations whose features were kept",
    "another initial condition": "no two judged samples share their draw of parameters",
    "a small step of the parameters": "no two judged draws of one system have known parameters that differ",
    "any other draw of its system": "no two judged draws of one system have known parameters that differ",
}
"""What may differ between two descriptions, from least to most, and what a data set lacks where that was not measured."""
NOT_LOOKED = (
    "Whether tokens come again was not looked at for this report; spinlock validate looks, at rows that were held out."
)
"""What is said of training rows, and by reports of versions that had no such figures."""
DETECTS = 0.8
"""F1 from which on a token is called a detector of its replicates."""
_IN_SENTENCE: tuple[Change, ...] = ("other realizations", "another initial condition")
_NEARLY_ALL = 0.9
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, kw_only=True, slots=True)
class SameToken:
    """How often two descriptions get the same token at one level, all categories together.

    Attributes:
        at: what differs between the two.
        level: of the token.
        num_pairs: of tokens that were compared, over all categories.
        same: share of them that are equal.
        chance: the same share for descriptions of unrelated samples.
        step: the middle pair's distance in the parameters: root mean square over them, each by its rank among the draws of its
            system, scaled to [0, 1], and a choice that differs counting 1; NaN where parameters were not looked at.
    """

    at: Change
    level: int
    num_pairs: int
    same: float
    chance: float
    step: float = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicates:
    """Decoded columns held against a replicate; empty where there are none.

    A and B are descriptions of a sample by disjoint halves of its realizations, in standardised units, over columns that both have.

    Attributes:
        num_samples: that were compared; 0 where there are no replicates, -1 where nobody looked, as at training rows.
        own_r2: with 0, 1, 2, … levels decoded, the explained share of the variance of A by the decoding of A.
        r2: likewise R²_rep, the explained share of the signal in B by the decoding of A (`metrics.repeatability`).
        gain_errors: standard error over draws of what each level adds to `r2`.
        useful_levels: as many as `r2` rises with: the first number of levels whose next one adds no more than its standard
            error; -1 where that is not known.
        ceiling: R²_rep of the ideal linear coder that spends no limit of bits: Σ S²/V / Σ S over the columns, S = V - N.
        column_noise: column → N / V, noise over variance; above 1 by chance, NaN where it was not measured.
        column_r2: column → R²_rep, all levels decoded; NaN for columns without signal.
        noise_by_aggregation: "mean", "std", "cv" or "none" → median of `column_noise`.
        num_columns: that both descriptions have in some sample.
        num_without_signal: of these, columns with noise >= variance, which R²_rep leaves out.
    """

    num_samples: int = -1
    own_r2: tuple[float, ...] = ()
    r2: tuple[float, ...] = ()
    gain_errors: tuple[float, ...] = ()
    useful_levels: int = -1
    ceiling: float = math.nan
    column_noise: Mapping[str, float] = field(default_factory=dict)
    column_r2: Mapping[str, float] = field(default_factory=dict)
    noise_by_aggregation: Mapping[str, float] = field(default_factory=dict)
    num_columns: int = 0
    num_without_signal: int = 0


def good_for(
    same: Sequence[SameToken],
    replicates: Replicates,
    *,
    bits: float,
    reproducible_bits: float,
    most_reproducible_bits: float,
    num_levels: int,
) -> str:
    """One sentence: how often a coarse token comes again, how many bits do, and from which level on bits code noise.

    Args:
        same: rates of all levels.
        replicates: what was measured against replicates.
        bits: nominal, of all tokens.
        reproducible_bits, most_reproducible_bits: of them, and as many as so few samples show at most; NaN without replicates.
        num_levels: of the tokenizer.
    """
    if replicates.num_samples < 0:
        return NOT_LOOKED
    coarse = {entry.at: entry for entry in same if entry.level == 0}
    rates = [
        f"at {at} in {_percent(coarse[at].same)} of cases (by chance {_percent(coarse[at].chance)})"
        for at in _IN_SENTENCE
        if at in coarse
    ]
    said = [f"a coarse token is the same {', '.join(rates)}"] if rates else []
    if replicates.num_samples:
        seen = ""
        if most_reproducible_bits < _NEARLY_ALL * bits:
            seen = f" ({replicates.num_samples} samples can show {most_reproducible_bits:.0f} at most)"
        said.append(f"{max(0.0, reproducible_bits):.0f} of {bits:.0f} bits are reproducible{seen}")
        said.append(_useful(replicates.useful_levels, num_levels))
    else:
        said.append(f"what of tokens is noise cannot be said, as {WHY_NOT['other realizations']}")
    if "another initial condition" not in coarse:
        said.append(f"what another initial condition changes cannot be said, as {WHY_NOT['another initial condition']}")
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _useful(levels: int, num_levels: int) -> str:
    if levels < 0:
        return "from which level on bits code noise cannot be said of one draw alone, or where no column has signal"
    if levels == 0:
        return "not even the first level says anything of a replicate"
    if levels == num_levels:
        return "every level says more of a replicate than those before it"
    which = _ORDINALS[levels - 1] if levels <= len(_ORDINALS) else f"{levels}th"
    return f"beyond the {which} level bits code noise"


def _percent(share: float) -> str:
    return "an unknown share" if math.isnan(share) else f"{100 * share:.0f} %"
