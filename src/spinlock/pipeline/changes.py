"""`spinlock changes`: when each run of a data set changes what it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError, listed
from spinlock.core.threads import one_thread
from spinlock.core.windows import STRIDE, WINDOW
from spinlock.pipeline.conditions import load_facts
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.series import Series, load_series
from spinlock.pipeline.tokenize_windows import window_vocabulary
from spinlock.questions.changes import FALSE_ALARMS, ChangeDetector, Changes, changes_among


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What is looked for, see `ChangeDetector.fit`."""

    window: int = WINDOW
    stride: int = STRIDE
    false_alarms: float = FALSE_ALARMS


@one_thread()
def find_changes(
    dataset: Path,
    reference: Path | None = None,
    *,
    tokenizer: Path | None = None,
    look: Look | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The most likely change of every run, the clearest first.

    Args:
        dataset: a data-set file with the features of saved states.
        reference: one whose runs are taken for unchanged; without it the runs of `dataset` are compared with each other.
        tokenizer: folder of a tokenizer of windows as long as those that are compared; it says what runs do before and after.
        look: what is looked for.
        progress: is told of the steps.

    Raises:
        UsageError: if the tokenizer is not one of such windows.
        InputError: if a file has no features of saved states, or others than the reference, or there are too few or too short runs.
    """
    asked = {"window": (look or Look()).window, "stride": (look or Look()).stride}
    rate = (look or Look()).false_alarms
    fitted = None if tokenizer is None else window_vocabulary(tokenizer, asked["window"])
    runs = load_series(dataset)
    progress("changes", 0, len(runs.ids))
    told: dict[str, Any] = {"runs": len(runs.ids), **asked, "false_alarms": rate}
    if reference is None:
        found = changes_among(runs.values, runs.groups, **asked, false_alarms=rate)
        told["compared_with"] = (
            "each other: so large a share is always beyond; --reference names runs that do not change"
        )
    else:
        usual = load_series(reference)
        if usual.registry.names != runs.registry.names:
            other = sorted(set(usual.registry.names) ^ set(runs.registry.names)) or list(usual.registry.names)
            raise InputError(f"{reference} has other features of saved states than {dataset}: {listed(other)}.")
        detector = ChangeDetector.fit(usual.values, usual.groups, **asked, false_alarms=rate)
        found = detector.changes(runs.values)
        told["compared_with"] = f"{len(detector.calibration)} runs of {reference.name}"
        told["threshold"] = detector.threshold
    progress("changes", len(runs.ids), len(runs.ids))
    told["runs_beyond"] = int(found.beyond.sum())
    sentences = {}
    if fitted is not None:
        beyond = zip(runs.ids, found.at.tolist(), found.beyond.tolist(), strict=True)
        changed = {name: at for name, at, is_beyond in beyond if is_beyond}
        sentences = fitted.describe_runs(runs.windows(**asked), changed)
    return told | {"changes": _lines(runs, found, load_facts(dataset, runs.ids).words.get("system"), sentences)}


def _lines(
    runs: Series, found: Changes, systems: tuple[str, ...] | None, sentences: Mapping[str, str]
) -> list[dict[str, Any]]:
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
            | ({"sentence": sentences[runs.ids[row]]} if runs.ids[row] in sentences else {})
        )
    return lines
