"""Parameter tokens of a data set: fitted, judged on rows that they never saw, and written."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from spinlock.config.train import PARAMETERS, TrainConfig
from spinlock.core.software import software
from spinlock.pipeline.tokenizers import load_rows
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.training.estimator import Tokenizer
from spinlock.training.families import coarse_tokens
from spinlock.training.parameter_cells import Distribution, Values
from spinlock.training.parameters import BITS, ParameterTokenizer, RunParameters

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainedParameters:
    """Parameter tokens, their folder, figures on them, the runs of the data set, and the ids of those of every split."""

    folder: Path
    figures: Mapping[str, Any]
    tokenizer: ParameterTokenizer
    runs: RunParameters
    splits: Mapping[str, Sequence[str]]


def train_parameters(
    config: TrainConfig, runs: RunParameters, splits: Mapping[str, Sequence[str]], *, summary_folder: Path | None
) -> TrainedParameters:
    """Fit parameter tokens to the training rows and write their folder, `checkpoint_dir`.

    Args:
        config: of the family.
        runs: of the data set.
        splits: split → ids of its samples.
        summary_folder: of a tokenizer whose coarse tokens regimes should agree in; without it there are none.
    """
    folder = config.training.checkpoint_dir
    train = runs.of_ids(splits["train"])
    behaviour = None
    if summary_folder is None:
        log.warning(
            "there is no family summary, by whose tokens regimes are found, so parameters have no regime token."
        )
    else:
        behaviour = _coarse_tokens(summary_folder, config.dataset_path, train.ids)
    tokenizer = ParameterTokenizer(bits_of(config)).fit(train, behaviour=behaviour)
    judged = next(split for split in ("test", "validation", "train") if split in splits)
    figures = {
        "bits_a_system": {name: round(tokenizer.bits_of(name), 2) for name in tokenizer.systems},
        "regimes": sum(map(len, tokenizer.rules.values())),
        "judged_split": judged,
        "parameter_error": parameter_error(tokenizer, train, runs.of_ids(splits[judged])),
    }
    with open_dataset(config.dataset_path) as dataset:
        content = str(dataset.metadata.get("content_sha256") or "")
    tokenizer.facts = {
        "splits": {name: list(ids) for name, ids in splits.items()},
        "dataset": {"path": str(config.dataset_path), "content_sha256": content},
        "seed": config.training.seed,
        "software": software(),
        "figures": figures,
    }
    tokenizer.save_pretrained(folder)
    log.info("parameters: %.4f of the variance of their ranks is left open.", figures["parameter_error"] or 0.0)
    return TrainedParameters(folder=folder, figures=figures, tokenizer=tokenizer, runs=runs, splits=splits)


def bits_of(config: TrainConfig) -> float:
    """The budget of parameter tokens."""
    own = config.families[PARAMETERS].model
    return BITS if own is None or own.bits is None else float(own.bits)


def _coarse_tokens(folder: Path, dataset: Path, ids: Sequence[str]) -> Float[np.ndarray, "run axis"]:
    """The coarse tokens of a data set's samples by the tokenizer in a folder."""
    tokenizer = Tokenizer.from_pretrained(folder)
    return coarse_tokens(tokenizer, load_rows(dataset, tokenizer.record_).table, ids)


def parameter_error(tokenizer: ParameterTokenizer, train: RunParameters, rows: RunParameters) -> float | None:
    """What tokens leave open of the parameters of some runs: the mean over runs of the mean over their parameters; None where no
    parameter varies.

    A number has the squared error of its rank among the training runs, in units of the variance of the rank; a choice 0 where it is
    told and 1 / chance where it is not, for the chance that two training runs differ in it.

    Args:
        tokenizer: fitted to `train`.
        train: the runs whose ranks count.
        rows: the runs to judge by.
    """
    decoded = tokenizer.decode(tokenizer.encode(rows)).table
    place = {column.name: number for number, column in enumerate(decoded.columns)}
    errors = np.full((len(rows), len(rows.table.columns)), np.nan)
    for number, column in enumerate(rows.table.columns):
        for system in [column.system] if column.system else tokenizer.systems:
            told = place.get(f"{system}.{column.parameter}")
            fitted = train.table.values[[name == system for name in train.systems], number]
            fitted = fitted[np.isfinite(fitted)]
            if told is None or len(np.unique(fitted)) < 2:
                continue
            here = np.array([name == system for name in rows.systems])
            pair = rows.table.values[here, number], decoded.values[here, told]
            if column.choices:
                errors[here, number] = _choice_errors(column, decoded.columns[told], *pair, fitted)
            else:
                cdf = Distribution.of(fitted, low=column.low, high=column.high)
                errors[here, number] = np.square(cdf.rank(pair[0]) - cdf.rank(pair[1])) / np.var(cdf.rank(fitted))
    own = errors[np.isfinite(errors).any(axis=1)]
    return float(np.nanmean(np.nanmean(own, axis=1))) if len(own) else None


def _choice_errors(
    column: ParameterColumn,
    told_column: ParameterColumn,
    true: Values,
    told: Values,
    fitted: Float[np.ndarray, " training_run"],
) -> Values:
    """0 where a choice is told, 1 / chance where another is, NaN where there is none."""
    chance = 1 - float(np.square(np.bincount(fitted.astype(int)) / len(fitted)).sum())
    differs = [
        np.nan if not np.isfinite(a + b) else column.choices[int(a)] != told_column.choices[int(b)]
        for a, b in zip(true, told, strict=True)
    ]
    return np.array(differs, dtype=np.float64) / chance
