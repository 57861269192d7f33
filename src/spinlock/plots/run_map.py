"""Runs on a map of their behaviour, and in planes of their parameters, ready to be drawn."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from spinlock.plots.images import data_uri
from spinlock.plots.marks import Colouring, readable
from spinlock.plots.rollouts import GalleryRollout, film_strip

WIDTH, HEIGHT, MARGIN = 640, 480, 14
"""Of the map, in units of its drawing."""
MANY_RUNS, SMALLER = 400, 1.3
"""From how many on the drawing is so much larger, and its marks smaller."""
PLANE_SIZE = 180
"""Of the sides of a plane of parameters, likewise."""


class MapRun(NamedTuple):
    """A run on the map.

    Attributes:
        system, name: of the run.
        sentence: what it does; "" where its tokens have no words.
        x, y: where it lies, from 0 to 1, upwards.
        tokens: coarse token in every category of the map; -1 without.
        rollout: to be seen; None where no states were kept.
    """

    system: str
    name: str
    sentence: str
    x: float
    y: float
    tokens: tuple[int, ...]
    rollout: GalleryRollout | None


class RunMap(NamedTuple):
    """Runs where alike ones lie side by side.

    Attributes:
        runs: that are shown.
        num_runs: that they were chosen from.
        method: how the plane was made, in words.
        categories: name of each category in ids of cards, and what sentences call it.
        colourings: ways to tell runs apart; the first one is shown at first.
    """

    runs: tuple[MapRun, ...]
    num_runs: int
    method: str
    categories: tuple[tuple[str, str], ...]
    colourings: tuple[Colouring, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the drawing."""
        scale = SMALLER if len(self.runs) >= MANY_RUNS else 1.0
        return WIDTH * scale, HEIGHT * scale

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Where each run is drawn, in units of the drawing."""
        width, height = self.size
        return tuple(
            (
                f"{MARGIN + run.x * (width - 2 * MARGIN):.1f}",
                f"{height - MARGIN - run.y * (height - 2 * MARGIN):.1f}",
            )
            for run in self.runs
        )

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script needs to colour the map and to say what a run does."""
        return {
            "categories": self.categories,
            "colourings": [
                {"marks": [(entry.shape, entry.fill) for entry in one.entries], "of": one.encoded}
                for one in self.colourings
            ],
            "runs": [
                {
                    "system": run.system,
                    "name": run.name,
                    "sentence": run.sentence,
                    "tokens": run.tokens,
                    "film": "" if run.rollout is None else data_uri(film_strip(run.rollout.frames), "image/webp"),
                }
                for run in self.runs
            ],
        }


class Axis(NamedTuple):
    """A parameter along one side of a plane.

    Attributes:
        parameter: its name.
        values: of each draw.
    """

    parameter: str
    values: tuple[float, ...]

    @property
    def is_logarithmic(self) -> bool:
        """Whether the middle draw lies nearer to the geometric than to the arithmetic middle of the ends."""
        low, high, middle = min(self.values), max(self.values), float(np.median(self.values))
        return bool(low > 0 and high > 10 * low and abs(middle - (low * high) ** 0.5) < abs(middle - (low + high) / 2))

    @property
    def ends(self) -> tuple[str, str]:
        """The lowest and the highest value, in words."""
        return readable(min(self.values)), readable(max(self.values))

    @property
    def places(self) -> tuple[float, ...]:
        """Of each draw between the ends, from 0 to 1."""
        values = np.log(self.values) if self.is_logarithmic else np.array(self.values)
        return tuple(((values - values.min()) / (np.ptp(values) or 1.0)).tolist())


class PhaseMap(NamedTuple):
    """Draws of a system in the plane of two of its parameters, by their word.

    Attributes:
        system: whose draws they are.
        category: what sentences call the category of the words.
        across, up: the two parameters.
        colouring: of the draws, by word.
        same: how often neighbours in the plane have the same word.
        chance: how often any two draws have.
    """

    system: str
    category: str
    across: Axis
    up: Axis
    colouring: Colouring
    same: float
    chance: float

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Where each draw is drawn, in units of the drawing."""
        return tuple(
            (f"{MARGIN + x * PLANE_SIZE:.1f}", f"{MARGIN + (1 - y) * PLANE_SIZE:.1f}")
            for x, y in zip(self.across.places, self.up.places, strict=True)
        )


SIZES: Mapping[str, int] = {"margin": MARGIN, "plane": PLANE_SIZE}
"""What the templates call them."""
