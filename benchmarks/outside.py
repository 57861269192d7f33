"""How well `Tokenizer.encode` tells rows that are not of its corpus from held-out rows that are.

    python benchmarks/outside.py --dataset runs/pairs.h5 --foreign runs/transfer/features.h5 --backend classical

One system at a time is left out of training, validation and test rows (split by draw), and all of its samples are to be found; then
the data set of other origin, by a tokenizer of all systems. AUC: of a foreign row's distance against that of a test row. `found`
and `false_alarms` are by the tokenizer's own threshold, `found_at_5` by the one that 5 % of the test rows exceed; `of_runs` are
single realizations, `false_alarms_of_runs` those of the test rows. It needs nothing that another checkout may lack: PYTHONPATH
chooses whose distance it is. That of this one does not depend on the backend, so a quick one does.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

import spinlock
from spinlock.core.views import in_memory
from spinlock.pipeline.realizations import Halves, load_halves
from spinlock.pipeline.tables import load_table
from spinlock.store.dataset import open_dataset
from spinlock.training.split import split_by_group

LEVELS = ((32, 16), (16, 16), (8, 16))


def known(distances: Tensor) -> np.ndarray:
    """Without the rows that have none."""
    return distances[~distances.isnan()].numpy()


def told_apart(own: spinlock.TokenTable, foreign: spinlock.TokenTable) -> dict[str, float]:
    """The figures of foreign rows against test rows."""
    near, far = known(own.distances), known(foreign.distances)
    labels = np.repeat([0, 1], [len(near), len(far)])
    return {
        "auc": float(roc_auc_score(labels, np.concatenate([near, far]))),
        "found": float(foreign.out_of_corpus.double().mean()),
        "false_alarms": float(own.out_of_corpus.double().mean()),
        "found_at_5": float((far > np.quantile(near, 0.95)).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="with features of single realizations")
    parser.add_argument("--foreign", type=Path, help="features of a data set of other origin")
    parser.add_argument("--systems", nargs="*", help="left out one at a time; all when not given, none for no name")
    parser.add_argument("--backend", default="predictive")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = in_memory(load_table(arguments.dataset).table)
    halves = load_halves(arguments.dataset, table)
    if halves is None:
        parser.error(f"{arguments.dataset} keeps no features of several realizations a sample")
    with open_dataset(arguments.dataset) as dataset:
        place = {name: row for row, name in enumerate(dataset.view().ids)}
        system = np.array(dataset.systems)[[place[name] for name in table.ids]]
    split = split_by_group(table.groups, fractions=(0.7, 0.15, 0.15), seed=arguments.seed)
    rows = [np.asarray(part) for part in (split.train, split.validation, split.test)]

    def judged(foreign: spinlock.FeatureTable, name: str, *, left_out: str | None = None) -> dict[str, float | str]:
        train, validation, test = (table.rows(torch.from_numpy(part[system[part] != left_out])) for part in rows)
        tokenizer = spinlock.Tokenizer(levels=LEVELS, backend=arguments.backend, random_state=arguments.seed)
        tokenizer.fit(train, validation=validation, runs=halves.runs(train.ids))
        own = tokenizer.encode(test)
        figures = told_apart(own, tokenizer.encode(foreign))
        figures |= of_runs(tokenizer, halves, test.ids, () if left_out is None else foreign.ids)
        line = {"name": name, "num_foreign": len(foreign), "num_own": len(own)} | figures
        if not arguments.json:
            print("  ".join(f"{key} {text(value)}" for key, value in line.items()), flush=True)
        return line

    every = sorted(set(system)) if arguments.systems is None else arguments.systems
    lines = [judged(table.rows(torch.from_numpy(system == one)), one, left_out=one) for one in every]
    if lines:
        columns = {key: np.array([line[key] for line in lines]) for key in lines[0] if key not in ("name",)}
        auc = {"auc_median": float(np.median(columns["auc"])), "auc_lowest": float(columns["auc"].min())}
        mean = {key: float(values.mean()) for key, values in columns.items()} | auc | {"systems": len(lines)}
        lines.append({"name": "mean"} | mean)
        if not arguments.json:
            print("  ".join(f"{key} {text(value)}" for key, value in lines[-1].items()), flush=True)
    if arguments.foreign:
        other = in_memory(load_table(arguments.foreign).table)
        lines.append(judged(other, arguments.foreign.stem))
    if arguments.json:
        print(json.dumps(lines))


def of_runs(
    tokenizer: spinlock.Tokenizer, halves: Halves, test: tuple[str, ...], foreign: tuple[str, ...]
) -> dict[str, float]:
    """Single realizations of test rows that are called foreign, and of foreign samples of the same data set that are."""
    shares = {"false_alarms_of_runs": test, "found_of_runs": foreign}
    return {
        name: float(tokenizer.encode(halves.runs(ids)).out_of_corpus.double().mean())
        for name, ids in shares.items()
        if ids
    }


def text(value: object) -> str:
    """A figure as it is printed."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
