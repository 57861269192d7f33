"""`spinlock propose`: parameters of a system that will show a wanted behaviour, with what they were stepped from."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from spinlock.core.cluster import OnCluster, Scheduler
from spinlock.core.errors import UsageError, did_you_mean
from spinlock.core.plain import to_plain
from spinlock.core.seeds import stream
from spinlock.core.threads import one_thread
from spinlock.core.workers import Executor, InThisProcess
from spinlock.dynamics.parameter_space import Value
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.question_runs import Runs, SystemRuns, load_runs
from spinlock.pipeline.simulate_proposals import check_can_simulate, tokens_of
from spinlock.questions.forest import fit_forest, probabilities
from spinlock.questions.proposals import MIN_ROWS, SHARE, Jitters, choose, jitters
from spinlock.store.outputs import claim_output
from spinlock.store.proposal_file import CONFIGURATIONS, PROPOSALS, save_configuration, save_proposals

MOST_NAMED = 4
"""Tokens or systems that a refusal names."""
SAMPLES_OF_A_PROPOSAL = 16
"""Samples that a configuration made of a proposal simulates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """One choice of parameters.

    Attributes:
        parameters: all that the run from which it was stepped has, those of the initial condition among them.
        initial_condition: its kind; "" where it is unknown.
        probability: of the wanted tokens, by the forest.
        from_run: sample that showed the wanted tokens, and that it was stepped from.
        showed_it: whether its simulation did; None where none was asked for.
    """

    parameters: Mapping[str, Value]
    initial_condition: str
    probability: float
    from_run: str
    showed_it: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """What became of the proposals, each run with an initial condition and noise of its own.

    Attributes:
        runs: simulated.
        showed_it: of them.
        success_rate: their share.
        base_rate: the same share of the data set's runs of the system.
    """

    runs: int
    showed_it: int
    success_rate: float
    base_rate: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposals:
    """Parameters that will show a wanted behaviour, the likeliest first.

    Attributes:
        system: whose parameters.
        wanted: category → coarse token.
        runs: of the system in the data set.
        seen: of them that showed it.
        base_rate: their share.
        steps: in what small steps were measured: "own ranges" of the parameters, or "ranks of the runs" where these are not known.
        proposals: fewer than were asked for where others would be almost the same.
        simulated: where it was asked for.
    """

    system: str
    wanted: Mapping[str, int]
    runs: int
    seen: int
    base_rate: float
    steps: str
    proposals: tuple[Proposal, ...]
    simulated: Simulated | None = None


@one_thread()
def propose(  # noqa: PLR0913 the question, where to look, and how hard
    dataset: str | Path,
    tokenizer: str | Path,
    *,
    want: Mapping[str, int] | str,
    system: str | None = None,
    count: int = 8,
    simulate: bool = False,
    seed: int = 0,
    output: str | Path | None = None,
    scheduler: Scheduler | None = None,
    progress: Progress = silent,
) -> Proposals:
    """Parameters that will show wanted coarse tokens: small steps from runs that showed them, ranked by a forest.

    Choices, random weights and the initial condition stay those of the run that a proposal is stepped from.

    Args:
        dataset: a data-set file.
        tokenizer: the folder of a tokenizer that was made for its columns.
        want: category → coarse token, or the same as text: "temporal=12 nonlinear=3".
        system: whose parameters; not needed where the data set has one system.
        count: of proposals.
        simulate: run each once, with a new initial condition and new noise, and see whether it shows the tokens.
        seed: of the steps and the forest.
        output: a new file for them: .json, or .yaml for one proposal as a configuration that `spinlock generate` takes.
        scheduler: of the Dask cluster whose workers simulate: its address, or the workers that are started for it; this process
            otherwise.
        progress: is told of the rows and runs.

    Raises:
        UsageError: if a category, a token or the system is not known, no run of the system showed the tokens, it has no parameters
            that could be changed, or it cannot be simulated here.
        InputError: if something else than proposals is at `output`.
    """
    if scheduler is not None and not simulate:
        raise UsageError("a cluster simulates the proposals: add --simulate (simulate=True), or leave it out.")
    if count < 1:
        raise UsageError(f"the number of proposals must be at least 1; got {count}.")
    executor = None
    if simulate:
        executor = InThisProcess() if scheduler is None else OnCluster(scheduler=scheduler, target=None)
    claimed = nullcontext() if output is None else claim_output(output, PROPOSALS, inputs=(dataset,))
    with claimed:
        runs = load_runs(Path(dataset), Path(tokenizer), progress=progress)
        answer = propose_from(
            runs, want=want, system=system, count=count, seed=seed, executor=executor, progress=progress
        )
        if output is not None:
            _save(runs, answer, Path(output))
    return answer


