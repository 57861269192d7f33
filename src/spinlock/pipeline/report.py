"""`spinlock report`: one static page on a tokenizer, and the same numbers as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spinlock.core.plain import from_plain, to_plain
from spinlock.core.report import ColumnTree, Report
from spinlock.core.threads import one_thread
from spinlock.pipeline.atlas import atlas_columns
from spinlock.pipeline.gallery import contact_rollouts, run_cards, token_cards
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.run_map import phase_maps, run_map
from spinlock.pipeline.tokenizers import is_own_data, judged_again, load_rows, summary_folder
from spinlock.pipeline.validate_families import stored_lines
from spinlock.pipeline.words import described
from spinlock.plots.page import Outside, Page, render_page
from spinlock.store.atlas_file import ATLAS, Column, check_atlas_can_be_written, save_atlas
from spinlock.store.dataset import open_dataset
from spinlock.store.family_folder import has_families
from spinlock.store.outputs import claim_output
from spinlock.store.report_file import NUMBERS, PAGE, numbers_beside, save_report
from spinlock.training.estimator import Tokenizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Where the page and its numbers are.

    Attributes:
        report: the page.
        numbers: the same figures as JSON.
        atlas: its runs as Parquet; None where it was not asked for.
        tokens_shown: tokens whose rollouts are on the page; 0 where the data set keeps no states.
    """

    report: Path
    numbers: Path
    atlas: Path | None
    tokens_shown: int


class _Drawn(NamedTuple):
    page: Page
    report: Report
    atlas: dict[str, Column]


@one_thread()
def report(
    tokenizer: Path, dataset: Path, output: Path, *, atlas: Path | None = None, progress: Progress = silent
) -> Written:
    """Write the page on a tokenizer, with its dictionary and rollouts of `dataset` that share a token.

    The figures are those of the tokenizer's own report, made when it was trained, on the data it was trained on; one that
    was fitted in Python and never judged is judged now, by rows of `dataset` that it was not fitted to.

    Args:
        tokenizer: a tokenizer's folder; of several families the page is about the summary, with a table of all.
        dataset: a data-set file with the tokenizer's columns; with states where rollouts are to be seen.
        output: an .html file; the numbers go to the same name with .report.json.
        atlas: a .parquet file with a row for each run, to be opened by embedding-atlas.
        progress: is told of the steps.

    Raises:
        UsageError: if the tokenizer was never judged, and cannot be by this data set; for an atlas without pyarrow.
        NamesDifferError: if the data set has other columns.
        InputError: if something else than a report is at `output`, or at the place of its numbers.
    """
    numbers = numbers_beside(output)
    if atlas is not None:
        check_atlas_can_be_written()
    companions = ((numbers, NUMBERS), *(() if atlas is None else ((atlas, ATLAS),)))
    with claim_output(output, PAGE, inputs=(dataset,), companions=companions):
        page, judged, columns = _page(tokenizer, dataset, progress, with_atlas=atlas is not None)
        save_report(render_page(page), to_plain(judged), output)
        if atlas is not None:
            save_atlas(columns, atlas)
    progress("report", 3, 3)
    shown = sum(bool(token.rollouts) for token in page.gallery)
    return Written(report=output, numbers=numbers, atlas=atlas, tokens_shown=shown)


def _page(tokenizer: Path, dataset: Path, progress: Progress, *, with_atlas: bool) -> _Drawn:
    progress("report", 0, 3)
    families = stored_lines(tokenizer) if has_families(tokenizer) else ()
    tokenizer = summary_folder(tokenizer)
    fitted = Tokenizer.from_pretrained(tokenizer)
    record = fitted.record_
    loaded = load_rows(dataset, record)
    if record.report is None:
        judged, split = judged_again(fitted, loaded, whose=str(tokenizer))
    else:
        judged = from_plain(Report, record.report)
        split = judged.judged_split
    found = described(fitted, loaded)
    progress("report", 1, 3)
    with open_dataset(dataset) as opened:
        gallery, sheet = token_cards(fitted, found, opened), contact_rollouts(opened) if opened.has_states else ()
        runs = run_cards(fitted, found, opened)
        lying = run_map(fitted, found, opened)
        columns = atlas_columns(fitted, found, opened) if with_atlas else {}
        phases, num_systems = phase_maps(found, opened, seed=record.seed)
    progress("report", 2, 3)
    outside = None if found.tokens is None else found.tokens.out_of_corpus
    tree = record.facts.get("clustering")
    is_own = is_own_data(loaded, record)
    page = Page(
        title=f"Tokens of {Path(record.dataset.get('path', dataset)).name if is_own else dataset.name}",
        runs=runs,
        num_runs=len(loaded.table),
        run_map=lying,
        phases=phases,
        num_systems=num_systems,
        of="" if is_own else dataset.name,
        report=judged,
        split=split,
        outside=None if outside is None else Outside(int(outside.sum()), len(outside)),
        curves=record.curves,
        gallery=gallery,
        judged=found.judged,
        rollouts=sheet,
        tree=from_plain(ColumnTree, tree) if tree else None,
        families=families,
    )
    return _Drawn(page, judged, columns)
