"""The page on a data set: no script, nothing loaded from elsewhere, the same bytes on every run."""

import math

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spinlock.core.errors import InputError
from spinlock.plots.coverage import coverage_strips, kind_heatmap
from spinlock.plots.dataset_content import DatasetContent
from spinlock.plots.images import to_page_svg
from spinlock.plots.page import MAX_BYTES, breakable, figure_text, picture


def render_dataset_page(content: DatasetContent, *, max_bytes: int = MAX_BYTES) -> str:
    """The page as HTML; every word that comes from data is escaped.

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
    environment.filters["figure"] = figure_text
    environment.filters["breakable"] = breakable
    environment.filters["share"] = lambda part, whole: f"{part / whole:.1%}" if whole else "none"
    environment.tests["known"] = lambda value: value is not None and math.isfinite(value)
    page = environment.get_template("dataset_page.html.j2").render(
        content=content,
        pictures=[[picture(rollout) for rollout in system.rollouts] for system in content.systems],
        coverage=[
            Markup(  # noqa: S704  matplotlib escapes every text in it
                to_page_svg(
                    coverage_strips(entry.counts, entry.labels),
                    name=f"coverage-{number}",
                    description=f"Strips: which parts of the ranges of {entry.system} were drawn how often.",
                )
            )
            for number, entry in enumerate(content.coverage)
        ],
        kinds=Markup(  # noqa: S704  matplotlib escapes every text in it
            to_page_svg(
                kind_heatmap(content.kind_counts, [system.name for system in content.systems], content.kinds),
                name="kinds",
                description="Heat map: samples of each system by kind of frame 0, with the number in every cell.",
            )
        )
        if content.kinds
        else None,
    )
    size = len(page.encode())
    if size > max_bytes:
        raise InputError(
            f"the page would take {size / 1e6:.1f} MB, at most {max_bytes / 1e6:g} MB are allowed; show fewer rollouts."
        )
    return page
