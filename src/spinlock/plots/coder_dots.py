"""The tokenizer and the coders that it is compared with, on one scale."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from spinlock.plots.theme import (
    ACCENT,
    INK,
    OTHER,
    RULE,
    WARN,
    label_width,
    log_axis,
    new_figure,
    nice_log_ticks,
    shortened,
    styled,
)

MARKERS = {"train": "|", "validation": "d", "test": "o"}


@styled
def coder_dots(
    errors: Mapping[str, Mapping[str, float]], *, highlighted: Sequence[str] = (), threshold: float | None = None
) -> Figure:
    """One row a coder: its error on every split, test rows as full dots, on a logarithmic scale.

    A split without a figure, or with an error of 0, has no mark.

    Args:
        errors: coder → split ("train", "validation", "test") → mean squared error.
        highlighted: the coders that are the tokenizer's own.
        threshold: the error that the tokenizer should stay below.
    """
    names = [shortened(name) for name in errors]
    figure = new_figure(5.2 + label_width(names), 0.95 + 0.34 * len(errors))
    axes = figure.add_subplot()
    seen: set[str] = set()
    for row, (name, by_split) in enumerate(errors.items()):
        colour = ACCENT if name in highlighted else OTHER
        known = {split: value for split, value in by_split.items() if value > 0}
        if known:
            axes.hlines(row, min(known.values()), max(known.values()), color=RULE, linewidth=2.4, zorder=1)
        for split, value in known.items():
            full = split == "test"
            marker = MARKERS.get(split, "o")
            axes.plot(
                value,
                row,
                marker=marker,
                color=colour,
                markerfacecolor=colour if full else "none",
                markersize=8 if full else 7,
                markeredgewidth=1.5,
                linestyle="none",
                label=None if split in seen else split,
                zorder=3 if full else 2,
            )
            seen.add(split)
    values = [value for by_split in errors.values() for value in by_split.values() if value > 0]
    if threshold is not None:
        axes.axvline(threshold, color=WARN, linewidth=1.3, label=f"threshold {threshold:g}", zorder=0)
        values.append(threshold)
    if values:
        low, high = min(values) / 1.15, max(values) * 1.15
        log_axis(axes, "x", nice_log_ticks(low, high))
        axes.set_xlim(low, high)
    axes.set_yticks(range(len(errors)), names)
    for name, label in zip(errors, axes.get_yticklabels(), strict=True):
        label.set_color(ACCENT if name in highlighted else INK)
        label.set_fontweight("bold" if name in highlighted else "normal")
    axes.set_ylim(len(errors) - 0.5, -0.5)
    axes.set_xlabel("mean squared error (logarithmic; left is better)")
    figure.legend(loc="outside upper right", ncols=4, columnspacing=1.4, handlelength=1.2)
    return figure
