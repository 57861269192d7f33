"""Runs as marks in a plane: what tells classes apart, by colour and shape, and the legend that says so.

Six colours that readers with any kind of colour blindness tell apart, times four shapes: 24 classes at most, which is as
many as spinlock has systems. Drawn by `marks.html.j2`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

SHAPES = ("circle", "square", "triangle", "diamond")
NUM_COLOURS = 6
MOST_CLASSES = NUM_COLOURS * len(SHAPES)
NUM_SHADES = 6
"""Of a number, from light to dark."""


class Entry(NamedTuple):
    """A class of runs in a legend.

    Attributes:
        text: what it is.
        size: runs of it.
        shape, fill: of its mark: one of `SHAPES` and a class of the style sheet.
        anchor: id on the page that says more; "" without.
    """

    text: str
    size: int
    shape: str
    fill: str
    anchor: str = ""


OTHERS = Entry("others", 0, "dot", "none")
"""What runs without a class of their own are drawn as; their number is counted where it is needed."""


class Colouring(NamedTuple):
    """Runs in classes.

    Attributes:
        kind: of what the classes are, for a list of choices: "word", "parameter of gray scott".
        label: one of that kind.
        entries: the legend, the most frequent class first, or the lowest value.
        of: number of each run's entry; -1 where it has none.
    """

    kind: str
    label: str
    entries: tuple[Entry, ...]
    of: tuple[int, ...]

    @property
    def encoded(self) -> str:
        """`of` as one letter a run, from "A" on; "." where it has none."""
        return "".join("." if number < 0 else chr(ord("A") + number) for number in self.of)

    def entry(self, run: int) -> Entry:
        """How a run is drawn."""
        return OTHERS if self.of[run] < 0 else self.entries[self.of[run]]


def by_class(
    classes: Sequence[str],
    *,
    kind: str,
    label: str,
    text: Callable[[str], str] = str,
    anchor: Callable[[str], str] | None = None,
    most: int = MOST_CLASSES,
) -> Colouring:
    """Runs by class, the most frequent first, of equals the first by name; what is beyond `most` is drawn as others.

    Args:
        classes: of each run; "" where it has none.
        kind: see `Colouring`.
        label: likewise.
        text: of a class in the legend; itself where not given.
        anchor: of a class on the page.
        most: classes with a mark of their own.
    """
    counted = Counter(name for name in classes if name)
    kept = sorted(counted, key=lambda name: (-counted[name], name))[: min(most, MOST_CLASSES)]
    numbers = {name: number for number, name in enumerate(kept)}
    entries = [
        Entry(
            text(name),
            counted[name],
            SHAPES[number // NUM_COLOURS],
            f"series-{number % NUM_COLOURS}",
            anchor(name) if anchor else "",
        )
        for name, number in numbers.items()
    ]
    return Colouring(kind, label, tuple(entries), tuple(numbers.get(name, -1) for name in classes))


def by_value(values: Float[np.ndarray, " run"], *, kind: str, label: str) -> Colouring | None:
    """Runs by a number, in six shades of equally many runs; None where fewer than two values are there.

    Args:
        values: of each run; NaN where it has none.
        kind: see `Colouring`.
        label: likewise.
    """
    known = np.isfinite(values)
    different = np.unique(values[known])
    if len(different) < 2:
        return None
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, NUM_SHADES + 1)[1:-1], method="inverted_cdf"))
    shades = np.where(known, np.searchsorted(edges, values, side="left"), -1)
    present = np.unique(shades[known]).tolist()
    entries = []
    for place, shade in enumerate(present):
        own = values[shades == shade]
        low, high = readable(own.min()), readable(own.max())
        dark = round(place * (NUM_SHADES - 1) / max(1, len(present) - 1))
        entries.append(Entry(low if low == high else f"{low} to {high}", len(own), "circle", f"level-{dark}"))
    places: Mapping[int, int] = {shade: place for place, shade in enumerate(present)}
    return Colouring(kind, label, tuple(entries), tuple(places.get(shade, -1) for shade in shades.tolist()))


def readable(value: float) -> str:
    """A number in three digits, with a minus sign that a reader takes for one."""
    return f"{value:.3g}".replace("-", "−")
