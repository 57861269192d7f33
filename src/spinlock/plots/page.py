"""The report as one static HTML page: no script, nothing loaded from elsewhere, the same bytes on every run."""

import math
from collections.abc import Callable
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from spinlock.core.errors import InputError
from spinlock.plots.coder_dots import coder_dots
from spinlock.plots.content import CoderLine, GalleryRollout, PageContent
from spinlock.plots.dendrogram import dendrogram
from spinlock.plots.images import data_uri, to_page_svg
from spinlock.plots.rate_curve import rate_curve
from spinlock.plots.reconstruction_bars import reconstruction_bars
from spinlock.plots.rollouts import animation, contact_sheet, still
from spinlock.plots.training_curves import training_curves
from spinlock.plots.usage_heatmap import usage_heatmap

MAX_BYTES = 5_000_000
SPLIT_WORDS = {"train": "training", "validation": "validation", "test": "test"}


class Picture(NamedTuple):
    """An animation and its last frame, for readers who asked for less motion, as addresses that hold them."""

    animation: str
    still: str


def render_page(content: PageContent, *, max_bytes: int = MAX_BYTES) -> str:
    """The page as HTML.

    Every word that comes from data is escaped; a content security policy forbids scripts and outside addresses; a
    panel without data says so in place of a figure.

    Raises:
        InputError: if the page would be larger than `max_bytes`, naming what to show less of.
    """
    environment = Environment(
        loader=PackageLoader("spinlock.plots", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure_text
    environment.filters["breakable"] = breakable
    environment.filters["percent"] = lambda value: "not measured" if not math.isfinite(value) else f"{value:.1%}"
    ours = next((coder for coder in content.coders if coder.is_ours), None)
    page = environment.get_template("page.html.j2").render(
        content=content,
        ours=ours,
        rival=_best_rival(content),
        losers={name: error for name, error in content.backend_errors.items() if name != content.backend},
        splits=[split for split in ("train", "validation", "test") if any(split in c.errors for c in content.coders)],
        split_words=SPLIT_WORDS,
        num_passed=sum(line.passed for line in content.thresholds),
        figures={name: _drawn(content, name, draw) for name, draw in FIGURES.items()},
        pictures=[[picture(rollout) for rollout in token.rollouts] for token in content.gallery],
    )
    size = len(page.encode())
    if size > max_bytes:
        raise InputError(
            f"the report page would take {size / 1e6:.1f} MB, at most {max_bytes / 1e6:g} MB are allowed; show fewer tokens or rollouts."
        )
    return page


def figure_text(value: float | None) -> str:
    """A number for reading: four significant digits at most, "not measured" for NaN and None."""
    return (
        "not measured"
        if value is None or not math.isfinite(value)
        else f"{value:.3g}"
        if abs(value) < 0.1
        else f"{value:.3f}"
    )


def breakable(name: str) -> Markup:
    """The name, escaped, with places after underscores where a narrow column may break it."""
    return Markup("_<wbr>").join(name.split("_"))


def _best_rival(content: PageContent) -> CoderLine | None:
    """The coder with the lowest error on the judged split that is not the tokenizer itself."""
    judged = content.judged_split
    rivals = [c for c in content.coders if not c.is_ours and math.isfinite(c.errors.get(judged, math.nan))]
    return min(rivals, key=lambda coder: coder.errors[judged], default=None)


def picture(rollout: GalleryRollout) -> Picture:
    """A rollout as an animation and its last frame."""
    return Picture(data_uri(animation(rollout.frames), "image/webp"), data_uri(still(rollout.frames), "image/webp"))


class _Plan(NamedTuple):
    """How a figure is drawn, when there is data for it, and what it shows in words."""

    draw: Callable[[PageContent], Figure]
    is_there: Callable[[PageContent], bool]
    description: str


def _drawn(content: PageContent, name: str, plan: _Plan) -> Markup | None:
    """The figure as safe markup (matplotlib escapes every text in it), or None without data."""
    if not plan.is_there(content):
        return None
    return Markup(to_page_svg(plan.draw(content), name=name, description=plan.description))  # noqa: S704


def _coders(content: PageContent) -> Figure:
    return coder_dots(
        {coder.name: coder.errors for coder in content.coders},
        highlighted=[coder.name for coder in content.coders if coder.is_ours],
        threshold=content.mse_threshold,
    )


def _bars(content: PageContent) -> Figure:
    errors = content.category_errors
    if errors is None:
        raise ValueError("`category_errors` must be there to be drawn.")
    judged, rival = content.judged_split, _best_rival(content)
    lines = {"best baseline": rival.errors[judged]} if rival else {}
    return reconstruction_bars(errors, content.category_names, lines=lines, threshold=content.mse_threshold)


def _usage(content: PageContent) -> Figure:
    panels = {"used on training rows": content.used_train, "used on held-out rows, corrected": content.used_corrected}
    known = {title: values for title, values in panels.items() if values is not None}
    return usage_heatmap(known, content.category_names, threshold=content.utilization_threshold)


def _rate(content: PageContent) -> Figure:
    others = {c.name: (c.bits, c.errors.get(content.judged_split, math.nan)) for c in content.coders if not c.is_ours}
    return rate_curve(content.rate_curves, coders=others, threshold=content.mse_threshold)


def _agreement(content: PageContent) -> Figure:
    doubts = content.doubts
    if doubts is None or doubts.within is None or doubts.between is None:
        raise ValueError("the agreement must be there to be drawn.")
    panels = {"the same sample, other runs": doubts.within, "two different samples": doubts.between}
    return usage_heatmap(panels, content.category_names)


def _tree(content: PageContent) -> Figure:
    if content.tree is None:
        raise ValueError("`tree` must be there to be drawn.")
    return dendrogram(content.tree.linkage, content.tree.leaves, groups=content.tree.groups)


def _sheet(content: PageContent) -> Figure:
    return contact_sheet([r.frames for r in content.rollouts], [r.title for r in content.rollouts])


FIGURES = {
    "coders": _Plan(
        _coders,
        lambda c: any(value > 0 for coder in c.coders for value in coder.errors.values()),
        "Dot plot: mean squared error of the tokenizer and of every baseline, for each split. The table below has the numbers.",
    ),
    "bars": _Plan(
        _bars,
        lambda c: c.category_errors is not None,
        "Bar chart: mean squared error of every category after one, two and all levels of tokens. The table below has the numbers.",
    ),
    "usage": _Plan(
        _usage,
        lambda c: c.used_train is not None or c.used_corrected is not None,
        "Heat map: how much of every codebook is used, with a number in every cell.",
    ),
    "rate": _Plan(
        _rate,
        lambda c: bool(c.rate_curves),
        "Line chart: mean squared error against bits, level by level, with every baseline as a dot. The tables have the numbers.",
    ),
    "agreement": _Plan(
        _agreement,
        lambda c: c.doubts is not None and c.doubts.within is not None and c.doubts.between is not None,
        "Heat map: how often two descriptions get the same code, for one sample and for two, with a number in every cell.",
    ),
    "curves": _Plan(
        lambda c: training_curves(c.curves),
        lambda c: any(len(points) for points in c.curves.values()),
        "Line charts: figures over the epochs of training.",
    ),
    "sheet": _Plan(
        _sheet, lambda c: bool(c.rollouts), "Contact sheet: frames of simulated rollouts, time from left to right."
    ),
    "tree": _Plan(
        _tree,
        lambda c: c.tree is not None and len(c.tree.linkage) > 0,
        "Dendrogram: which feature columns were grouped, and at which distance.",
    ),
}
