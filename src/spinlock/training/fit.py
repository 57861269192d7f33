"""Fit every backend that was asked for, keep the one that is best on validation rows, and fit that once more to all rows."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from spinlock.core import ranks
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import ConfigError, InputError
from spinlock.core.feature_table import FeatureTable
from spinlock.core.shown import shown
from spinlock.core.views import View, in_memory, thinned
from spinlock.metrics.reconstruction import prefix_mse
from spinlock.metrics.token_distance import level_weights
from spinlock.training.code_space import fit_code_space
from spinlock.training.data import TrainingData, reconstruction_mse
from spinlock.training.history import History
from spinlock.training.joint_fit import fit_joint
from spinlock.training.problem import Problem
from spinlock.training.run import Fitting, OnProgress, trained_alone
from spinlock.training.sizes import Sizes, choose_sizes
from spinlock.training.spec import FitSpec
from spinlock.vqvae.behaviour import BehaviourEmbedding
from spinlock.vqvae.coder import Coder
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.joint import JointCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.corpus_distance import MOST_REFERENCE, CorpusBoundary
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.spec import EncoderSpec, Level, ModelSpec
from spinlock.vqvae.tokenizer import FittedTokenizer

log = logging.getLogger(__name__)

MOST_RUNS = 20_000
"""Rows that the embedding is fitted to, at most: whole draws by a seeded choice."""
LATENT_DIMS = (32, 16, 8)
"""Look-up dimensions of the levels of the learned backend where sizes are left to the data; 8 beyond the third."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendScore:
    """One backend's figures in standardised units.

    Attributes:
        backend: its name.
        train_mse: mean squared error of the present entries of the training rows.
        validation_mse: the same of the validation rows, which decides.
        is_kept: whether this is the one in the tokenizer.
    """

    backend: str
    train_mse: float
    validation_mse: float
    is_kept: bool


@shown
@dataclass(frozen=True, kw_only=True, slots=True)
class FitResult:
    """A tokenizer and how it came about.

    Attributes:
        tokenizer: with the kept backend.
        chosen: the tokenizer as validation rows chose it, before it was fitted once more with them; the same one without.
        model: the shape that was asked for, with the sizes that were chosen.
        history: curves of the learned backend; empty where none was trained.
        comparison: the figures of every backend, at equal bits.
    """

    tokenizer: FittedTokenizer
    chosen: FittedTokenizer
    model: ModelSpec
    history: History
    comparison: tuple[BackendScore, ...]

    @property
    def kept(self) -> str:
        """Name of the kept backend."""
        return self.tokenizer.coder.name


def _check_device(name: str) -> None:
    """Refuse a device that this machine, or its build of torch, does not have."""
    kind, _, number = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count()}[kind]
    if int(number or 0) >= there:
        raise ConfigError(f"device: '{name}' is not there; this machine has {there} of the kind '{kind}': use cpu.")


class _Candidate(NamedTuple):
    """A fitted coder, and what a second fit must repeat of what validation rows chose."""

    coder: ClassicalCoder | JointCoder | LearnedCoder
    rounds: int = 0
    penalties: tuple[int | None, ...] | None = None


