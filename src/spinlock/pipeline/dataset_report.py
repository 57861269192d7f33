"""`spinlock report --dataset`: one static page on a data set without a tokenizer, and the same numbers as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from spinlock.config.generate import GenerateConfig
from spinlock.core.rollout import Rollout
from spinlock.core.seeds import stream
from spinlock.core.threads import one_thread
from spinlock.dynamics.precision import precision_mistake
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.space import SamplePlan, SystemSpace
from spinlock.dynamics.systems import SYSTEMS
from spinlock.pipeline.gallery import picture_of
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.recipe import config_of_data, fingerprint_of, own_steps, plan_of
from spinlock.plots.content import GalleryRollout
from spinlock.plots.dataset_content import Coverage, DatasetContent, SamplingLine, SystemLine
from spinlock.plots.dataset_page import render_dataset_page
from spinlock.store.atomic import write_text
from spinlock.store.dataset import Dataset, open_dataset

ROLLOUTS_A_SYSTEM = 2
PARTS = 16
"""Parts that the range of a parameter is divided into."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDatasetReport:
    """Where the page and its numbers are.

    Attributes:
        report: the page.
        numbers: the same figures as JSON.
        rollouts_shown: samples whose pictures are on the page.
        rollouts_note: where they come from, or why there are none.
    """

    report: Path
    numbers: Path
    rollouts_shown: int
    rollouts_note: str


@one_thread()
def dataset_report(dataset: Path, output: Path, *, progress: Progress = silent) -> WrittenDatasetReport:
    """Write the page on a data set.

    Where the states were not kept, the rollouts that are shown are simulated again from the stored configuration, if
    this version of spinlock is the one that made them.

    Args:
        dataset: a data-set file.
        output: an .html file; the numbers go to the same name with .json.
        progress: is told of the rollouts.

    Raises:
        InputError: if the file is no data set.
    """
    with open_dataset(dataset) as opened:
        config, difference = _made_from(opened)
        pictures, note = _pictures(opened, config, difference, progress)
        content = _content(opened, config, title=dataset.name, pictures=pictures, note=note)
    numbers = output.with_suffix(".json")
    write_text(output, render_dataset_page(content))
    write_text(numbers, json.dumps(_numbers(content), indent=1) + "\n")
    shown = sum(map(len, pictures.values()))
    return WrittenDatasetReport(report=output, numbers=numbers, rollouts_shown=shown, rollouts_note=note)


def _made_from(dataset: Dataset) -> tuple[GenerateConfig | None, str]:
    """The configuration that the data can be made from again; None and the reason where they cannot."""
    stored = dataset.metadata.get("configuration") or {}
    if "num_samples" not in stored:
        return None, "these data were not simulated by spinlock"
    try:
        config = config_of_data(stored, output_path=dataset.path)
    except ValidationError:
        return None, "another version of spinlock made them, whose configuration this one does not read"
    if own_steps(config):
        return None, "a user's own step made them, which is not run because a file names it"
    if fingerprint_of(config) != dataset.metadata.get("extra", {}).get("fingerprint"):
        return None, "another version of spinlock made them, which may simulate differently"
    if mistake := precision_mistake(config.precision, device="cpu"):
        return None, mistake
    return config, ""


def _pictures(
    dataset: Dataset, config: GenerateConfig | None, difference: str, progress: Progress
) -> tuple[dict[str, tuple[GalleryRollout, ...]], str]:
    """System → pictures of some of its samples, drawn at random, and where they come from."""
    chosen = _chosen(dataset.systems)
    if dataset.has_states:
        rollouts, note = (
            (dataset.rollout(sample) for sample in chosen),
            "Random samples, from the states that were kept.",
        )
    elif config is None:
        return {}, f"No pictures: the states were not kept, and {difference}."
    else:
        rollouts = _simulated(config, chosen)
        note = "Random samples, simulated again from the stored configuration and seed."
    found: dict[str, list[GalleryRollout]] = {}
    for number, (sample, rollout) in enumerate(zip(chosen, rollouts, strict=True)):
        progress("look at rollouts", number, len(chosen))
        found.setdefault(rollout.system, []).append(picture_of(rollout, caption=_caption(sample, rollout)))
    progress("look at rollouts", len(chosen), len(chosen))
    return {name: tuple(pictures) for name, pictures in found.items()}, f"{note} First channel of the first run."


