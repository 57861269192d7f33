"""Saved tokenizers beside data sets: which rows one was fitted to, which are left to judge it by, and where it comes from."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from spinlock.config.train import SUMMARY
from spinlock.core.errors import InputError, UsageError
from spinlock.core.masked import squared_errors
from spinlock.core.report import REFIT_LABEL, Report
from spinlock.core.views import Selection, View, selected
from spinlock.pipeline.judge import judge
from spinlock.pipeline.parameter_steps import load_parameters
from spinlock.pipeline.realizations import load_halves
from spinlock.pipeline.tables import AGGREGATED, LoadedTable, load_table
from spinlock.store.family_folder import has_families, load_families
from spinlock.training.estimator import Tokenizer
from spinlock.training.record import TrainingRecord, fingerprint
from spinlock.vqvae.tokenizer import FittedTokenizer

log = logging.getLogger(__name__)

DATA_LABELS = ("data set", "content of the data (sha256)")


def summary_folder(folder: Path) -> Path:
    """A tokenizer's folder; of several families that of the summary, which is said, or the folder itself where there is none."""
    names = load_families(folder) if has_families(folder) else ()
    name = next((name for name in names if name in SUMMARY), None)
    if name is None:
        return folder
    log.warning("%s holds the families %s; the answer is by %s.", folder, ", ".join(names), folder / name)
    return folder / name


def load_rows(dataset: Path, record: TrainingRecord) -> LoadedTable:
    """The columns that a tokenizer was made for, from a data-set file."""
    return load_table(dataset, record.dataset.get("feature_path", AGGREGATED))


def is_own_data(loaded: LoadedTable, record: TrainingRecord) -> bool:
    """Whether a data set is the one that a tokenizer was fitted to: by its checksum or, for one fitted in memory, by its rows."""
    if "rows_sha256" not in record.dataset:
        return loaded.content == record.dataset.get("content_sha256")
    try:
        rows = rows_by_id(loaded.table, record.splits, whose=str(loaded.path))
    except InputError:
        return False
    return {name: fingerprint(view) for name, view in rows.items()} == record.dataset["rows_sha256"]


def rows_by_id(view: View, splits: Mapping[str, list[str]], *, whose: str) -> dict[str, Selection]:
    """The rows of every split.

    Args:
        view: of any order.
        splits: split → ids.
        whose: of which file, for the message.

    Raises:
        InputError: if an id is not among the rows.
    """
    known = set(view.ids)
    for split, ids in splits.items():
        lost = [name for name in ids if name not in known]
        if lost:
            raise InputError(
                f"{whose} lacks {len(lost)} of {len(ids)} samples of the {split} rows, the first '{lost[0]}'."
            )
    return {split: selected(view, ids) for split, ids in splits.items() if ids}


def fitted_rows(views: Mapping[str, Selection], record: TrainingRecord) -> dict[str, View]:
    """The splits as a judge sees them: "train" are all rows that codebooks and decoders were fitted to."""
    fitted = [views[name] for name in record.fitted_splits if name in views]
    train = Selection(fitted[0].view, torch.cat([rows.index for rows in fitted]).sort().values)
    return {"train": train, **{name: rows for name, rows in views.items() if name not in record.fitted_splits}}


def own_rows(loaded: LoadedTable, record: TrainingRecord) -> dict[str, View]:
    """The splits of the data set that a tokenizer was fitted to; rows of it that no split names are test rows.

    Raises:
        InputError: if the data set lacks a sample of the training.
    """
    splits = record.splits
    named = {name for ids in splits.values() for name in ids}
    others = [name for name in loaded.table.ids if name not in named]
    if others and "test" not in splits:
        splits = {**splits, "test": others}
    return fitted_rows(rows_by_id(loaded.table, splits, whose=str(loaded.path)), record)


def judged_split(views: Mapping[str, View], *, whose: str) -> str:
    """The rows to judge by: test rows or, where there are none, validation rows that nothing was fitted to.

    Raises:
        UsageError: if every row was fitted to.
    """
    for name in ("test", "validation"):
        if name in views:
            return name
    raise UsageError(
        f"{whose} was fitted to every row of this data set, so nothing is left to judge it by; give a data set with other rows, "
        "or fit with refit: false."
    )


def provenance_of(tokenizer: Tokenizer) -> dict[str, str]:
    """Where a tokenizer comes from, in words, for the report."""
    record, fitted = tokenizer.record_, tokenizer.tokenizer_
    sizes = ", ".join(f"{name} {len(ids)}" for name, ids in record.splits.items())
    maps = {warp: len(names) for warp, names in fitted.provenance["column_warps"].items()}
    maps = {"linear": len(fitted.registry) - sum(maps.values()), **maps}
    found = (record.dataset.get("path", "a table in memory"), record.dataset.get("content_sha256") or "unknown")
    refit = record.facts.get("refit")
    errors = refit["test_mse"] if isinstance(refit, dict) else None
    told = {
        **dict(zip(DATA_LABELS, found, strict=True)),
        "split by parameter draw": sizes,
        "fitted to": f"{fitted.provenance['num_fitted']} of the {' and '.join(record.fitted_splits)} rows",
        "seed": str(record.seed),
        "maps of columns": ", ".join(f"{warp} {count}" for warp, count in maps.items()),
    }
    if errors:
        told[REFIT_LABEL] = f"{errors['before']:.4f} (after: {errors['after']:.4f})"
    return told | {f"version of {name}": version for name, version in record.facts.get("software", {}).items()}


def mse_of(tokenizer: FittedTokenizer, view: View) -> float:
    """Mean squared error of rows in standardised units, block by block, over the entries that are present."""
    total = count = 0.0
    for block in view.blocks():
        x, mask = tokenizer.normalize(block)
        total += float(squared_errors(x, tokenizer.decode_normalized(tokenizer.encode(block)), mask).sum())
        count += float(mask.sum())
    return total / count


def judged_again(
    tokenizer: Tokenizer, loaded: LoadedTable, *, whose: str, split: str | None = None
) -> tuple[Report, str]:
    """The report on a tokenizer, made anew from rows, and the split that it is to be judged by.

    Args:
        tokenizer: fitted.
        loaded: the data set that it was fitted to.
        whose: its folder, for messages.
        split: "train", "validation", "test" or "all"; the rows that are left to judge by when not given.

    Raises:
        UsageError: if the data set is another one, or has no rows of the split.
    """
    record = tokenizer.record_
    if not is_own_data(loaded, record):
        raise UsageError(
            f"{loaded.path} is not the data set that {whose} was fitted to (their checksums differ), so it cannot be judged by it."
        )
    views = own_rows(loaded, record)
    judged = split or judged_split(views, whose=whose)
    if judged == "all":
        views["all"] = loaded.table
    if judged not in views:
        raise UsageError(
            f"{whose} has no {judged} rows to be judged by: {' and '.join(record.fitted_splits)} rows are those that it was "
            f"fitted to; choose among {', '.join(views)} and all."
        )
    return report_on(tokenizer, views, loaded), judged


def report_on(tokenizer: Tokenizer, views: Mapping[str, View], loaded: LoadedTable) -> Report:
    """The report on a tokenizer, made anew from rows."""
    record, halves = tokenizer.record_, load_halves(loaded.path, loaded.table)
    return judge(
        tokenizer.tokenizer_,
        views,
        backend_mse=record.backend_mse,
        provenance=provenance_of(tokenizer),
        seed=record.seed,
        halves=halves and halves.of,
        parameters=load_parameters(loaded.path, loaded.table),
    )
