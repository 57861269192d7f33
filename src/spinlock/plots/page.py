"""The page on a tokenizer: its report drawn and put into words, with rollouts that carry its tokens."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from spinlock.core import figures
from spinlock.core.repeatability import NOT_LOOKED, WHY_NOT
from spinlock.core.report import MSE_THRESHOLD, REFIT_LABEL, UTILIZATION_THRESHOLD, ColumnTree, Report, SplitFigures
from spinlock.plots.cards import GalleryToken, RunCard
from spinlock.plots.coder_dots import coder_dots
from spinlock.plots.dendrogram import dendrogram
from spinlock.plots.marks import OTHERS
from spinlock.plots.rate_curve import rate_curve
from spinlock.plots.reconstruction_bars import reconstruction_bars
from spinlock.plots.rollouts import GalleryRollout, contact_sheet
from spinlock.plots.run_map import SIZES, PhaseMap, RunMap
from spinlock.plots.static_page import MAX_BYTES, drawing, render
from spinlock.plots.training_curves import Points, training_curves
from spinlock.plots.usage_heatmap import usage_heatmap

SPLIT_WORDS = {"test": "test", "validation": "validation", "train": "training"}
"""Splits in the order of a table, and what a page calls them."""


class Outside(NamedTuple):
    """Samples of the page's data set that are unlike the corpus, and all of them."""

    num_outside: int
    num_samples: int


class FamilyLine(NamedTuple):
    """A family beside the others that were trained with it; NaN where a figure was not measured.

    Attributes:
        family: its name.
        coder: what its tokens come from.
        bits: a sample.
        error: of held-out rows, in standardised units.
        codes_used: share of all codes that training rows use.
        same_coarse_token: how often a coarse token comes again.
        at: what differs between the two; "" where that was not measured.
    """

    family: str
    coder: str
    bits: float
    error: float
    codes_used: float = math.nan
    same_coarse_token: float = math.nan
    at: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Page:
    """A page on a tokenizer before it is drawn; where something is not there, the page says so.

    Attributes:
        title: of the page.
        report: its figures.
        split: which rows the verdict, the bars and the use are about.
        runs: some that stand for all.
        num_runs: that they stand for.
        of: what the runs are, where the tokenizer was fitted to others; "" where they are its own.
        run_map: runs where alike ones lie side by side; None where the tokenizer has no embedding.
        phases: systems in the plane of two parameters.
        num_systems: that were looked at for these.
        outside: samples unlike the corpus; None where there is no boundary.
        curves: figures over training, name → (epoch, value) pairs.
        gallery: cards of tokens, category by category.
        judged: the rows that titles and agreement of cards were measured on, in words; "" where there are none.
        rollouts: samples for the sheet of still frames.
        tree: of the automatic grouping.
        families: that were trained together, this page's among them; none where it was trained alone.
    """

    title: str
    report: Report
    split: str = "test"
    runs: tuple[RunCard, ...] = ()
    num_runs: int = 0
    of: str = ""
    run_map: RunMap | None = None
    phases: tuple[PhaseMap, ...] = ()
    num_systems: int = 0
    outside: Outside | None = None
    curves: Mapping[str, Points] = field(default_factory=dict)
    gallery: tuple[GalleryToken, ...] = ()
    judged: str = ""
    rollouts: tuple[GalleryRollout, ...] = ()
    tree: ColumnTree | None = None
    families: tuple[FamilyLine, ...] = ()

    @property
    def figures(self) -> SplitFigures:
        """Of the split that is judged."""
        return self.report.figures(self.split)


def render_page(page: Page, *, max_bytes: int = MAX_BYTES) -> str:
    """The page as HTML; a panel without data says so in place of a figure.

    Raises:
        InputError: if the page would be larger than `max_bytes`.
    """
    drawn = {name: draw(page) for name, (draw, _) in DRAWINGS.items()}
    return render(
        "page.html.j2",
        max_bytes=max_bytes,
        styles=("cards.css", "map.css"),
        scripts=("cards.js", "map.js"),
        title=page.title,
        page=page,
        sizes=SIZES,
        others=OTHERS,
        report=page.report,
        judged=SPLIT_WORDS.get(page.split, page.split),
        splits={name: words for name, words in SPLIT_WORDS.items() if name in page.report.splits},
        tables=figures,
        why_not=WHY_NOT,
        not_looked=NOT_LOOKED,
        refit_label=REFIT_LABEL,
        drawings={
            name: None if figure is None else drawing(figure, name=name, description=DRAWINGS[name][1])
            for name, figure in drawn.items()
        },
    )


