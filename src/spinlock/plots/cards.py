"""What a page says of a word and of a run: the card of a token, and the card of a run."""

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from spinlock.plots.rollouts import GalleryRollout

NUM_BINS = 20
"""Of a `Spread`: equal parts of all runs, from low to high."""


def anchor_of(category: str, code: int, *, level: int = 0) -> str:
    """The id of a token's card on the page."""
    return f"token-{quote(category, safe='')}-{level}-{code}"


class Spread(NamedTuple):
    """Where runs with a token lie among all runs, in one feature.

    Attributes:
        noun: the feature.
        shares: of the runs with the token, in each of `NUM_BINS` equal parts of all runs.
        middle: share of all runs below the middle one of them.
        missing: share of them without a value.
        why: it is missing, most often.
    """

    noun: str
    shares: tuple[float, ...]
    middle: float
    missing: float
    why: str

    @property
    def path(self) -> str:
        """The outline of the bars as an SVG path: 100 wide, as high as 24, which stands for half of the runs and more."""
        width = 100 / len(self.shares)
        bars = (f"V{24 - 24 * min(1.0, 2 * share):.3g}h{width:g}" for share in self.shares)
        return f"M0 24{''.join(bars)}V24z"


class Range(NamedTuple):
    """A parameter that the draws of a system with a token have more or less of.

    Attributes:
        system: whose draws they are.
        what: of it: "low feed".
        own: ends of the range of eight in ten draws with the token; none where it is not known.
        all: the same of all draws of the system.
    """

    system: str
    what: str
    own: tuple[str, ...] = ()
    all: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryToken:
    """The card of one token: what it means, and rollouts that carry it.

    Attributes:
        category, level, code: the token.
        called: what sentences call the category; "" where it is called by its name.
        num_samples: that carry it.
        out_of: samples that have its category.
        rollouts: a handful of them, the most typical one first.
        title: what is typical of it; "" where nobody looked.
        meaning: its definition; "" where there is none.
        name: that a user gave it.
        title_holds, title_f1: share of its samples of which the title is true, and F1 of the title; None where not measured.
        agreement: of another run of the draw, that it has the token too; None where not measured.
        spreads: features that set it apart.
        systems: where it is at home, with the share of its draws.
        parameters: what draws with the token have more or less of.
        children: tokens of the next level that its samples have, the most frequent ones, with their shares.
        num_children: all of them.
        sentence: of the most typical sample, which `typical` names.
    """

    category: str
    level: int
    code: int
    num_samples: int
    out_of: int
    rollouts: tuple[GalleryRollout, ...]
    called: str = ""
    title: str = ""
    meaning: str = ""
    name: str = ""
    title_holds: float | None = None
    title_f1: float | None = None
    agreement: float | None = None
    spreads: tuple[Spread, ...] = ()
    systems: tuple[tuple[str, float], ...] = ()
    parameters: tuple[Range, ...] = ()
    children: tuple[tuple[int, float], ...] = ()
    num_children: int = 0
    sentence: str = ""
    typical: str = ""

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return anchor_of(self.category, self.code, level=self.level)


class RunCard(NamedTuple):
    """A run in a sentence.

    Attributes:
        system, name: of the run.
        sentence: what it does; "" where its tokens have no words.
        words: its coarse tokens, as text and the id of their card.
        stands_for: runs that are most like it among those shown, itself included.
        is_outside: whether it is unlike the corpus.
        rollout: to be seen; None where no states were kept.
    """

    system: str
    name: str
    sentence: str
    words: tuple[tuple[str, str], ...]
    stands_for: int
    is_outside: bool
    rollout: GalleryRollout | None
