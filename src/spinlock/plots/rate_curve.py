"""Error against bits: what each further level of tokens buys."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from spinlock.plots.theme import (
    ACCENT,
    MUTED,
    OTHER,
    WARN,
    log_axis,
    new_figure,
    nice_log_ticks,
    shortened,
    styled,
)

Curve = Sequence[tuple[float, float]]
"""(bits a sample, error) pairs, one a level, ascending in bits."""
MARKERS = ("s", "D", "^", "v", "P", "X")


@styled
def rate_curve(
    curves: Mapping[str, Curve],
    *,
    coders: Mapping[str, tuple[float, float]],
    threshold: float | None = None,
    measure: str = "mean squared error",
) -> Figure:
    """Lines of the tokenizer, level by level, and one mark for each other coder; the error is on a logarithmic scale.

    Args:
        curves: label → curve; the first is drawn full, later ones thin.
        coders: name → its bits and its error on the rows of the first curve; without a mark where the error is unknown.
        threshold: the error that the tokenizer should stay below.
        measure: what the error is, in words.
    """
    figure = new_figure(5.4, 3.9)
    axes = figure.add_subplot()
    values = []
    for number, (label, curve) in enumerate(curves.items()):
        bits, errors = [point[0] for point in curve], [point[1] for point in curve]
        full = number == 0
        axes.plot(
            bits,
            errors,
            color=ACCENT if full else MUTED,
            marker="o" if full else ".",
            linewidth=1.8 if full else 1.0,
            linestyle="-" if full else "--",
            label=shortened(label),
            zorder=3 if full else 2,
        )
        values += errors
    for number, (name, (bits, error)) in enumerate(coders.items()):
        if not math.isfinite(error) or error <= 0:
            continue
        marker = MARKERS[number % len(MARKERS)]
        axes.plot(
            bits, error, color=OTHER, marker=marker, markersize=6, linestyle="none", label=shortened(name), zorder=1
        )
        values.append(error)
    if threshold is not None:
        axes.axhline(threshold, color=WARN, linewidth=1.3, label=f"threshold {threshold:g}", zorder=0)
        values.append(threshold)
    positive = [value for value in values if math.isfinite(value) and value > 0]
    ticks = nice_log_ticks(min(positive), max(positive)) if positive else ()
    if len(ticks) > 1 and max(positive) > 2 * min(positive):
        log_axis(axes, "y", ticks)
    axes.grid(visible=True, axis="y")
    axes.set_xlabel("nominal bits a sample")
    axes.set_ylabel(measure)
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1.4)
    return figure
