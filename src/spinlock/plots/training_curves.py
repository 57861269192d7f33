"""Figures over the course of training."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spinlock.plots.theme import INK, MUTED, SERIES, log_axis, new_figure, nice_log_ticks, shortened, styled

Points = Sequence[tuple[float | int, float]]
"""(epoch, value) pairs, ascending."""

SPLITS = ("train", "validation", "test")
WEIGHT = "weight"


@styled
def training_curves(curves: Mapping[str, Points]) -> Figure:
    """One panel a figure, its splits as lines: "train_mse" and "validation_mse" share the panel "mse".

    So do the weights of the families of a joint run: "weight_summary" and "weight_initial" share the panel "weight". A curve whose name begins with no split has a panel of its own. The scale is logarithmic where all values are
    positive and span more than a factor of five; nothing is smoothed or left out.

    Args:
        curves: name → points; a panel without any points says so.
    """
    panels: dict[str, dict[str, Points]] = {}
    for name, points in curves.items():
        split, _, rest = name.partition("_")
        panel, label = (rest, split) if split in SPLITS and rest else (name, name)
        panel, label = (WEIGHT, rest) if split == WEIGHT and rest else (panel, label)
        panels.setdefault(panel, {})[label] = points
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(3.1 * columns + 0.6 if columns > 1 else 6.0, 2.5 * rows)
    for place, (title, lines) in enumerate(panels.items()):
        _panel(figure.add_subplot(rows, columns, place + 1), title, lines)
    return figure


def _panel(axes: Axes, title: str, lines: Mapping[str, Points]) -> None:
    for number, (label, points) in enumerate(lines.items()):
        x, y = [epoch for epoch, _ in points], [value for _, value in points]
        colour = SERIES[(SPLITS.index(label) if label in SPLITS else number) % len(SERIES)]
        axes.plot(
            x, y, color=colour, label=shortened(label), marker="o" if len(points) < 3 else None, zorder=3 - number
        )
    values = [value for points in lines.values() for _, value in points]
    if not values:
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", va="center", color=MUTED)
    elif min(values) > 0 and max(values) > 5 * min(values):
        log_axis(axes, "y", nice_log_ticks(min(values), max(values)))
    axes.grid(visible=True, axis="y")
    axes.grid(visible=False, axis="x")
    axes.set_title(shortened(title.replace("_", " ")), color=INK)
    axes.set_xlabel("epoch")
    if len(lines) > 1:
        axes.legend()
