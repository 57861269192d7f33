"""What a data-set file holds: every path, its type and its axes; described for other languages in docs/data_format.md."""

from dataclasses import dataclass

import numpy as np

from spinlock.store.hdf5_image import word_dtype

FORMAT = "spinlock dataset"
FORMAT_VERSION = 1
AGGREGATED = "/features/sdf/aggregated/features"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArraySpec:
    """One data set of the file.

    Attributes:
        path: inside the file.
        dtype: as stored, little-endian.
        optional: whether a file may lack it.
    """

    path: str
    dtype: str
    optional: bool = False

    def stored_dtype(self) -> np.dtype:
        """The numpy type; words are UTF-8 of 64 bytes."""
        return word_dtype() if self.dtype == "word" else np.dtype(self.dtype)


ARRAYS: dict[str, ArraySpec] = {
    "index": ArraySpec(path="/parameters/index", dtype="<i8"),
    "system": ArraySpec(path="/parameters/system", dtype="word"),
    "group": ArraySpec(path="/parameters/group", dtype="<i8"),
    "params": ArraySpec(path="/parameters/params", dtype="<f8"),
    "initial_condition": ArraySpec(path="/parameters/initial_condition", dtype="word"),
    "dt": ArraySpec(path="/parameters/dt", dtype="<f8"),
    "dx": ArraySpec(path="/parameters/dx", dtype="<f8"),
    "num_channels": ArraySpec(path="/parameters/num_channels", dtype="<i4"),
    "extent": ArraySpec(path="/parameters/extent", dtype="<i4", optional=True),
    "inputs": ArraySpec(path="/inputs/fields", dtype="<f4"),
    "outputs": ArraySpec(path="/outputs/fields", dtype="<f4", optional=True),
    "per_timestep": ArraySpec(path="/features/sdf/per_timestep/features", dtype="<f4"),
    "per_trajectory": ArraySpec(path="/features/sdf/per_trajectory/features", dtype="<f4"),
    "aggregated": ArraySpec(path=AGGREGATED, dtype="<f4"),
    "valid": ArraySpec(path="/quality/valid", dtype="|u1"),
    "diverged_at": ArraySpec(path="/quality/diverged_at", dtype="<i4"),
    "dead_at": ArraySpec(path="/quality/dead_at", dtype="<i4"),
    "frozen_at": ArraySpec(path="/quality/frozen_at", dtype="<i4"),
    "redraws": ArraySpec(path="/quality/redraws", dtype="<i4"),
}
"""Field of `DatasetBlock` → where and how it is stored."""

EXTENT = ("realization", "time", "channel", "height", "width")
"""Axes of `extent`: what each sample really has of them."""

PADDED_AXES = {
    "inputs": (1, 2, 3),
    "outputs": (1, 2, 3, 4, 5),
    "per_timestep": (1,),
    "per_trajectory": (1,),
    "valid": (1,),
    "diverged_at": (1,),
    "dead_at": (1,),
    "frozen_at": (1,),
}
"""Arrays → their axes that may be longer than a sample's own; beyond it they hold `padding`."""


_PADDING = {"valid": 0, "diverged_at": 0, "dead_at": -1, "frozen_at": -1}


def padding(name: str) -> float | int:
    """What an array holds where a sample has nothing: NaN; a realization that is not there counts as diverged at once."""
    return _PADDING.get(name, np.nan)
