"""Families trained together: weightings, couplings and steps at equal length, and decoding each family from the tokens of all.

    python benchmarks/joint_families.py --dataset datasets/diverse_10k.h5 --epochs 12
    python benchmarks/joint_families.py --dataset datasets/diverse_10k.h5 --decoding

A table of runs (a line each): the mean squared error of test rows by family in standardised units, and the bits of the coarse
tokens of the summary that a run's parameters and initial tokens leave open on test rows, by a random forest that is fitted
afterwards on the quantised vectors of training rows. Without a coupling "separate" and "fixed" are the same numbers, by test,
and so is "balanced". With `--decoding`, of each family at 24 bits the error from its own tokens and from those of all.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import in_memory
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import family_path, load_table
from spinlock.training.coupling import Coupling, CrossTerm
from spinlock.training.data import reconstruction_mse
from spinlock.training.estimator import Tokenizer
from spinlock.training.family_fit import decoding_errors, fit_family_decoder
from spinlock.training.fit import fitting
from spinlock.training.parameters import ParameterTokenizer
from spinlock.training.problem import Problem
from spinlock.training.run import TrainingRun
from spinlock.training.spec import CrossSpec, FitSpec, JointSpec
from spinlock.training.split import split_by_group
from spinlock.vqvae.normalizer import TableNormalizer
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.spec import EncoderSpec, Level, ModelSpec

LEVELS = tuple(Level(latent_dim=size, num_tokens=16) for size in (32, 16, 8))
ENCODER = EncoderSpec(encoder_params={"hidden_dims": (64,), "output_dim": 64})
VARIANTS = [
    ("fixed (= separate)", "fixed", False, 1.0),
    ("fixed + cross", "fixed", True, 1.0),
    ("fixed, rate x 2", "fixed", False, 2.0),
    ("uncertainty", "uncertainty", False, 1.0),
    ("uncertainty + cross", "uncertainty", True, 1.0),
    ("balanced + cross", "balanced", True, 1.0),
    ("fixed + cross, rate x 2", "fixed", True, 2.0),
]
"""Label, weighting, whether coupled, and the learning rate as a multiple."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family in training, and its test rows as its network sees them."""

    start: Problem
    test: Rows
    ids: tuple[str, ...]

    def again(self, rate: float) -> Problem:
        """The network as it was before the first step."""
        start = self.start
        data = replace(start.data, spec=start.spec.model_copy(update={"learning_rate": rate}))
        return Problem(start.classical, data, model=start.model.spec, encoder=start.encoder, ids=start.ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=7e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--decoding", action="store_true", help="measure decoding across families in place of training")
    parser.add_argument(
        "--families", default="summary,initial,time_series", help="with columns; summary and initial among them"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    (measure_decoding if arguments.decoding else measure_training)(arguments)


def splits_of(dataset: Path, name: str, seed: int) -> tuple[FeatureTable, ...]:
    """Training, validation and test rows."""
    table = in_memory(load_table(dataset, family_path(name)).table)
    return tuple(table.rows(rows) for rows in split_by_group(table.groups, seed=seed))


def measure_training(arguments: argparse.Namespace) -> None:
    """The table of runs."""
    spec = FitSpec(
        num_epochs=arguments.epochs,
        batch_size=arguments.batch,
        learning_rate=arguments.rate,
        seed=arguments.seed,
        evaluate_every=max(1, arguments.epochs // 2),
        refit_rounds=1,
    )
    families = {name: prepared(arguments.dataset, name, spec) for name in arguments.families.split(",")}
    told = Parameters(arguments.dataset, families["initial"])
    classical = {name: error(one.start.classical, one) for name, one in families.items()}
    print(json.dumps({"run": "classical start", **classical}), flush=True)
    for label, weighting, is_coupled, rate in VARIANTS:
        started = time.perf_counter()
        problems = {name: one.again(arguments.rate * rate) for name, one in families.items()}
        cross = CrossSpec(predict="summary", sources=("parameters", "initial")) if is_coupled else None
        term = told.term({"initial": problems["initial"]}, problems["summary"]) if is_coupled else None
        run = TrainingRun(problems, Coupling(problems, JointSpec(weighting=weighting, cross=cross), term))
        run.to_the_end()
        errors = {name: error(problems[name].coder(), one) for name, one in families.items()}
        weights = {key: round(value, 2) for key, value in run.coupling.end_epoch().items() if key.startswith("weight_")}
        own = problems["initial"].history.last("validation_cross") / np.log(2) * told.count
        figures = {
            "sum": sum(errors.values()),
            "bits": told.bits(problems["initial"], families["initial"], families["summary"]),
            "bits of the own head, validation": own,
            "best epoch": {name: one.best_epoch for name, one in problems.items()},
            "weights": weights,
            "seconds": time.perf_counter() - started,
        }
        print(json.dumps({"run": label, **errors, **figures}), flush=True)


def prepared(dataset: Path, name: str, spec: FitSpec) -> Family:
    """A family with its codebooks, before its network is trained."""
    train, validation, test = splits_of(dataset, name, spec.seed)
    categories = CategoryMap.from_registry(train.registry)
    model = ModelSpec(levels=LEVELS, backend="vqvae", group_hidden_dim=64, group_embedding_dim=64)
    problem = next(fitting(train, validation, category_map=categories, model=model, encoder=ENCODER, fit=spec))
    normalizer = TableNormalizer.fit(train, category_map=categories, warp=spec.column_warp)
    return Family(start=problem, test=normalizer(test), ids=test.ids)


def error(coder: object, family: Family) -> float:
    """Mean squared error of test rows."""
    return reconstruction_mse(coder, family.test, packing=family.start.data.packing)  # pyright: ignore[reportArgumentType]


class Parameters:
    """What runs were made from, as tokens tell it, beside their initial tokens."""

    def __init__(self, dataset: Path, initial: Family) -> None:
        runs = run_parameters(dataset)
        tokenizer = ParameterTokenizer().fit(runs.of_ids(initial.start.ids[0]))
        tokens = tokenizer.encode(runs)
        self.vectors = dict(zip(tokens.ids, torch.nan_to_num(tokenizer.vectors(tokens)), strict=True))
        self.count = 0

    def term(self, sources: dict[str, Problem], summary: Problem) -> CrossTerm:
        """The coupling term, which predicts the summary's coarse tokens."""
        sizes = summary.classical.codebook_sizes[:, 0].tolist()
        target = {}
        for ids, rows in zip(summary.ids, (summary.data.train, summary.data.validation), strict=True):
            codes = summary.classical.encode(summary.data.packing.batch(rows))[:, :, 0]
            target |= dict(zip(ids, codes, strict=True))
        self.count = len(sizes)
        return CrossTerm(sources, fixed=self.vectors, target=target, sizes=sizes)

    def bits(self, network: Problem, initial: Family, summary: Family) -> float:
        """Log-loss on test rows of the summary's coarse tokens, added up, of a forest on training rows."""
        coder, packing = network.coder(), network.data.packing

        def inputs(rows: Rows, ids: tuple[str, ...]) -> np.ndarray:
            own = coder.embed(coder.encode(packing.batch(rows))).flatten(1)
            return torch.cat([own, torch.stack([self.vectors[name] for name in ids])], dim=1).numpy()

        def coarse(rows: Rows) -> np.ndarray:
            one = summary.start
            return one.classical.encode(one.data.packing.batch(rows))[:, :, 0].numpy()

        seen, unseen = inputs(network.data.train, network.ids[0]), inputs(initial.test, initial.ids)
        truth, held_out = coarse(summary.start.data.train), coarse(summary.test)
        total = 0.0
        for category in range(truth.shape[1]):
            forest = RandomForestClassifier(40, min_samples_leaf=3, random_state=0).fit(seen, truth[:, category])
            chance = np.full((len(unseen), 16), 0.02 / 16)
            chance[:, forest.classes_] += 0.98 * forest.predict_proba(unseen)
            total -= float(np.log2(chance[np.arange(len(unseen)), held_out[:, category]]).mean())
        return total


def measure_decoding(arguments: argparse.Namespace) -> None:
    """Every family at 24 bits, decoded from its own tokens and from those of all."""
    spec = FitSpec(seed=arguments.seed)
    tables, members = {}, {}
    for name in arguments.families.split(","):
        tables[name] = splits_of(arguments.dataset, name, spec.seed)
        # The joint decoder within the trajectory's 1782 columns takes longer than everything else here.
        plain = {"backend": "classical"} if name == "trajectory" else {"backend": "predictive"}
        tokenizer = Tokenizer(
            bits=24, metric="columns", coarse="codebook", refit=False, random_state=spec.seed, **plain
        )
        members[name] = tokenizer.fit(tables[name][0], validation=tables[name][1]).tokenizer_
        print(
            json.dumps({"family": name, "bits": float(members[name].codebook_sizes.double().log2().sum())}), flush=True
        )
    runs = run_parameters(arguments.dataset)
    tables["parameters"] = tuple(runs.of_ids(rows.ids) for rows in next(iter(tables.values())))
    members["parameters"] = ParameterTokenizer(24).fit(tables["parameters"][0])
    for told in (members, {name: one for name, one in members.items() if name != "parameters"}):
        started = time.perf_counter()
        rows = [{name: tables[name][split] for name in told} for split in range(3)]
        fit = fit_family_decoder(told, rows[0], rows[1], spec=spec)
        seconds = time.perf_counter() - started
        errors = decoding_errors(fit.decoder, told, rows[2]) if fit.decoder else {}
        for name, (own, together) in errors.items():
            figures = {"own": own, "all": together, "change": together / own - 1}
            print(json.dumps({"from": list(told), "family": name, **figures}), flush=True)
        print(json.dumps({"from": list(told), "choices": fit.choices, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
