"""Effects of operations on runs: how far and whereto a run moves among behaviours, tokens of it, and where they hold.

The effect of an operation at a base is the mean, over initial conditions f, of z(operated run from f) - z(base run from f), with z
the coordinates of a run and the same noise in both runs. With S the covariance of these changes over f, the mean of R of them
errs by tr(S) / R; an effect that is no longer than √2 times the root of that is no effect.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.cluster import KMeans

from spinlock.core.seeds import key_of

NUM_DIRECTIONS, NUM_SIZES = 8, 4
FEWEST = 3
"""Initial conditions that an effect is the mean over, at least."""
FLOOR = 2.0
"""An effect's squared length over that of its error, up to which it is none."""
EFFECTS_A_DIRECTION = 3
"""That a codebook is fitted to, at least."""
NO_EFFECT = 0
ALL = "all"
"""What the figures of all systems together are called."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Changes:
    """What operations change at bases, under each of several initial conditions; one row an operation at a base.

    Attributes:
        values: operated minus base run; NaN where one of the two is missing.
        systems: of each base.
        bases: a name each.
        operations: a word each.
    """

    values: Float[np.ndarray, "effect initial axis"]
    systems: tuple[str, ...]
    bases: tuple[str, ...]
    operations: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.bases)


def effects(values: Float[np.ndarray, "effect initial axis"]) -> Float[np.ndarray, "effect axis"]:
    """The mean change over the initial conditions that are there; NaN where none is."""
    present = _present(values)
    total = np.where(present[..., None], values, 0.0).sum(1)
    count = present.sum(1)[:, None]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def squared_errors(values: Float[np.ndarray, "effect initial axis"]) -> Float[np.ndarray, " effect"]:
    """What the mean change errs by, squared: tr(S) / R, with S over the R initial conditions that are there; NaN below two."""
    present = _present(values)
    count = present.sum(1)
    away = np.where(present[..., None], values - effects(values)[:, None], 0.0)
    spread = np.square(away).sum((1, 2))
    return np.where(count > 1, spread / np.maximum(count * (count - 1), 1), np.nan)


def has_effect(values: Float[np.ndarray, "effect initial axis"]) -> Bool[np.ndarray, " effect"]:
    """Whether the mean change is longer than the noise floor, √2 times what it errs by."""
    length = np.square(effects(values)).sum(1)
    return (length > FLOOR * squared_errors(values)) & (length > 0)


def _present(values: Float[np.ndarray, "effect initial axis"]) -> Bool[np.ndarray, "effect initial"]:
    return np.isfinite(values.sum(2))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FunctorCodebook:
    """Codes of effects: 0 for no effect, else 1 + the nearest direction and 1 + the cell of the length.

    Attributes:
        directions: unit vectors.
        edges: of the lengths, ascending.
    """

    directions: Float[np.ndarray, "code axis"]
    edges: Float[np.ndarray, " edge"]

    @classmethod
    def fit(
        cls,
        values: Float[np.ndarray, "effect initial axis"],
        *,
        num_directions: int = NUM_DIRECTIONS,
        num_sizes: int = NUM_SIZES,
        seed: int = 0,
    ) -> "FunctorCodebook":
        """K-means of unit effects, and lengths cut where equally many lie between; of effects above the noise floor.

        Args:
            values: changes under each initial condition.
            num_directions: at most; fewer where there are fewer effects.
            num_sizes: cells of the lengths.
            seed: of the starts.
        """
        found = effects(values)[has_effect(values)]
        if not len(found):
            return cls(directions=np.zeros((0, values.shape[2])), edges=np.zeros(num_sizes - 1))
        lengths = np.linalg.norm(found, axis=1)
        units = found / lengths[:, None]
        most = max(1, len(units) // EFFECTS_A_DIRECTION)
        count = min(num_directions, most, len(np.unique(units, axis=0)))
        starts = key_of(seed, "functors") % 2**32
        fitted = KMeans(count, n_init=8, random_state=starts).fit(units)  # pyright: ignore[reportArgumentType] a number is documented
        centers = fitted.cluster_centers_
        norms = np.linalg.norm(centers, axis=1, keepdims=True)
        cuts = np.quantile(lengths, np.arange(1, num_sizes) / num_sizes)
        return cls(directions=centers / np.maximum(norms, 1e-12), edges=cuts)

    def encode(self, values: Float[np.ndarray, "effect initial axis"]) -> Int[np.ndarray, "effect 2"]:
        """Direction and size of effects; 0 for none, -1 where fewer than three initial conditions are there."""
        found = effects(values)
        codes = np.stack([1 + self.nearest(found), 1 + self.sizes(found)], axis=1)
        codes[~has_effect(values)] = NO_EFFECT
        codes[_present(values).sum(1) < FEWEST] = -1
        return codes

    def nearest(self, found: Float[np.ndarray, "effect axis"]) -> Int[np.ndarray, " effect"]:
        """The direction that each effect has most of; -1 where there is none to choose."""
        if not len(self.directions):
            return np.full(len(found), -1)
        return (np.nan_to_num(found) @ self.directions.T).argmax(1)

    def sizes(self, found: Float[np.ndarray, "effect axis"]) -> Int[np.ndarray, " effect"]:
        """The cell of each effect's length."""
        return np.searchsorted(self.edges, np.linalg.norm(np.nan_to_num(found), axis=1), side="left")


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How well one estimate of effects agrees with another, beside what it would be at another base of the same system.

    Attributes:
        figure: "portability": the same operation at the same bases, from disjoint initial conditions. "additivity": the sum of two
            operations' effects against the effect of both at once. "transfer": the operation's effect against the one that it has
            after another operation, from disjoint initial conditions.
        system: of the bases, or "all".
        effects: that are compared.
        error: Σ |first - second|² / Σ |second|².
        noise: the part of it that so few initial conditions leave.
        error_at_other_base: the same error against the second estimate at another base.
        same_token: share with the same direction; directions are fitted to other bases than those compared.
        same_at_other_base: the same share against another base.
        by_chance: the same share against another base and another operation.
    """

    figure: str
    system: str
    effects: int
    error: float
    noise: float
    error_at_other_base: float
    same_token: float
    same_at_other_base: float
    by_chance: float


class _Compared(NamedTuple):
    """Two estimates of effects: changes under the same initial conditions, the row of each in the table of changes, and whether
    both are looked at from all initial conditions or each from its half."""

    first: Float[np.ndarray, "effect initial axis"]
    second: Float[np.ndarray, "effect initial axis"]
    rows: Int[np.ndarray, " effect"]
    is_paired: bool


class _CrossFitted(NamedTuple):
    """A codebook for each half of the bases, fitted to the other half, and the half of each row of the table of changes."""

    books: tuple[FunctorCodebook, FunctorCodebook]
    halves: Int[np.ndarray, " effect"]

    @classmethod
    def fit(cls, changes: Changes, *, num_directions: int, seed: int) -> "_CrossFitted":
        """Every other base of each system is in the other half."""
        order = dict.fromkeys(zip(changes.systems, changes.bases, strict=True))
        number: dict[str, int] = {}
        counts: Counter[str] = Counter()
        for system, base in order:
            number[base] = counts[system] % 2
            counts[system] += 1
        halves = np.array([number[base] for base in changes.bases], dtype=int)
        one, other = (
            FunctorCodebook.fit(changes.values[halves != half], num_directions=num_directions, seed=seed)
            for half in (0, 1)
        )
        return cls((one, other), halves)

    def directions(
        self, found: Float[np.ndarray, "effect axis"], rows: Int[np.ndarray, " effect"]
    ) -> Int[np.ndarray, " effect"]:
        """The direction of each effect, by the codebook that did not see its base."""
        return np.where(self.halves[rows] == 0, *(book.nearest(found) for book in self.books))


def agreements(changes: Changes, *, num_directions: int = NUM_DIRECTIONS, seed: int = 0) -> tuple[Agreement, ...]:
    """Portability, additivity and transfer, system by system and of all.

    Args:
        changes: of operations at bases; two operations joined by & are compared with each of them where all three are there.
        num_directions: of the tokens.
        seed: of their starts.
    """
    values = changes.values
    both, one, other = _joined(changes).T
    compared = {
        "portability": _Compared(values, values, np.arange(len(changes)), is_paired=False),
        "additivity": _Compared(values[one] + values[other], values[both], both, is_paired=True),
    }
    both, one, other = np.tile(both, 2), np.append(one, other), np.append(other, one)  # each of the two after the other
    compared["transfer"] = _Compared(values[one], values[both] - values[other], one, is_paired=False)
    codes = _CrossFitted.fit(changes, num_directions=num_directions, seed=seed)
    found = []
    for figure, estimates in compared.items():
        systems = np.array(changes.systems)[estimates.rows].tolist()
        for system in [*dict.fromkeys(systems), *[ALL] * bool(systems)]:
            own = np.array([system in (name, ALL) for name in systems])
            chosen = _Compared(*(part[own] for part in estimates[:3]), is_paired=estimates.is_paired)
            found += _agreement(figure, system, chosen, changes, codes)
    return tuple(found)


def _joined(changes: Changes) -> Int[np.ndarray, "triple 3"]:
    """Rows of two operations at once, of the one and of the other, at the same base."""
    place = {key: row for row, key in enumerate(zip(changes.bases, changes.operations, strict=True))}
    found = []
    for (base, operation), row in place.items():
        parts = operation.split("&")
        for cut in range(1, len(parts)):
            one, other = ((base, "&".join(part)) for part in (parts[:cut], parts[cut:]))
            if one in place and other in place:
                found.append((row, place[one], place[other]))
    return np.array(found, dtype=int).reshape(-1, 3)


def _agreement(
    figure: str, system: str, compared: _Compared, changes: Changes, codes: _CrossFitted
) -> Iterator[Agreement]:
    """The figures of some effects; none where no effect has both estimates."""
    chosen = (slice(None), slice(None)) if compared.is_paired else (slice(None, None, 2), slice(1, None, 2))
    first, second = (effects(part[:, half]) for part, half in zip(compared[:2], chosen, strict=True))
    known = ~(np.isnan(first).any(1) | np.isnan(second).any(1))
    if not known.any():
        return
    first, second, rows = first[known], second[known], compared.rows[known]
    if compared.is_paired:
        noise = squared_errors(compared.first - compared.second)[known]
    else:  # each half errs by twice as much as the whole
        noise = 2 * (squared_errors(compared.first) + squared_errors(compared.second))[known]
    energy = np.square(second).sum(1)
    one, other = codes.directions(first, rows), codes.directions(second, rows)
    elsewhere = _are_equal(changes.systems, rows) & ~_are_equal(changes.bases, rows)
    alike = elsewhere & _are_equal(changes.operations, rows)
    same, comparable = one[:, None] == other, codes.halves[rows][:, None] == codes.halves[rows]
    errors = np.square(first[:, None] - second).sum(2)
    yield Agreement(
        figure=figure,
        system=system,
        effects=len(rows),
        error=_ratio(errors.diagonal(), energy),
        noise=_ratio(noise[~np.isnan(noise)], energy[~np.isnan(noise)]),
        error_at_other_base=_ratio(errors[alike], np.broadcast_to(energy, errors.shape)[alike]),
        same_token=_share(same.diagonal()),
        same_at_other_base=_share(same[alike & comparable]),
        by_chance=_share(same[elsewhere & ~alike & comparable]),
    )


def _are_equal(column: Sequence[str], rows: Int[np.ndarray, " effect"]) -> Bool[np.ndarray, "effect effect"]:
    own = np.unique(np.array(column), return_inverse=True)[1][rows]
    return own[:, None] == own


def _ratio(part: Float[np.ndarray, " pair"], whole: Float[np.ndarray, " pair"]) -> float:
    """Of two sums; 0 of nothing in nothing, NaN where there is nothing to compare with."""
    if not len(whole):
        return float("nan")
    if not whole.sum() > 0:
        return 0.0 if part.sum() == 0 else float("nan")
    return float(part.sum() / whole.sum())


def _share(same: Bool[np.ndarray, " pair"]) -> float:
    return float(same.mean()) if len(same) else float("nan")
