"""Feature tables from data-set files, and the rows of every split."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from spinlock.config.train import PARAMETERS, SUMMARY
from spinlock.core.errors import InputError, UsageError, did_you_mean
from spinlock.core.views import Selection, View
from spinlock.features.families import FAMILIES, FIELD
from spinlock.pipeline.family_table import family_table
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import AGGREGATED, ARRAYS, features_path
from spinlock.training.parameters import RunParameters

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedTable:
    """The features of a data-set file.

    Attributes:
        table: rows that have at least one feature, read from the file whenever they are asked for.
        num_empty: rows without any, because every realization diverged; they are left out.
        content: checksum of the file's data, "" in a file of others.
        path: of the file.
        feature_path: inside it.
    """

    table: View
    num_empty: int
    content: str
    path: Path
    feature_path: str


def load_table(path: Path, feature_path: str = AGGREGATED) -> LoadedTable:
    """The features at a path inside a data-set file, without the rows that have none.

    Those of a family of `features.families` are computed from the features of saved states where the file does not hold them.

    Raises:
        InputError: if there is no such table, or every row is empty.
    """
    with open_dataset(path) as dataset:
        family = _DERIVED.get(feature_path)
        if family is None or dataset.file.kind(feature_path) == "dataset":
            table = dataset.view(feature_path)
        else:
            table = family_table(path, family)
        content = str(dataset.metadata.get("content_sha256") or "")
    filled = torch.cat([block.mask.any(1) for block in table.blocks()])
    num_empty = int((~filled).sum())
    if num_empty == len(table):
        raise InputError(f"{path}: every row of {feature_path} is empty; no realization stayed finite.")
    if num_empty:
        log.warning("%d of %d samples of %s have no features and are left out.", num_empty, len(table), path)
    rows = Selection(table, filled.nonzero().squeeze(1)) if num_empty else table
    return LoadedTable(table=rows, num_empty=num_empty, content=content, path=path, feature_path=feature_path)


def family_path(family: str) -> str:
    """Where a family's table lies in a data-set file."""
    return features_path("aggregated", family)


_DERIVED = {family_path(name): name for name in (*FAMILIES, FIELD)}


def open_families(path: str | Path, families: Iterable[str] | None = None) -> dict[str, View | RunParameters]:
    """A data set as several families see it, for `FamilyTokenizer`; rows are read and described when they are asked for.

    Args:
        path: a data-set file.
        families: "summary", "trajectory", "initial", "time_series", "field" and "parameters"; those that the file can give, but for
            the cells of "field", when not named.

    Raises:
        UsageError: if a family is unknown.
        InputError: if the file lacks what a named family is computed from, or is no data set.
    """
    path, known = Path(path), (SUMMARY[0], *FAMILIES, FIELD, PARAMETERS)
    names = tuple(families) if families is not None else _possible(path)
    for name in names:
        if name not in (*known, *SUMMARY):
            raise UsageError(f"unknown family '{name}'. {did_you_mean(name, known)}")
    return {
        name: run_parameters(path) if name == PARAMETERS else load_table(path, family_path(name)).table
        for name in names
    }


def _possible(path: Path) -> tuple[str, ...]:
    """Families of which a file has what they are computed from."""
    with open_dataset(path) as dataset:
        has_series = dataset.file.kind(ARRAYS["per_timestep"].path) is not None
        has_parameters = all(dataset.file.kind(ARRAYS[name].path) is not None for name in ("params", "system"))
    return (SUMMARY[0], *(FAMILIES if has_series else ()), *((PARAMETERS,) if has_parameters else ()))
