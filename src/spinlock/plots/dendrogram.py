"""The tree that an automatic grouping was cut from."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram as scipy_dendrogram

from spinlock.plots.theme import INK, OTHER, SERIES, new_figure, shortened, styled

_LABELS_UP_TO = 80


@styled
def dendrogram(
    linkage: Float[np.ndarray, "merge 4"], leaves: Sequence[str], *, groups: Sequence[int] | None = None
) -> Figure:
    """Which columns join at which distance; leaves carry the colour of their category.

    Leaves are labelled up to 80 columns; beyond that only their colours are drawn.

    Args:
        linkage: scipy's matrix over `leaves`.
        leaves: column names, in the order of the linkage's first indices.
        groups: number of each leaf's category.
    """
    labelled = len(leaves) <= _LABELS_UP_TO
    tree = scipy_dendrogram(linkage, no_plot=True)
    figure = new_figure(8.6, 0.8 + 0.16 * len(leaves) if labelled else 4.6)
    axes = figure.add_subplot()
    for heights, places in zip(tree["dcoord"], tree["icoord"], strict=True):
        axes.plot(heights, places, color=OTHER, linewidth=0.8)
    order = [int(leaf) for leaf in tree["leaves"]]
    places = 10 * np.arange(len(order)) + 5
    colours = [SERIES[groups[leaf] % len(SERIES)] if groups is not None else INK for leaf in order]
    axes.scatter(
        np.zeros(len(order)), places, c=colours, s=14 if labelled else 5, linewidths=0, zorder=3, clip_on=False
    )
    axes.set_xlim(max(1.0, float(linkage[:, 2].max())) * 1.02, 0)
    axes.set_ylim(10 * len(order), 0)
    axes.yaxis.tick_right()
    axes.set_yticks(places if labelled else [], [shortened(leaves[leaf]) for leaf in order] if labelled else [])
    axes.tick_params(axis="y", labelsize=7)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Ward's distance at which groups join")
    return figure
