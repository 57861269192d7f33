"""Pages as one static HTML file: no script but our own, nothing loaded from elsewhere, the same bytes on every run."""

import math
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from spinlock.core.errors import InputError
from spinlock.plots.images import data_uri, to_page_svg
from spinlock.plots.rollouts import GalleryRollout, animation, chosen_frames, still

MAX_BYTES = 8_000_000
SMALL_FRAMES, SMALL_CELLS, SMALL_MILLISECONDS, SMALL_LOSSLESS = 12, 32, 180, 3_000
"""Most frames and cells along a side of a small picture, which plays as long as a large one, and bytes that it may take lossless."""
LABEL = re.compile(r"([^.:]+): (.*)", re.DOTALL)
"""A category's name in front of what is said of it."""


class Picture(NamedTuple):
    """An animation and its last frame, for readers who asked for less motion, as addresses that hold them."""

    animation: str
    still: str


def render(
    template: str, *, max_bytes: int, styles: Sequence[str] = (), scripts: Sequence[str] = (), **values: Any
) -> str:
    """A page as HTML; every word that comes from data is escaped, and a policy forbids outside addresses and other scripts.

    Args:
        template: file name beside this module.
        max_bytes: of the page.
        styles: files beside this module that come after the style of every page.
        scripts: likewise; the policy has the hash of each.
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
    run = [_beside(name) for name in scripts]
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in run)
    page = environment.get_template(template).render(
        style=Markup("").join(map(_beside, ("base.css", *styles))),
        scripts=run,
        script_policy=Markup(f"script-src {hashes}; " if run else ""),  # noqa: S704
        **values,
    )
    size = len(page.encode())
    if size > max_bytes:
        raise InputError(
            f"the page would take {size / 1e6:.1f} MB, at most {max_bytes / 1e6:g} MB are allowed; show fewer rollouts."
        )
    return page


def _beside(name: str) -> Markup:
    """The text of a file beside this module, as safe as the module itself."""
    return Markup(files("spinlock.plots").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704


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
        data_uri(
            animation(frames, size=1, milliseconds=SMALL_MILLISECONDS, lossless_up_to=SMALL_LOSSLESS), "image/webp"
        ),
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
