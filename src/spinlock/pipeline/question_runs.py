"""The runs of a data set as questions see them: what each was made with, and the coarse tokens that it got."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from pydantic import ValidationError

from spinlock.config.generate import GenerateConfig
from spinlock.core.errors import InputError, UsageError, did_you_mean, reading_errors
from spinlock.core.tokens import TokenTable
from spinlock.dynamics.parameter_space import Value
from spinlock.dynamics.space import SystemSpace
from spinlock.pipeline.parameter_axes import ParameterAxis, places_of
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.recipe import config_of_data, own_steps
from spinlock.pipeline.tables import LoadedTable
from spinlock.pipeline.tokenizers import is_own_data, load_rows, rows_by_id, summary_folder
from spinlock.store.dataset import Dataset, open_dataset
from spinlock.store.dataset_paths import ARRAYS
from spinlock.training.estimator import Tokenizer
from spinlock.training.record import TrainingRecord

PARTS = ("train", "validation", "test")

log = logging.getLogger(__name__)


class SystemRuns(NamedTuple):
    """The runs of one system.

    Attributes:
        rows: their row numbers.
        axes: its parameters that vary or could, without those of the initial condition.
        places: where the runs lie on the axes; NaN where a parameter is unknown.
    """

    rows: Int[np.ndarray, " run"]
    axes: tuple[ParameterAxis, ...]
    places: Float[np.ndarray, "run axis"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Runs:
    """Runs with what is known of them, one row each.

    Attributes:
        path: of the data set.
        tokenizer: that gave the tokens.
        tokens: of the runs.
        samples: number of each row in the data set.
        systems: of each row.
        starts: kind of each row's initial condition; "" where it is unknown.
        values: of each row, name → its parameters, those of the initial condition among them.
        config: that the runs were made from; None for runs of others.
        splits: "train", "validation" and "test" → row numbers, where the tokenizer was fitted to these runs and held some out.
    """

    path: Path
    tokenizer: Tokenizer
    tokens: TokenTable
    samples: Int[np.ndarray, " row"]
    systems: tuple[str, ...]
    starts: tuple[str, ...]
    values: tuple[dict[str, Value], ...]
    config: GenerateConfig | None
    splits: Mapping[str, Int[np.ndarray, " row"]] | None = None

    @property
    def coarse(self) -> Int[np.ndarray, "row category"]:
        """The coarse tokens; -1 for a category that is absent."""
        return self.tokens.codes[:, :, 0].numpy()

    def space(self, system: str) -> SystemSpace | None:
        """The space that a system's runs were drawn from; None where the data set does not say."""
        if self.config is None or system not in self.config.systems:
            return None
        overrides = {} if (own := own_steps(self.config).get(system)) else self.config.systems[system].parameters
        return SystemSpace.of(system, overrides, self.config.initial_conditions, own=own)

    def of_system(self, system: str) -> SystemRuns:
        """The runs of a system and where they lie.

        Raises:
            UsageError: if there is none.
        """
        rows = np.array([row for row, name in enumerate(self.systems) if name == system], dtype=int)
        if not len(rows):
            raise UsageError(
                f"{self.path} has no run of '{system}'. {did_you_mean(system, dict.fromkeys(self.systems))}"
            )
        space, runs = self.space(system), [self.values[row] for row in rows.tolist()]
        if space is not None:
            axes = tuple(ParameterAxis(name=parameter.name, parameter=parameter) for parameter in space.parameters)
        else:
            names = dict.fromkeys(name for run in runs for name in run)
            axes = tuple(
                ParameterAxis.of_runs(name, [values[name] for values in self._draws(rows) if name in values])
                for name in names
            )
        with reading_errors(self.path):
            return SystemRuns(rows, axes, places_of(axes, [_own(axes, run) for run in runs]))

    def _draws(self, rows: Int[np.ndarray, " run"]) -> list[dict[str, Value]]:
        """The parameters of every draw among some rows, once."""
        first = {self.tokens.groups[row]: row for row in reversed(rows.tolist())}
        return [self.values[row] for row in sorted(first.values())]


def _own(axes: Sequence[ParameterAxis], run: Mapping[str, Any]) -> dict[str, Value]:
    return {axis.name: axis.stored(run[axis.name]) for axis in axes if axis.name in run}


def load_runs(dataset: Path, tokenizer: Path, *, progress: Progress = silent) -> Runs:
    """Encode the samples of a data set, and look up what each was made with.

    Args:
        dataset: a data-set file with the columns that the tokenizer was made for.
        tokenizer: a tokenizer's folder.
        progress: is told of the rows that are encoded.

    Raises:
        NamesDifferError: if the data set has other columns.
        InputError: if the facts on its samples are of another number of samples.
    """
    fitted = Tokenizer.from_pretrained(summary_folder(tokenizer))
    loaded = load_rows(dataset, fitted.record_)
    total = len(loaded.table)
    tokens = fitted.tokenizer_.encode(loaded.table, told=lambda rows: progress("tokenize", rows, total))
    with open_dataset(dataset) as opened:
        place = {name: sample for sample, name in enumerate(opened.view(loaded.feature_path).ids)}
        samples = np.array([place[name] for name in tokens.ids])
        systems, starts = (_facts(opened, name, len(place)) for name in ("system", "initial_condition"))
        values = _values(opened, samples, len(place))
        config = stored_config(opened)
    return Runs(
        path=dataset,
        tokenizer=fitted,
        tokens=tokens,
        samples=samples,
        systems=tuple(systems[sample] for sample in samples.tolist()),
        starts=tuple(starts[sample] for sample in samples.tolist()),
        values=values,
        config=config,
        splits=_splits(loaded, fitted.record_),
    )


def _splits(loaded: LoadedTable, record: TrainingRecord) -> dict[str, np.ndarray] | None:
    if not is_own_data(loaded, record) or set(record.splits) != set(PARTS):
        return None
    return {
        name: rows.index.numpy()
        for name, rows in rows_by_id(loaded.table, record.splits, whose=str(loaded.path)).items()
    }


def _facts(dataset: Dataset, name: str, count: int) -> tuple[str, ...]:
    """One word a sample; "" where the file has none."""
    path = ARRAYS[name].path
    if dataset.file.kind(path) is None:
        return ("",) * count
    words = dataset.file.words(path)
    if len(words) != count:
        raise InputError(f"{dataset.path}: {path} must have one entry for each of {count} samples; got {len(words)}.")
    return words


def _values(dataset: Dataset, samples: Int[np.ndarray, " row"], count: int) -> tuple[dict[str, Value], ...]:
    if dataset.file.kind(ARRAYS["params"].path) is None:
        return tuple({} for _ in samples)
    table = dataset.parameters
    if len(table.values) != count:
        raise InputError(f"{dataset.path}: parameters must be of its {count} samples; got {len(table.values)}.")
    return tuple(dict(table.of_sample(sample)) for sample in samples.tolist())


def stored_config(dataset: Dataset) -> GenerateConfig | None:
    """What the samples of a data set were made from; None for those of others, or of another version."""
    stored = dataset.metadata.get("configuration") or {}
    if "num_samples" not in stored:
        return None
    try:
        return config_of_data(stored, output_path=dataset.path)
    except ValidationError:
        log.warning(
            "%s was made by another version of spinlock, whose configuration this one does not read: parameters are placed by the "
            "ranks of the runs, and nothing can be simulated.",
            dataset.path,
        )
        return None
