"""Counts of what was drawn: parts of parameters' ranges, and kinds of initial condition by system."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from spinlock.plots.theme import label_width, new_figure, shortened, styled

_OFTEN = LinearSegmentedColormap.from_list("often", ["#f6f4ee", "#8fbfcf", "#0f76a2", "#03324a"])


@styled
def coverage_strips(counts: Float[np.ndarray, "parameter part"], labels: Sequence[str]) -> Figure:
    """One strip a parameter from the low to the high end of its range; darker where more samples were drawn.

    A strip that is filled evenly has one colour, the middle of the scale; white was never drawn, the darkest twice as
    often as evenly or more.

    Args:
        counts: samples by parameter and part of its range.
        labels: one a strip.
    """
    names = [shortened(label, most=44) for label in labels]
    figure = new_figure(label_width(names) + 2.2, 0.25 + 0.24 * len(names))
    axes = figure.subplots()
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts * counts.shape[1], total, out=np.zeros_like(counts, dtype=float), where=total > 0)
    axes.imshow(share, cmap=_OFTEN, vmin=0, vmax=2, aspect="auto", interpolation="none")
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.grid(visible=True, which="minor", axis="y", color="#fffefe", linewidth=2.5)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


@styled
def kind_heatmap(counts: Int[np.ndarray, "system kind"], systems: Sequence[str], kinds: Sequence[str]) -> Figure:
    """Numbers of samples of each system that start from each kind of initial condition, with the number in every cell that has one."""
    rows, columns = counts.shape
    names = [shortened(name) for name in systems]
    figure = new_figure(label_width(names) + 0.34 * columns + 0.2, label_width(kinds) + 0.24 * rows)
    axes = figure.subplots()
    largest = max(1, int(counts.max(initial=0)))
    axes.imshow(counts, cmap=_OFTEN, vmin=0, vmax=largest, aspect="auto", interpolation="none")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "#ffffff" if count > 0.45 * largest else "#000000"
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=7.5, color=colour)
    axes.set_yticks(np.arange(rows), names)
    axes.set_xticks(np.arange(columns), [kind.replace("_", " ") for kind in kinds], rotation=90)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
