"""Regimes of a system: a small tree over its parameters and kinds of initial condition whose leaves behave alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from sklearn.tree import DecisionTreeRegressor

from spinlock.core.tokens import MISSING
from spinlock.store.parameters_folder import Node, Regimes

LEAST_ROWS = 10
"""Training runs of a regime; one in 30 of the system's where that is more."""
ROWS_A_LEAF = 30
Facts = Mapping[str, Float[np.ndarray, " run"] | Sequence[str]]
"""Parameter → one number or word a run; a number that is missing is NaN, a word that is missing ""."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """A column of what a tree is fitted to: a number by its rank, or whether a category is a word."""

    about: str
    name: str
    column: Float[np.ndarray, " run"]
    values: Float[np.ndarray, " value"] | None = None
    equals: str | None = None


def find_regimes(facts: Facts, kinds: Sequence[str], behaviour: Float[np.ndarray, "run axis"], *, most: int) -> Regimes:
    """The tree of at most `most` leaves whose leaves differ most in behaviour.

    Asked are the parameters that every run has.

    Args:
        facts: parameters of the runs of one system.
        kinds: of initial condition.
        behaviour: what leaves should agree in.
        most: leaves.
    """
    rows = len(kinds)
    least = max(LEAST_ROWS, rows // ROWS_A_LEAF)
    questions = _questions(facts, kinds)
    if most < 2 or not questions or rows < 2 * least:
        return Regimes(nodes=[Node()])
    tree = DecisionTreeRegressor(max_leaf_nodes=most, min_samples_leaf=least, random_state=0)
    tree.fit(np.stack([question.column for question in questions], axis=1), behaviour)
    return Regimes(nodes=_nodes(tree.tree_, questions))


def _questions(facts: Facts, kinds: Sequence[str]) -> list[_Question]:
    found = []
    for name, entries in facts.items():
        if isinstance(entries, np.ndarray):
            if np.isfinite(entries).all():
                values, rank = np.unique(entries, return_inverse=True)
                found.append(_Question(about="parameter", name=name, column=rank.astype(float), values=values))
        elif all(entries):
            found += _words("parameter", name, entries)
    return [*found, *_words("initial condition", "", kinds)]


def _words(about: str, name: str, entries: Sequence[str]) -> list[_Question]:
    words = np.array(entries, dtype=object)
    return [
        _Question(about=about, name=name, column=(words == word).astype(float), equals=str(word))
        for word in sorted(set(entries))
        if word
    ]


def _nodes(tree: object, questions: Sequence[_Question]) -> list[Node]:
    """The nodes of a fitted tree of scikit-learn, each before those that follow it."""
    left, right, feature, threshold = (
        np.asarray(getattr(tree, name)) for name in ("children_left", "children_right", "feature", "threshold")
    )
    nodes, words = [], 0
    for place in range(len(left)):
        if left[place] < 0:
            nodes.append(Node(word=words))
            words += 1
            continue
        asked = questions[feature[place]]
        below, above = int(left[place]), int(right[place])
        if asked.values is None:  # the column is 1 for the word, so the word is on the right
            nodes.append(Node(about=asked.about, name=asked.name, equals=asked.equals, yes=above, no=below))
        else:
            last = int(threshold[place])
            bound = short_between(float(asked.values[last]), float(asked.values[last + 1]))
            nodes.append(Node(about=asked.about, name=asked.name, at_most=bound, yes=below, no=above))
    return nodes


def short_between(low: float, high: float) -> float:
    """The number of fewest digits x with low ≤ x < high, near their middle."""
    middle = low + (high - low) / 2
    rounded = (float(f"{middle:.{digits}g}") for digits in range(1, 17))
    return next((number for number in rounded if low <= number < high), low)


def regime_of(regimes: Regimes, facts: Facts, kinds: Sequence[str]) -> Int[np.ndarray, " run"]:
    """The word of each run; -1 where its tree asks for what the run does not have."""
    at = np.zeros(len(kinds), dtype=np.int64)
    words = np.full(len(kinds), MISSING, dtype=np.int64)
    for place, node in enumerate(regimes.nodes):
        here = np.flatnonzero(at == place)
        if node.about == "leaf":
            words[here] = node.word
            continue
        entries = kinds if node.about == "initial condition" else facts.get(node.name)
        answers = _answers(node, entries, here)
        at[here] = np.where(answers < 0, MISSING, np.where(answers == 1, node.yes, node.no))
    return words


def _answers(
    node: Node, entries: np.ndarray | Sequence[str] | None, here: Int[np.ndarray, " row"]
) -> Int[np.ndarray, " row"]:
    """1 for yes, 0 for no, -1 for no value of what is asked for."""
    if isinstance(entries, np.ndarray) and node.at_most is not None:
        values = entries[here]
        return np.where(np.isnan(values), MISSING, values <= node.at_most).astype(np.int64)
    if entries is None or isinstance(entries, np.ndarray) or node.equals is None:
        return np.full(len(here), MISSING)
    return np.array([MISSING if not entries[row] else int(entries[row] == node.equals) for row in here], dtype=np.int64)


def rules_of(regimes: Regimes) -> list[str]:
    """Each regime in words, as "feed at most 0.031 and kill above 0.058"; "always" where there is one alone."""
    told = [""] * regimes.num_words
    paths: dict[int, list[tuple[Node, bool]]] = {0: []}
    for place, node in enumerate(regimes.nodes):
        path = paths.get(place, [])
        if node.about == "leaf":
            told[node.word] = _sentence(path)
        else:
            paths |= {node.yes: [*path, (node, True)], node.no: [*path, (node, False)]}
    return told


def _sentence(path: Sequence[tuple[Node, bool]]) -> str:
    """What has been answered on the way to a leaf, the tightest bounds and the last word of each thing."""
    said: dict[tuple[str, str], dict[str, str]] = {}
    for node, yes in path:
        thing = said.setdefault((node.about, node.name), {})
        if node.at_most is not None:
            thing["at_most" if yes else "above"] = f"{'at most' if yes else 'above'} {node.at_most:g}"
        elif yes:
            thing.clear()
            thing["is"] = str(node.equals)
        else:
            thing["not"] = f"{thing['not']}, nor {node.equals}" if "not" in thing else f"not {node.equals}"
    parts = []
    for (about, name), answers in said.items():
        thing = name if about == "parameter" else about
        order = [answers[key] for key in ("above", "at_most", "is", "not") if key in answers]
        parts.append(f"{thing} {' and '.join(order)}")
    return " and ".join(parts) or "always"
