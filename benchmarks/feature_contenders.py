"""Feature libraries on the same series: each a function that computes all that it has, of a list of series."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Series = list[NDArray[np.float64]]


def pycatch22_features(series: Series) -> int:
    """catch24: 22 characteristics, mean and standard deviation."""
    pycatch22 = import_module("pycatch22")
    return sum(len(pycatch22.catch22_all(one.tolist(), catch24=True)["values"]) for one in series)


def antropy_features(series: Series) -> int:
    """Its entropies, fractal dimensions and the rest, with their defaults."""
    antropy = import_module("antropy")
    count = 0
    for one in series:
        word = (one > one.mean()).astype(int)
        values = [
            antropy.perm_entropy(one, normalize=True),
            antropy.spectral_entropy(one, sf=10.0, method="welch"),
            antropy.svd_entropy(one),
            antropy.app_entropy(one),
            antropy.sample_entropy(one),
            antropy.lziv_complexity(word, normalize=True),
            antropy.num_zerocross(one - one.mean()),
            *antropy.hjorth_params(one),
            antropy.petrosian_fd(one),
            antropy.katz_fd(one),
            antropy.higuchi_fd(one),
            antropy.detrended_fluctuation(one),
        ]
        count += len(values)
    return count


def tsfel_features(series: Series) -> int:
    """All domains of its default configuration."""
    tsfel = import_module("tsfel")
    settings = tsfel.get_features_by_domain()
    return sum(tsfel.time_series_features_extractor(settings, one, fs=10, verbose=0).size for one in series)


def tsfresh_features(series: Series) -> int:
    """EfficientFCParameters, in this process."""
    pandas, tsfresh = import_module("pandas"), import_module("tsfresh")
    settings = import_module("tsfresh.feature_extraction").EfficientFCParameters()
    table = pandas.concat(
        [pandas.DataFrame({"id": k, "time": range(len(one)), "u": one}) for k, one in enumerate(series)]
    )
    return tsfresh.extract_features(
        table,
        column_id="id",
        column_sort="time",
        default_fc_parameters=settings,
        n_jobs=0,
        disable_progressbar=True,
    ).size


CONTENDERS: dict[str, Callable[[Series], int]] = {
    "pycatch22": pycatch22_features,
    "antropy": antropy_features,
    "tsfel": tsfel_features,
    "tsfresh": tsfresh_features,
}
"""The name of the package, and what computes its features and says how many values they are."""


def installed() -> dict[str, Callable[[Series], int]]:
    """Those that can be imported here."""
    return {name: function for name, function in CONTENDERS.items() if find_spec(name)}
