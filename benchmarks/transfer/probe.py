"""What descriptions of films say of what made them, on every corpus of a folder: one table a measure.

    python benchmarks/transfer/probe.py --folder runs/transfer --tokenizers flat=runs/transfer/tokenizer [--bits 24 50 72]

Rows are descriptions (`<corpus>.<name>.npz`) and whatever each tokenizer makes of `<corpus>.features.h5`; columns are corpora, each with
its labels and, where it has any, its kinds. No probe sees the draw that it is tested on; see `measures.py`. `--parameters` adds R² of
each parameter of the equations by a random forest, trained on the other draws of the same family, five folds; parameters that were
drawn in the logarithm are compared in the logarithm.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from measures import FOLDS, Score, few_shot, linear, neighbours, regression
from representations import Representation, of_file, of_tokenizer
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

CORPORA = ("equations", "life_like", "wolfram", "lattices", "gray_scott", "flows")
DESCRIPTIONS = ("spinlock", "catch22", "tsfresh", "hydra", "multirocket", "vicreg")
MEASURES = {"5-NN": neighbours, "one draw a class": few_shot, "linear": linear}
Parameters = dict[str, dict[str, tuple[np.ndarray, bool]]]
"""Family → parameter → its draws, and whether they were drawn in the logarithm."""


class Task(NamedTuple):
    """What is to be told, and which films are tested together."""

    label: np.ndarray
    draw: np.ndarray


class Corpus(NamedTuple):
    """The truth about a corpus: tasks by name, numbers that are known, and parameters of equations."""

    tasks: dict[str, Task]
    numbers: dict[str, Task]
    parameters: Parameters


def load(path: Path) -> Corpus:
    """Labels, kinds and numbers of a corpus, without its films."""
    with h5py.File(path) as file:
        label, draw = file["label"][:].astype(str), file["draw"][:]
        tasks = {"label": Task(label, draw)}
        if "kind" in file:
            tasks["kind"] = Task(file["kind"][:].astype(str), np.unique(label, return_inverse=True)[1])
        numbers = {name: Task(values[:], draw) for name, values in file.get("numbers", {}).items()}
        parameters = {
            family: {name: (values[:], bool(values.attrs["log"])) for name, values in group.items()}
            for family, group in file.get("parameters", {}).items()
        }
    return Corpus(tasks, numbers, parameters)


def representations(folder: Path, corpus: str, arguments: argparse.Namespace) -> Iterator[tuple[str, Representation]]:
    """Everything that is compared on a corpus, by name; what was not made for it is left out and said."""
    for by in arguments.by:
        path = folder / f"{corpus}.{by}.npz"
        if not path.exists():
            print(f"{path} is not there: {by} is left out on {corpus}.", flush=True)
            continue
        for scaling, found in of_file(path):
            yield f"{by}, {scaling}", found
    for entry in arguments.tokenizers:
        name, _, place = entry.partition("=")
        for what, found in of_tokenizer(Path(place), folder / f"{corpus}.features.h5", rates=arguments.bits):
            yield f"{name}: {what}", found


def measured(found: Representation, corpus: Corpus) -> dict[str, dict[str, Score]]:
    """Measure → task → score."""
    scores: dict[str, dict[str, Score]] = {}
    for name, measure in MEASURES.items():
        values = found.near if measure is neighbours else found.linear
        scores[name] = {task: measure(values, *truth) for task, truth in corpus.tasks.items()}
    scores["linear"] |= {name: regression(found.linear, *truth) for name, truth in corpus.numbers.items()}
    return scores


def most_frequent(corpus: Corpus) -> dict[str, dict[str, Score]]:
    """Measure → task → share of the most frequent label: what knowing nothing of a film gets."""
    shares = {task: np.unique(truth.label, return_counts=True)[1].max() for task, truth in corpus.tasks.items()}
    scores = {task: Score(float(count / len(corpus.tasks[task].label)), 0.0) for task, count in shares.items()}
    return {name: dict(scores) for name in MEASURES} | {
        "linear": scores | dict.fromkeys(corpus.numbers, Score(0.0, 0.0))
    }


def recovery(values: np.ndarray, family: np.ndarray, parameters: Parameters) -> dict[str, float]:
    """R² of each parameter of each family."""
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    forest = RandomForestRegressor(100, max_features=1 / 3, random_state=0)
    found = {}
    for name, drawn in parameters.items():
        rows = values[family == name]
        for parameter, (numbers, is_log) in drawn.items():
            target = np.log(numbers) if is_log else numbers
            found[f"{name}.{parameter}"] = float(r2_score(target, cross_val_predict(forest, rows, target, cv=folds)))
    return found


def table(results: dict[str, dict], measure: str) -> str:
    """One measure as a table in Markdown: a row a description, a column a task."""
    columns = [(corpus, task) for corpus, rows in results.items() for task in next(iter(rows.values()))[measure]]
    names = dict.fromkeys(name for rows in results.values() for name in rows)
    head = " | ".join(corpus if task == "label" else f"{corpus}, {task}" for corpus, task in columns)
    lines = [f"| {measure} | bits | {head} |", "|---" * (len(columns) + 2) + "|"]
    for name in names:
        bits = [rows[name]["bits"] for rows in results.values() if name in rows and rows[name]["bits"]]
        spent = f"{min(bits):.0f}" + (f" to {max(bits):.0f}" if max(bits) - min(bits) >= 1 else "") if bits else ""
        cells = []
        for corpus, task in columns:
            score = results[corpus].get(name, {}).get(measure, {}).get(task)
            cells.append("" if score is None else f"{score[0]:.3f} ± {score[1]:.3f}")
        lines.append(f"| {name} | {spent} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA))
    parser.add_argument("--by", nargs="*", default=list(DESCRIPTIONS), help="<corpus>.<name>.npz in the folder")
    parser.add_argument("--tokenizers", nargs="*", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--bits", type=float, nargs="+", default=[24.0, 50.0, 72.0], help="rates of tokens, nominal")
    parser.add_argument(
        "--parameters", action="store_true", help="R² of the parameters of equations, which takes longest"
    )
    parser.add_argument("--output", type=Path, help="a JSON file with everything, written after each corpus")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of classes with fewer draws than folds
    results: dict[str, dict] = {}
    for name in arguments.corpora:
        begun, corpus = time.perf_counter(), load(arguments.folder / f"{name}.h5")
        results[name] = {"most frequent label": {"bits": None, "columns": 0, **most_frequent(corpus)}}
        for row, found in representations(arguments.folder, name, arguments):
            results[name][row] = {"bits": found.bits, "columns": found.linear.shape[1], **measured(found, corpus)}
            if arguments.parameters and corpus.parameters:
                families = corpus.tasks["label"].label
                results[name][row]["parameters"] = recovery(found.linear, families, corpus.parameters)
        print(f"{name}: {len(results[name]) - 1} descriptions, {time.perf_counter() - begun:.0f} s", flush=True)
        if arguments.output:
            arguments.output.write_text(json.dumps(results, indent=1))
    for measure in MEASURES:
        print(f"\n{table(results, measure)}")
    for name, rows in results.items():
        for row, found in rows.items():
            if "parameters" in found:
                print(f"{name}, {row}: parameters mean R² {np.mean(list(found['parameters'].values())):.3f}")


if __name__ == "__main__":
    main()
