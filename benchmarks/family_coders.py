"""What codes each family of runs best: codebooks, a joint decoder on top, or networks around each fitting encoder, at equal bits.

    python benchmarks/family_coders.py --dataset datasets/pairs.h5 --seeds 0 1 2 --epochs 100

Errors are mean squared errors of test rows in standardised units (of the trajectory, whose columns of one series share a unit, that is
the share of the courses' variance that is left), of parameters in units of their variance. Beside them stand the share of all codes
that training rows use and processor seconds of the fit; the coder that is kept has the lowest error on validation rows. Then follow
what the tokens of the initial state say of its kind, and what rates of change and the summary say of when half of all change has
happened. Every seed draws its own split and starts.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression
from splits import SplitTable, arguments_of, coding_error, fitted, split_table
from torch import Tensor

from spinlock.categories.by_registry import semantic_categories
from spinlock.core.views import in_memory, selected
from spinlock.pipeline.tables import open_families
from spinlock.pipeline.train_parameters import parameter_error
from spinlock.store.dataset import open_dataset
from spinlock.training.parameters import ParameterTokenizer, RunParameters
from spinlock.vqvae.spec import EncoderSpec, ModelSpec
from spinlock.vqvae.tokenizer import FittedTokenizer

ENCODERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "summary": {"MLPEncoder": {}},
    "trajectory": {"MLPEncoder": {}, "TemporalConvEncoder": {"num_steps": 8}, "GRUEncoder": {"num_steps": 8}},
    "initial": {"MLPEncoder": {}},
    "time_series": {"MLPEncoder": {}, "FourierParameterEncoder": {}},
}
"""Those that fit a family's columns, with their parameters."""
NUM_TREES = 200


class Coded(NamedTuple):
    """A coder of a family and what it left open."""

    coder: str
    bits: float
    validation: float
    error: float
    codes_used: float
    seconds: float
    tokenizer: FittedTokenizer


