"""Bars of the share of every category's variance that is left after each level, with coders of as many bits as lines."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from spinlock.plots.theme import (
    INK,
    MUTED,
    OTHER,
    PANEL,
    WARN,
    label_width,
    level_colours,
    new_figure,
    shortened,
    styled,
)


@styled
def reconstruction_bars(
    errors: Float[np.ndarray, "category level"],
    category_names: Sequence[str],
    *,
    lines: Mapping[str, float] | None = None,
    threshold: float | None = None,
) -> Figure:
    """One group of bars a category, one bar a level prefix, light to dark as levels are added.

    Args:
        errors: mean squared error with 1, 2, … levels decoded; 1 is what knowing nothing costs.
        category_names: one a row.
        lines: baseline → its error over all columns, drawn across.
        threshold: the error that the tokenizer should stay below.
    """
    categories, levels = errors.shape
    height = 0.8 / levels
    names = [shortened(name) for name in category_names]
    figure = new_figure(6.9 + label_width(names), 1.35 + 0.17 * categories * (levels + 1.1))
    axes = figure.add_subplot()
    handles: list[Any] = []
    for level, colour in enumerate(level_colours(levels)):
        places = np.arange(categories) + (level - (levels - 1) / 2) * height
        label = "first level" if level == 0 else f"first {level + 1} levels"
        bars = axes.barh(places, errors[:, level], height=0.92 * height, color=colour, label=label, linewidth=0)
        handles.append(bars)
        if level == levels - 1:
            for place, value in zip(places, errors[:, level], strict=True):
                axes.annotate(
                    f"{value:.3f}" if np.isfinite(value) else "no figure",
                    (value if np.isfinite(value) else 0.0, place),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                    color=INK,
                    bbox={"facecolor": PANEL, "edgecolor": "none", "pad": 0.6},
                )
    for number, (name, value) in enumerate((lines or {}).items()):
        style = ("--", ":", "-.", (0, (6, 2, 1, 2)))[number % 4]
        line = axes.axvline(
            value, color=OTHER, linestyle=style, linewidth=1.3, label=f"{shortened(name)}, all columns: {value:.3f}"
        )
        handles.append(line)
    if threshold is not None:
        handles.append(axes.axvline(threshold, color=WARN, linewidth=1.3, label=f"threshold {threshold:g}"))
    axes.set_yticks(np.arange(categories), names)
    axes.set_ylim(categories - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.set_xlabel("mean squared error, normalised space (1 = knowing nothing)", color=MUTED)
    figure.legend(
        handles=handles, loc="outside upper left", ncols=min(5, len(handles)), columnspacing=1.2, handlelength=1.4
    )
    return figure
