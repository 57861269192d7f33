"""`spinlock changes`: when each run of a data set changes what it does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.threads import one_thread
from spinlock.core.windows import STRIDE, WINDOW
from spinlock.pipeline.conditions import load_facts
from spinlock.pipeline.progress import Progress, silent
from spinlock.questions.changes import FALSE_ALARMS, ChangeDetector, Changes, changes_among
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What is looked for, see `ChangeDetector.fit`."""

    window: int = WINDOW
    stride: int = STRIDE
    false_alarms: float = FALSE_ALARMS


class _Series(NamedTuple):
    """Features of saved states of a data set's runs.

    Attributes:
        ids, groups: one a run.
        values: NaN behind a run's end.
        names: of the features.
        dt: time between saved states of each run.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: Float[Tensor, "run time feature"]
    names: tuple[str, ...]
    dt: Float[np.ndarray, " run"]


@one_thread()
def find_changes(
    dataset: Path, reference: Path | None = None, *, look: Look | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """The most likely change of every run, the clearest first.

    Args:
        dataset: a data-set file with the features of saved states.
        reference: one whose runs are taken for unchanged; without it the runs of `dataset` are compared with each other.
        look: what is looked for.
        progress: is told of the steps.

    Raises:
        InputError: if a file has no features of saved states, or others than the reference, or there are too few or too short runs.
    """
    asked = {"window": (look or Look()).window, "stride": (look or Look()).stride}
    rate = (look or Look()).false_alarms
    runs = _series_of(dataset)
    progress("changes", 0, len(runs.ids))
    told: dict[str, Any] = {"runs": len(runs.ids), **asked, "false_alarms": rate}
    if reference is None:
        found = changes_among(runs.values, runs.groups, **asked, false_alarms=rate)
        told["compared_with"] = (
            "each other: so large a share is always beyond; --reference names runs that do not change"
        )
    else:
        usual = _series_of(reference)
        if usual.names != runs.names:
            other = sorted(set(usual.names) ^ set(runs.names)) or list(usual.names)
            raise InputError(f"{reference} has other features of saved states than {dataset}: {listed(other)}.")
        detector = ChangeDetector.fit(usual.values, usual.groups, **asked, false_alarms=rate)
        found = detector.changes(runs.values)
        told["compared_with"] = f"{len(detector.calibration)} runs of {reference.name}"
        told["threshold"] = detector.threshold
    progress("changes", len(runs.ids), len(runs.ids))
    told["runs_beyond"] = int(found.beyond.sum())
    return told | {"changes": _lines(runs, found, load_facts(dataset, runs.ids).words.get("system"))}


def _series_of(path: Path) -> _Series:
    with open_dataset(path) as dataset:
        where = ARRAYS["per_timestep"].path
        if dataset.file.kind(where) is None:
            raise InputError(
                f"{path}: changes are found in the features of saved states, and the file has none at {where}; compute them with "
                "extract-features."
            )
        view = dataset.view()
        has_dt = dataset.file.kind(ARRAYS["dt"].path) is not None
        return _Series(
            ids=view.ids,
            groups=view.groups,
            values=torch.from_numpy(dataset.numbers("per_timestep")),
            names=dataset.registry().with_scope("per_timestep").names,
            dt=dataset.numbers("dt") if has_dt else np.full(len(view), np.nan),
        )


def _lines(runs: _Series, found: Changes, systems: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """A line a run, the highest score over what is usual first, those that were not looked at last."""
    order = found.scores.nan_to_num(-1.0).argsort(descending=True, stable=True).tolist()
    lines = []
    for row in order:
        at = int(found.at[row])
        known = at >= 0
        time = at * float(runs.dt[row])
        lines.append(
            {"id": runs.ids[row], "draw": runs.groups[row]}
            | ({} if systems is None else {"system": systems[row]})
            | {
                "state": at if known else None,
                "time": time if known and np.isfinite(time) else None,
                "score": float(found.scores[row]) if known else None,
                "p": float(found.p[row]) if known else None,
                "beyond": bool(found.beyond[row]),
            }
        )
    return lines
