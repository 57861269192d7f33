"""Where runs lie: on a map of their behaviour, and in planes of their systems' parameters."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import false_discovery_control

from spinlock.core.views import numbered
from spinlock.pipeline.gallery import caption_of, gallery_rollout, samples_of
from spinlock.pipeline.words import Dictionary
from spinlock.plots.cards import anchor_of
from spinlock.plots.marks import Colouring, by_class, by_value
from spinlock.plots.run_map import Axis, MapRun, PhaseMap, RunMap
from spinlock.questions.phases import MOST_DRAWS, find_plane
from spinlock.questions.projection import Projection, project
from spinlock.store.dataset import Dataset
from spinlock.store.dataset_paths import ARRAYS
from spinlock.training.estimator import Tokenizer
from spinlock.words.word import Word, called

MOST_MAP_RUNS = 1000
MOST_CARDS_AND_FILMS = 1200
"""On a page together: with more words fewer runs on the map have a film."""
FEWEST_VALUES = 8
"""Runs on the map with a parameter, below which it is no choice of colour."""
PHASE_CLASSES = 6
FALSE_DISCOVERIES = 0.05


def run_map(fitted: Tokenizer, found: Dictionary, dataset: Dataset) -> RunMap | None:
    """A thousand runs at most, evenly chosen, where alike ones lie side by side; None without a behaviour metric.

    Args:
        fitted: the tokenizer.
        found: its words measured on `dataset`, with the rows.
        dataset: with states, if runs are to be seen.
    """
    assert found.table is not None
    assert found.tokens is not None
    tokens = found.tokens
    if fitted.tokenizer_.embedding is None:
        return None
    embedding = fitted.embed(found.table).numpy()
    known = np.flatnonzero(~np.isnan(embedding).any(axis=1))
    rows = known[:: max(1, -(-len(known) // MOST_MAP_RUNS))]
    if not len(rows):
        return None
    plane = project(embedding[rows])
    samples, systems = samples_of(tokens, dataset), dataset.systems
    coarse = tokens.codes[:, :, 0].numpy()
    num_films = max(0, MOST_CARDS_AND_FILMS - len(found.words)) if dataset.has_states else 0
    filmed = set(rows[:: max(1, -(-len(rows) // num_films))].tolist()) if num_films else set()
    runs = tuple(
        MapRun(
            system=systems[samples[row]].replace("_", " "),
            name=caption_of(dataset, samples[row]),
            sentence=found.sentences.get(tokens.ids[row], ""),
            x=x,
            y=y,
            tokens=tuple(coarse[row].tolist()),
            rollout=gallery_rollout(dataset, samples[row]) if row in filmed else None,
        )
        for row, (x, y) in zip(rows.tolist(), _within_one(plane).tolist(), strict=True)
    )
    return RunMap(
        runs=runs,
        num_runs=len(known),
        method=plane.method,
        categories=tuple((anchor_of(name, 0)[:-1], called(name)) for name in tokens.category_names),
        colourings=(
            *(
                by_word(coarse[rows, place], name, found.words, label=called(name))
                for place, name in enumerate(tokens.category_names)
            ),
            by_class([run.system for run in runs], kind="Run", label="system"),
            *_by_parameter(dataset, [samples[row] for row in rows.tolist()]),
        ),
    )


def by_word(
    codes: Int[np.ndarray, " run"], category: str, words: tuple[Word, ...], *, label: str, most: int | None = None
) -> Colouring:
    """Runs by their coarse token in a category, with its name or title in the legend."""
    said = {str(one.token): one.name or one.title for one in words if one.category == category}
    return by_class(
        ["" if code < 0 else str(code) for code in codes.tolist()],
        kind="Word",
        label=label,
        text=lambda code: f"{code} {said.get(code, '')}".strip(),
        anchor=lambda code: anchor_of(category, int(code)),
        **({} if most is None else {"most": most}),
    )


def phase_maps(found: Dictionary, dataset: Dataset, *, seed: int) -> tuple[tuple[PhaseMap, ...], int]:
    """Systems in the plane of the two parameters in which words gather most, and how many were looked at.

    Only systems in which they gather more than shuffled words do, at 5 % false discoveries over systems (Benjamini & Hochberg).
    Draws count, by their first row, since rows of a draw have the same parameters.

    Args:
        found: words measured on `dataset`, with the rows.
        dataset: with parameters.
        seed: of the shuffles.
    """
    assert found.tokens is not None
    tokens = found.tokens
    if dataset.file.kind(ARRAYS["params"].path) is None or dataset.file.kind(ARRAYS["system"].path) is None:
        return (), 0
    samples, coarse = np.array(samples_of(tokens, dataset)), tokens.codes[:, :, 0].numpy()
    first = np.unique(numbered(tokens.groups).numpy(), return_index=True)[1]
    systems = np.array([dataset.systems[sample] for sample in samples[first]])
    planes, maps = [], []
    for system in np.unique(systems).tolist():
        rows = first[systems == system][:MOST_DRAWS]
        names, values = _numbers_of(dataset, system, samples[rows])
        plane = find_plane(values, coarse[rows], seed=seed)
        if plane is None:
            continue
        category = tokens.category_names[plane.category]
        planes.append(plane)
        maps.append(
            PhaseMap(
                system=system.replace("_", " "),
                category=called(category),
                across=Axis(names[plane.across], tuple(values[:, plane.across].tolist())),
                up=Axis(names[plane.up], tuple(values[:, plane.up].tolist())),
                colouring=by_word(
                    coarse[rows, plane.category], category, found.words, label=called(category), most=PHASE_CLASSES
                ),
                same=plane.same,
                chance=plane.chance,
            )
        )
    if not planes:
        return (), len(np.unique(systems))
    is_found = false_discovery_control([plane.p for plane in planes]) <= FALSE_DISCOVERIES
    return tuple(one for one, kept in zip(maps, is_found, strict=True) if kept), len(np.unique(systems))


def _numbers_of(
    dataset: Dataset, system: str, samples: Int[np.ndarray, " row"]
) -> tuple[list[str], Float[np.ndarray, "row parameter"]]:
    """Names and values of a system's parameters that are numbers, and that all of these samples have."""
    columns, table = dataset.parameters
    values = table[samples].astype(np.float64)
    known = np.flatnonzero(np.isfinite(values).all(axis=0)).tolist()
    own = [place for place in known if columns[place].system == system and not columns[place].choices]
    return [columns[place].parameter for place in own], values[:, own]


def _by_parameter(dataset: Dataset, samples: list[int]) -> Iterator[Colouring]:
    """Runs by each parameter of each system that enough of them have."""
    if dataset.file.kind(ARRAYS["params"].path) is None:
        return
    columns, table = dataset.parameters
    for column, values in zip(columns, table[samples].T.astype(np.float64), strict=True):
        if np.isfinite(values).sum() < FEWEST_VALUES:
            continue
        kind = f"Parameter of {column.system.replace('_', ' ')}" if column.system else "Parameter"
        label = column.parameter.replace("_", " ")
        if column.choices:
            known = dict(enumerate(column.choices))
            names = [known.get(value, "") for value in values.tolist()]  # NaN is in no dictionary
            if len(set(filter(None, names))) > 1:
                yield by_class(names, kind=kind, label=label)
        elif (shaded := by_value(values, kind=kind, label=label)) is not None:
            yield shaded


def _within_one(plane: Projection) -> Float[np.ndarray, "row 2"]:
    """Places from 0 to 1 along both axes."""
    low, high = plane.places.min(axis=0), plane.places.max(axis=0)
    return (plane.places - low) / np.where(high > low, high - low, 1.0)
