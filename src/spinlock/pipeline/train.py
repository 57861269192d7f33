"""`spinlock train-vqvae`: from a data set and a configuration to a judged tokenizer in a folder."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from spinlock.categories.by_clustering import ClusteringResult
from spinlock.config.train import TrainConfig
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.core.views import View
from spinlock.metrics.report import Report
from spinlock.pipeline.artefact import save_artefact
from spinlock.pipeline.clustering import ClusterBounds, cluster, clustering_facts
from spinlock.pipeline.judge import judge
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.realizations import load_halves
from spinlock.pipeline.software import software
from spinlock.pipeline.tables import LoadedTable, family_path, load_table
from spinlock.pipeline.threads import one_thread
from spinlock.pipeline.verdict import verdict
from spinlock.store.category_file import load_category_map, save_category_map
from spinlock.training.checkpoint import CheckpointFolder
from spinlock.training.fit import fit_tokenizer
from spinlock.training.settings import TrainingSettings
from spinlock.training.split import split_by_group
from spinlock.vqvae.tokenizer import FittedTokenizer

log = logging.getLogger(__name__)

CHECKPOINTS, MAPPING = "checkpoints", "category_mapping.json"
"""Names inside `checkpoint_dir`, beside the tokenizer's own files."""
DATA_LABELS = ("data set", "content of the data (sha256)")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """A tokenizer's folder and the verdict on it."""

    folder: Path
    report: Report


@one_thread()
def train(config: TrainConfig, *, resume: bool = False, progress: Progress = silent) -> Trained:
    """Fit a tokenizer, judge it on rows that it never saw, and write its folder, `checkpoint_dir`.

    Args:
        config: of the training.
        resume: go on from the newest checkpoint in `checkpoint_dir`, if there is one.
        progress: is told of every epoch.

    Raises:
        InputError: if the data set has too few rows, a mapping was made for other columns, or the checkpoint is of a run
            with other settings.
    """
    loaded = load_table(config.dataset_path, family_path(config.family))
    tables = split_table(loaded.table, config)
    checkpoints = _checkpoint_folder(config, resume=resume)
    category_map, clustering = categories_of(
        config, tables["train"], resumed=checkpoints.parent if checkpoints else None
    )
    folder = config.training.checkpoint_dir
    save_category_map(category_map, folder / MAPPING)

    def tell(figures: Mapping[str, float]) -> None:
        progress("train", int(figures["step"]), int(figures["num_steps"]))

    result = fit_tokenizer(
        tables["train"],
        tables["validation"],
        category_map=category_map,
        config=tokenizer_config(config),
        settings=training_settings(config),
        checkpoints=CheckpointFolder(folder=checkpoints or folder / CHECKPOINTS),
        resume=checkpoints is not None,
        on_progress=tell,
    )
    scores = ", ".join(f"{score.backend} {score.validation_mse:.4f}" for score in result.comparison)
    log.info("validation MSE at equal bits: %s; kept: %s.", scores, result.kept)
    facts = _facts(config, loaded, tables)
    if clustering is not None:
        facts["clustering"] = clustering_facts(clustering)
    # Not the checksum of the data: it depends on the test rows, of which nothing may be seen here. training.json has it.
    told = {label: text for label, text in _provenance(facts).items() if label not in DATA_LABELS}
    tokenizer = replace(result.tokenizer, provenance={**result.tokenizer.provenance, **told})
    result = replace(result, tokenizer=tokenizer)
    progress("judge", 0, 1)
    report = judge(
        tokenizer,
        tables,
        backend_mse={score.backend: score.validation_mse for score in result.comparison},
        provenance=_provenance(facts) | {"maps of columns": _maps(tokenizer)},
        seed=config.training.seed,
        halves=load_halves(loaded.path, loaded.table),
    )
    progress("judge", 1, 1)
    save_artefact(folder, result, training=facts, report=report)
    return Trained(folder=folder, report=report)


def summary(trained: Trained) -> dict[str, Any]:
    """What a training prints: the folder and the verdict on test rows, without `passed`, which `validate` judges."""
    said = verdict(trained.report)
    return {"tokenizer": trained.folder, "thresholds_met": said.pop("passed"), **said}


def split_table(table: View, config: TrainConfig) -> dict[str, FeatureTable]:
    """Training, validation and test rows; the rows of one parameter draw stay together."""
    training = config.training
    fractions = (
        1 - training.validation_fraction - training.test_fraction,
        training.validation_fraction,
        training.test_fraction,
    )
    split = split_by_group(table.groups, fractions=fractions, seed=training.seed)
    tables = {name: table.rows(rows) for name, rows in split._asdict().items() if len(rows)}
    if min(len(rows) for rows in tables.values()) < 2:
        raise InputError(
            f"{config.dataset_path} has {len(table)} samples, which leaves a split with fewer than 2; generate more samples."
        )
    return tables


