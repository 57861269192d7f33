"""`spinlock validate`: is a data set sound, and is a tokenizer as good as it says?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, UsageError, listed, reading_errors
from spinlock.core.shown import shown
from spinlock.core.threads import one_thread
from spinlock.core.views import FIT_ROWS, View
from spinlock.features.clean import Twin, degenerate_columns
from spinlock.metrics.usage import row_digests
from spinlock.pipeline.dataset_health import ColumnHealth, category_rows, column_health, frame_features
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.tokenizers import is_own_data, judged_again, load_rows, own_rows, report_on
from spinlock.pipeline.verdict import UNSEEN, verdict
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.training.estimator import Tokenizer
from spinlock.training.record import TrainingRecord

NOISY = 0.5
"""Share of a feature's variance between realizations of one sample above which it is named."""


@shown
@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetVerdict:
    """Whether a data set is sound: its file keeps to the format, and no column is dead or double or missing without a word.

    Of one system alone columns may be dead or double by its nature: energy that only decays has no rhythm, a single wave has
    one length. There they are remarks; among several systems a column that says nothing of any of them is a failure.

    Attributes:
        passed: nothing failed.
        failed: each line that failed, and why: problems with the file, columns that are missing without a documented reason, and of
            several systems columns that are missing, constant or twins.
        remarks: the same of columns that one system leaves missing, constant or double.
        problems: with the file, one sentence each.
        samples, columns: of the aggregated table.
        spread_rows: samples that tails, halves and noise were looked at in: all, or 50 000 of them chosen by draw.
        missing_by_definition: why columns have no value, and how many: one realization has no spread, one channel no
            coherence, and without a step operator there is no sensitivity. They do not count against the data set.
        constant_by_definition: the same of columns that do not vary: where all realizations agree they have no spread.
        missing, constant: names of the other columns, and of the features of each frame, that never have a value, or never vary.
        undocumented: columns without a value in some samples, for which their feature's documentation gives no reason.
        twins: pairs of columns with |r| > .99.
        categories: figures of each category, see `dataset_health.category_rows`.
        heavy_tailed: columns of which a hundredth of the values carries half of the spread, with that share.
        unstable: columns whose standard deviations in two halves of the draws differ by more than a factor of 2.
        noisy: features of whose variance more than half lies between realizations of one sample.
        features: every column, see `dataset_health.ColumnHealth`.
    """

    passed: bool
    failed: tuple[dict[str, str], ...]
    remarks: tuple[dict[str, str], ...]
    problems: tuple[str, ...]
    samples: int
    columns: int
    spread_rows: int
    missing_by_definition: dict[str, int]
    constant_by_definition: dict[str, int]
    missing: tuple[str, ...]
    undocumented: tuple[dict[str, Any], ...]
    constant: tuple[str, ...]
    twins: tuple[dict[str, Any], ...]
    categories: tuple[dict[str, Any], ...]
    heavy_tailed: tuple[dict[str, Any], ...]
    unstable: tuple[dict[str, Any], ...]
    noisy: tuple[dict[str, Any], ...]
    features: tuple[ColumnHealth, ...]


@one_thread()
def validate_dataset(dataset: Path, *, progress: Progress = silent) -> DatasetVerdict:
    """Check a data-set file against its format and its checksum, and its columns for what they say.

    Args:
        dataset: the file.
        progress: is told of the steps.

    Raises:
        InputError: if it is no data set of features.
    """
    progress("check the file", 0, 1)
    with open_dataset(dataset) as opened:
        problems = tuple(check_dataset(opened, contents=True))
        progress("check the file", 1, 1)
        progress("look at the columns", 0, 1)
        with _sound_enough(dataset, problems):
            columns = column_health(opened)
            several = len(set(opened.systems)) > 1
            frames = frame_features(opened)
    with _sound_enough(dataset, problems):
        table = load_table(dataset).table
        found = degenerate_columns(table)
    progress("look at the columns", 1, 1)
    by_name = {column.column: column for column in columns}
    missing = (*(name for name in found.missing if by_name[name].reason_for_none is None), *frames.missing)
    agreeing = _agreeing(table, found.constant)
    constant = (*(name for name in found.constant if name not in agreeing), *frames.constant)
    undocumented = tuple(
        {"column": column.column, "samples": column.undocumented} for column in columns if column.undocumented
    )
    failed = [_line("problems", problem) for problem in problems]
    if undocumented:
        names = [entry["column"] for entry in undocumented]
        why = f"{_columns(names)} no value in some samples, without a documented reason: {listed(names)}."
        failed.append(_line("undocumented", why))
    says_nothing = _says_nothing(missing, constant, found.twins)
    return DatasetVerdict(
        passed=not (failed or (several and says_nothing)),
        failed=(*failed, *(says_nothing if several else ())),
        remarks=() if several else tuple(says_nothing),
        problems=problems,
        samples=len(table),
        columns=len(table.registry),
        spread_rows=min(len(table), FIT_ROWS),
        missing_by_definition=dict(Counter(column.reason_for_none for column in columns if column.reason_for_none)),
        constant_by_definition={"all realizations agree": len(agreeing)} if agreeing else {},
        missing=missing,
        undocumented=undocumented,
        constant=constant,
        twins=tuple(map(Twin._asdict, found.twins)),
        categories=tuple(category_rows(columns)),
        heavy_tailed=_standing_out(columns, "tail", "is_heavy_tailed"),
        unstable=_standing_out(columns, "spread_ratio", "is_unstable"),
        noisy=_noisy(columns),
        features=columns,
    )


