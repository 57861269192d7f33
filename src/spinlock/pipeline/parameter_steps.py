"""Draws of one system that lie next to each other: the small steps of parameters that a data set happens to hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import rankdata
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.seeds import stream
from spinlock.core.views import View
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS


class DrawPairs(NamedTuple):
    """Pairs of rows, each the first of its draw, of one system.

    Attributes:
        rows: one of every draw that has a partner.
        nearest: the row that is nearest to it in the parameters.
        others: a row of some other draw of the system, by a seeded choice.
        steps: distance to the nearest, see `core.repeatability.SameToken`.
    """

    rows: Int[Tensor, " draw"]
    nearest: Int[Tensor, " draw"]
    others: Int[Tensor, " draw"]
    steps: Float[np.ndarray, " draw"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DrawParameters:
    """Where the draws of a data set lie in the spaces of their systems.

    Attributes:
        system: draw → its system.
        place: draw → its parameters that vary within the system: a number as its rank among the draws of the system, scaled to
            [0, 1], which is the same in any unit and on any scale; a choice as its number.
        is_choice: system → which of them are choices.
    """

    system: Mapping[str, str]
    place: Mapping[str, Float[np.ndarray, " parameter"]]
    is_choice: Mapping[str, np.ndarray]

    def pairs(self, groups: Sequence[str], seed: int) -> DrawPairs | None:
        """Pairs of the draws of some rows; None where no two are of one system with parameters that vary.

        Args:
            groups: the draw of each row.
            seed: of the choice of others.
        """
        first = {group: row for row, group in reversed(list(enumerate(groups)))}
        draws_of: dict[str, list[str]] = {}
        for group in dict.fromkeys(groups):
            if group in self.place and len(self.place[group]):
                draws_of.setdefault(self.system[group], []).append(group)
        found = [
            (first[draw], first[draws[near]], first[draws[other]], step)
            for system, draws in draws_of.items()
            if len(draws) > 1
            for draw, near, other, step in zip(draws, *self._partners(system, draws, seed), strict=True)
        ]
        if not found:
            return None
        rows, nearest, others, steps = zip(*found, strict=True)
        return DrawPairs(torch.tensor(rows), torch.tensor(nearest), torch.tensor(others), np.array(steps))

    def _partners(self, system: str, draws: Sequence[str], seed: int) -> tuple[list[int], list[int], list[float]]:
        """For each draw of a system its nearest one, some other one, and the distance to the nearest."""
        places = np.stack([self.place[draw] for draw in draws])
        nearest, steps = [], []
        for number, place in enumerate(places):  # one at a time: draws may be tens of thousands
            differences = np.abs(places - place)
            distances = np.sqrt(np.square(np.where(self.is_choice[system], differences > 0, differences)).mean(1))
            distances[number] = np.inf
            nearest.append(int(distances.argmin()))
            steps.append(float(distances[nearest[-1]]))
        order = stream(seed, "other draws", system).permutation(len(draws))
        others = np.empty(len(draws), dtype=int)
        others[order] = np.roll(order, 1)
        return nearest, others.tolist(), steps


def load_parameters(path: Path, view: View) -> DrawParameters | None:
    """The parameters of the draws of a data set; None in a file without systems, parameters or draws.

    Args:
        path: a data-set file.
        view: the rows in it whose draws are wanted.

    Raises:
        InputError: if they are not of equally many samples.
    """
    with open_dataset(path) as dataset:
        if any(dataset.file.kind(ARRAYS[name].path) is None for name in ("params", "system", "group")):
            return None
        table, systems, groups = dataset.parameters, dataset.systems, [str(group) for group in dataset.groups.tolist()]
    if not len(table.values) == len(systems) == len(groups):
        raise InputError(
            f"{path}: parameters, systems and draws must be of the same samples; got {len(table.values)}, {len(systems)} and "
            f"{len(groups)}."
        )
    first = {group: row for row, group in reversed(list(enumerate(groups)))}
    draws_of: dict[str, list[str]] = {}
    for group, row in first.items():
        draws_of.setdefault(systems[row], []).append(group)
    wanted = set(view.groups)
    system: dict[str, str] = {}
    place: dict[str, np.ndarray] = {}
    is_choice: dict[str, np.ndarray] = {}
    for name, draws in draws_of.items():
        values = table.values[[first[draw] for draw in draws]]
        varying = np.isfinite(values).all(0) & (values != values[0]).any(0)
        is_choice[name] = np.array([bool(column.choices) for column in table.columns])[varying]
        values = values[:, varying]
        ranks = (rankdata(values, axis=0) - 1) / max(1, len(draws) - 1) if values.size else values
        places = np.where(is_choice[name], values, ranks)
        system |= {draw: name for draw in draws}
        place |= {draw: row for draw, row in zip(draws, places, strict=True) if draw in wanted}
    return DrawParameters(system=system, place=place, is_choice=is_choice)
