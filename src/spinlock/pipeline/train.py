"""`spinlock train-vqvae`: from a data set and a configuration to judged tokenizers in a folder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spinlock.config.train import PARAMETERS, SUMMARY, TrainConfig
from spinlock.core import ranks
from spinlock.core.errors import UsageError
from spinlock.core.threads import one_thread
from spinlock.pipeline.family_decoding import decode_across
from spinlock.pipeline.joint_training import check_splits, take_frozen, train_jointly
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.train_columns import (
    Trained,
    callbacks_of,
    checkpoint_folder,
    semantic,
    split_rows,
    training_steps,
)
from spinlock.pipeline.train_parameters import TrainedParameters, train_parameters
from spinlock.pipeline.verdict import verdict
from spinlock.store.family_folder import FAMILIES_FOLDER
from spinlock.store.outputs import claim_output
from spinlock.store.parameters_folder import PARAMETERS_FOLDER
from spinlock.store.tokenizer_folder import TOKENIZER
from spinlock.training.callbacks import tell_end, tells
from spinlock.training.estimator import CHECKPOINTS, MAPPING
from spinlock.training.families import FamilyTokenizer
from spinlock.training.run import train_along, trained_alone

log = logging.getLogger(__name__)

Families = Mapping[str, Trained | TrainedParameters]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainedFamilies:
    """The folder of several families, what became of each, and what decoding from the tokens of all takes off.

    Attributes:
        folder: of the families.
        families: by name.
        decoding: family → mean squared error in standardised units of the rows that it is judged by, decoded from its own tokens
            and from those of all families; none where no validation error gained by it.
    """

    folder: Path
    families: Families
    decoding: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@one_thread()
def train(
    config: TrainConfig, *, resume: bool = False, progress: Progress = silent
) -> Trained | TrainedParameters | TrainedFamilies:
    """Fit a tokenizer, judge it on rows that it never saw, and write its folder, `checkpoint_dir`.

    With several families each is fitted to the same samples, in a folder of its own below.

    Args:
        config: of the training.
        resume: go on from the newest checkpoint in `checkpoint_dir`, if there is one.
        progress: is told of every epoch.

    Raises:
        InputError: if the data set has too few rows, a mapping was made for other columns, or the checkpoint is of a run
            with other settings, if files of others would have to make way in the folder, or if another process writes it.
    """
    folder = config.training.checkpoint_dir
    _check_alone(config)
    if len(config.families) == 1:
        return _train(semantic(config), {}, resume=resume, progress=progress)
    with claim_output(folder, FAMILIES_FOLDER):
        found: dict[str, Trained | TrainedParameters] = {}
        for name, own in config.families.items():
            if own.frozen is not None:
                found[name] = take_frozen(config, name, own.frozen)
        if found:
            check_splits(found)
        names = sorted(config.families, key=PARAMETERS.__eq__)  # last: their regimes are those of the summary
        if config.training.joint is not None:
            found |= train_jointly(config, config.training.joint, found, resume=resume, progress=progress)
        for name in names:
            if name not in found:
                log.info("family %s:", name)
                found[name] = _train(config.of_family(name), found, resume=resume, progress=progress)
        found = {name: found[name] for name in names}
        across = decode_across(found, config.training) if config.training.family_decoding else None
        members = {name: one.tokenizer for name, one in found.items()}
        FamilyTokenizer(members, across and across.decoder).save_names(folder)
    return TrainedFamilies(folder=folder, families=found, decoding=across.errors if across else {})


def help_to_train(config: TrainConfig, *, resume: bool = False) -> None:
    """What a process other than the first does (`core.ranks`): it takes part in the training of the network, and writes nothing.

    Args:
        config, resume: as the first process is given them to `train`.

    Raises:
        InputError: as `train`, or if the first process is lost.
    """
    _check_alone(config)
    own = semantic(config)
    with one_thread():
        train_along(training_steps(own, splits=None, resumed=_is_resumed(own, resume=resume), progress=silent))


def _check_alone(config: TrainConfig) -> None:
    """Refuse to share a training among processes that is not of one family of columns.

    Raises:
        UsageError: naming what there is.
    """
    if ranks.world() > 1 and (len(config.families) > 1 or config.family == PARAMETERS):
        raise UsageError(
            f"several processes train one family of columns at a time, and families names {', '.join(config.families)}; train each "
            "family by itself, then all together without torchrun, with `frozen` for those that are trained."
        )


def _is_resumed(config: TrainConfig, *, resume: bool) -> bool:
    """Whether a training goes on with the categories and the checkpoint of an earlier one."""
    folder = checkpoint_folder(config)
    wanted = resume or config.training.resume_from is not None
    return wanted and (folder / CHECKPOINTS).is_dir() and (folder / MAPPING).is_file()


def _train(config: TrainConfig, before: Families, *, resume: bool, progress: Progress) -> Trained | TrainedParameters:
    """One family, on the split of those before it."""
    folder = config.training.checkpoint_dir
    splits = next((trained.splits for trained in before.values()), None)
    if config.family != PARAMETERS:
        with claim_output(folder, TOKENIZER):
            return _train_columns(config, splits=splits, resume=resume, progress=progress)
    with claim_output(folder, PARAMETERS_FOLDER):
        runs = run_parameters(config.dataset_path)
        if splits is None:
            rows = split_rows(runs.groups, config)
            splits = {split: [runs.ids[row] for row in index.tolist()] for split, index in rows.items()}
        summary_folder = next((before[name].folder for name in SUMMARY if name in before), None)
        return train_parameters(config, runs, splits, summary_folder=summary_folder)


def _train_columns(
    config: TrainConfig, *, splits: Mapping[str, Sequence[str]] | None, resume: bool, progress: Progress
) -> Trained:
    """One family of columns, its network trained by itself."""
    folder = checkpoint_folder(config)
    resumed = _is_resumed(config, resume=resume)
    told = callbacks_of(config, progress)
    steps = training_steps(config, splits=splits, resumed=resumed, progress=progress)
    trained = trained_alone(steps, checkpoints=folder / CHECKPOINTS, resume=resumed, on_progress=tells(told))
    tell_end(told, trained.tokenizer.result_)
    return trained


def summary(trained: Trained | TrainedParameters | TrainedFamilies) -> dict[str, Any]:
    """What a training prints: what a token is good for, the folder and the verdict on test rows (training rows where none were held
    out), without `passed`, which `validate` judges; with several families, of each; of parameters what tokens leave open.
    """
    if isinstance(trained, TrainedParameters):
        return {"tokenizer": trained.folder, **trained.figures}
    if isinstance(trained, TrainedFamilies):
        families = {name: summary(one) for name, one in trained.families.items()}
        for name, (own, together) in trained.decoding.items():
            families[name] |= {"mse_from_own_tokens": own, "mse_from_tokens_of_all_families": together}
        return {"tokenizer": trained.folder, "families": families}
    said = verdict(trained.report, split=trained.report.judged_split)
    return {"good_for": said.pop("good_for"), "tokenizer": trained.folder, "thresholds_met": said.pop("passed"), **said}
