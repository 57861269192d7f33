"""`spinlock report`: one static page on a tokenizer, and the same numbers as JSON."""

from dataclasses import dataclass
from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.pipeline.artefact import load_artefact
from spinlock.pipeline.clustering import tree_of
from spinlock.pipeline.gallery import contact_rollouts, token_gallery
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.threads import one_thread
from spinlock.plots.page import Outside, Page, render_page
from spinlock.store.atomic import write_text
from spinlock.store.dataset import open_dataset


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
    table = load_table(dataset, artefact.feature_path).table
    tokens = artefact.tokenizer.encode(table)
    progress("report", 1, 3)
    gallery, sheet = (), ()
    with open_dataset(dataset) as opened:
        if opened.has_states:
            gallery, sheet = token_gallery(tokens, opened), contact_rollouts(opened)
    progress("report", 2, 3)
    outside = tokens.out_of_corpus
    page = Page(
        title=f"Tokens of {Path(artefact.training['dataset']['path']).name}",
        report=artefact.report,
        outside=None if outside is None else Outside(int(outside.sum()), len(outside)),
        curves=artefact.curves,
        gallery=gallery,
        rollouts=sheet,
        tree=tree_of(artefact.training.get("clustering")),
    )
    numbers = output.with_suffix(".json")
    write_text(output, render_page(page))
    write_text(numbers, artefact.report.to_json() + "\n")
    progress("report", 3, 3)
    return Written(report=output, numbers=numbers, tokens_shown=len(gallery))