def _chosen(systems: Sequence[str]) -> list[int]:
    """A few samples of each system, the same on every call."""
    chosen: list[int] = []
    for name in dict.fromkeys(systems):
        members = [sample for sample, system in enumerate(systems) if system == name]
        order = stream(0, "contact sheet", name).permutation(len(members))
        chosen += sorted(members[place] for place in order[:ROLLOUTS_A_SYSTEM])
    return chosen


def _simulated(config: GenerateConfig, samples: Sequence[int]) -> Iterator[Rollout]:
    plan, here = plan_of(config), config.model_copy(update={"device": "cpu"})
    chosen: list[SamplePlan] = [plan.plans[sample] for sample in samples]
    for sample in chosen:  # one by one, so that one rollout is held at a time
        yield from simulate([sample], here, spaces=plan.spaces)


def _caption(sample: int, rollout: Rollout) -> str:
    words = [f"sample {sample}", rollout.initial_condition.replace("_", " ") or "unknown start"]
    for what, times in (("diverged", rollout.diverged_at), ("dead", rollout.dead_at), ("frozen", rollout.frozen_at)):
        if times[0] >= 0:
            words.append(f"{what} from {times[0]}")
    return " · ".join(words)


def _content(
    dataset: Dataset,
    config: GenerateConfig | None,
    *,
    title: str,
    pictures: Mapping[str, tuple[GalleryRollout, ...]],
    note: str,
) -> DatasetContent:
    about, quality = dataset.metadata, dataset.quality
    names = tuple(dict.fromkeys(dataset.systems))
    systems = np.array(dataset.systems)
    starts = np.array(dataset.initial_conditions)
    kinds = tuple(sorted({kind for kind in dataset.initial_conditions if kind}))
    rows = {name: systems == name for name in names}
    return DatasetContent(
        title=title,
        facts={
            "samples": str(len(dataset)),
            "systems": str(len(names)),
            "realizations a sample": str(quality.valid.shape[1]),
            "saved states a realization": str(about.get("num_timesteps", "unknown")),
            "cells": " × ".join(map(str, dataset.numbers("inputs", 0).shape[-2:])),
            "realizations that diverged": str(int((~quality.valid & _present(dataset)).sum())),
        },
        systems=tuple(_system_line(dataset, name, rows[name], pictures.get(name, ())) for name in names),
        sampling=tuple(_sampling_lines(about.get("sampling_report") or {}, names)),
        warnings=tuple(about.get("extra", {}).get("sampling_warnings", ())),
        policy=_policy(config),
        coverage=tuple(_coverage(dataset, plan_of(config).spaces, rows)) if config else (),
        kinds=kinds,
        kind_counts=np.array([[np.sum(rows[name] & (starts == kind)) for kind in kinds] for name in names]).reshape(
            len(names), len(kinds)
        ),
        rollouts_note=note,
        provenance={
            "seed": str(about.get("seed", "unknown")),
            "made": str(about.get("created", "unknown")),
            "checksum of the data": str(about.get("content_sha256", "none")),
            "software": ", ".join(f"{name} {version}" for name, version in (about.get("software") or {}).items()),
            "configuration": json.dumps(about.get("configuration") or {}),
        },
    )


def _present(dataset: Dataset) -> np.ndarray:
    """Which realizations there are, (sample, realization); samples of mixed sources may have fewer than others."""
    return np.arange(dataset.quality.valid.shape[1]) < dataset.numbers("extent")[:, :1]


def _system_line(dataset: Dataset, name: str, rows: np.ndarray, pictures: tuple[GalleryRollout, ...]) -> SystemLine:
    quality, present = dataset.quality, _present(dataset)[rows]
    documented = (type(SYSTEMS[name]()).__doc__ or "") if name in SYSTEMS else ""
    return SystemLine(
        name=name,
        what=documented.strip().partition("\n")[0],
        samples=int(rows.sum()),
        realizations=int(present.sum()),
        diverged=int((~quality.valid[rows] & present).sum()),
        dead=int((quality.dead_at[rows] >= 0).sum()),
        frozen=int((quality.frozen_at[rows] >= 0).sum()),
        redrawn=int(np.count_nonzero(quality.redraws[rows])),
        rollouts=pictures,
    )


