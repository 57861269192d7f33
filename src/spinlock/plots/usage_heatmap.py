"""Use of every codebook, category by level, as a heat map."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from spinlock.plots.theme import MUTED, RULE, WARN, label_width, new_figure, shortened, styled

_USE = LinearSegmentedColormap.from_list("use", ["#7d2e12", "#c97b3c", "#ecdcae", "#8cc0b4", "#1e7f86"])


@styled
def usage_heatmap(
    panels: Mapping[str, Float[np.ndarray, "category level"]],
    category_names: Sequence[str],
    *,
    threshold: float | None = None,
) -> Figure:
    """One panel a figure of use, rows are categories and columns levels; every cell carries its number.

    The colour runs from 0 to 1; a number above 1 keeps the colour of 1 and is written as it is. A cell without a
    figure is hatched. Cells that do not exceed the threshold are framed.

    Args:
        panels: title → figures, 1 = full use; NaN where there is none.
        category_names: one a row.
        threshold: what a codebook should exceed.
    """
    rows, levels = next(iter(panels.values())).shape
    names = [shortened(name) for name in category_names]
    figure = new_figure(label_width(names) + 0.1 + len(panels) * max(1.9, 0.75 * levels + 0.2), 0.75 + 0.36 * rows)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for place, (title, values) in zip(axes, panels.items(), strict=True):
        _panel(place, values, threshold)
        place.set_title(shortened(title))
    axes[0].set_yticks(np.arange(rows), names)
    axes[0].invert_yaxis()
    return figure


def _panel(axes: Axes, values: Float[np.ndarray, "category level"], threshold: float | None) -> None:
    rows, levels = values.shape
    for (row, level), value in np.ndenumerate(values):
        known = math.isfinite(value)
        fails = known and threshold is not None and not value > threshold
        colour = _USE(min(max(value, 0.0), 1.0)) if known else "none"
        cell = Rectangle((level - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor=RULE, linewidth=0.6)
        if not known:
            cell.set_hatch("///")
        axes.add_patch(cell)
        if fails:
            frame = (level - 0.44, row - 0.44)
            axes.add_patch(Rectangle(frame, 0.88, 0.88, fill=False, edgecolor=WARN, linewidth=1.6, zorder=3))
        text = f"{value:.2f}" if known else "none"
        axes.text(level, row, text, ha="center", va="center", fontsize=9, color=_readable_on(colour))
    axes.set_xlim(-0.5, levels - 0.5)
    axes.set_ylim(-0.5, rows - 0.5)
    axes.set_xticks(np.arange(levels), [f"level {level}" for level in range(levels)])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _readable_on(colour: str | tuple[float, ...]) -> str:
    """Black or white text, whichever stands out; a cell without colour takes the page's own."""
    if isinstance(colour, str):
        return MUTED
    red, green, blue = colour[:3]
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.52 else "#ffffff"