class Categories(NamedTuple):
    """A category map, and the clustering that it came from, if it came from one."""

    map: CategoryMap
    clustering: ClusteringResult | None = None


def categories_of(config: TrainConfig, train_rows: FeatureTable, *, resumed: Path | None) -> Categories:
    """The categories: from the mapping file, from what is resumed, or by clustering the training rows.

    Raises:
        UsageError: if a mapping file contradicts the categories of what is resumed.
        NamesDifferError: if the map was made for other columns, naming them.
    """
    file = config.training.category_mapping_file
    given = load_category_map(file, names=train_rows.names) if file is not None else None
    if resumed is not None:
        kept = load_category_map(resumed / MAPPING, names=train_rows.names)
        if given is not None and kept.group_indices != given.group_indices:
            raise UsageError(
                f"{file} contradicts the categories that {resumed} was trained with; train into another folder, or resume with the "
                "mapping file that it was started with."
            )
        return Categories(kept)
    if given is not None:
        return Categories(given)
    found = cluster(train_rows, bounds=cluster_bounds(config), seed=config.training.seed)
    log.info("clustered the columns into %d categories (stability %.2f).", found.num_clusters, found.stability)
    return Categories(found.map, found)


def tokenizer_config(config: TrainConfig) -> TokenizerConfig:
    """The shape of the tokenizer that a configuration asks for."""
    model, family = config.model, config.families[config.family]
    return TokenizerConfig(
        levels=None
        if model.levels is None
        else tuple(Level(latent_dim=level.latent_dim, num_tokens=level.num_tokens) for level in model.levels),
        bits=model.bits,
        category_tokens=model.category_tokens,
        backend=model.backend,
        group_embedding_dim=model.group_embedding_dim,
        group_hidden_dim=model.group_hidden_dim,
        encoder=family.encoder,
        encoder_params=family.encoder_params,
        hierarchy=model.hierarchy,
        start=model.start,
        commitment_cost=model.commitment_cost,
        use_ema=model.use_ema,
        decay=model.decay,
        orthogonality_weight=model.orthogonality_weight,
        informativeness_weight=model.informativeness_weight,
        topographic_weight=model.topographic_weight,
    )


def cluster_bounds(config: TrainConfig) -> ClusterBounds:
    """The part of the training section that the grouping of columns reads."""
    return ClusterBounds(**{name: getattr(config.training, name) for name in ClusterBounds.__dataclass_fields__})


def training_settings(config: TrainConfig) -> TrainingSettings:
    """The part of the training section that the fit reads."""
    section = config.training
    return TrainingSettings(**{name: getattr(section, name) for name in TrainingSettings.__dataclass_fields__})


def _checkpoint_folder(config: TrainConfig, *, resume: bool) -> Path | None:
    """The folder of checkpoints to go on from; None for a fresh start."""
    source = config.training.resume_from
    if source is None:
        source = config.training.checkpoint_dir
        return (
            source / CHECKPOINTS
            if resume and (source / CHECKPOINTS).is_dir() and (source / MAPPING).is_file()
            else None
        )
    if not (source / CHECKPOINTS).is_dir() or not (source / MAPPING).is_file():
        raise InputError(
            f"training.resume_from: {source} holds no checkpoint to go on from; give the checkpoint_dir of a run that has saved one."
        )
    return source / CHECKPOINTS


def _facts(config: TrainConfig, loaded: LoadedTable, tables: Mapping[str, FeatureTable]) -> dict[str, Any]:
    """What the folder's training.json says beside curves and comparison."""
    return {
        "configuration": config.model_dump(mode="json"),
        "seed": config.training.seed,
        "dataset": {
            "path": str(loaded.path),
            "feature_path": loaded.feature_path,
            "content_sha256": loaded.content,
            "samples_without_features": loaded.num_empty,
        },
        "splits": {name: list(table.ids) for name, table in tables.items()},
        "software": software(),
    }


def _maps(tokenizer: FittedTokenizer) -> str:
    """How many columns went through which map before they were standardised."""
    counts = {warp: len(names) for warp, names in tokenizer.transform.warp.names(tokenizer.registry.names).items()}
    linear = len(tokenizer.registry.names) - sum(counts.values())
    return ", ".join(f"{warp} {count}" for warp, count in {"linear": linear, **counts}.items())


def _provenance(facts: Mapping[str, Any]) -> dict[str, str]:
    """The same in words, for the report."""
    sizes = ", ".join(f"{name} {len(ids)}" for name, ids in facts["splits"].items())
    return {
        **dict(
            zip(DATA_LABELS, (facts["dataset"]["path"], facts["dataset"]["content_sha256"] or "unknown"), strict=True)
        ),
        "split by parameter draw": sizes,
        "seed": str(facts["seed"]),
        **{f"version of {name}": version for name, version in facts["software"].items()},
    }