def _says_nothing(missing: Sequence[str], constant: Sequence[str], twins: Sequence[Twin]) -> list[dict[str, str]]:
    """A line each on columns that are missing, constant and double, where there are some."""
    pairs = [f"{twin.first} and {twin.second}" for twin in twins]
    lines = {
        "missing": missing and f"{_columns(missing)} no value in any sample: {listed(missing)}.",
        "constant": constant and f"{_columns(constant)} one value in all samples: {listed(constant)}.",
        "twins": pairs
        and f"{len(pairs)} {'pairs' if len(pairs) > 1 else 'pair'} of columns say the same: {listed(pairs)}.",
    }
    return [_line(name, why) for name, why in lines.items() if why]


def _line(name: str, why: object) -> dict[str, str]:
    return {"line": name, "why": str(why)}


def _columns(names: Sequence[str]) -> str:
    return f"{len(names)} columns have" if len(names) > 1 else "1 column has"


@contextmanager
def _sound_enough(dataset: Path, problems: Sequence[str]) -> Iterator[None]:
    """Where the columns of a broken file cannot be looked at, what is broken is said instead."""
    try:
        with reading_errors(dataset):
            yield
    except InputError as error:
        raise InputError(f"{dataset} is damaged: {problems[0]}" if problems else str(error)) from error


def _agreeing(table: View, constant: Sequence[str]) -> set[str]:
    """Constant columns of spread, where no feature of any sample differs between its realizations."""
    spread = [column for column, spec in enumerate(table.registry.specs) if spec.aggregation in ("std", "cv")]
    if not all(bool((block.values[:, spread].nan_to_num(0) == 0).all()) for block in table.blocks()):
        return set()
    return set(constant) & {table.registry.names[column] for column in spread}


def _standing_out(columns: Sequence[ColumnHealth], figure: str, standing_out: str) -> tuple[dict[str, Any], ...]:
    found = [column for column in columns if getattr(column, standing_out)]
    found.sort(key=lambda column: -getattr(column, figure))
    return tuple({"column": column.column, figure: getattr(column, figure)} for column in found)


def _noisy(columns: Sequence[ColumnHealth]) -> tuple[dict[str, Any], ...]:
    noise = {
        column.column.removesuffix("__mean"): column.noise for column in columns if column.column.endswith("__mean")
    }
    found = sorted((name for name in noise if noise[name] > NOISY), key=lambda name: -noise[name])
    return tuple({"feature": name, "noise": noise[name]} for name in found)


@one_thread()
def validate(
    tokenizer: Path,
    dataset: Path,
    *,
    split: str | None = None,
    training_dataset: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Judge a tokenizer again, from its folder and a data set; `passed` says whether the rows meet every threshold.

    On another data set than the one that it was fitted to, all rows are judged together as the split "unseen". The
    baselines and the use of the codebooks still need the training rows, which are read from where they were.

    Args:
        tokenizer: a tokenizer's folder.
        dataset: any data set with the tokenizer's columns.
        split: "train", "validation", "test" (when not given) or "all" of the rows it was fitted to; not for others.
        training_dataset: where the data set that it was fitted to is now; where it was when not given.
        progress: is told of the steps.

    Raises:
        UsageError: if a split is asked for that the data set does not have, or the training rows are not to be found.
        NamesDifferError: if the data set has other columns.
    """
    fitted = Tokenizer.from_pretrained(tokenizer)
    loaded = load_rows(dataset, fitted.record_)
    if is_own_data(loaded, fitted.record_):
        progress("judge", 0, 1)
        report, judged = judged_again(fitted, loaded, whose=str(tokenizer), split=split)
        progress("judge", 1, 1)
        return verdict(report, split=judged)
    if split is not None:
        raise UsageError(
            f"{dataset} is not the data set that {tokenizer} was fitted to (their checksums differ), so it has no {split} "
            "rows; leave --split out to judge all of its rows, none of which were seen."
        )
    train = _training_rows(fitted.record_, training_dataset, names=(str(tokenizer), str(dataset)))
    progress("judge", 0, 1)
    report = report_on(fitted, {"train": train, UNSEEN: loaded.table}, loaded)
    progress("judge", 1, 1)
    return {**verdict(report, split=UNSEEN), "rows_equal_to_training_rows": _num_shared(train, loaded.table)}


def _training_rows(record: TrainingRecord, path: Path | None, *, names: tuple[str, str]) -> View:
    """The rows that the tokenizer was fitted to, from the data set that it names or from where that is now."""
    source = path or Path(record.dataset.get("path", ""))
    if not source.is_file():
        raise UsageError(
            f"judging {names[0]} on {names[1]} needs the rows it was fitted to, for baselines and the use of codes, and "
            f"{'the file with them is not known' if source == Path() else f'{source} is not there'}; say where that data set is "
            "now by --training-dataset."
        )
    loaded = load_rows(source, record)
    if not is_own_data(loaded, record):
        raise UsageError(
            f"{source} is not the data set that {names[0]} was fitted to (their checksums differ); say where that is now by "
            "--training-dataset."
        )
    return own_rows(loaded, record)["train"]


def _num_shared(train: View, judged: View) -> int:
    """Rows that are judged and equal a training row in every column, to the last bit."""
    seen = {tuple(row) for block in train.blocks() for row in row_digests(block.values).tolist()}
    return sum(tuple(row) in seen for block in judged.blocks() for row in row_digests(block.values).tolist())
