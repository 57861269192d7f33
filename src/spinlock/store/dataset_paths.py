"""The layout of a data-set file: every path, its type and its axes; described for other languages in docs/data_format.md."""

from dataclasses import dataclass

import numpy as np

from spinlock.store.hdf5_image import word_dtype

FORMAT = "spinlock dataset"
FORMAT_VERSION = 1
METADATA = "/metadata"
FAMILY, FAMILY_LINK = "sdf", "summary"
"""The family of features that every data set holds, and a second name under which a file has it too (a hard link)."""


def family_path(family: str = FAMILY) -> str:
    """The group of a family of features."""
    return f"/features/{family}"


def features_path(kind: str, family: str = FAMILY) -> str:
    """The features of a family: "per_timestep", "per_trajectory" or "aggregated"."""
    return f"{family_path(family)}/{kind}/features"


AGGREGATED = features_path("aggregated")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArraySpec:
    """One data set of the file.

    Attributes:
        path: inside the file.
        dtype: as stored, little-endian.
        padded: axes that may be longer than a sample's own.
        padding: what it holds there.
        optional: whether a file may lack it.
    """

    path: str
    dtype: str
    padded: tuple[int, ...] = ()
    padding: float | int = np.nan
    optional: bool = False

    def stored_dtype(self) -> np.dtype:
        """The numpy type; words are UTF-8 of 64 bytes."""
        return word_dtype() if self.dtype == "word" else np.dtype(self.dtype)

    def widened(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Rows filled up to the shape that a row has in the data set."""
        if rows.shape[1:] == shape:
            return rows
        wide = np.full((len(rows), *shape), self.padding, dtype=rows.dtype)
        wide[tuple(slice(length) for length in rows.shape)] = rows
        return wide


ARRAYS: dict[str, ArraySpec] = {
    "index": ArraySpec(path="/parameters/index", dtype="<i8"),
    "name": ArraySpec(path="/parameters/name", dtype="word", optional=True),
    "system": ArraySpec(path="/parameters/system", dtype="word"),
    "group": ArraySpec(path="/parameters/group", dtype="<i8"),
    "params": ArraySpec(path="/parameters/params", dtype="<f8"),
    "initial_condition": ArraySpec(path="/parameters/initial_condition", dtype="word"),
    "dt": ArraySpec(path="/parameters/dt", dtype="<f8"),
    "dx": ArraySpec(path="/parameters/dx", dtype="<f8"),
    "num_channels": ArraySpec(path="/parameters/num_channels", dtype="<i4"),
    "extent": ArraySpec(path="/parameters/extent", dtype="<i4", optional=True),
    "inputs": ArraySpec(path="/inputs/fields", dtype="<f4", padded=(1, 2, 3)),
    "outputs": ArraySpec(path="/outputs/fields", dtype="<f4", padded=(1, 2, 3, 4, 5), optional=True),
    "per_timestep": ArraySpec(path=features_path("per_timestep"), dtype="<f4", padded=(1,)),
    "per_trajectory": ArraySpec(path=features_path("per_trajectory"), dtype="<f4", padded=(1,)),
    "aggregated": ArraySpec(path=AGGREGATED, dtype="<f4"),
    # A realization that is not there counts as diverged at once.
    "valid": ArraySpec(path="/quality/valid", dtype="|u1", padded=(1,), padding=0),
    "diverged_at": ArraySpec(path="/quality/diverged_at", dtype="<i4", padded=(1,), padding=0),
    "dead_at": ArraySpec(path="/quality/dead_at", dtype="<i4", padded=(1,), padding=-1),
    "frozen_at": ArraySpec(path="/quality/frozen_at", dtype="<i4", padded=(1,), padding=-1),
    "redraws": ArraySpec(path="/quality/redraws", dtype="<i4"),
    "cut": ArraySpec(path="/quality/cut", dtype="<i4", optional=True),
}
"""Field of `DatasetBlock` → where and how it is stored."""

EXTENT = ("realization", "time", "channel", "height", "width")
"""Axes of `extent`: what each sample really has of them."""

DESCRIBED = (METADATA, family_path(), *(spec.path for spec in ARRAYS.values()))
"""Objects whose attributes the checksum of a file's description covers."""
