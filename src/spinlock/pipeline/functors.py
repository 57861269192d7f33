"""`spinlock functors`: what operations do to runs, in tokens and in words, and where it holds."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from spinlock.core.errors import InputError, UsageError
from spinlock.core.threads import one_thread
from spinlock.core.tokens import TokenTable, side_by_side
from spinlock.core.views import View
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.question_runs import stored_config
from spinlock.pipeline.recipe import pairs_of, plan_of
from spinlock.pipeline.tokenizers import load_rows
from spinlock.questions.functors import (
    NUM_DIRECTIONS,
    NUM_SIZES,
    Agreement,
    Changes,
    FunctorCodebook,
    agreements,
    effects,
    has_effect,
)
from spinlock.store.dataset import open_dataset
from spinlock.store.outputs import claim_output
from spinlock.store.token_file import TOKENS, save_tokens
from spinlock.training.estimator import Tokenizer
from spinlock.vqvae.behaviour import CLIP, BehaviourEmbedding
from spinlock.words.trends import in_words, trends

FAMILY = "functors"


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationEffect:
    """What an operation does to the runs of one system.

    Attributes:
        system: of the runs.
        operation: a word.
        bases: at which it was tried.
        with_effect: of them, above the noise floor.
        size: mean length of its effect, in units of what noise does to a run.
        direction: its most frequent one; 0 where it has mostly none.
        share: of the bases that have this direction.
        words: what rises and what falls, by the mean change in standard deviations of all runs and the share of runs that
            go this way.
    """

    system: str
    operation: str
    bases: int
    with_effect: int
    size: float
    direction: int
    share: float
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Direction:
    """A token of direction.

    Attributes:
        direction: 1, 2, …
        effects: that have it.
        mostly: the operations that have it most, with how often.
        words: as of an operation.
    """

    direction: int
    effects: int
    mostly: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Functors:
    """Operations as functors: tokens of what they do, and what of it is the same from other initial conditions and at other parameters.

    Attributes:
        runs: of the data set.
        bases: draws of parameters.
        initial_conditions: of each base.
        effects: operations at bases.
        with_effect: of them, above the noise floor.
        operations: system by system.
        directions: of the tokens.
        figures: portability, additivity and transfer beside what they would be by chance.
    """

    runs: int
    bases: int
    initial_conditions: int
    effects: int
    with_effect: int
    operations: tuple[OperationEffect, ...]
    directions: tuple[Direction, ...]
    figures: tuple[Agreement, ...]


class Pairing(NamedTuple):
    """Which rows are the two runs of each pair; -1 for a run without any feature."""

    base: Int[np.ndarray, "effect initial"]
    operated: Int[np.ndarray, "effect initial"]
    systems: tuple[str, ...]
    groups: tuple[str, ...]
    operations: tuple[str, ...]


@one_thread()
def functors(
    dataset: str | Path,
    tokenizer: str | Path,
    *,
    directions: int = NUM_DIRECTIONS,
    seed: int = 0,
    output: str | Path | None = None,
    progress: Progress = silent,
) -> Functors:
    """What the operations of `spinlock pairs` do: the mean change over initial conditions, as tokens, in words and in figures.

    Args:
        dataset: a data-set file of pairs.
        tokenizer: the folder of a tokenizer that was made for its columns, or behaviour-1.
        directions: codes of the tokens.
        seed: of the codes.
        output: a new token file: a row an operation at a base.
        progress: is told of the rows.

    Raises:
        InputError: if the data set has no pairs.
        UsageError: if there are fewer than two directions.
        NamesDifferError: if the tokenizer was made for other columns.
    """
    if directions < 2:
        raise UsageError(f"the number of directions must be at least 2; got {directions}.")
    claimed = nullcontext() if output is None else claim_output(output, TOKENS, inputs=(dataset,))
    with claimed:
        fitted = Tokenizer.from_pretrained(tokenizer)
        view = load_rows(Path(dataset), fitted.record_).table
        pairing = load_pairing(Path(dataset), view)
        progress("functors", 0, len(view))
        changes = changes_of(pairing, fitted.embed(view).double().numpy())
        progress("functors", len(view), len(view))
        book = FunctorCodebook.fit(changes.values, num_directions=directions, seed=seed)
        codes = book.encode(changes.values)
        if output is not None:
            save_tokens(_tokens(changes, pairing, codes, directions), Path(output))
    embedding = fitted.tokenizer_.embedding
    assert embedding is not None
    scores, names = _scores(embedding, view)
    moved = _paired(pairing, scores)
    return Functors(
        runs=len(view),
        bases=len(set(pairing.groups)),
        initial_conditions=pairing.base.shape[1],
        effects=len(changes),
        with_effect=int(has_effect(changes.values).sum()),
        operations=_operations(changes, codes, moved, names),
        directions=_directions(changes, codes, moved, names),
        figures=agreements(changes, num_directions=directions, seed=seed),
    )


def load_pairing(path: Path, view: View) -> Pairing:
    """The pairs of a data set.

    Args:
        path: a data-set file that `spinlock pairs` made.
        view: rows of it.

    Raises:
        InputError: if it was made otherwise, or lacks samples.
    """
    with open_dataset(path) as dataset:
        config = stored_config(dataset)
        ids, groups = dataset.ids_and_groups(len(dataset))
    pairs = None if config is None else pairs_of(config)
    if config is None or pairs is None:
        raise InputError(f"{path} has no pairs of base and operated runs; make them with `spinlock pairs`.")
    if len(ids) != config.num_samples:
        raise InputError(f"{path} must have all {config.num_samples} runs of its pairs; got {len(ids)}.")
    plan = plan_of(config)
    words = {name: [operation.text for operation in pairs.of_system(space)] for name, space in plan.spaces.items()}
    row_of = {name: row for row, name in enumerate(view.ids)}
    rows = [row_of.get(name, -1) for name in ids]
    found: dict[tuple[int, str], list[tuple[int, int]]] = {}
    system_of: dict[int, str] = {}
    for one in plan.plans:
        if one.noise_key is not None:
            operation = words[one.system][one.index - one.noise_key - 1]
            found.setdefault((one.group, operation), []).append((rows[one.noise_key], rows[one.index]))
            system_of[one.group] = one.system
    both = np.array(list(found.values()))  # (effect, initial, run of the pair)
    first = {plan.group: groups[plan.index] for plan in reversed(plan.plans)}
    return Pairing(
        base=both[..., 0],
        operated=both[..., 1],
        systems=tuple(system_of[group] for group, _ in found),
        groups=tuple(first[group] for group, _ in found),
        operations=tuple(operation for _, operation in found),
    )


def changes_of(pairing: Pairing, places: Float[np.ndarray, "row axis"]) -> Changes:
    """The changes between the two runs of each pair, in the coordinates of the rows."""
    return Changes(
        values=_paired(pairing, places),
        systems=pairing.systems,
        bases=pairing.groups,
        operations=pairing.operations,
    )


def _paired(pairing: Pairing, values: Float[np.ndarray, "row axis"]) -> Float[np.ndarray, "effect initial axis"]:
    there = (pairing.base >= 0) & (pairing.operated >= 0)
    return np.where(there[..., None], values[pairing.operated] - values[pairing.base], np.nan)


def _scores(embedding: BehaviourEmbedding, view: View) -> tuple[Float[np.ndarray, "row column"], list[str]]:
    """Normal scores of the columns that the embedding looks at, NaN where one is missing; and their names."""
    blocks = []
    for block in view.blocks():
        z, mask = embedding.transform(*(part[:, embedding.columns] for part in (block.values, block.mask)))
        blocks.append(torch.where(mask > 0, z.double().clamp(-CLIP, CLIP), torch.nan))
    return torch.cat(blocks).numpy(), [view.registry.names[column] for column in embedding.columns.tolist()]


def _operations(
    changes: Changes,
    codes: Int[np.ndarray, "effect 2"],
    moved: Float[np.ndarray, "effect initial column"],
    names: list[str],
) -> tuple[OperationEffect, ...]:
    lengths = np.linalg.norm(effects(changes.values), axis=1)
    kinds = list(zip(changes.systems, changes.operations, strict=True))
    found = []
    for system, operation in dict.fromkeys(kinds):
        own = np.array([kind == (system, operation) for kind in kinds]) & (codes[:, 0] >= 0)
        if not own.any():
            continue
        direction, count = Counter(codes[own, 0].tolist()).most_common(1)[0]
        found.append(
            OperationEffect(
                system=system,
                operation=operation,
                bases=int(own.sum()),
                with_effect=int((codes[own, 0] > 0).sum()),
                size=float(lengths[own].mean()),
                direction=direction,
                share=count / int(own.sum()),
                words=_words(moved[own], names),
            )
        )
    return tuple(found)


def _directions(
    changes: Changes,
    codes: Int[np.ndarray, "effect 2"],
    moved: Float[np.ndarray, "effect initial column"],
    names: list[str],
) -> tuple[Direction, ...]:
    found = []
    for direction in sorted(set(codes[codes[:, 0] > 0, 0].tolist())):
        own = codes[:, 0] == direction
        counts = Counter(
            operation if system in operation else f"{system} {operation}"
            for system, operation, is_own in zip(changes.systems, changes.operations, own.tolist(), strict=True)
            if is_own
        )
        told = ", ".join(f"{name} ({count})" for name, count in counts.most_common(3))
        found.append(
            Direction(direction=direction, effects=int(own.sum()), mostly=told, words=_words(moved[own], names))
        )
    return tuple(found)


def _words(moved: Float[np.ndarray, "effect initial column"], names: list[str]) -> str:
    runs = moved.reshape(-1, moved.shape[2])
    return in_words(trends(runs[np.isfinite(runs).any(1)], names))


def _tokens(changes: Changes, pairing: Pairing, codes: Int[np.ndarray, "effect 2"], directions: int) -> TokenTable:
    tokens = TokenTable(
        codes=torch.from_numpy(codes)[:, :, None],
        category_names=("direction", "size"),
        codebook_sizes=torch.tensor([[1 + directions], [1 + NUM_SIZES]]),
        ids=tuple(f"{group}/{operation}" for group, operation in zip(pairing.groups, pairing.operations, strict=True)),
        groups=pairing.groups,
        facts={"system": changes.systems},
    )
    return side_by_side({FAMILY: tokens})
