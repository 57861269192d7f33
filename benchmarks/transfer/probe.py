"""What descriptions of films say of the equation that made them: its family, and its parameters.

    python benchmarks/transfer/probe.py --corpus runs/transfer/corpus.h5 [--by spinlock catch22 tsfresh coarse] [--json]

Every number is out of fold: five folds over the draws, all probes and descriptions on the same ones; columns are filled, scaled and
probed with training draws only. Family: share of films whose family a linear probe (logistic regression), the nearest neighbour and a
random forest name rightly. Parameters: R² of a random forest a parameter, trained on the other draws of the same family; parameters
that were drawn in the logarithm are compared in the logarithm.
"""

import argparse
import json
import warnings
from pathlib import Path

import h5py
import numpy as np
from equations import FAMILIES
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

DESCRIPTIONS = ("spinlock", "catch22", "tsfresh", "coarse", "coarse_medium", "all_levels")
FOLDS = 5


def scaled(probe: BaseEstimator) -> BaseEstimator:
    """Columns by their ranks as normal scores, so that heavy tails count alike; constant ones are left out."""
    ranks = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    return make_pipeline(SimpleImputer(strategy="median"), VarianceThreshold(1e-12), ranks, probe)


def filled(probe: BaseEstimator) -> BaseEstimator:
    return make_pipeline(SimpleImputer(strategy="median"), probe)


PROBES = {
    "linear": scaled(LogisticRegression(C=0.1, max_iter=1000)),
    "neighbour": scaled(KNeighborsClassifier(1)),
    "forest": filled(RandomForestClassifier(200, random_state=0)),
}


def family_accuracy(values: np.ndarray, family: np.ndarray) -> dict[str, float]:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return {
        name: float((cross_val_predict(probe, values, family, cv=folds) == family).mean())
        for name, probe in PROBES.items()
    }


def recovery(values: np.ndarray, family: np.ndarray, parameters: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    forest = filled(RandomForestRegressor(100, max_features=1 / 3, random_state=0))
    found = {}
    for name, drawn in parameters.items():
        rows = values[family == name]
        for parameter, numbers in drawn.items():
            target = np.log(numbers) if parameter in FAMILIES[name].log else numbers
            found[f"{name}.{parameter}"] = float(r2_score(target, cross_val_predict(forest, rows, target, cv=folds)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("runs/transfer/corpus.h5"))
    parser.add_argument("--by", nargs="+", choices=DESCRIPTIONS, default=list(DESCRIPTIONS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of columns without a value in a fold
    with h5py.File(arguments.corpus) as file:
        family = file["family"][...].astype(str)
        parameters = {
            name: {key: values[...] for key, values in group.items()} for name, group in file["parameters"].items()
        }
    results = {}
    for name in arguments.by:
        with np.load(arguments.corpus.with_name(f"{name}.npz")) as stored:
            values = stored["values"].astype(np.float64)
            bits = float(stored["bits"]) if "bits" in stored else None
        values[~np.isfinite(values)] = np.nan
        values = values[:, ~np.isnan(values).all(0)].clip(-1e30, 1e30)
        result = {"columns": values.shape[1], "bits": bits, "family": family_accuracy(values, family)}
        result["parameters"] = recovery(values, family, parameters)
        results[name] = result
        if not arguments.json:
            shown = " ".join(f"{key} {value:.3f}" for key, value in result["family"].items())
            print(
                f"{name}: {values.shape[1]} columns, bits {bits}; family {shown}; parameters mean R² "
                f"{np.mean(list(result['parameters'].values())):.3f}",
                flush=True,
            )
            for key, value in result["parameters"].items():
                print(f"    {key} {value:.2f}")
    if arguments.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