def _sampling_lines(report: Mapping[str, Any], systems: Sequence[str]) -> Iterator[SamplingLine]:
    def number(figures: Mapping[str, Any], name: str) -> float:
        value = figures.get(name)
        return float("nan") if value is None else float(value)

    for name in (*(name for name in systems if name in report), *(name for name in report if name not in systems)):
        figures = report[name]
        if isinstance(figures, Mapping):
            yield SamplingLine(
                name=name,
                draws=int(figures.get("num_draws", 0)),
                dimensions=int(figures.get("num_dimensions", 0)),
                discrepancy=number(figures, "discrepancy"),
                discrepancy_threshold=number(figures, "random_discrepancy"),
                correlation=number(figures, "max_correlation"),
                correlation_threshold=number(figures, "random_correlation"),
                is_balanced=bool(figures.get("is_balanced")),
                is_even=bool(figures.get("is_even")),
            )


def _policy(config: GenerateConfig | None) -> str:
    if config is None:
        return "Nothing was drawn again by this version's rules; what was found is marked."
    if config.screening.policy == "mark":
        return "The policy was to mark such runs and to keep every sample as it was first drawn."
    kinds = " or ".join(config.screening.redraw)
    return f"Samples that came out {kinds} were drawn again, at most {config.screening.max_redraws} times; the rest is marked."


def _coverage(
    dataset: Dataset, spaces: Mapping[str, SystemSpace], rows: Mapping[str, np.ndarray]
) -> Iterator[Coverage]:
    """For every system the samples in each part of the range of each parameter, in the measure it was drawn in."""
    table = dataset.parameters
    places = {column.name: place for place, column in enumerate(table.columns)}
    for name, space in spaces.items():
        labels, counts = [], []
        for parameter in space.parameters:
            place = places.get(f"{name}.{parameter.name}")
            if parameter.is_fixed or place is None or name not in rows:
                continue
            stored, words = table.values[rows[name], place], table.columns[place].choices
            by_word = {str(choice): choice for choice in (*parameter.choices, False, True)}
            values = [by_word[words[int(value)]] if words else value for value in stored.tolist()]
            if parameter.kind == "boolean":
                values = [bool(value) for value in values]
            counts.append(_histogram([parameter.interval(value) for value in values]))
            labels.append(f"{parameter.name}  {_ends(parameter.low, parameter.high, parameter.choices)}")
        if labels:
            yield Coverage(system=name, labels=tuple(labels), counts=np.array(counts, dtype=float))


def _histogram(intervals: Sequence[tuple[float, float]]) -> np.ndarray:
    """How many intervals lie in each part of [0, 1]; one that covers several is shared among them."""
    edges = np.linspace(0.0, 1.0, PARTS + 1)
    counts = np.zeros(PARTS)
    for start, end in intervals:
        if end > start:
            counts += np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0.0, None) / (end - start)
        else:
            counts[min(max(int(start * PARTS), 0), PARTS - 1)] += 1
    return counts


def _ends(low: float | int, high: float | int, choices: Sequence[object]) -> str:
    return " | ".join(map(str, choices)) if choices else f"{low:g} – {high:g}"


def _numbers(content: DatasetContent) -> dict[str, Any]:
    """The page's figures, without its pictures, as JSON has them."""

    def plain(line: Any) -> dict[str, Any]:
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(line).items()
            if name != "rollouts"
        }

    return {
        "facts": dict(content.facts),
        "systems": [plain(line) for line in content.systems],
        "sampling": [plain(line) for line in content.sampling],
        "warnings": list(content.warnings),
        "coverage": {
            entry.system: dict(zip(entry.labels, entry.counts.round(3).tolist(), strict=True))
            for entry in content.coverage
        },
        "initial_conditions": {
            line.name: dict(zip(content.kinds, counts, strict=True))
            for line, counts in zip(content.systems, content.kind_counts.tolist(), strict=True)
        },
        "provenance": dict(content.provenance),
    }
