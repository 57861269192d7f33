"""Where coarse tokens are at home: systems that have one more often than others, and parameters that its rows have higher or lower."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import false_discovery_control, hypergeom, mannwhitneyu

FALSE_DISCOVERIES = 0.05
"""Expected share of false ones among all that is called enriched."""
LEAST_CARRIERS = 5
"""Draws with a token, and within a system without it, below which nothing is tested."""
LEAST_HELD_OUT = 3
"""The same of held-out draws, below which they confirm nothing and refute nothing."""

T = TypeVar("T", "EnrichedSystem", "EnrichedParameter")


@dataclass(frozen=True, kw_only=True, slots=True)
class EnrichedSystem:
    """A system that has a token more often than the others do.

    Attributes:
        category, token, system: the pair; the category as its number.
        share: of the token's draws that are of the system.
        expected: the same share if the token knew of no systems.
        q: probability of as many, adjusted for all pairs.
        held_out: `share / expected` on other draws; None where it came in fewer than 3.
    """

    category: int
    token: int
    system: str
    share: float
    expected: float
    q: float
    held_out: float | None

    @property
    def is_confirmed(self) -> bool | None:
        """Whether other draws show the same direction; None where they are too few to show one."""
        return None if self.held_out is None else self.held_out > 1


@dataclass(frozen=True, kw_only=True, slots=True)
class EnrichedParameter:
    """A parameter that draws of a system with a token have higher, or lower, than those without it.

    Attributes:
        category, token, system, parameter: what this is about; the category by its number.
        above: probability that the parameter is higher in a draw with the token than in one without; ½ where it does not matter.
        q: probability of as much difference from ½, adjusted for all that was tested.
        held_out: `above` of other draws; None where fewer than 3 have the token, or lack it.
    """

    category: int
    token: int
    system: str
    parameter: str
    above: float
    q: float
    held_out: float | None

    @property
    def side(self) -> Literal["low", "high"]:
        """Where draws with the token have it."""
        return "high" if self.above > 0.5 else "low"

    @property
    def is_confirmed(self) -> bool | None:
        """Whether other draws show the same direction; None where they are too few to show one."""
        return None if self.held_out is None else (self.held_out - 0.5) * (self.above - 0.5) > 0


def enriched_systems(
    tokens: Int[np.ndarray, "draw category"], systems: Sequence[str], *, held_out: Bool[np.ndarray, " draw"]
) -> tuple[EnrichedSystem, ...]:
    """Pairs of a token and a system that come together more often than by chance: hypergeometric, Benjamini & Hochberg.

    Args:
        tokens: of one row of every draw, as rows of one draw are not independent; -1 where a category is absent.
        systems: of each draw.
        held_out: draws that discover nothing and confirm.

    Returns:
        Category by category, token by token, the most frequent system first.

    Source: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57.
    """
    names = sorted(set(systems))
    of = np.array([names.index(system) for system in systems], dtype=np.int64)
    tested, found = [], []
    for category, token in _present(tokens):
        counts, checks = (
            _counts(tokens[rows, category], token, of[rows], len(names)) for rows in (~held_out, held_out)
        )
        (carriers, members), (seen, others) = counts, checks
        if carriers.sum() < LEAST_CARRIERS:
            continue
        p = hypergeom.sf(carriers - 1, members.sum(), members, carriers.sum())
        for place in np.flatnonzero(members):
            tested.append(float(p[place]))
            expected = others[place] * seen.sum() / max(1, others.sum())
            found.append(
                EnrichedSystem(
                    category=category,
                    token=token,
                    system=names[place],
                    share=float(carriers[place] / carriers.sum()),
                    expected=float(members[place] / members.sum()),
                    q=1.0,
                    held_out=float(seen[place] / expected) if expected and seen.sum() >= LEAST_HELD_OUT else None,
                )
            )
    return tuple(sorted(_discovered(found, tested), key=lambda one: (one.category, one.token, -one.share, one.system)))


def enriched_parameters(
    tokens: Int[np.ndarray, "draw category"],
    parameters: Mapping[tuple[str, str], Float[np.ndarray, " draw"]],
    *,
    held_out: Bool[np.ndarray, " draw"],
) -> tuple[EnrichedParameter, ...]:
    """Parameters that are higher or lower in a system's draws with a token than in those without: Mann & Whitney, two-sided.

    Args:
        tokens: of one row of every draw; -1 where a category is absent.
        parameters: system and parameter → its value in each draw, NaN in draws of other systems; choices have no order, so they are
            not for this.
        held_out: draws that discover nothing and confirm.

    Returns:
        Category by category, token by token, the clearest first.
    """
    tested, found = [], []
    for category, token in _present(tokens):
        known, has = tokens[:, category] >= 0, tokens[:, category] == token
        for (system, parameter), values in parameters.items():
            of_system = known & np.isfinite(values)
            parts = [values[of_system & ~held_out & side] for side in (has, ~has)]
            if min(map(len, parts)) < LEAST_CARRIERS or np.ptp(np.concatenate(parts)) == 0:
                continue
            test = mannwhitneyu(parts[0], parts[1], alternative="two-sided", method="asymptotic")
            others = [values[of_system & held_out & side] for side in (has, ~has)]
            tested.append(float(test.pvalue))
            found.append(
                EnrichedParameter(
                    category=category,
                    token=token,
                    system=system,
                    parameter=parameter,
                    above=float(test.statistic / (len(parts[0]) * len(parts[1]))),
                    q=1.0,
                    held_out=_above(*others) if min(map(len, others)) >= LEAST_HELD_OUT else None,
                )
            )
    return tuple(
        sorted(
            _discovered(found, tested),
            key=lambda one: (one.category, one.token, -abs(one.above - 0.5), one.system, one.parameter),
        )
    )


def _present(tokens: Int[np.ndarray, "draw category"]) -> Iterator[tuple[int, int]]:
    """Category and token, wherever one came."""
    for category, column in enumerate(tokens.T):
        for token in np.unique(column[column >= 0]).tolist():
            yield category, token


def _counts(
    tokens: Int[np.ndarray, " draw"], token: int, of: Int[np.ndarray, " draw"], num_systems: int
) -> tuple[Int[np.ndarray, " system"], Int[np.ndarray, " system"]]:
    """Draws of each system with the token, and with any."""
    with_token, with_any = (np.bincount(of[rows], minlength=num_systems) for rows in (tokens == token, tokens >= 0))
    return with_token, with_any


def _discovered(found: Sequence[T], p: Sequence[float]) -> list[T]:
    """Those whose adjusted probability is small enough, with it."""
    if not found:
        return []
    adjusted = false_discovery_control(p).tolist()
    return [replace(one, q=q) for one, q in zip(found, adjusted, strict=True) if q <= FALSE_DISCOVERIES]


def _above(these: Float[np.ndarray, " these"], those: Float[np.ndarray, " those"]) -> float:
    """Probability that one of these is larger than one of those, equal ones counting half."""
    return float(((these[:, None] > those).mean() + (these[:, None] >= those).mean()) / 2)
