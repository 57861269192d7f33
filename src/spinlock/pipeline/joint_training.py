"""Train the networks of several families in one run, and take families that were trained before."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor

from spinlock.config.train import PARAMETERS, TrainConfig
from spinlock.core.errors import InputError, listed
from spinlock.core.plain import from_plain
from spinlock.core.report import Report
from spinlock.core.views import selected
from spinlock.pipeline.progress import Progress
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import family_path, load_table
from spinlock.pipeline.tokenizers import judged_again, load_rows, rows_by_id
from spinlock.pipeline.train_columns import Trained, callbacks_of, split_view, training_steps
from spinlock.pipeline.train_parameters import TrainedParameters, bits_of
from spinlock.store.outputs import claim_output
from spinlock.store.parameters_folder import PARAMETERS_FOLDER
from spinlock.store.tokenizer_folder import TOKENIZER
from spinlock.training.callbacks import Callback, tell_end, tells
from spinlock.training.coupling import Coupling, CrossTerm
from spinlock.training.estimator import CHECKPOINTS, MAPPING
from spinlock.training.families import load_member, vectors_of
from spinlock.training.parameters import ParameterTokenizer
from spinlock.training.problem import Problem
from spinlock.training.run import Fitting, OnProgress, TrainingRun
from spinlock.training.spec import CrossSpec, JointSpec

log = logging.getLogger(__name__)

Families = Mapping[str, Trained | TrainedParameters]


def train_jointly(
    config: TrainConfig, joint: JointSpec, before: Families, *, resume: bool, progress: Progress
) -> dict[str, Trained]:
    """Every family of columns that is not trained yet, those with a network in one run, with its checkpoints in `checkpoint_dir`.

    Args:
        config: of all families.
        joint: how.
        before: families that were trained before, whose split is everybody's.
        resume: go on from the newest checkpoint, if there is one.
        progress: is told of every epoch.

    Raises:
        InputError: if no family has a network to be coupled through, or the checkpoint is of another run.
    """
    folder = config.training.checkpoint_dir
    resumed = resume and (folder / CHECKPOINTS).is_dir()
    names = [name for name in config.families if name != PARAMETERS and name not in before]
    splits = next((one.splits for one in before.values()), None) or _splits(config, names[0])

    found: dict[str, Trained] = {}
    fits: dict[str, Fitting[Trained]] = {}
    problems: dict[str, Problem] = {}
    told = {name: callbacks_of(config.of_family(name), progress) for name in names}
    with ExitStack() as claimed:
        for name in names:
            own = config.of_family(name)
            claimed.enter_context(claim_output(folder / name, TOKENIZER))
            has_categories = (folder / name / MAPPING).is_file()
            steps = training_steps(own, splits=splits, resumed=resumed and has_categories, progress=progress)
            log.info("family %s:", name)
            try:
                problems[name] = next(steps)
                fits[name] = steps
            except StopIteration as end:
                found[name] = end.value
        if not problems:
            log.warning(
                "joint: no family has a network to train (set metric: columns and coarse: codebook, or backend: vqvae)."
            )
        cross = joint.cross and _cross_term(config, joint.cross, problems, {**before, **found}, splits)
        if problems:
            run = TrainingRun(problems, Coupling(problems, joint, cross))
            run.to_the_end(
                checkpoints=folder / CHECKPOINTS,
                resume=resumed,
                on_progress=_teller({name: told[name] for name in problems}),
            )
        for name, steps in fits.items():
            found[name] = _result(name, steps)
        for name, one in found.items():
            tell_end(told[name], one.tokenizer.result_)
    return found


def take_frozen(config: TrainConfig, name: str, source: Path) -> Trained | TrainedParameters:
    """A family that was trained before, with the rows of its splits, copied into its place below `checkpoint_dir`.

    Raises:
        InputError: if the folder holds no tokenizer of this family, or the data set lacks its samples.
    """
    member, folder = load_member(source), config.training.checkpoint_dir / name
    if isinstance(member, ParameterTokenizer) != (name == PARAMETERS):
        raise InputError(
            f"families.{name}.frozen: {source} holds tokens of something else; give the folder of {name} tokens."
        )
    with claim_output(folder, PARAMETERS_FOLDER if name == PARAMETERS else TOKENIZER):
        member.save_pretrained(folder)
    if isinstance(member, ParameterTokenizer):
        facts = member.facts
        return TrainedParameters(
            folder=folder,
            figures=facts.get("figures", {}),
            tokenizer=member,
            runs=run_parameters(config.dataset_path),
            splits=facts.get("splits", {}),
        )
    record = member.record_
    if record.dataset.get("feature_path", family_path(name)) != family_path(name):
        raise InputError(
            f"families.{name}.frozen: {source} was fitted to {record.dataset['feature_path']}; give the folder of {name} tokens."
        )
    loaded = load_rows(config.dataset_path, record)
    views = rows_by_id(loaded.table, record.splits, whose=str(config.dataset_path))
    stored = record.report
    report = from_plain(Report, stored) if stored else judged_again(member, loaded, whose=str(source))[0]
    return Trained(folder=folder, report=report, tokenizer=member, views=views)


def check_splits(families: Families) -> None:
    """Refuse families that were trained before on splits of their own.

    Raises:
        InputError: naming the first that differs.
    """
    (first, splits), *others = ((name, one.splits) for name, one in families.items())
    of = {id_: split for split, ids in splits.items() for id_ in ids}
    for name, own in others:
        differs = next((id_ for split, ids in own.items() for id_ in ids if of.get(id_, split) != split), None)
        if differs is not None:
            raise InputError(
                f"families.{name}.frozen was trained on another split than {first} (sample '{differs}'); give families of one split."
            )


def _splits(config: TrainConfig, name: str) -> dict[str, Sequence[str]]:
    table = load_table(config.dataset_path, family_path(name)).table
    return {split: view.ids for split, view in split_view(table, config).items()}


def _teller(told: Mapping[str, Sequence[Callback]]) -> OnProgress:
    """Tells everybody what is of their family, by the names that it would have alone."""

    def tell(figures: Mapping[str, float]) -> None:
        common = {name: figures[name] for name in ("epoch", "step", "num_steps")}
        for name, callbacks in told.items():
            own = {key.removeprefix(f"{name}_"): value for key, value in figures.items() if key.startswith(f"{name}_")}
            if own:
                tells(callbacks)({**common, **own})

    return tell


def _result(name: str, steps: Fitting[Trained]) -> Trained:
    """What a fit ends with after its network was trained."""
    try:
        next(steps)
    except StopIteration as end:
        kept = end.value.tokenizer.record_.facts["kept"]
        if kept != "vqvae":
            log.info("%s: %s tokens are better on validation rows than its network's, and are kept.", name, kept)
        return end.value
    raise AssertionError("a fit has one network")


def _cross_term(
    config: TrainConfig,
    cross: CrossSpec,
    problems: Mapping[str, Problem],
    others: Families,
    splits: Mapping[str, Sequence[str]],
) -> CrossTerm:
    """The coupling term: what is predicted are the first tokens of the family's residual codebooks or words, which stay as they are."""
    sources = {name: problems[name] for name in cross.sources if name in problems}
    if not sources:
        raise InputError(
            f"training.joint.cross: none of {listed(cross.sources)} has a network to learn from it; set metric: columns and "
            "coarse: codebook, or backend: vqvae, for one of them."
        )
    ids = (*splits["train"], *splits["validation"])
    parts = [_vectors(config, name, others, ids, splits["train"]) for name in cross.sources if name not in problems]
    fixed = {id_: torch.cat([part[id_] for part in parts if id_ in part]) for id_ in ids} if parts else {}
    width = max((len(vector) for vector in fixed.values()), default=0)
    fixed = {id_: vector for id_, vector in fixed.items() if len(vector) == width}
    target, sizes = _coarse(cross.predict, problems, others, ids)
    return CrossTerm(sources, fixed=fixed, target=target, sizes=sizes)


