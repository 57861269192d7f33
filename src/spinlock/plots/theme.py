"""The look of every figure, and the colours that a page may replace for its dark side."""

from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

INK = "#16202b"
MUTED = "#5b6875"
RULE = "#d5dce3"
ACCENT = "#0a6c96"
OTHER = "#8794a1"
WARN = "#a9490b"
PANEL = "#fffefd"
LEVELS = ("#b9d9e8", "#86bdd6", "#4b9bbf", "#0f76a2", "#07506f", "#03324a")
SERIES = ("#646ecb", "#b42700", "#00a967", "#4c3775", "#f06800", "#b34881")
"""Told apart with any kind of colour blindness: at least 10 of 100 in OKLab, as Machado et al. 2009 simulate it (7 without blue cones)."""

VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    ACCENT: "accent",
    OTHER: "other",
    WARN: "warn",
    PANEL: "panel",
    **{colour: f"level-{number}" for number, colour in enumerate(LEVELS)},
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES)},
}
"""Colour → name of the CSS variable that stands for it on a page. Every colour is used for one purpose only."""

STYLE: dict[Any, Any] = {
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "text.color": INK,
    "text.parse_math": False,  # a name may hold a dollar sign
    "xtick.color": MUTED,
    "xtick.labelsize": 9.5,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}

styled = rc_context(STYLE)
"""Draws a function's figure in this look: a decorator that leaves matplotlib's global settings as they were."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, whose parts are laid out without overlap."""
    return Figure(figsize=(width, height), layout="constrained")


def level_colours(num_levels: int) -> tuple[str, ...]:
    """Light to dark, one a level; levels beyond six repeat the darkest."""
    if num_levels <= 3:
        return (LEVELS[0], LEVELS[2], LEVELS[4])[3 - num_levels :]
    return tuple(LEVELS[min(level, len(LEVELS) - 1)] for level in range(num_levels))


def log_axis(axes: Axes, which: str, ticks: Sequence[float] | None = None) -> None:
    """A logarithmic axis with plain numbers in place of powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    if ticks is not None:
        axis.set_ticks(list(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def nice_log_ticks(low: float, high: float) -> list[float]:
    """The numbers 1, 2, 5 x 10^n within a factor of two of [low, high]; fewer digits where that is more than eight."""
    candidates = [m * 10.0**n for n in range(-12, 13) for m in (1, 2, 5)]
    chosen = [round(value, 14) for value in candidates if low / 1.02 <= value <= high * 1.02]
    return chosen if len(chosen) <= 8 else [value for value in chosen if f"{value:e}"[0] == "1"]


def shortened(name: str, *, most: int = 56) -> str:
    """The name, cut with an ellipsis where it would take too much of a figure."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def label_width(names: Sequence[str]) -> float:
    """Inches that the longest of these labels takes."""
    return 0.3 + 0.085 * max(len(name) for name in names)
