"""Train a tokenizer of one family: from a data set and a configuration to a judged folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from spinlock.config.train import CURVES, PARAMETERS, SUMMARY, TRAJECTORY, TrainConfig
from spinlock.core.errors import InputError
from spinlock.core.plain import to_plain
from spinlock.core.report import Report
from spinlock.core.views import FIT_ROWS, Selection, View, selected, thinned
from spinlock.pipeline.progress import Progress
from spinlock.pipeline.realizations import load_halves
from spinlock.pipeline.tables import family_path, load_table
from spinlock.pipeline.tokenizers import DATA_LABELS, fitted_rows, mse_of, provenance_of, report_on
from spinlock.store.summary import summarize
from spinlock.training.callbacks import Callback, TensorBoard
from spinlock.training.estimator import CHECKPOINTS, MAPPING, Tokenizer
from spinlock.training.fit import MOST_RUNS, FitResult
from spinlock.training.run import Fitting
from spinlock.training.spec import FitSpec
from spinlock.training.split import split_by_group

log = logging.getLogger(__name__)

PLACES = {"checkpoint_dir", "resume_from", "tensorboard"}
"""Settings that say where a tokenizer or its curves lie or came from, which is no fact of its training."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """A tokenizer, its folder, the verdict on it, and its rows of every split."""

    folder: Path
    report: Report
    tokenizer: Tokenizer
    views: Mapping[str, Selection]

    @property
    def table(self) -> View:
        """All rows of the data set."""
        return next(iter(self.views.values())).view

    @property
    def splits(self) -> Mapping[str, Sequence[str]]:
        """Split → ids of its samples."""
        return {name: view.ids for name, view in self.views.items()}


@dataclass(frozen=True, slots=True)
class _Told:
    """The steps of a training as the progress of a stage."""

    progress: Progress

    def on_epoch(self, figures: Mapping[str, float]) -> None:
        self.progress("train", int(figures["step"]), int(figures["num_steps"]))

    def on_end(self, result: FitResult) -> None:
        """Nothing: what comes next tells itself."""


def callbacks_of(config: TrainConfig, progress: Progress) -> tuple[Callback, ...]:
    """Who is told how the training of a family goes."""
    curves = config.training.tensorboard
    return (_Told(progress), *([] if curves is None else [TensorBoard(curves)]))


def training_steps(
    config: TrainConfig, *, splits: Mapping[str, Sequence[str]] | None, resumed: bool, progress: Progress
) -> Fitting[Trained]:
    """Fit a tokenizer, judge it on rows that it never saw, and write its folder, `checkpoint_dir`.

    Args:
        config: of one family.
        splits: split → ids of its samples; by the fractions of the configuration when not given.
        resumed: whether its categories are those of a run that it goes on with.
        progress: is told when it is judged.

    Yields:
        the network to train, where one was asked for.
    """
    loaded = load_table(config.dataset_path, family_path(config.family))
    views = split_view(loaded.table, config) if splits is None else _as_split(loaded.table, splits)
    folder = config.training.checkpoint_dir

    halves = load_halves(loaded.path, loaded.table)
    tokenizer = yield from estimator(config).fitting(
        views["train"],
        validation=views["validation"],
        runs=halves and halves.runs(tuple(thinned(views["train"], MOST_RUNS // 2, config.training.seed).ids)),
        folder=checkpoint_folder(config),
        resumed=resumed,
    )
    fitted, record, result = tokenizer.tokenizer_, tokenizer.record_, tokenizer.result_
    scores = ", ".join(f"{score.backend} {score.validation_mse:.4f}" for score in result.comparison)
    log.info("validation MSE at equal bits: %s; kept: %s.", scores, result.kept)
    record = record.with_facts(
        configuration=config.model_dump(mode="json", exclude={"training": PLACES}),
        dataset={
            "path": str(loaded.path),
            "feature_path": loaded.feature_path,
            "content_sha256": loaded.content,
            "samples_without_features": loaded.num_empty,
            "contents": _contents(loaded.path),
        },
        splits={name: list(view.ids) for name, view in views.items()},
    )
    progress("judge", 0, 1)
    if result.chosen is not fitted and "test" in views:
        test = thinned(views["test"], FIT_ROWS, config.training.seed)
        errors = {"before": mse_of(result.chosen, test), "after": mse_of(fitted, test)}
        record = record.with_facts(refit={"test_mse": errors, "splits": ["train", "validation"]})
        log.info("test MSE before fitting with validation rows too: %(before).4f, after: %(after).4f.", errors)
    tokenizer.record_ = record
    told = provenance_of(tokenizer)
    # Not the checksum of the data: it depends on the test rows, of which nothing may be seen in the tokenizer itself.
    kept = {label: text for label, text in told.items() if label not in DATA_LABELS and not label.startswith("test")}
    tokenizer.tokenizer_ = replace(fitted, provenance={**fitted.provenance, **kept})
    report = report_on(tokenizer, fitted_rows(views, record), loaded)
    progress("judge", 1, 1)
    tokenizer.record_ = replace(record, report=to_plain(report))
    tokenizer.save_pretrained(folder)
    return Trained(folder=folder, report=report, tokenizer=tokenizer, views=views)


def semantic(config: TrainConfig) -> TrainConfig:
    """The same, with the categories that a family's columns name where they are not said: those of the summary are found instead."""
    training = config.training
    is_said = training.category_mapping_file is not None or training.category_assignment is not None
    if config.family in (*SUMMARY, PARAMETERS) or is_said:
        return config
    return config.model_copy(update={"training": training.model_copy(update={"category_assignment": "semantic"})})