def _vectors(
    config: TrainConfig, name: str, others: Families, ids: Sequence[str], train: Sequence[str]
) -> dict[str, Tensor]:
    """What the tokens of a family without a network stand for, by sample."""
    if name == PARAMETERS:
        runs = run_parameters(config.dataset_path)
        frozen = others.get(name)
        tokenizer = (
            frozen.tokenizer
            if isinstance(frozen, TrainedParameters)
            else ParameterTokenizer(bits_of(config)).fit(runs.of_ids(train))
        )
        tokens = tokenizer.encode(runs.of_ids(ids))
        return dict(zip(tokens.ids, tokenizer.vectors(tokens), strict=True))
    one = others[name]
    assert isinstance(one, Trained)
    tokens = one.tokenizer.encode(selected(one.table, ids))
    return dict(zip(tokens.ids, vectors_of(one.tokenizer, tokens), strict=True))


def _coarse(
    name: str, problems: Mapping[str, Problem], others: Families, ids: Sequence[str]
) -> tuple[dict[str, Tensor], list[int]]:
    """The first-level tokens of a family by sample, and their codebook sizes; without those of a single code."""
    if name in problems:
        one = problems[name]
        sizes = one.classical.codebook_sizes[:, 0].cpu()
        rows = [one.data.packing.batch(part) for part in (one.data.train, one.data.validation)]
        codes = torch.cat([one.classical.encode(batch)[:, :, 0] for batch in rows]).cpu()
        names: Sequence[str] = (*one.ids[0], *one.ids[1])
    else:
        trained = others[name]
        assert isinstance(trained, Trained)
        view = selected(trained.table, ids)
        fitted = trained.tokenizer.tokenizer_
        sizes, codes, names = fitted.codebook_sizes[:, 0], fitted.coarse_codes(view), view.ids
    kept = sizes > 1
    return dict(zip(names, codes[:, kept], strict=True)), sizes[kept].tolist()
