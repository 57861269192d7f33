"""Feature tables from data-set files, and the rows of every split."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureTable
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import AGGREGATED

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedTable:
    """The features of a data-set file.

    Attributes:
        table: rows that have at least one feature.
        num_empty: rows without any, because every realization diverged; they are left out.
        content: checksum of the file's data, "" in a file of others.
        path: of the file.
        feature_path: inside it.
    """

    table: FeatureTable
    num_empty: int
    content: str
    path: Path
    feature_path: str


def load_table(path: Path, feature_path: str = AGGREGATED) -> LoadedTable:
    """The features at a path inside a data-set file, without the rows that have none.

    Raises:
        InputError: if there is no such table, or every row is empty.
    """
    with open_dataset(path) as dataset:
        table = dataset.feature_table(feature_path)
        content = str(dataset.metadata.get("content_sha256") or "")
    filled = table.mask.any(1)
    num_empty = int((~filled).sum())
    if num_empty == len(table):
        raise InputError(f"{path}: every row of {feature_path} is empty; no realization stayed finite.")
    if num_empty:
        log.warning("%d of %d samples of %s have no features and are left out.", num_empty, len(table), path)
        table = table.rows(filled)
    return LoadedTable(table=table, num_empty=num_empty, content=content, path=path, feature_path=feature_path)


def family_path(family: str) -> str:
    """Where a family's table lies in a data-set file."""
    return f"/features/{family}/aggregated/features"


def rows_by_id(table: FeatureTable, splits: Mapping[str, list[str]], *, whose: str) -> dict[str, FeatureTable]:
    """The table's rows of every split.

    Args:
        table: of any order.
        splits: split → ids.
        whose: of which file, for the message.

    Raises:
        InputError: if an id is not in the table.
    """
    place = {name: row for row, name in enumerate(table.ids)}
    for split, ids in splits.items():
        lost = [name for name in ids if name not in place]
        if lost:
            raise InputError(
                f"{whose} lacks {len(lost)} of {len(ids)} samples of the {split} rows, the first '{lost[0]}'."
            )
    return {split: table.rows([place[name] for name in ids]) for split, ids in splits.items() if ids}
