"""`spinlock validate` on a folder of several families: each judged as it would be alone, and one table of all."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from spinlock.core.errors import UsageError
from spinlock.core.figures import rounded
from spinlock.core.plain import from_plain
from spinlock.core.report import Report
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import load_table
from spinlock.pipeline.train_parameters import parameter_error
from spinlock.pipeline.validate import validate
from spinlock.pipeline.verdict import verdict
from spinlock.plots.page import FamilyLine
from spinlock.store.family_folder import load_families
from spinlock.store.parameters_folder import has_parameters
from spinlock.training.estimator import Tokenizer
from spinlock.training.parameters import ParameterTokenizer

REPEATS = ("other realizations", "another initial condition")
"""What may differ where it is said how often a coarse token comes again, the least first."""


def validate_families(
    folder: Path,
    dataset: Path,
    *,
    split: str | None = None,
    training_dataset: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Judge every family again by its own columns; `passed` says whether all of them meet their thresholds.

    What parameters were cut into has no thresholds: its error is told, and it fails nothing.

    Args:
        folder: of several families.
        dataset: any data set with the columns of all.
        split: "train", "validation", "test" (when not given) or "all" of the rows that they were fitted to; not for others.
        training_dataset: where the data set that they were fitted to is now; where it was when not given.
        progress: is told of the steps.

    Returns:
        "families", a line each: what codes it, nominal bits, the share of all codes that training rows use, the error in
        standardised units (of parameters in units of their variance), how often a coarse token comes again and where, and the
        seconds that judging took; "failed", a line for each threshold that is not met; "verdicts" of the families as
        `validate` gives them.

    Raises:
        UsageError: if a split is asked for that the data set does not have, or the training rows are not to be found.
        NamesDifferError: if the data set has other columns.
    """
    lines, verdicts = [], {}
    for name in load_families(folder):
        start = perf_counter()
        if has_parameters(folder / name):
            line = _of_parameters(folder / name, dataset, split=split, training_dataset=training_dataset)
        else:
            found = validate(folder / name, dataset, split=split, training_dataset=training_dataset, progress=progress)
            line, verdicts[name] = _line(found), found
        lines.append({"family": name, **line, "seconds": rounded(perf_counter() - start)})
    failed = [
        {"family": name, **check}
        for name, found in verdicts.items()
        for check in found["thresholds"]
        if not check["passed"]
    ]
    return {
        "passed": not failed,
        "judged_on": next((found["judged_on"] for found in verdicts.values()), None),
        "families": lines,
        "failed": failed,
        "verdicts": verdicts,
    }


def _line(found: Mapping[str, Any]) -> dict[str, Any]:
    """A family's verdict in a line of the table."""
    by_rows = {split["rows"]: split for split in found["splits"]}
    judged = by_rows.get(found["judged_on"].split()[0], found["splits"][-1])
    again = min(
        (entry for entry in found["same_token"] if entry["level"] == 0 and entry["at"] in REPEATS),
        key=lambda entry: REPEATS.index(entry["at"]),
        default={"same": None, "at": None},
    )
    return {
        "coder": found["backend"],
        "bits": rounded(found["bits"]),
        "codes_used": rounded(_share_used(found["codebooks"])),
        "error": judged["mse"],
        "same_coarse_token": again["same"],
        "at": again["at"],
        "passed": found["passed"],
    }


def stored_lines(folder: Path) -> tuple[FamilyLine, ...]:
    """The families of a folder by the figures that they were judged by when they were trained; those that were not are left out."""
    lines = []
    for name in load_families(folder):
        if has_parameters(folder / name):
            told = ParameterTokenizer.from_pretrained(folder / name).facts["figures"]
            bits, error = max(told["bits_a_system"].values()), told["parameter_error"]
            lines.append(FamilyLine(family=name, coder="cells", bits=bits, error=math.nan if error is None else error))
        elif (stored := Tokenizer.from_pretrained(folder / name).record_.report) is not None:
            report = from_plain(Report, stored)
            line = _line(verdict(report, split=report.judged_split))
            known = {field: line[field] for field in FamilyLine._fields if line.get(field) is not None}
            lines.append(FamilyLine(family=name, **known))
    return tuple(lines)


def _share_used(codebooks: Sequence[Mapping[str, Any]]) -> float:
    """Of all codes, those that training rows use."""
    codes = [book["codes"] for book in codebooks]
    used = [book["codes"] * book["used_on_training_rows"] for book in codebooks]
    return sum(used) / sum(codes)


def _of_parameters(folder: Path, dataset: Path, *, split: str | None, training_dataset: Path | None) -> dict[str, Any]:
    """The line of what runs were made from: the error of the rows that `validate` would judge by."""
    tokenizer = ParameterTokenizer.from_pretrained(folder)
    splits, own = tokenizer.facts["splits"], tokenizer.facts["dataset"]
    runs = run_parameters(dataset)
    is_own = load_table(dataset).content == own["content_sha256"]
    source = dataset if is_own else training_dataset or Path(own["path"])
    if not source.is_file():
        raise UsageError(
            f"judging {folder} on {dataset} needs the parameters it was fitted to, and {source} is not there; say where that data "
            "set is now by --training-dataset."
        )
    fitted = run_parameters(source).of_ids(splits["train"])
    judged = split or next(name for name in ("test", "validation", "train") if name in splits)
    rows = runs.of_ids(splits[judged]) if is_own and judged != "all" else runs
    sizes = tokenizer.encode(rows).codebook_sizes
    return {
        "coder": "cells",
        "bits": rounded(float(sizes.double().log2().sum())),
        "codes_used": None,
        "error": rounded(parameter_error(tokenizer, fitted, rows)),
        "same_coarse_token": None,
        "at": None,
        "passed": None,
    }
