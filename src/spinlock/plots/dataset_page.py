"""The page on a data set without a tokenizer: its report drawn and put into words, with rollouts of every system."""

from collections.abc import Mapping

import numpy as np

from spinlock.core import figures
from spinlock.core.dataset_report import DatasetReport
from spinlock.plots.coverage import coverage_strips, kind_heatmap
from spinlock.plots.rollouts import GalleryRollout
from spinlock.plots.static_page import MAX_BYTES, drawing, render


def render_dataset_page(
    report: DatasetReport,
    *,
    title: str,
    rollouts: Mapping[str, tuple[GalleryRollout, ...]],
    rollouts_note: str,
    max_bytes: int = MAX_BYTES,
) -> str:
    """The page as HTML.

    Args:
        report: its figures.
        title: of the page.
        rollouts: system → some of its samples, drawn at random.
        rollouts_note: where they come from, or why there are none.
        max_bytes: of the page.

    Raises:
        InputError: if the page would be larger than `max_bytes`.
    """
    coverage = {
        system: drawing(
            coverage_strips(np.array(list(parts.values())), list(parts)),
            name=f"coverage-{number}",
            description=f"Strips: which parts of the ranges of {system} were drawn how often.",
        )
        for number, (system, parts) in enumerate(report.coverage.items())
    }
    kinds = list(dict.fromkeys(kind for counts in report.initial_conditions.values() for kind in counts))
    counts = np.array([list(counts.values()) for counts in report.initial_conditions.values()])
    return render(
        "dataset_page.html.j2",
        max_bytes=max_bytes,
        title=title,
        report=report,
        sampling=figures.SAMPLING,
        rollouts=rollouts,
        rollouts_note=rollouts_note,
        coverage=coverage,
        kinds=drawing(
            kind_heatmap(counts, list(report.initial_conditions), kinds),
            name="kinds",
            description="Heat map: samples of each system by kind of initial condition, with the number in every cell.",
        )
        if kinds
        else None,
    )