def coders_of(family: str, split: SplitTable, *, bits: int, seed: int, epochs: int) -> list[Coded]:
    """Every coder of a family at as many bits: spread where they pay for codebooks, even for networks."""
    count = len(split.train.registry.categories)
    plain = {"metric": "columns", "coarse": "codebook"}
    even = [(8, 16)] * max(1, bits // (4 * count))
    found = [
        _coded(name, ModelSpec(bits=bits, backend=name, **plain), None, split, seed, 0)
        for name in ("classical", "predictive")
    ]
    found += [
        _coded(
            name,
            ModelSpec(levels=even, backend="vqvae"),
            EncoderSpec(encoder=name, encoder_params=dict(own)),
            split,
            seed,
            epochs,
        )
        for name, own in ENCODERS[family].items()
    ]
    return found


def _coded(
    name: str, model: ModelSpec, encoder: EncoderSpec | None, split: SplitTable, seed: int, epochs: int
) -> Coded:
    start = time.process_time()
    categories = semantic_categories(split.train.registry)
    tokenizer = fitted(split, category_map=categories, model=model, encoder=encoder, num_epochs=epochs, seed=seed)
    seconds = time.process_time() - start
    tokens = tokenizer.encode(split.train)
    sizes = tokens.codebook_sizes
    used = [len(codes[codes >= 0].unique()) for row in tokens.codes.permute(1, 2, 0) for codes in row]
    return Coded(
        name,
        float(sizes.double().log2().sum()),
        coding_error(tokenizer, split.validation),
        coding_error(tokenizer, split.test),
        sum(used) / int(sizes.sum()),
        seconds,
        tokenizer,
    )


def cells(runs: RunParameters, split: SplitTable, *, bits: int) -> dict[str, Any]:
    """The line of what runs were made from."""
    start = time.process_time()
    train, validation, test = (runs.of_ids(part.ids) for part in split)
    tokenizer = ParameterTokenizer(bits).fit(train)
    seconds = time.process_time() - start
    errors = [parameter_error(tokenizer, train, rows) for rows in (validation, test)]
    most = max(tokenizer.bits_of(name) for name in tokenizer.systems)
    return {
        "coder": "cells",
        "bits": most,
        "validation": errors[0],
        "error": errors[1],
        "codes_used": None,
        "seconds": seconds,
    }


def kind_accuracy(tokenizer: FittedTokenizer, split: SplitTable, kinds: Mapping[str, str]) -> float:
    """Share of test rows whose kind of initial condition a logistic regression tells from what their tokens stand for."""
    decoded = [torch.nan_to_num(tokenizer.decode_normalized(tokenizer.encode(part))).numpy() for part in split]
    labels = [[kinds[name] for name in part.ids] for part in split]
    return float(LogisticRegression(max_iter=500).fit(decoded[0], labels[0]).score(decoded[2], labels[2]))


def half_of_change(series: Float[Tensor, "sample time series"]) -> Float[np.ndarray, " sample"]:
    """The share of a run after which half of all change has happened, each series by its own mean change over all runs."""
    changes = (series[:, 1:] - series[:, :-1]).abs()
    steps = torch.nan_to_num(changes / (changes.nanmean(dim=(0, 1)) + 1e-9)).sum(dim=2)
    share = steps.cumsum(dim=1) / steps.sum(dim=1, keepdim=True).clamp(min=1e-9)
    return ((share < 0.5).sum(dim=1) / steps.shape[1]).numpy()


def timing_r2(split: SplitTable, halves: Mapping[str, float]) -> float:
    """R² of that share on test rows, by randomised trees from the columns of a family."""
    x, y = ([part for part in split], [np.array([halves[name] for name in part.ids]) for part in split])
    trees = ExtraTreesRegressor(NUM_TREES, random_state=0, n_jobs=1)
    rows = [torch.nan_to_num(part.values).double().clamp(-1e30, 1e30).numpy().astype(np.float32) for part in x]
    return float(trees.fit(rows[0], y[0]).score(rows[2], y[2]))


def main() -> None:
    """Print the tables."""
    options = arguments_of(
        __doc__ or "",
        seeds={"type": int, "nargs": "+", "default": [0]},
        bits={"type": int, "nargs": "+", "default": [24]},
        epochs={"type": int, "default": 100, "help": "of the learned coders"},
        families={"nargs": "+", "default": [*ENCODERS, "parameters"]},
        rows={"type": int, "default": 3000, "help": "samples, the first of the data set"},
    )
    with open_dataset(options.dataset) as dataset:
        ids = dataset.view().ids[: options.rows]
        kinds = dict(zip(ids, dataset.initial_conditions, strict=False))
        halves = dict(
            zip(
                ids,
                half_of_change(torch.from_numpy(dataset.numbers("per_timestep", slice(0, options.rows)))),
                strict=True,
            )
        )
    tables = open_families(options.dataset, (*dict.fromkeys(("summary", "time_series", *options.families)),))
    lines: list[dict[str, Any]] = []
    for seed in options.seeds:
        splits = {
            name: split_table(in_memory(selected(view, ids)), seed=seed)
            for name, view in tables.items()
            if not isinstance(view, RunParameters)
        }
        for name in ("summary", "time_series"):
            lines.append({"seed": seed, "family": name, "half of the change, R2": timing_r2(splits[name], halves)})
            print(json.dumps(lines[-1]) if options.json else lines[-1], flush=True)
        for bits in options.bits:
            for name in options.families:
                view = tables[name]
                if isinstance(view, RunParameters):
                    found = [cells(view, splits["summary"], bits=bits)]
                else:
                    coded = coders_of(name, splits[name], bits=bits, seed=seed, epochs=options.epochs)
                    found = [one._asdict() for one in coded]
                    for line, one in zip(found, coded, strict=True):
                        del line["tokenizer"]
                        if name == "initial":
                            line["kind"] = kind_accuracy(one.tokenizer, splits[name], kinds)
                best = min(line["validation"] for line in found)
                for line in found:
                    lines.append({"seed": seed, "family": name, **line, "kept": line["validation"] == best})
                    print(json.dumps(lines[-1]) if options.json else lines[-1], flush=True)


if __name__ == "__main__":
    main()
