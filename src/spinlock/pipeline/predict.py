"""`spinlock predict`: which tokens parameters lead to, and how well that is known, on draws that were held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from spinlock.core.errors import InputError
from spinlock.core.threads import one_thread
from spinlock.dynamics.parameter_space import Value
from spinlock.pipeline.prediction_inputs import PredictionInputs
from spinlock.pipeline.progress import Progress, silent
from spinlock.pipeline.question_runs import PARTS, Runs, load_runs
from spinlock.questions.prediction import (
    Distribution,
    Rows,
    TokenForest,
    accuracy,
    agreement,
    calibration_error,
    fit_token_forest,
    log_loss,
)
from spinlock.training.split import split_by_group

ALL = "all categories"


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryPrediction:
    """How well the coarse token of one category is known before a run is made, on draws that were held out.

    Attributes:
        category: its name; "all categories" for their sum of bits and mean of shares.
        bits: that the token still costs, -log2 of its probability on average.
        system_bits, overall_bits: the same where only the system is known, and where nothing is.
        accuracy: share of rows whose likeliest token is theirs.
        system_accuracy: the same where only the system is known.
        calibration_error: of the likeliest token, in 10 bins.
        agreement: share of pairs of samples of one draw with equal tokens; NaN where draws have one sample.
        at_most: the root of it, which the accuracy of nobody who knows the draw alone exceeds on average.
    """

    category: str
    bits: float
    system_bits: float
    overall_bits: float
    accuracy: float
    system_accuracy: float
    calibration_error: float
    agreement: float
    at_most: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionFigures:
    """What predictions of coarse tokens are worth.

    Attributes:
        held_out: rows that they are judged by.
        draws: of parameters among them, none of which was fitted to.
        pairs: of held-out rows that share a draw, which the agreement is measured on.
        min_rows, mix: of the forest, as validation rows chose them.
        categories: all together first, then one by one.
    """

    held_out: int
    draws: int
    pairs: int
    min_rows: int
    mix: float
    categories: tuple[CategoryPrediction, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenPredictor:
    """Parameters → the distribution of coarse tokens.

    Attributes:
        figures: what it is worth.
        inputs: what it is told of a run.
        forest: that was fitted.
        category_names: in the order of the forest's outputs.
    """

    figures: PredictionFigures
    inputs: PredictionInputs
    forest: TokenForest
    category_names: tuple[str, ...]

    def distribution(
        self, *, system: str, parameters: Mapping[str, Value], initial_condition: str = ""
    ) -> dict[str, Float[np.ndarray, " token"]]:
        """Category → probability of each coarse token, and of being absent as the last entry.

        Args:
            system: one of the data set's.
            parameters: name → value; what is left out is taken as unknown.
            initial_condition: its kind; "" only where that of the runs is unknown.

        Raises:
            UsageError: for a name that no run has.
            InputError: for a choice that is not known.
        """
        row = self.inputs.row(system, initial_condition, parameters)
        given = self.forest(row[None], np.array([self.inputs.number(system)]))
        return {name: one[0] for name, one in zip(self.category_names, given, strict=True)}


@one_thread()
def predict(
    dataset: str | Path, tokenizer: str | Path, *, seed: int = 0, progress: Progress = silent
) -> TokenPredictor:
    """Fit a forest from parameters, system and kind of initial condition to coarse tokens, and judge it on draws that it never saw.

    The rows are those that the tokenizer held out, where it was fitted to this data set; else 15 % of the draws for the judging, and
    15 % for the choice of settings.

    Args:
        dataset: a data-set file.
        tokenizer: the folder of a tokenizer that was made for its columns.
        seed: of the forest, and of the split where the tokenizer has none for these rows.
        progress: is told of the rows that are encoded.

    Raises:
        InputError: if the data set says neither systems nor parameters, or has too few draws.
    """
    runs = load_runs(Path(dataset), Path(tokenizer), progress=progress)
    if not any(runs.values) and len(set(runs.systems)) < 2:
        raise InputError(
            f"{runs.path} holds neither parameters nor several systems, so there is nothing to predict from."
        )
    inputs = PredictionInputs.of(runs)
    parts = {name: _rows(runs, inputs, rows) for name, rows in _splits(runs, seed).items()}
    test_rows = _splits(runs, seed)["test"]
    sizes = [int(size) + 1 for size in runs.tokens.codebook_sizes[:, 0]]
    forest = fit_token_forest(
        parts["train"], parts["validation"], sizes=sizes, num_systems=len(inputs.systems), seed=seed
    )
    groups = [runs.tokens.groups[row] for row in test_rows.tolist()]
    names = runs.tokens.category_names
    return TokenPredictor(
        figures=_figures(forest, parts["test"], groups, names), inputs=inputs, forest=forest, category_names=names
    )


def _splits(runs: Runs, seed: int) -> Mapping[str, Int[np.ndarray, " row"]]:
    if runs.splits is not None:
        return runs.splits
    return {name: rows.numpy() for name, rows in zip(PARTS, split_by_group(runs.tokens.groups, seed=seed), strict=True)}


def _rows(runs: Runs, inputs: PredictionInputs, rows: Int[np.ndarray, " row"]) -> Rows:
    """Some runs; a category that is absent has the label after its last token."""
    chosen = rows.tolist()
    systems = [runs.systems[row] for row in chosen]
    coarse, sizes = runs.coarse[rows], runs.tokens.codebook_sizes[:, 0].numpy()
    return Rows(
        inputs=inputs.rows(systems, [runs.starts[row] for row in chosen], [runs.values[row] for row in chosen]),
        systems=np.array([inputs.number(system) for system in systems]),
        labels=np.where(coarse < 0, sizes, coarse).astype(int),
    )


def _figures(forest: TokenForest, test: Rows, groups: list[str], names: tuple[str, ...]) -> PredictionFigures:
    given = forest(test.inputs, test.systems)
    of_system, overall = forest.frequencies.by_system(test.systems), forest.frequencies.of_all(len(test.systems))

    def bits(one: Distribution) -> np.ndarray:
        return log_loss(one, test.labels)

    num_pairs, same = agreement(test.labels, groups)
    found = {
        "accuracy": accuracy(given, test.labels),
        "system_accuracy": accuracy(of_system, test.labels),
        "calibration_error": calibration_error(given, test.labels),
        "agreement": same,
        "at_most": np.sqrt(same),
    }
    costs = {"bits": bits(given), "system_bits": bits(of_system), "overall_bits": bits(overall)}
    together = {name: float(value.sum()) for name, value in costs.items()}
    together |= {name: float(value.mean()) for name, value in found.items()}
    each = [
        CategoryPrediction(category=name, **{key: float(value[place]) for key, value in (costs | found).items()})
        for place, name in enumerate(names)
    ]
    return PredictionFigures(
        held_out=len(groups),
        draws=len(set(groups)),
        pairs=num_pairs,
        min_rows=forest.min_rows,
        mix=forest.mix,
        categories=(CategoryPrediction(category=ALL, **together), *each),
    )
