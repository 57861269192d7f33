"""Films with labels in one HDF5 file: what every corpus of this folder is, and how it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

CELLS = 32
"""Along each side."""
WORLD = 47
"""Along each side of the torus whose middle the films of deterministic automata show: linear rules die on one of 32, a power of 2."""
STEPS = 96
"""Saved states, the initial one included."""


@dataclass(frozen=True, kw_only=True)
class Films:
    """Films (film, time, channel, height, width), float32, each with what made it.

    Attributes:
        states: the films.
        label: of each film: the rule, the class, the flow.
        draw: number of the setting that made a film (a parameter, a density of the start); films of one draw differ in their start
            and in chance alone, and a draw has one label.
        kind: a published coarse class of each label; empty where there is none.
        numbers: name → a number a film, for what is known as one (an exponent).
        periodic: whether the films wrap around; those that are a window of a larger world do not.
    """

    states: np.ndarray
    label: np.ndarray
    draw: np.ndarray
    kind: np.ndarray | None = None
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)
    periodic: bool = True

    def __post_init__(self) -> None:
        if self.states.ndim != 5 or not np.isfinite(self.states).all():
            raise ValueError(f"`states` must be finite, with 5 axes; got {self.states.shape}.")
        for number in np.unique(self.draw):
            if len(labels := np.unique(self.label[self.draw == number])) > 1:
                raise ValueError(f"a draw must have one label; draw {number} has {', '.join(labels)}.")

    def save(self, path: Path, *, source: str) -> None:
        """Write them; `source` says where rules and labels are from."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file.attrs["source"], file.attrs["periodic"] = source, self.periodic
            file.create_dataset("states", data=self.states.astype(np.float32), chunks=(1, *self.states.shape[1:]))
            file["label"], file["draw"] = self.label.astype("S32"), self.draw.astype(np.int64)
            if self.kind is not None:
                file["kind"] = self.kind.astype("S32")
            for name, values in self.numbers.items():
                file[f"numbers/{name}"] = values


def window(states: np.ndarray) -> np.ndarray:
    """The middle of a world (..., height, width) of `WORLD` cells along each side."""
    near = (WORLD - CELLS) // 2
    return states[..., near : near + CELLS, near : near + CELLS]


def joined(parts: list[Films]) -> Films:
    """One corpus of several, whose draws become distinct."""
    firsts = np.cumsum([0, *(int(part.draw.max()) + 1 for part in parts[:-1])])
    kinds = [part.kind for part in parts]
    return Films(
        states=np.concatenate([part.states for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        draw=np.concatenate([part.draw + first for part, first in zip(parts, firsts, strict=True)]),
        kind=None if any(kind is None for kind in kinds) else np.concatenate(kinds),
        numbers={name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers},
        periodic=all(part.periodic for part in parts),
    )


def named(
    states: np.ndarray,
    name: str,
    *,
    films: int,
    kind: str | None = None,
    periodic: bool = True,
    **numbers: np.ndarray,
) -> Films:
    """Films of one label, draw by draw, `films` of each; states (film, time, height, width) get their one channel."""
    count = len(states)
    return Films(
        states=states[:, :, None].astype(np.float32),
        label=np.full(count, name),
        draw=np.arange(count) // films,
        kind=None if kind is None else np.full(count, kind),
        numbers=numbers,
        periodic=periodic,
    )