def estimator(config: TrainConfig) -> Tokenizer:
    """The tokenizer that a configuration asks for, not yet fitted."""
    training = config.training
    family = config.families[config.family]
    values: dict[str, Any] = {**dict(family.model or config.model), **dict(family)}
    if config.family == TRAJECTORY:  # whose tokens are to be drawn
        values |= {name: to for name, to in CURVES.items() if values[name] == "auto"}
    del values["model"], values["frozen"]
    values |= {name: getattr(training, name) for name in FitSpec.model_fields if name != "seed"}
    # From a file, what is not said is found: columns are grouped by how they move together.
    if training.category_mapping_file is None and training.category_assignment is None:
        values["category_assignment"] = "auto"
    levels = values.pop("levels")
    return Tokenizer(
        "auto" if levels is None else levels,
        category_map=training.category_mapping_file,
        random_state=training.seed,
        **values,
    )


def split_view(view: View, config: TrainConfig) -> dict[str, Selection]:
    """Training, validation and test rows of a view; see `split_rows`."""
    return {name: Selection(view, rows) for name, rows in split_rows(view.groups, config).items()}


def split_rows(groups: Sequence[str], config: TrainConfig) -> dict[str, Tensor]:
    """Row numbers of training, validation and test rows; the rows of one parameter draw stay together, and with the same draws the
    split is the same.

    Raises:
        InputError: if a split has fewer than 2 rows.
    """
    training = config.training
    fractions = (
        1 - training.validation_fraction - training.test_fraction,
        training.validation_fraction,
        training.test_fraction,
    )
    split = split_by_group(groups, fractions=fractions, seed=training.seed)
    found = {name: rows for name, rows in split._asdict().items() if len(rows)}
    if min(map(len, found.values())) < 2:
        raise InputError(
            f"{config.dataset_path} has {len(groups)} samples, which leaves a split with fewer than 2; generate more samples."
        )
    return found


def _contents(path: Path) -> dict[str, Any]:
    """How many samples, systems, states and cells a data set has, as far as its file says."""
    about = summarize(path)
    names = ("num_samples", "groups", "num_realizations", "num_timesteps", "grid", "channels", "systems")
    return {name: about[name] for name in names if about.get(name) is not None}


def _as_split(view: View, splits: Mapping[str, Sequence[str]]) -> dict[str, Selection]:
    """The rows of the samples of every split, where the view has them."""
    found = {split: selected(view, ids) for split, ids in splits.items()}
    return {split: rows for split, rows in found.items() if len(rows)}


def checkpoint_folder(config: TrainConfig) -> Path:
    """The folder whose checkpoints a run writes, and goes on from."""
    source = config.training.resume_from
    if source is None:
        return config.training.checkpoint_dir
    if not (source / CHECKPOINTS).is_dir() or not (source / MAPPING).is_file():
        raise InputError(
            f"training.resume_from: {source} holds no checkpoint to go on from; give the checkpoint_dir of a run that has saved one."
        )
    return source
