"""`spinlock report --dataset`: one static page on a data set without a tokenizer, and the same numbers as JSON."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from spinlock.config.generate import GenerateConfig
from spinlock.core.dataset_report import DatasetReport, SystemFigures, SystemSampling
from spinlock.core.errors import reading_errors
from spinlock.core.figures import SAMPLING
from spinlock.core.plain import from_plain, to_plain
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
from spinlock.plots.dataset_page import render_dataset_page
from spinlock.plots.rollouts import GalleryRollout
from spinlock.store.dataset import Dataset, open_dataset
from spinlock.store.outputs import claim_output
from spinlock.store.report_file import NUMBERS, PAGE, numbers_beside, save_report

log = logging.getLogger(__name__)

ROLLOUTS_A_SYSTEM = 2
MOST_CELLS_OF_ONE, MOST_CELLS = 50_000_000, 1_000_000_000
"""Cells, summed over realizations and times, that a page simulates again because a file asks for it: of one rollout, which is in
memory, and of all. A minute or two on one core for most systems."""
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
def dataset_report(
    dataset: Path, output: Path, *, simulate_all: bool = False, progress: Progress = silent
) -> WrittenDatasetReport:
    """Write the page on a data set.

    Where the states were not kept, the rollouts that are shown are simulated again from the stored configuration, if
    this version of spinlock is the one that made them and they are no more than `MOST_CELLS` cells at all their times.

    Args:
        dataset: a data-set file.
        output: an .html file; the numbers go to the same name with .report.json.
        simulate_all: simulate whatever the file asks for, however much that is.
        progress: is told of the rollouts.

    Raises:
        InputError: if the file is no data set, or something else than a report is at `output` or at the place of its numbers.
    """
    numbers = numbers_beside(output)
    with claim_output(output, PAGE, inputs=(dataset,), companions=((numbers, NUMBERS),)):
        with open_dataset(dataset) as opened:
            with reading_errors(dataset):
                config, difference = _made_from(opened)
                report = _report(opened, config)
            pictures, note = _pictures(opened, config, difference, progress, simulate_all=simulate_all)
        page = render_dataset_page(report, title=dataset.name, rollouts=pictures, rollouts_note=note)
        save_report(page, _numbers(report), output)
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
    if config.num_samples != len(dataset):
        return None, f"the stored configuration is of {config.num_samples} samples, and {len(dataset)} are there"
    if own_steps(config):
        return None, "a user's own step made them, which is not run because a file names it"
    if fingerprint_of(config) != dataset.metadata.get("extra", {}).get("fingerprint"):
        return None, "another version of spinlock made them, which may simulate differently"
    if mistake := precision_mistake(config.precision, device="cpu"):
        return None, mistake
    return config, ""


def _pictures(
    dataset: Dataset, config: GenerateConfig | None, difference: str, progress: Progress, *, simulate_all: bool
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
    elif (work := _work(config, len(chosen))) and not simulate_all:
        return (
            {},
            f"No pictures: the states were not kept, and {work}; --simulate (simulate_all=True) does it all the same.",
        )
    else:
        log.warning(
            "%d rollouts of %d steps on %d cells are simulated again for their pictures, as the configuration in %s says.",
            len(chosen),
            config.num_timesteps,
            _cells(config),
            dataset.path,
        )
        rollouts = _simulated(config, chosen)
        note = "Random samples, simulated again from the stored configuration and seed."
    found: dict[str, list[GalleryRollout]] = {}
    for number, (sample, rollout) in enumerate(zip(chosen, rollouts, strict=True)):
        progress("look at rollouts", number, len(chosen))
        found.setdefault(rollout.system, []).append(picture_of(rollout, caption=_caption(sample, rollout)))
    progress("look at rollouts", len(chosen), len(chosen))
    return {name: tuple(pictures) for name, pictures in found.items()}, f"{note} First channel of the first run."


def _cells(config: GenerateConfig) -> int:
    return config.grid_size**config.spatial_dimensions * config.num_realizations


def _work(config: GenerateConfig, num_rollouts: int) -> str:
    """Why simulating some rollouts again is more than a page is worth; "" where it is not."""
    cells = config.num_timesteps * _cells(config)
    if cells <= MOST_CELLS_OF_ONE and cells * num_rollouts <= MOST_CELLS:
        return ""
    return (
        f"simulating {num_rollouts} of them again takes {config.num_timesteps} steps on {_cells(config)} cells each, more than "
        f"{MOST_CELLS_OF_ONE:.0e} cells at all times of one or {MOST_CELLS:.0e} of all together"
    )


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


def _report(dataset: Dataset, config: GenerateConfig | None) -> DatasetReport:
    about, quality = dataset.metadata, dataset.quality
    systems, starts = np.array(dataset.systems), np.array(dataset.initial_conditions)
    rows = {name: systems == name for name in dict.fromkeys(dataset.systems)}
    kinds = sorted({kind for kind in dataset.initial_conditions if kind})
    return DatasetReport(
        facts={
            "samples": str(len(dataset)),
            "systems": str(len(rows)),
            "realizations a sample": str(quality.valid.shape[1]),
            "saved states a realization": str(about.get("num_timesteps", "unknown")),
            "cells": " × ".join(map(str, dataset.numbers("inputs", 0).shape[-2:])),
            "realizations that diverged": str(int((~quality.valid & _present(dataset)).sum())),
        },
        systems=tuple(_system_figures(dataset, name, chosen) for name, chosen in rows.items()),
        sampling=_sampling(about.get("sampling_report") or {}, list(rows)),
        warnings=tuple(about.get("extra", {}).get("sampling_warnings", ())),
        policy=_policy(config),
        coverage=dict(_coverage(dataset, plan_of(config).spaces, rows)) if config else {},
        initial_conditions={
            name: {kind: int(np.sum(chosen & (starts == kind))) for kind in kinds} for name, chosen in rows.items()
        },
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


def _system_figures(dataset: Dataset, name: str, rows: np.ndarray) -> SystemFigures:
    quality, present = dataset.quality, _present(dataset)[rows]
    documented = (type(SYSTEMS[name]()).__doc__ or "") if name in SYSTEMS else ""
    return SystemFigures(
        name=name,
        what=documented.strip().partition("\n")[0],
        samples=int(rows.sum()),
        realizations=int(present.sum()),
        diverged=int((~quality.valid[rows] & present).sum()),
        dead=int((quality.dead_at[rows] >= 0).sum()),
        frozen=int((quality.frozen_at[rows] >= 0).sum()),
        redrawn=int(np.count_nonzero(quality.redraws[rows])),
    )


def _sampling(stored: Mapping[str, Any], systems: Sequence[str]) -> dict[str, SystemSampling]:
    """The stored figures, systems of the data set first; what this version does not read is left out."""
    names = (*(name for name in systems if name in stored), *(name for name in stored if name not in systems))
    return {name: from_plain(SystemSampling, stored[name]) for name in names if isinstance(stored[name], Mapping)}


def _policy(config: GenerateConfig | None) -> str:
    if config is None:
        return "Nothing was drawn again by this version's rules; what was found is marked."
    if config.screening.policy == "mark":
        return "The policy was to mark such runs and to keep every sample as it was first drawn."
    kinds = " or ".join(config.screening.redraw)
    return f"Samples that came out {kinds} were drawn again, at most {config.screening.max_redraws} times; the rest is marked."


def _coverage(
    dataset: Dataset, spaces: Mapping[str, SystemSpace], rows: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, dict[str, tuple[float, ...]]]]:
    """For every system the samples in each part of the range of each parameter, in the measure it was drawn in."""
    table = dataset.parameters
    places = {column.name: place for place, column in enumerate(table.columns)}
    for name, space in spaces.items():
        counts: dict[str, tuple[float, ...]] = {}
        for parameter in space.parameters:
            place = places.get(f"{name}.{parameter.name}")
            if parameter.is_fixed or place is None or name not in rows:
                continue
            stored, words = table.values[rows[name], place], table.columns[place].choices
            by_word = {str(choice): choice for choice in (*parameter.choices, False, True)}
            values = [by_word[words[int(value)]] if words else value for value in stored.tolist()]
            if parameter.kind == "boolean":
                values = [bool(value) for value in values]
            label = f"{parameter.name}  {_ends(parameter.low, parameter.high, parameter.choices)}"
            counts[label] = tuple(_histogram([parameter.interval(value) for value in values]).tolist())
        if counts:
            yield name, counts


def _histogram(intervals: Sequence[tuple[float, float]]) -> np.ndarray:
    """Number of intervals that lie in each part of [0, 1]; one that covers several is shared among them."""
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


def _numbers(report: DatasetReport) -> dict[str, Any]:
    """The report as JSON has it, sampling figures under the names that the page's table has."""
    sampling = [
        {"name": name} | {figure.name: getattr(figures, figure.attribute) for figure in SAMPLING}
        for name, figures in report.sampling.items()
    ]
    coverage = {
        name: {label: [round(count, 3) for count in counts] for label, counts in parts.items()}
        for name, parts in report.coverage.items()
    }
    return to_plain(report) | to_plain({"sampling": sampling, "coverage": coverage})