def _coders(page: Page) -> Figure:
    coders = page.report.coders
    return coder_dots(
        {coder.name: coder.mse for coder in coders}, highlighted=[coders[0].name], threshold=MSE_THRESHOLD
    )


def _bars(page: Page) -> Figure:
    names, rival = page.report.category_names, page.report.best_baseline(page.split)
    errors = np.array([page.figures.category_mse[name][1:] for name in names])
    lines = {"best baseline": rival.mse[page.split]} if rival else {}
    return reconstruction_bars(errors, names, lines=lines, threshold=MSE_THRESHOLD)


def _usage(page: Page) -> Figure:
    usage, names = page.figures.usage, page.report.category_names
    panels = {
        "used on training rows": _by_level(usage, "used_train", names),
        "used on held-out rows, corrected": _by_level(usage, "corrected", names),
    }
    return usage_heatmap(panels, names, threshold=UTILIZATION_THRESHOLD)


def _rate(page: Page) -> Figure:
    rival = page.report.best_baseline(page.split)
    others = {} if rival is None else {rival.name: (rival.bits, rival.mse[page.split])}
    curves = {}
    for name in (name for name in dict.fromkeys((page.split, "train")) if name in page.report.splits):
        split = page.report.figures(name)
        curves[f"{name} rows"] = tuple(zip(split.bits_by_level[1:], split.mse_by_level[1:], strict=True))
    return rate_curve(curves, coders=others, threshold=MSE_THRESHOLD)


def _agreement(page: Page) -> Figure | None:
    measured, names = page.figures.agreements, page.report.category_names
    if not measured:
        return None
    panels = {
        "the same sample, other runs": _by_level(measured, "within", names),
        "two different samples": _by_level(measured, "between", names),
    }
    return usage_heatmap(panels, names)


def _replicate(page: Page) -> Figure | None:
    measured, bits = page.figures.replicates, page.figures.bits_by_level
    if not measured.r2:
        return None
    curves = {"of a replicate's signal": measured.r2, "of the row itself": measured.own_r2}
    left = {name: tuple((b, 1 - r2) for b, r2 in zip(bits, values, strict=True))[1:] for name, values in curves.items()}
    return rate_curve(left, coders={}, measure="share left unexplained")


def _by_level(
    records: tuple[object, ...], attribute: str, names: tuple[str, ...]
) -> Float[np.ndarray, "category level"]:
    """One figure of every codebook."""
    return np.array(list(map(attrgetter(attribute), records))).reshape(len(names), -1)


def _curves(page: Page) -> Figure | None:
    return training_curves(page.curves) if any(len(points) for points in page.curves.values()) else None


def _sheet(page: Page) -> Figure | None:
    runs = page.rollouts
    return contact_sheet([run.frames for run in runs], [run.title for run in runs]) if runs else None


def _tree(page: Page) -> Figure | None:
    tree = page.tree
    return dendrogram(np.array(tree.linkage), tree.leaves, groups=tree.groups) if tree and tree.linkage else None


DRAWINGS: dict[str, tuple[Callable[[Page], Figure | None], str]] = {
    "coders": (
        _coders,
        "Dot plot: mean squared error of the tokenizer and of every baseline, for each split. The table below has the numbers.",
    ),
    "bars": (
        _bars,
        "Bar chart: mean squared error of every category after one, two and all levels of tokens. The table below has the numbers.",
    ),
    "usage": (_usage, "Heat map: how much of every codebook is used, with a number in every cell."),
    "rate": (
        _rate,
        "Line chart: mean squared error against bits, level by level, with the best baseline beside it. The tables have the numbers.",
    ),
    "replicate": (
        _replicate,
        "Line chart: share of the variance of the row itself, and of the signal of a replicate, that is left unexplained after each level. The table below has the numbers.",
    ),
    "agreement": (
        _agreement,
        "Heat map: how often two descriptions get the same code, for one sample and for two, with a number in every cell.",
    ),
    "curves": (_curves, "Line charts: figures over the epochs of training."),
    "sheet": (_sheet, "Contact sheet: frames of simulated rollouts, time from left to right."),
    "tree": (_tree, "Dendrogram: which feature columns were grouped, and at which distance."),
}
"""Name in the template → how it is drawn from a page (None without data), and what it shows in words."""
