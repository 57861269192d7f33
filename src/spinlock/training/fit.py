"""Fit every backend that was asked for, and keep the one that is best on validation rows."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import ConfigError, InputError, did_you_mean
from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.metrics.reconstruction import prefix_mse
from spinlock.metrics.token_distance import level_weights
from spinlock.training.checkpoint import Checkpoints
from spinlock.training.history import History
from spinlock.training.joint_refit import refit_joint_decoders
from spinlock.training.predictive_fit import fit_predictive
from spinlock.training.rows import Rows, TrainingData, reconstruction_mse
from spinlock.training.run import TrainingRun, train_to_the_end
from spinlock.training.settings import TrainingSettings
from spinlock.training.sizes import Sizes, choose_sizes
from spinlock.vqvae.backend import Backend
from spinlock.vqvae.beam_search import Codebook
from spinlock.vqvae.classical import ClassicalBackend, ResidualFit, row_neighbors
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.corpus_distance import CorpusBoundary, corpus_distance, usual_errors
from spinlock.vqvae.imputation import CategoryImputer
from spinlock.vqvae.learned import LearnedBackend, build_model
from spinlock.vqvae.levels import ParallelLevels
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.packing import Packing
from spinlock.vqvae.tokenizer import FittedTokenizer

log = logging.getLogger(__name__)
BACKEND_NAMES = ("vqvae", "classical", "predictive", "auto")
STARTS = ("classical", "random")

LATENT_DIMS = (32, 16, 8)
"""Look-up dimensions of the levels of the learned backend where sizes are left to the data; 8 beyond the third."""

OnProgress = Callable[[Mapping[str, float]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendScore:
    """One backend's figures in standardised units.

    Attributes:
        backend: its name; "vqvae start" is the learned one before its first step.
        train_mse: mean squared error of the present entries of the training rows.
        validation_mse: the same of the validation rows, which decides.
        is_kept: whether this is the one in the tokenizer.
    """

    backend: str
    train_mse: float
    validation_mse: float
    is_kept: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FitResult:
    """A tokenizer and how it came about.

    Attributes:
        tokenizer: with the kept backend.
        history: curves of the learned backend; empty where none was trained.
        comparison: the figures of every backend, at equal bits.
        kept: name of the kept backend.
    """

    tokenizer: FittedTokenizer
    history: History
    comparison: tuple[BackendScore, ...]
    kept: str


def fit_tokenizer(
    train: FeatureTable,
    validation: FeatureTable,
    *,
    category_map: CategoryMap,
    config: TokenizerConfig,
    settings: TrainingSettings | None = None,
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> FitResult:
    """A tokenizer fitted to the training rows; validation rows choose among backends, epochs and ridge strengths.

    Args:
        train: rows that everything is fitted to.
        validation: rows of other draws.
        category_map: of these columns.
        config: levels, backend and network.
        settings: how to train; the defaults when not given.
        checkpoints: where to save the state of the training; nowhere when not given.
        resume: go on from the newest checkpoint, where there is one.
        on_progress: called with the figures of every epoch: "epoch", the losses and, when due, "validation_mse".

    Raises:
        NamesDifferError: if the tables or the map are of different columns.
        ConfigError: if the backend is unknown.
        InputError: if there are too few rows, or the checkpoint is of another run.
    """
    settings = settings or TrainingSettings()
    _check(train, validation, category_map, config)
    packing = Packing.of(category_map)
    transform = ColumnTransform.fit(train.values, train.mask, warp=settings.column_warp)
    z, mask = transform.apply(train.values, train.mask)
    imputer = CategoryImputer.fit(z, mask, packing=packing)
    rows = Rows(imputer.fill(z, mask), mask)
    z, mask = transform.apply(validation.values, validation.mask)
    data = TrainingData(train=rows, validation=Rows(imputer.fill(z, mask), mask), packing=packing)

    sizes = choose_sizes(data, category_names=category_map.categories, config=config, settings=settings)
    config = _with_sizes(config, sizes, category_map.categories)
    log.info("codebook sizes: %s", sizes.reason)
    classical = _fit_classical(data, sizes=sizes, settings=settings)
    candidates: dict[str, Backend] = {"classical": classical} if config.backend in ("classical", "auto") else {}
    history = History()
    if config.backend in ("predictive", "auto"):
        candidates["predictive"] = fit_predictive(classical, data, settings=settings)
    if config.backend == "auto" and config.category_tokens:
        log.info("vqvae: not fitted, because its codebooks have one size for all categories.")
    elif config.backend in ("vqvae", "auto"):
        run = start_run(classical, data, config=config, settings=settings)
        candidates["vqvae start"] = run.backend()
        train_to_the_end(run, checkpoints=checkpoints, resume=resume, on_progress=on_progress)
        candidates["vqvae"] = _best_ending(run)
        history = run.history
    comparison = _compared(candidates, data)
    kept = next(score.backend for score in comparison if score.is_kept)
    tokenizer = FittedTokenizer(
        transform=transform,
        imputer=imputer,
        category_map=category_map,
        registry=train.registry,
        config=config,
        backend=candidates[kept],
        provenance={
            "settings": asdict(settings),
            "num_train": len(train),
            "num_validation": len(validation),
            "column_warps": transform.warp.names(train.names),
            "codebook_sizes": {"tokens": sizes.tokens.tolist(), "reason": sizes.reason},
        },
    )
    tokenizer = _with_yardsticks(tokenizer, train, validation, quantile=settings.corpus_quantile)
    return FitResult(tokenizer=tokenizer, history=history, comparison=comparison, kept=candidates[kept].name)


def _with_yardsticks(
    tokenizer: FittedTokenizer, train: FeatureTable, validation: FeatureTable, *, quantile: float
) -> FittedTokenizer:
    """The tokenizer with the weights of its levels and the boundary of its corpus, both by validation rows."""
    tokens, sizes = tokenizer.encode(train), tokenizer.backend.codebook_sizes
    errors = tokenizer.leftovers(train, tokens)
    usual = usual_errors(errors, tokens.codes[:, :, 0], num_tokens=int(sizes[:, 0].max()))
    tokens = tokenizer.encode(validation)
    distances = corpus_distance(tokenizer.leftovers(validation, tokens), tokens.codes[:, :, 0], usual)
    x, mask = tokenizer.normalize(validation)
    prefixes = [tokenizer.decode_normalized(tokens, num_levels=level + 1) for level in range(tokens.codes.shape[2])]
    return replace(
        tokenizer,
        boundary=CorpusBoundary.fit(usual, distances, quantile=quantile),
        level_weights=level_weights(prefix_mse(x, prefixes, mask).tolist()),
    )


def _check(train: FeatureTable, validation: FeatureTable, category_map: CategoryMap, config: TokenizerConfig) -> None:
    """Refuse what cannot be fitted."""
    if config.backend not in BACKEND_NAMES:
        raise ConfigError(f"unknown backend '{config.backend}'. {did_you_mean(config.backend, BACKEND_NAMES)}")
    if config.start not in STARTS:
        raise ConfigError(f"unknown start '{config.start}'. {did_you_mean(config.start, STARTS)}")
    if config.levels == ():
        raise ConfigError("a tokenizer needs at least one level; got none.")
    if config.levels is not None and config.bits is not None:
        raise ConfigError("`bits` contradicts `levels`, whose sizes are given; remove one of the two.")
    if config.levels is None and config.category_tokens:
        raise ConfigError("`category_tokens` needs `levels`, which it overrides for single categories; give them.")
    if config.backend == "vqvae" and (config.levels is None or config.category_tokens):
        raise ConfigError("the vqvae backend needs `levels` of one codebook size for all categories; give them.")
    category_map.check_names(train.names)
    train.registry.check_same_names(validation.names, whose="the validation table")
    if len(train) < 2 or len(validation) < 1:
        raise InputError(
            f"fitting needs at least 2 training rows and 1 validation row; got {len(train)} and {len(validation)}."
        )


def _with_sizes(config: TokenizerConfig, sizes: Sizes, category_names: tuple[str, ...]) -> TokenizerConfig:
    """The configuration with levels that hold the chosen sizes; it gives the same sizes again."""
    if config.levels is not None:
        return config
    largest = sizes.tokens.amax(dim=0).tolist()
    levels = tuple(
        Level(latent_dim=LATENT_DIMS[min(level, len(LATENT_DIMS) - 1)], num_tokens=most)
        for level, most in enumerate(largest)
    )
    rows = zip(category_names, sizes.tokens.tolist(), strict=True)
    others = {name: tuple(tokens) for name, tokens in rows if tokens != largest}
    return replace(config, levels=levels, category_tokens=others, bits=None)


def _fit_classical(data: TrainingData, *, sizes: Sizes, settings: TrainingSettings) -> ClassicalBackend:
    """Residual codebooks, then rounds of fitting them together for as long as validation rows gain."""
    how = ResidualFit(
        beam=settings.training_beam,
        num_neighbors=settings.num_neighbors,
        mixing_reach=settings.mixing_reach,
        pool_rows=settings.pool_rows,
    )
    packed, present = data.packing.pack(data.train.x), data.packing.present(data.train.mask)
    neighbors = row_neighbors(packed.transpose(0, 1), present.T, fit=how)
    backend = ClassicalBackend.fit(
        *data.train,
        packing=data.packing,
        num_tokens=sizes.tokens,
        seed=settings.seed,
        how=how,
        search_beam=settings.beam,
        neighbors=neighbors,
    )
    best = reconstruction_mse(backend, data.validation)
    for number in range(settings.refit_rounds):
        candidate = backend.refit(*data.train, seed=settings.seed + number + 1, how=how, neighbors=neighbors)
        mse = reconstruction_mse(candidate, data.validation)
        log.debug("round %d of fitting all codewords together: validation error %.4f, before %.4f.", number, mse, best)
        if mse >= best:
            break
        backend, best = candidate, mse
    return backend


def start_run(
    classical: ClassicalBackend, data: TrainingData, *, config: TokenizerConfig, settings: TrainingSettings
) -> TrainingRun:
    """A training run whose model begins as the classical quantiser, corrected across categories, or anywhere.

    With residual levels, every codeword is the classical one in the principal axes of its category; with `group_embedding_dim` at least the
    columns of a category, codes and sums of codewords are the classical ones before the correction. Parallel levels cannot be that:
    they begin at k-means of each level's projection. With `start` "random" nothing is known of the data.
    """
    model = build_model(config, packing=data.packing, seed=settings.seed, restart_threshold=settings.restart_threshold)
    generator = torch_stream(settings.seed, "start")
    batch_size = min(settings.batch_size, len(data.train.x))
    if config.start == "random":
        model.start_at_random(generator=generator, batch_size=batch_size)
        return TrainingRun(model=model, data=data, config=config, settings=settings)
    embedding = model.start_at_axes(data.packing.pack(data.train.x).transpose(0, 1))
    levels = model.levels
    if isinstance(levels, ParallelLevels):
        present = data.packing.present(data.train.mask).T
        levels.start_at_rows(embedding, present, batch_size=batch_size, generator=generator)
    else:
        axes = model.extractor.skip.detach()
        books = [Codebook(book.codewords @ axes, book.is_used) for book in classical.codebooks]
        levels.start_at_codebooks(books, embedding, batch_size=batch_size)
    _refit(model, data, config=config, settings=settings)
    return TrainingRun(model=model, data=data, config=config, settings=settings)


def _refit(
    model: CategoricalHierarchicalVQVAE, data: TrainingData, *, config: TokenizerConfig, settings: TrainingSettings
) -> None:
    backend = LearnedBackend.of(model, config=config, packing=data.packing, beam=settings.beam)
    was_training = model.training
    model.eval()
    refit_joint_decoders(model, backend, train=data.train, validation=data.validation, settings=settings)
    model.train(was_training)


def _best_ending(run: TrainingRun) -> LearnedBackend:
    """The best state, with its joint decoders fitted once more."""
    if run.best_epoch > 0 and run.config.start == "classical":
        _refit(run.model, run.data, config=run.config, settings=run.settings)
    return run.backend()


def _compared(candidates: Mapping[str, Backend], data: TrainingData) -> tuple[BackendScore, ...]:
    """Figures of every backend; the best on validation rows is marked, the first of equals."""
    figures = {
        name: (reconstruction_mse(backend, data.train), reconstruction_mse(backend, data.validation))
        for name, backend in candidates.items()
    }
    kept = min(figures, key=lambda name: figures[name][1])
    for name, (train, validation) in figures.items():
        log.info(
            "%s: mean squared error %.4f on training rows, %.4f on validation rows%s.",
            name,
            train,
            validation,
            " (kept)" if name == kept else "",
        )
    return tuple(
        BackendScore(backend=name, train_mse=train, validation_mse=validation, is_kept=name == kept)
        for name, (train, validation) in figures.items()
    )