def propose_from(  # noqa: PLR0913 as `propose`
    runs: Runs,
    *,
    want: Mapping[str, int] | str,
    system: str | None = None,
    count: int = 8,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Proposals:
    """The same of runs that are loaded; simulated where an executor is given."""
    wanted = wanted_tokens(want, runs)
    showed = _show(runs.coarse, wanted, runs)
    name = _system(runs, system, showed)
    own = runs.of_system(name)
    seen = showed[own.rows]
    if not seen.any():
        raise UsageError(_not_seen(runs, own.rows, wanted, name))
    if not own.axes:
        raise UsageError(f"{runs.path} holds no parameters of '{name}', so there is nothing to propose.")
    if executor is not None:
        check_can_simulate(runs, name)
    candidates, chances = _candidates(runs, own, seen, seed=seed)
    is_kept = np.array([axis.is_kept for axis in own.axes])
    origins = own.rows[seen][candidates.origins]
    draws = np.unique([runs.tokens.groups[row] for row in origins.tolist()], return_inverse=True)[1]
    chosen = choose(chances, np.nan_to_num(candidates.places, nan=-1.0), is_kept, draws, count=count)
    found = tuple(
        _proposal(runs, own, int(origins[one]), candidates.places[one], float(chances[one])) for one in chosen
    )
    answer = Proposals(
        system=name,
        wanted=wanted,
        runs=len(own.rows),
        seen=int(seen.sum()),
        base_rate=float(seen.mean()),
        steps="ranks of the runs" if runs.space(name) is None else "own ranges",
        proposals=found,
    )
    return answer if executor is None else _simulated(runs, answer, executor, progress)


def wanted_tokens(want: Mapping[str, int] | str, runs: Runs) -> dict[str, int]:
    """Category → coarse token of what was asked for.

    Raises:
        UsageError: for a category or a token that the tokenizer does not have, or text of another form.
    """
    names, sizes = runs.tokens.category_names, runs.tokens.codebook_sizes[:, 0].tolist()
    given = _pairs(want) if isinstance(want, str) else dict(want)
    if not given:
        raise UsageError("at least one category=token must be wanted; got none.")
    for category, token in given.items():
        if category not in names:
            raise UsageError(f"the tokenizer has no category '{category}'. {did_you_mean(category, names)}")
        size = sizes[names.index(category)]
        if not 0 <= token < size:
            raise UsageError(f"coarse tokens of '{category}' go from 0 to {size - 1}; got {token}.")
    return given


def _pairs(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for pair in text.replace(",", " ").split():
        category, _, token = pair.partition("=")
        if not token.isdecimal() or category in found:
            raise UsageError(
                f"what is wanted is category=token, each category once, as in 'temporal=12 nonlinear=3'; got '{text}'."
            )
        found[category] = int(token)
    return found


def _show(coarse: Int[np.ndarray, "row category"], wanted: Mapping[str, int], runs: Runs) -> Bool[np.ndarray, " row"]:
    columns = [runs.tokens.category_names.index(category) for category in wanted]
    return (coarse[:, columns] == list(wanted.values())).all(1)


def _system(runs: Runs, system: str | None, showed: Bool[np.ndarray, " row"]) -> str:
    names = list(dict.fromkeys(runs.systems))
    if system is not None or len(names) == 1:
        return names[0] if system is None else system
    where = Counter(name for name, is_seen in zip(runs.systems, showed.tolist(), strict=True) if is_seen)
    told = ", ".join(f"{name} ({number} runs)" for name, number in where.most_common(MOST_NAMED))
    raise UsageError(
        f"{runs.path} has runs of {len(names)} systems: say with --system (system=) whose parameters are wanted; "
        f"{f'most runs that showed it are of {told}' if told else 'no run of any showed it'}."
    )


def _not_seen(runs: Runs, rows: Int[np.ndarray, " run"], wanted: Mapping[str, int], system: str) -> str:
    """One sentence: what was wanted, and which tokens of the same categories the system's runs have instead."""
    columns = [runs.tokens.category_names.index(category) for category in wanted]
    codes = runs.coarse[rows][:, columns]
    shared = (codes == list(wanted.values())).sum(1)
    near = Counter(map(tuple, codes[(shared == shared.max()) & (shared > 0)].tolist()))
    often = Counter(map(tuple, codes.tolist()))

    def told(counts: Counter[tuple[int, ...]]) -> str:
        return ", ".join(f"{_words(wanted, codes)} ({number})" for codes, number in counts.most_common(MOST_NAMED))

    nearest = f"; nearest to it are {told(near)}" if near else ""
    return (
        f"none of the {len(rows)} runs of '{system}' showed {_words(wanted, wanted.values())}, so there is nothing to start from"
        f"{nearest}; seen most are {told(often)}."
    )


def _words(wanted: Mapping[str, int], tokens: Iterable[int]) -> str:
    return " ".join(f"{category}={token}" for category, token in zip(wanted, tokens, strict=True))


def _candidates(
    runs: Runs, own: SystemRuns, seen: Bool[np.ndarray, " run"], *, seed: int
) -> tuple[Jitters, Float[np.ndarray, " candidate"]]:
    """Steps around the runs that showed it, and the forest's probability of each."""
    is_kept = np.array([axis.is_kept for axis in own.axes])
    found = jitters(own.places[seen], is_kept, rng=stream(seed, "propose"))
    starts = _starts(runs, own)
    labels = seen[:, None].astype(int)
    forest = fit_forest(_inputs(own.places, starts), labels, seed=seed, min_rows=MIN_ROWS, share=SHARE)
    chances = probabilities(forest, _inputs(found.places, starts[seen][found.origins]), (2,))[0][:, 1]
    return found, chances


def _starts(runs: Runs, own: SystemRuns) -> Float[np.ndarray, "run input"]:
    """What is known of the initial conditions of a system's runs: each kind as 0 or 1, and its numbers, -1 where it has none."""
    kinds = sorted({runs.starts[row] for row in own.rows.tolist()})
    taken = {axis.name for axis in own.axes}
    values = [runs.values[row] for row in own.rows.tolist()]
    names = sorted({name for run in values for name in run if name not in taken})
    of_kind = [[runs.starts[row] == kind for kind in kinds] for row in own.rows.tolist()]
    numbers = [[float(run.get(name, -1.0)) for name in names] for run in values]
    return np.concatenate([np.array(of_kind, dtype=float), np.array(numbers).reshape(len(values), len(names))], axis=1)


def _inputs(places: Float[np.ndarray, "row axis"], starts: Float[np.ndarray, "row input"]) -> np.ndarray:
    return np.concatenate([np.nan_to_num(places, nan=-1.0), starts], axis=1)


def _proposal(
    runs: Runs, own: SystemRuns, origin: int, place: Float[np.ndarray, " axis"], probability: float
) -> Proposal:
    given = runs.values[origin]
    values = {
        axis.name: axis.stored(given[axis.name]) if axis.is_kept else axis.value(float(u))
        for axis, u in zip(own.axes, place, strict=True)
        if axis.name in given
    }
    return Proposal(
        parameters={**given, **values},
        initial_condition=runs.starts[origin],
        probability=probability,
        from_run=runs.tokens.ids[origin],
    )


def _simulated(runs: Runs, answer: Proposals, executor: Executor, progress: Progress) -> Proposals:
    """The same with what became of each proposal."""
    given = [(one.parameters, one.initial_condition) for one in answer.proposals]
    tokens = tokens_of(runs, answer.system, given, executor=executor, progress=progress)
    showed = _show(tokens.codes[:, :, 0].numpy(), answer.wanted, runs).tolist()
    return replace(
        answer,
        proposals=tuple(replace(one, showed_it=hit) for one, hit in zip(answer.proposals, showed, strict=True)),
        simulated=Simulated(
            runs=len(showed), showed_it=sum(showed), success_rate=sum(showed) / len(showed), base_rate=answer.base_rate
        ),
    )


def _save(runs: Runs, answer: Proposals, output: Path) -> None:
    """Write proposals: all as JSON, or the only one as a configuration that `spinlock generate` takes.

    Such a configuration simulates samples of the proposed parameters with the settings of the data set; the kind of initial condition
    is the proposed one, its length and detail are drawn anew.

    Args:
        runs: that they were made from.
        answer: the proposals.
        output: .json, .yaml or .yml.

    Raises:
        UsageError: for a configuration of what is not one choice of parameters of a known system.
    """
    if output.suffix.lower() not in CONFIGURATIONS:
        save_proposals(to_plain(answer), output)
        return
    best, config, space = answer.proposals[0], runs.config, runs.space(answer.system)
    if config is None or space is None:
        raise UsageError(
            f"the runs of '{answer.system}' were not simulated by spinlock, so no configuration of it makes them; write .json."
        )
    if len(answer.proposals) != 1:
        raise UsageError(
            f"a configuration holds one choice of parameters; got {len(answer.proposals)}: give -n 1 (count=1), or write .json."
        )
    own = config.systems[answer.system].model_dump(mode="json", exclude_defaults=True)
    fixed = {parameter.name: best.parameters[parameter.name] for parameter in space.parameters}
    settings = config.model_dump(mode="json", exclude_defaults=True, exclude={"sampling", "storage"})
    settings |= {
        "num_samples": SAMPLES_OF_A_PROPOSAL,
        "output_path": str(output.with_suffix(".h5")),
        "seed": config.seed + 1,  # other initial conditions and noise than the data set's
        "systems": {answer.system: own | {"parameters": fixed}},
        "initial_conditions": [best.initial_condition],
    }
    title = f"{answer.system}, {_words(answer.wanted, answer.wanted.values())}, from sample {best.from_run}"
    save_configuration(settings, output, title=title)
