"""`spinlock report`: one static page on a tokenizer, and the same numbers as JSON."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.core.views import in_memory
from spinlock.metrics.report import MSE_THRESHOLD, UTILIZATION_THRESHOLD, Report, SplitFigures
from spinlock.pipeline.artefact import Artefact, load_artefact
from spinlock.pipeline.clustering import tree_of
from spinlock.pipeline.gallery import contact_rollouts, token_gallery
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.threads import one_thread
from spinlock.pipeline.verdict import notes
from spinlock.plots.content import CoderLine, Doubts, GalleryRollout, GalleryToken, PageContent, ThresholdLine
from spinlock.plots.page import render_page
from spinlock.store.atomic import write_text
from spinlock.store.dataset import open_dataset

SPLIT = "test"


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Where the page and its numbers are.

    Attributes:
        report: the page.
        numbers: the same figures as JSON.
        tokens_shown: tokens whose rollouts are on the page; 0 where the data set keeps no states.
    """

    report: Path
    numbers: Path
    tokens_shown: int


@one_thread()
def report(tokenizer: Path, dataset: Path, output: Path, *, progress: Progress = silent) -> Written:
    """Write the page on a tokenizer, with rollouts of `dataset` that share a token.

    The figures are those of the tokenizer's own report, made when it was trained, on the data it was trained on.

    Args:
        tokenizer: a tokenizer's folder.
        dataset: a data-set file with the tokenizer's columns; with states where rollouts are to be seen.
        output: an .html file; the numbers go to the same name with .json.
        progress: is told of the steps.

    Raises:
        InputError: if the tokenizer was never judged.
        NamesDifferError: if the data set has other columns.
    """
    progress("report", 0, 3)
    artefact = load_artefact(tokenizer)
    if artefact.report is None:
        raise InputError(
            f"{tokenizer} has no report.json, so there is nothing to show; train it by `spinlock train-vqvae`."
        )
    table = in_memory(load_table(dataset, artefact.feature_path).table)
    tokens = artefact.tokenizer.encode(table)
    progress("report", 1, 3)
    gallery, sheet = (), ()
    with open_dataset(dataset) as opened:
        if opened.has_states:
            gallery, sheet = token_gallery(tokens, opened), contact_rollouts(opened)
    progress("report", 2, 3)
    content = page_content(artefact, artefact.report, gallery=gallery, sheet=sheet, tokens=tokens)
    numbers = output.with_suffix(".json")
    write_text(output, render_page(content))
    write_text(numbers, artefact.report.to_json() + "\n")
    progress("report", 3, 3)
    return Written(report=output, numbers=numbers, tokens_shown=len(gallery))


def page_content(
    artefact: Artefact,
    judged: Report,
    *,
    gallery: tuple[GalleryToken, ...] = (),
    sheet: tuple[GalleryRollout, ...] = (),
    tokens: TokenTable | None = None,
) -> PageContent:
    """What the page says, from a tokenizer's folder and the tokens of the page's data set."""
    figures = judged.figures(SPLIT)
    levels = len(judged.codebook_sizes[0])
    shape = (len(judged.category_names), levels)
    return PageContent(
        title=f"Tokens of {Path(artefact.training['dataset']['path']).name}",
        num_columns=len(artefact.tokenizer.registry),
        split_sizes={name: split.num_samples for name, split in judged.splits.items()},
        category_names=judged.category_names,
        codebook_sizes=judged.codebook_sizes,
        bits=judged.bits,
        backend=judged.backend,
        backend_errors=judged.backend_mse,
        judged_split=SPLIT,
        thresholds=_threshold_lines(judged),
        mse_threshold=MSE_THRESHOLD,
        utilization_threshold=UTILIZATION_THRESHOLD,
        coders=_coder_lines(judged),
        r2=figures.r2,
        category_errors=np.array([figures.category_mse[name][1:] for name in judged.category_names]),
        category_r2=figures.category_r2,
        used_train=np.array([usage.used_train for usage in figures.usage]).reshape(shape),
        used_corrected=np.array([usage.corrected for usage in figures.usage]).reshape(shape),
        level_gains=figures.level_gains,
        rate_curves={
            f"{name} rows": tuple(zip(split.bits_by_level[1:], split.mse_by_level[1:], strict=True))
            for name, split in sorted(judged.splits.items(), key=lambda item: item[0] != SPLIT)
            if name in (SPLIT, "train")
        },
        doubts=_doubts(figures, shape=shape, tokens=tokens),
        curves=artefact.curves,
        gallery=gallery,
        rollouts=sheet,
        tree=tree_of(artefact.training.get("clustering")),
        notes=notes(figures),
        provenance=judged.provenance,
    )


def _doubts(figures: SplitFigures, *, shape: tuple[int, int], tokens: TokenTable | None) -> Doubts:
    flags = None if tokens is None else tokens.out_of_corpus
    measured = figures.agreements
    return Doubts(
        entropy_bits=figures.entropy_bits,
        collisions=figures.collisions,
        round_trip=figures.round_trip,
        out_of_corpus=figures.out_of_corpus,
        num_outside=None if flags is None else int(flags.sum()),
        num_samples=0 if flags is None else len(flags),
        within=np.array([entry.within for entry in measured]).reshape(shape) if measured else None,
        between=np.array([entry.between for entry in measured]).reshape(shape) if measured else None,
    )


def _threshold_lines(judged: Report) -> tuple[ThresholdLine, ...]:
    return tuple(
        ThresholdLine(
            name=check.name,
            value=check.value,
            threshold=check.threshold,
            must_be=check.must_be,
            passed=check.passed,
            note=check.note,
        )
        for check in judged.checks(SPLIT)
    )


def _coder_lines(judged: Report) -> tuple[CoderLine, ...]:
    ours = {name: split.mse for name, split in judged.splits.items()}
    return (
        CoderLine(name=f"this tokenizer ({judged.backend})", bits=judged.bits, errors=ours, is_ours=True),
        *(CoderLine(name=b.name, bits=b.bits, errors=b.mse) for b in judged.baselines),
    )
