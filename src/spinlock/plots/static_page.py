"""Pages as one static HTML file: no script, nothing loaded from elsewhere, the same bytes on every run."""

import math
import re
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from spinlock.core.errors import InputError
from spinlock.plots.images import data_uri, to_page_svg
from spinlock.plots.rollouts import GalleryRollout, animation, chosen_frames, still

MAX_BYTES = 5_000_000
SMALL_FRAMES, SMALL_CELLS, SMALL_MILLISECONDS = 12, 32, 180
"""Most frames and cells along a side of a small picture, which plays as long as a large one."""
LABEL = re.compile(r"([^.:]+): (.*)", re.DOTALL)
"""A category's name in front of what is said of it."""


class Picture(NamedTuple):
    """An animation and its last frame, for readers who asked for less motion, as addresses that hold them."""

    animation: str
    still: str


def render(template: str, *, max_bytes: int, **values: Any) -> str:
    """A page as HTML; every word that comes from data is escaped, and a policy forbids scripts and outside addresses.

    Args:
        template: file name beside this module.
        max_bytes: of the page.
        values: that the template names.

    Raises:
        InputError: if the page would be larger than `max_bytes`.
    """
    environment = Environment(
        loader=PackageLoader("spinlock.plots", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["nan"] = math.isnan
    environment.filters |= {
        "figure": figure_text,
        "percent": lambda value: f"{value:.1%}" if math.isfinite(value) else "not measured",
        "bits": lambda value: f"{round(value, 1) + 0.0:.1f}" if math.isfinite(value) else "not measured",
        "share": lambda part, whole: f"{part / whole:.1%}" if whole else "none",
        "breakable": breakable,
        "picture": picture,
        "small_picture": small_picture,
        "labelled": labelled,
        "first_upper": lambda text: f"{text[:1].upper()}{text[1:]}",
    }
    page = environment.get_template(template).render(values)
    size = len(page.encode())
    if size > max_bytes:
        raise InputError(
            f"the page would take {size / 1e6:.1f} MB, at most {max_bytes / 1e6:g} MB are allowed; show fewer rollouts."
        )
    return page


def drawing(figure: Figure, *, name: str, description: str) -> Markup:
    """A figure for a page, as safe markup: matplotlib escapes every text in it."""
    return Markup(to_page_svg(figure, name=name, description=description))  # noqa: S704


def picture(rollout: GalleryRollout) -> Picture:
    """A rollout as an animation and its last frame."""
    return Picture(data_uri(animation(rollout.frames), "image/webp"), data_uri(still(rollout.frames), "image/webp"))


def labelled(sentence: str) -> Markup:
    """A sentence of a run, escaped, with what it calls its categories in bold."""
    parts = (LABEL.fullmatch(part) for part in re.split(r"(?<=\.) (?=[^.:]+: )", sentence))
    return Markup(" ").join(
        Markup("<b>{}:</b> {}").format(*found.groups()) if found else Markup.escape(sentence) for found in parts
    )


def small_picture(rollout: GalleryRollout) -> Picture:
    """The same with fewer frames and a pixel a cell, which the page draws larger: for hundreds of them."""
    step = -(-max(rollout.frames.shape[1:]) // SMALL_CELLS)
    frames = rollout.frames[chosen_frames(len(rollout.frames), at_most=SMALL_FRAMES), ::step, ::step]
    return Picture(
        data_uri(animation(frames, size=1, milliseconds=SMALL_MILLISECONDS), "image/webp"),
        data_uri(still(frames, size=1), "image/webp"),
    )


def figure_text(value: float | None) -> str:
    """A number for reading: four significant digits at most, "not measured" for NaN and None."""
    if value is None or not math.isfinite(value):
        return "not measured"
    return f"{value:.3g}" if abs(value) < 0.1 else f"{value:.3f}"


def breakable(name: str) -> Markup:
    """The name, escaped, with places after underscores where a narrow column may break it."""
    return Markup("_<wbr>").join(name.split("_"))
