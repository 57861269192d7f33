"""`spinlock validate`: is a data set sound, and is a tokenizer as good as it says?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinlock.core.errors import UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.features.clean import Twin, degenerate_columns
from spinlock.metrics.report import Report
from spinlock.pipeline.artefact import Artefact, load_artefact
from spinlock.pipeline.judge import judge
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.tables import load_table, rows_by_id
from spinlock.pipeline.threads import one_thread
from spinlock.pipeline.verdict import verdict
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetVerdict:
    """Whether a data set is sound: its file keeps to the format, and no column is dead or double.

    Attributes:
        passed: no problem and no degenerate column.
        problems: with the file, one sentence each.
        samples, columns: of the aggregated table.
        missing_by_definition: why columns have no value, and how many: one realization has no spread, and without a step
            operator there is no sensitivity. They do not count against the data set.
        missing, constant: names of the other columns that never have a value, or never vary.
        twins: pairs of columns with |r| > .99.
    """

    passed: bool
    problems: tuple[str, ...]
    samples: int
    columns: int
    missing_by_definition: dict[str, int]
    missing: tuple[str, ...]
    constant: tuple[str, ...]
    twins: tuple[dict[str, Any], ...]


@one_thread()
def validate_dataset(dataset: Path, *, progress: Progress = silent) -> DatasetVerdict:
    """Check a data-set file against its format and its checksum, and its columns against each other."""
    progress("check the file", 0, 1)
    with open_dataset(dataset) as opened:
        problems = tuple(check_dataset(opened, contents=True))
        realizations = opened.metadata.get("num_realizations")
    progress("check the file", 1, 1)
    progress("compare the columns", 0, 1)
    table = load_table(dataset).table
    found = degenerate_columns(table.values, table.names)
    progress("compare the columns", 1, 1)
    expected = _missing_by_definition(table, found.missing, one_realization=realizations == 1)
    missing = tuple(name for name in found.missing if name not in expected)
    return DatasetVerdict(
        passed=not (problems or missing or found.constant or found.twins),
        problems=problems,
        samples=len(table),
        columns=len(table.names),
        missing_by_definition=dict(Counter(expected.values())),
        missing=missing,
        constant=found.constant,
        twins=tuple(map(Twin._asdict, found.twins)),
    )


def _missing_by_definition(table: FeatureTable, missing: Sequence[str], *, one_realization: bool) -> dict[str, str]:
    """Column → why it can have no value in this data set, of the columns that have none."""
    lost = set(missing)
    sensitivity = {spec.name for spec in table.registry.specs if spec.category == "operator_sensitivity"}
    reasons = dict.fromkeys(sensitivity, "no step operator") if sensitivity <= lost else {}
    for spec in table.registry.specs:
        if one_realization and spec.aggregation in ("std", "cv"):
            reasons.setdefault(spec.name, "one realization")
    return {name: reason for name, reason in reasons.items() if name in lost}


@one_thread()
def validate(tokenizer: Path, dataset: Path, *, split: str = "test", progress: Progress = silent) -> dict[str, Any]:
    """Judge a tokenizer again, from its folder and a data set; `passed` says whether the split meets every threshold.

    Args:
        tokenizer: a tokenizer's folder.
        dataset: the data set that it was fitted to.
        split: "train", "validation", "test", or "all" of its rows.
        progress: is told of the steps.

    Raises:
        UsageError: if the tokenizer was not fitted to these data: its training and test rows are not among them.
        NamesDifferError: if the data set has other columns.
    """
    artefact = load_artefact(tokenizer)
    table = load_table(dataset, artefact.feature_path)
    tables = _tables(artefact, table.table, content=table.content, split=split, names=(str(tokenizer), str(dataset)))
    progress("judge", 0, 1)
    report = judge_again(artefact, tables)
    progress("judge", 1, 1)
    return verdict(report, split=split)


def judge_again(artefact: Artefact, tables: dict[str, FeatureTable]) -> Report:
    """The report on a tokenizer, made anew from its rows."""
    return judge(
        artefact.tokenizer,
        tables,
        backend_mse=artefact.backend_mse,
        provenance=artefact.report.provenance if artefact.report else {},
        seed=artefact.seed,
    )


def _tables(
    artefact: Artefact, table: FeatureTable, *, content: str, split: str, names: tuple[str, str]
) -> dict[str, FeatureTable]:
    """Split → rows; "all" on top where it was asked for."""
    if content != artefact.content or not artefact.splits:
        raise UsageError(
            f"{names[1]} is not the data set that {names[0]} was fitted to (their checksums differ), so its {split} rows are "
            "not known; validate on that data set, or train on this one."
        )
    tables = rows_by_id(table, artefact.splits, whose=names[1])
    return {**tables, "all": table} if split == "all" else tables
