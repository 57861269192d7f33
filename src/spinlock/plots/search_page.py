"""What a search found as one page: the run that was asked about, moving, and beside it what behaves like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spinlock.plots.rollouts import GalleryRollout
from spinlock.plots.static_page import MAX_BYTES, render


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRun:
    """A run on the page.

    Attributes:
        name: its id.
        system: what made it; "" where nothing says.
        measure: what it is ordered by, in words: "distance 1.23"; "" for the run that was asked about.
        tokens: its coarse tokens, in words.
        sentence: what it does; "" where nobody can say.
        rollout: its moving picture; None where no states were kept.
    """

    name: str
    system: str = ""
    measure: str = ""
    tokens: tuple[str, ...] = ()
    sentence: str = ""
    rollout: GalleryRollout | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The answer about one run, or the whole answer.

    Attributes:
        asked: the run that was asked about; None where the question is about all.
        hits: what was found, the best first.
    """

    asked: FoundRun | None
    hits: tuple[FoundRun, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPage:
    """What the page says.

    Attributes:
        lead: what was asked and how the answer is ordered, in a sentence or two.
        facts: label → figure.
        answers: one a run that was asked about; one where the question is about all.
        note: why there are no pictures, or fewer answers than there are; "" for nothing.
        provenance: label → text.
    """

    lead: str
    facts: Mapping[str, str]
    answers: Sequence[Found]
    note: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)


def render_search_page(page: SearchPage, *, title: str, max_bytes: int = MAX_BYTES) -> str:
    """The page as HTML.

    Raises:
        InputError: if it would be larger than `max_bytes`.
    """
    return render(
        "search_page.html.j2", max_bytes=max_bytes, styles=("cards.css", "search.css"), title=title, report=page
    )