def fit_tokenizer(  # noqa: PLR0913 the rows, a spec of each part, and where the run is kept
    train: View,
    validation: View,
    *,
    category_map: CategoryMap,
    model: ModelSpec | None = None,
    encoder: EncoderSpec | None = None,
    fit: FitSpec | None = None,
    runs: View | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> FitResult:
    """The result of `fitting`, its network trained by itself.

    Args:
        train: rows that everything is fitted to.
        validation: rows of other draws.
        category_map: of these columns.
        model, encoder, fit, runs: as of `fitting`.
        checkpoints: folder for the state of the training; nowhere when not given.
        resume: go on from the newest checkpoint, where there is one.
        on_progress: called with the figures of every epoch: "epoch", the losses and, when due, "validation_mse".

    Raises:
        NamesDifferError: if the tables or the map are of different columns.
        InputError: if there are too few rows, or the checkpoint is of another run.
    """
    steps = fitting(train, validation, category_map=category_map, model=model, encoder=encoder, fit=fit, runs=runs)
    return trained_alone(steps, checkpoints=checkpoints, resume=resume, on_progress=on_progress)


def fitting(
    train: View,
    validation: View,
    *,
    category_map: CategoryMap,
    model: ModelSpec | None = None,
    encoder: EncoderSpec | None = None,
    fit: FitSpec | None = None,
    runs: View | None = None,
) -> Fitting[FitResult]:
    """A tokenizer fitted to the training rows; validation rows choose among backends, epochs and ridge strengths.

    With more than `fit.fit_rows` training rows, a seeded choice of whole draws is fitted to, and validation rows are
    thinned alike.

    Args:
        train: rows that everything is fitted to.
        validation: rows of other draws.
        category_map: of these columns.
        model: the shape of the tokenizer; the defaults when not given, as of the next two.
        encoder: what encodes the columns.
        fit: how to fit and train.
        runs: single realizations of the training draws, by `groups`, which tell noise from behaviour for the embedding, the
            metric and words; the training rows when not given.

    Yields:
        the network to train, where one was asked for.

    Raises:
        NamesDifferError: if the tables or the map are of different columns.
        InputError: if there are too few rows.
    """
    model, encoder, fit = model or ModelSpec(), encoder or EncoderSpec(), fit or FitSpec()
    _check_device(fit.device)
    category_map.check_names(train.registry.names)
    train.registry.check_same_names(validation.registry.names, whose="the validation table")
    if len(train) < 2 or len(validation) < 1:
        raise InputError(
            f"fitting needs at least 2 training rows and 1 validation row; got {len(train)} and {len(validation)}."
        )
    most = (fit.fit_rows, max(1, fit.fit_rows * len(validation) // len(train)))
    seen = [in_memory(thinned(view, count, fit.seed)) for view, count in zip((train, validation), most, strict=True)]
    behaving = in_memory(thinned(seen[0] if runs is None else runs, MOST_RUNS, fit.seed))
    asked = model
    has_replicates = len(set(behaving.groups)) < len(behaving)
    if model.metric == "behaviour" and not has_replicates:
        log.warning("metric: behaviour needs draws with several runs, and every draw has one here; columns are kept.")
        model = model.model_copy(update={"metric": "columns"})
    model = model.decided(has_replicates=has_replicates, num_rows=len(behaving))
    log.info("metric: %s, coarse: %s.", model.metric, model.coarse)
    warp = "rank_gauss" if model.metric == "behaviour" and fit.column_warp == "auto" else fit.column_warp
    normalizer = TableNormalizer.fit(seen[0], category_map=category_map, warp=warp, device=fit.device)
    rows = [normalizer(table) for table in seen]
    data = fit_code_space(
        TrainingData(train=rows[0], validation=rows[1], packing=normalizer.packing, spec=fit),
        groups=seen[0].groups,
        runs=None if runs is None else behaving,
        normalizer=normalizer,
        registry=train.registry,
        model=model,
        category_names=category_map.categories,
    )

    sizes = choose_sizes(data, category_names=category_map.categories, model=model)
    model = _with_sizes(model, sizes, category_map.categories)
    log.info("codebook sizes: %s", sizes.reason)
    ids = seen[0].ids, seen[1].ids
    candidates, history = yield from _candidates(data, sizes, model=model, encoder=encoder, ids=ids)
    comparison = _compared({name: candidate.coder for name, candidate in candidates.items()}, data)
    kept = candidates[next(score.backend for score in comparison if score.is_kept)]
    chosen = FittedTokenizer(
        normalizer=normalizer,
        category_map=category_map,
        registry=train.registry,
        coder=kept.coder,
        boundary=None,
        embedding=BehaviourEmbedding.fit(behaving),
        provenance={
            "model": asked.model_dump(mode="json"),
            "encoder": encoder.model_dump(mode="json"),
            "fit": fit.model_dump(mode="json", include=set(FitSpec.model_fields)),
            "num_train": len(train),
            "num_validation": len(validation),
            "num_fitted": len(seen[0]) + len(seen[1]) * fit.refit,
            "column_warps": normalizer.transform.warp.names(train.registry.names),
            "codebook_sizes": {"tokens": sizes.tokens.tolist(), "reason": sizes.reason},
        },
    )
    chosen = _with_boundary(chosen, *seen, spec=fit)
    final = _refitted(chosen, kept, data, sizes) if fit.refit else chosen
    return FitResult(tokenizer=final.cpu(), chosen=chosen.cpu(), model=model, history=history, comparison=comparison)


def _candidates(
    data: TrainingData,
    sizes: Sizes,
    *,
    model: ModelSpec,
    encoder: EncoderSpec,
    ids: tuple[tuple[str, ...], tuple[str, ...]],
) -> Fitting[tuple[dict[str, _Candidate], History]]:
    """Every backend that was asked for, and the curves of the learned one."""
    _check_processes(data, model)
    classical, rounds = fit_classical(data, sizes=sizes)
    candidates: dict[str, _Candidate] = {}
    history = History()
    if model.backend in ("classical", "auto"):
        candidates["classical"] = _Candidate(classical, rounds)
    if model.backend in ("predictive", "auto"):
        candidates["predictive"] = _joint(_Candidate(classical, rounds), data)
    if model.backend == "auto" and model.category_tokens:
        log.info("vqvae: not fitted, because its codebooks have one size for all categories.")
    elif model.backend == "auto" and (data.metric or data.words):
        log.info("vqvae: not fitted, because it keeps columns, by codebooks.")
    elif model.backend in ("vqvae", "auto"):
        problem = Problem(classical, data, model=model, encoder=encoder, ids=ids)
        yield problem
        candidates["vqvae"] = _joint(_Candidate(problem.coder()), data)
        history = problem.history
    return candidates, history


def _check_processes(data: TrainingData, model: ModelSpec) -> None:
    """Refuse to share a fit among processes in which there is no network to train, or of which some had no rows."""
    keeps_columns = data.metric is None and data.words is None
    if ranks.world() > 1 and not (model.backend == "vqvae" or (model.backend == "auto" and keeps_columns)):
        raise ConfigError(
            f"several processes train a network, and with backend: {model.backend}, metric: {model.metric} and coarse: "
            f"{model.coarse} there is none; set backend: vqvae, metric: columns and coarse: codebook, or start it without torchrun."
        )
    rows = min(len(data.train.x), len(data.validation.x))
    if rows < ranks.world():
        raise InputError(
            f"every process needs a training and a validation row; there are {rows} for {ranks.world()}: start fewer."
        )


def _joint(own: _Candidate, data: TrainingData) -> _Candidate:
    """A candidate with joint decoders on top, where they are asked for."""
    if not data.spec.joint_decoding or isinstance(own.coder, JointCoder):
        return own
    joint = fit_joint(own.coder, data)
    return _Candidate(joint.coder, own.rounds, joint.choices)


def fit_classical(data: TrainingData, *, sizes: Sizes, rounds: int | None = None) -> tuple[ClassicalCoder, int]:
    """Residual codebooks, then rounds of fitting them together; the coder, and how many rounds it took.

    Args:
        data: rows to fit to, and rows that choose the number of rounds.
        sizes: of the codebooks.
        rounds: how many, where that was chosen before; as many as validation rows gain by when not given.
    """
    spec = data.spec
    coder = ClassicalCoder.fit(
        data.codebook_batch,
        sizes=sizes.tokens.to(data.train.x.device),
        how=data.how,
        search_beam=spec.beam,
        neighbors=data.category_neighbors,
        metric=data.metric,
        words=data.words,
    )
    best = reconstruction_mse(coder, data.validation, packing=data.packing) if rounds is None else 0.0
    for number in range(spec.refit_rounds if rounds is None else rounds):
        how = replace(data.how, seed=spec.seed + number + 1)
        candidate = coder.refit(data.codebook_batch, how=how, neighbors=data.category_neighbors)
        if rounds is None:
            mse = reconstruction_mse(candidate, data.validation, packing=data.packing)
            log.debug("round %d of fitting all codewords: validation error %.4f, before %.4f.", number, mse, best)
            if mse >= best:
                return coder, number
            best = mse
        coder = candidate
    return coder, spec.refit_rounds if rounds is None else rounds


def _refitted(chosen: FittedTokenizer, kept: _Candidate, data: TrainingData, sizes: Sizes) -> FittedTokenizer:
    """Codebooks and decoders fitted once more, to training and validation rows, by all that was chosen before.

    Trained networks stay as they are: their epochs were chosen by validation rows. The embedding and the boundary of the corpus
    stay too, since no rows are left that nothing was fitted to.
    """
    everything = data.together()
    own = kept.coder.own if isinstance(kept.coder, JointCoder) else kept.coder
    if isinstance(own, ClassicalCoder):
        own, _ = fit_classical(everything, sizes=sizes, rounds=kept.rounds)
    coder = own if kept.penalties is None else fit_joint(own, everything, choices=kept.penalties).coder
    return replace(chosen, coder=coder)


def _with_boundary(
    tokenizer: FittedTokenizer, train: FeatureTable, validation: FeatureTable, *, spec: FitSpec
) -> FittedTokenizer:
    """The tokenizer with the weights of its levels and the boundary of its corpus, both by validation rows."""
    reference = tokenizer.embed(thinned(train, MOST_REFERENCE, spec.seed))
    tokens = tokenizer.encode(validation)
    x, mask = (part.cpu() for part in tokenizer.normalize(validation))
    prefixes = [tokenizer.decode_normalized(tokens, num_levels=level + 1) for level in range(tokens.codes.shape[2])]
    return replace(
        tokenizer,
        boundary=CorpusBoundary.fit(reference, tokenizer.embed(validation), quantile=spec.corpus_quantile),
        level_weights=level_weights(prefix_mse(x, prefixes, mask).tolist()),
    )


def _with_sizes(model: ModelSpec, sizes: Sizes, category_names: tuple[str, ...]) -> ModelSpec:
    """The shape with levels that hold the chosen sizes; it gives the same sizes again."""
    if model.levels is not None:
        return model
    largest = sizes.tokens.amax(dim=0).tolist()
    levels = tuple(
        Level(latent_dim=LATENT_DIMS[min(level, len(LATENT_DIMS) - 1)], num_tokens=most)
        for level, most in enumerate(largest)
    )
    rows = zip(category_names, sizes.tokens.tolist(), strict=True)
    others = {name: tuple(tokens) for name, tokens in rows if tokens != largest}
    return model.model_copy(update={"levels": levels, "category_tokens": others, "bits": None})


def _compared(candidates: Mapping[str, Coder], data: TrainingData) -> tuple[BackendScore, ...]:
    """Figures of every backend; the best on validation rows is marked, the first of equals."""
    figures = {
        name: [reconstruction_mse(coder, rows, packing=data.packing) for rows in (data.train, data.validation)]
        for name, coder in candidates.items()
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
