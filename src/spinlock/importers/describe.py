"""States of any kind → a table of features, in one call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from torch import Tensor

from spinlock.core.errors import UsageError, listed
from spinlock.core.feature_table import FeatureTable
from spinlock.core.rollout import Rollout, StepOperator
from spinlock.features.channel_units import ChannelUnits
from spinlock.features.extract import families_of
from spinlock.importers import names_files, open_rollouts
from spinlock.importers.memory import is_xarray
from spinlock.importers.source import RolloutSource

DEFAULT_AXES = "ntchw"


def extract_features(
    states: Any,
    *,
    ids: Sequence[object] = (),
    groups: Sequence[object] = (),
    step: StepOperator | None = None,
    channel_units: ChannelUnits = "shared",
    n_jobs: int | None = None,
    **reading: Any,
) -> FeatureTable:
    """The aggregated features of states, one row a sample: of an array, of what xarray opened, of rollouts, or of files.

        spinlock.extract_features(u, axes="nthw", dt=0.1)      an array of numpy or torch, masked or not
        spinlock.extract_features([u1, u2, u3], axes="thw")    runs of any lengths
        spinlock.extract_features(ds["u"])                     xarray: axes, dt and dx by names and coordinates
        spinlock.extract_features(ds[["u", "v"]])              variables as channels
        spinlock.extract_features("runs/*.nc")                 files

    Args:
        states: an array, axes by `axes` ("ntchw" when not given); a list of arrays, each a sample unless `axes` has an n for the
            list; a DataArray or Dataset; paths; or rollouts, as `spinlock.open_rollouts` reads them, one by one. Features are
            computed on the CPU: tensors on another device are moved there sample by sample, and `step` goes on meeting
            states on the device that they came from.
        ids: one name a sample, unique; the samples' own names, or their numbers, when not given.
        groups: samples that splits must keep together; each on its own when not given.
        step: the noise-free map of states (batch, channel, height, width) by one saved step, if there is one.
        channel_units: "shared" for channels of one kind, as the components of a velocity; "own" where they are measured in units
            that have nothing to do with each other, as a pressure and a velocity: the largest would be described alone.
        n_jobs: processes that describe samples, each on one thread; -1 for one a core, this process alone when not given. Scripts
            need no `if __name__ == "__main__"` for it.
        reading: axes, dt, dx, periodic, fill_masked and all else that `spinlock.open_rollouts` takes.

    Returns:
        mean, std and cv over realizations of every per-trajectory feature; NaN and masked where one is undefined, which std
        and cv are with one realization.

    Raises:
        InputError: if the states or an option break a rule.
        UsageError: if options contradict each other, or come with rollouts, which have all of them already.
    """
    rollouts = _read(states, step=step, reading=reading)
    own = {"ids": ids, "groups": groups, "channel_units": channel_units, "n_jobs": n_jobs}
    return families_of(rollouts, ("summary",), **own)["summary"]


def extract_families(
    states: Any, families: Sequence[str], *, step: StepOperator | None = None, **options: Any
) -> dict[str, FeatureTable]:
    """States as several families see them, by name, for `spinlock.FamilyTokenizer`; states and options as in `extract_features`.

        spinlock.extract_families(u, ("summary", "initial"), axes="nthw", dt=0.1)

    Args:
        states: an array, what xarray opened, rollouts, or files.
        families: "summary", "trajectory", "initial" and "time_series"; what runs were made from is not in their states.
        step: the noise-free map of states by one saved step, if there is one.
        options: ids, groups, channel_units, n_jobs, and all that `spinlock.open_rollouts` takes.

    Raises:
        InputError: if the states or an option break a rule.
        UsageError: if a family is unknown, or options contradict each other.
    """
    own = {name: options.pop(name) for name in ("ids", "groups", "channel_units", "n_jobs") if name in options}
    return families_of(_read(states, step=step, reading=options), families, **own)


def _read(states: Any, *, step: StepOperator | None, reading: dict[str, Any]) -> Iterable[Rollout]:
    """The rollouts that states are, or are read as."""
    rollouts = _rollouts(states)
    if rollouts is None:
        if "axes" not in reading and not is_xarray(states) and not names_files(states):
            reading["axes"] = DEFAULT_AXES
        source = open_rollouts(states, **reading)
        operator = _on_its_device(step, states)
        return source if operator is None else (replace(rollout, step=operator) for rollout in source)
    if reading or step is not None:
        given = [*reading, *(["step"] if step is not None else [])]
        raise UsageError(
            f"rollouts bring {listed(given)} with them; give it to spinlock.open_rollouts, or to `Rollout`."
        )
    return rollouts


def _rollouts(states: Any) -> Iterable[Rollout] | None:
    """The states where they are rollouts; None where they are something else."""
    if isinstance(states, RolloutSource):
        return states
    if isinstance(states, Rollout):
        return (states,)
    if isinstance(states, Sequence):
        return states if states and isinstance(states[0], Rollout) else None
    if isinstance(states, Iterator):
        first = next(states, None)
        if isinstance(first, Rollout):
            return chain((first,), states)
    return None


def _on_its_device(step: StepOperator | None, states: Any) -> StepOperator | None:
    if step is None or not isinstance(states, Tensor) or states.device.type == "cpu":
        return step
    device = states.device
    return lambda frame: step(frame.to(device)).to(frame.device)
