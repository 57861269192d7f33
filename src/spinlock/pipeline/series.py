"""Features of saved states of a data set's runs, whole or as windows."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureRegistry, FeatureTable
from spinlock.core.windows import STRIDE, WINDOW, window_table
from spinlock.store.atomic import AnyPath
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_paths import ARRAYS


class Series(NamedTuple):
    """Features of saved states of runs, the mean over realizations where there are several.

    Attributes:
        ids, groups: one a run.
        values: NaN behind a run's end.
        registry: of the features.
        dt: time between saved states of each run; NaN where the file does not say.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    values: Float[Tensor, "run time feature"]
    registry: FeatureRegistry
    dt: Float[np.ndarray, " run"]

    def windows(self, window: int = WINDOW, stride: int = STRIDE) -> FeatureTable:
        """The windows of all runs as rows of one table: see `window_table`."""
        return window_table(
            self.values,
            self.registry,
            ids=self.ids,
            groups=self.groups,
            dt=self.dt.tolist(),
            window=window,
            stride=stride,
        )


def load_series(path: AnyPath) -> Series:
    """The features of saved states that a data set keeps.

    Raises:
        InputError: if the file has none.
    """
    with open_dataset(path) as dataset:
        where = ARRAYS["per_timestep"].path
        if dataset.file.kind(where) is None:
            raise InputError(
                f"{path}: what happens along time is told by the features of saved states, and the file has none at {where}; compute "
                "them with extract-features."
            )
        view = dataset.view()
        has_dt = dataset.file.kind(ARRAYS["dt"].path) is not None
        return Series(
            ids=view.ids,
            groups=view.groups,
            values=torch.from_numpy(dataset.numbers("per_timestep")),
            registry=dataset.registry().with_scope("per_timestep"),
            dt=dataset.numbers("dt") if has_dt else np.full(len(view), np.nan),
        )


def load_windows(path: AnyPath, window: int = WINDOW, stride: int = STRIDE) -> FeatureTable:
    """The windows of a data set's runs, a row each, to fit a tokenizer to and to encode.

        windows = spinlock.load_windows("demo.h5", window=16, stride=4)
        tokens = spinlock.Tokenizer.from_pretrained("vocabulary").encode(windows)

    Args:
        path: a data-set file; its states are not needed.
        window: saved states of one.
        stride: saved states from the beginning of one to that of the next.

    Raises:
        InputError: if the file has no features of saved states, or every run is too short.
    """
    return load_series(path).windows(window, stride)
