"""Two independent descriptions of every sample of a data set, each from half of its realizations."""

from pathlib import Path
from typing import NamedTuple

import torch

from spinlock.core.feature_table import FeatureTable
from spinlock.features.aggregate import aggregate
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS


class Halves(NamedTuple):
    """Samples described twice, row by row, by disjoint realizations.

    Attributes:
        first: mean, std and cv of the first ⌊M / 2⌋ of M realizations; std and cv are missing where that is one.
        second: of the last ⌊M / 2⌋.
    """

    first: FeatureTable
    second: FeatureTable

    def of(self, ids: tuple[str, ...]) -> "Halves":
        """The rows of some samples, in this order."""
        place = {name: row for row, name in enumerate(self.first.ids)}
        rows = [place[name] for name in ids]
        return Halves(self.first.rows(rows), self.second.rows(rows))


def load_halves(path: Path, table: FeatureTable) -> Halves | None:
    """Descriptions by halves of the realizations, of the samples of a table that was read from the same file.

    None where there is nothing to compare: the file keeps no features of single realizations, there is only one, or the
    table's columns are not their mean, std and cv.

    Args:
        path: a data-set file.
        table: its aggregated features; what is kept of each sample is looked up by id.
    """
    with open_dataset(path) as dataset:
        if dataset.file.kind(ARRAYS["per_trajectory"].path) is None:
            return None
        registry = dataset.registry().with_scope("per_trajectory").aggregated()
        values = torch.from_numpy(dataset.numbers("per_trajectory"))
        every = dataset.feature_table()
    half = values.shape[1] // 2
    if not half or registry.names != table.names:
        return None
    first, second = (
        FeatureTable(values=aggregate(part), registry=table.registry, ids=every.ids, groups=every.groups)
        for part in (values[:, :half], values[:, -half:])
    )
    return Halves(first, second).of(table.ids)
