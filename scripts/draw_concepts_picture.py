#!/usr/bin/env python
"""Draw the picture of docs/concepts.md from a data set: one run, its features, its categories' codes, and what the coarse ones say.

python scripts/draw_concepts_picture.py runs/demo/rollouts.h5 docs/images/concepts.png
"""

import sys
from pathlib import Path
from textwrap import wrap

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spinlock.core.views import in_memory
from spinlock.pipeline.gallery import gallery_rollout
from spinlock.plots.rollouts import coloured
from spinlock.plots.theme import MUTED, SERIES, STYLE
from spinlock.store.dataset import open_dataset
from spinlock.training.estimator import Tokenizer

SYSTEM = "gray_scott"
CATEGORIES = ("temporal", "nonlinear", "causality", "invariant_drift")
"""From left to right."""
NUM_FRAMES = 8
LEVELS = ("coarse", "medium", "fine")


def main(path: Path, output: Path) -> None:
    """Draw the second Gray-Scott run of a data set to a PNG file."""
    tokenizer = Tokenizer.from_pretrained("behaviour-1")
    said = {(word.category, word.token): word.title for word in tokenizer.definitions()}
    with open_dataset(path) as dataset:
        table = in_memory(dataset.view())
        row = [n for n, system in enumerate(dataset.systems) if system == SYSTEM][1]
        frames = gallery_rollout(dataset, row).frames
        tokens = tokenizer.encode(table)
    ranks = (table.values < table.values[row]).double().sum(0) / (~table.values.isnan()).sum(0)
    of = [(spec.category, place) for place, spec in enumerate(table.registry.specs) if spec.name.endswith("__mean")]
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 5.4), layout="constrained")
        pictures = coloured(frames)
        upper, lower = figure.subfigures(2, 1, height_ratios=(4, 9))
        for place, axes in enumerate(upper.subplots(1, NUM_FRAMES)):
            at = round(place * (len(frames) - 1) / (NUM_FRAMES - 1))
            axes.imshow(pictures[at])
            axes.set_axis_off()
            axes.set_title(f"t = {at}", fontsize=8)
        upper.suptitle("a run: its saved states", x=0.01, ha="left", fontsize=10)
        bars, codes = lower.subplots(2, len(CATEGORIES), height_ratios=(4, 5))
        for place, (category, colour) in enumerate(zip(CATEGORIES, SERIES, strict=False)):
            mine = [column for name, column in of if name == category]
            _features(bars[place], ranks[mine].tolist(), category, colour)
            own = tokens.codes[row, tokens.category_names.index(category)].tolist()
            _codes(codes[place], own, said[category, own[0]], colour)
        bars[0].set_ylabel("features\n(rank among runs)", fontsize=8)
        figure.savefig(output, dpi=130, facecolor="white")


def _features(axes: Axes, ranks: list[float], category: str, colour: str) -> None:
    axes.bar(range(len(ranks)), ranks, color=colour)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"category {category}", fontsize=9, color=colour)


def _codes(axes: Axes, codes: list[int], title: str, colour: str) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 3)
    axes.set_ylim(0, 1)
    for place, (level, code) in enumerate(zip(LEVELS, codes, strict=True)):
        axes.text(place + 0.5, 0.98, level, ha="center", va="top", fontsize=8, color=MUTED)
        box = {"boxstyle": "square,pad=0.5", "facecolor": colour, "alpha": (1, 0.75, 0.5)[place], "edgecolor": "none"}
        axes.text(place + 0.5, 0.72, f"{code:2d}", ha="center", va="center", color="white", fontsize=11, bbox=box)
    said = "\n".join(line for part in title.split(", ") for line in wrap(part, 30))
    axes.text(1.5, 0.48, "the coarse code is a word:", ha="center", va="top", fontsize=8, color=MUTED)
    axes.text(1.5, 0.36, said, ha="center", va="top", fontsize=9).set_in_layout(False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
