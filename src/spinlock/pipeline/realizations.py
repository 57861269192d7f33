"""Single realizations of the samples of a data set, and two independent descriptions of each, by half of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from spinlock.core.feature_table import BLOCK_ROWS, FeatureTable
from spinlock.core.views import View
from spinlock.features.aggregate import aggregate
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Halves:
    """Descriptions of samples by disjoint realizations, computed when they are asked for.

    Attributes:
        path: a data-set file that keeps the features of single realizations.
        view: the aggregated features in the same file.
    """

    path: Path
    view: View

    def of(self, ids: tuple[str, ...]) -> tuple[FeatureTable, FeatureTable]:
        """Some samples, in this order, by the first and by the last ⌊M / 2⌋ of their M realizations.

        Each has mean, std and cv; std and cv are missing where the half is one realization.
        """
        rows, groups = self._places(ids)
        parts = []
        with open_dataset(self.path) as dataset:
            array = dataset.array("per_trajectory")
            half = array.shape[1] // 2
            for start in range(0, len(rows), BLOCK_ROWS):
                runs = torch.from_numpy(array.take(rows[start : start + BLOCK_ROWS]))
                parts.append((aggregate(runs[:, :half]), aggregate(runs[:, -half:])))
        first, second = (
            FeatureTable(values=torch.cat(values), registry=self.view.registry, ids=ids, groups=groups)
            for values in zip(*parts, strict=True)
        )
        return first, second

    def runs(self, ids: tuple[str, ...]) -> FeatureTable:
        """Every valid realization of some samples as a row, `<sample>/<realization>`, in the sample's group; std and cv are missing."""
        rows, groups = self._places(ids)
        with open_dataset(self.path) as dataset:
            values = torch.from_numpy(dataset.array("per_trajectory").take(rows))
        table = torch.stack([values, *[torch.full_like(values, torch.nan)] * 2], dim=-1).flatten(2)
        num_runs = table.shape[1]
        names = [f"{name}/{run}" for name in ids for run in range(num_runs)]
        found = FeatureTable(
            values=table.flatten(0, 1),
            registry=self.view.registry,
            ids=tuple(names),
            groups=tuple(group for group in groups for _ in range(num_runs)),
        )
        return found.rows(found.mask.any(1))

    def _places(self, ids: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
        """Rows of samples in the file, and their groups."""
        place = {name: row for row, name in enumerate(self.view.ids)}
        rows = [place[name] for name in ids]
        return np.array(rows), tuple(self.view.groups[row] for row in rows)


def load_halves(path: Path, table: View) -> Halves | None:
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
        if dataset.array("per_trajectory").shape[1] < 2 or registry.names != table.registry.names:
            return None
        return Halves(path=path, view=dataset.view())
