"""The curves of a training run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class History:
    """Figures by epoch: `curves["validation_mse"]` holds (epoch, value) pairs, ascending."""

    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Append one value to each named curve."""
        for name, value in figures.items():
            self.curves.setdefault(name, []).append((epoch, value))

    def last(self, name: str) -> float:
        """The newest value of a curve; NaN where there is none."""
        return self.curves[name][-1][1] if name in self.curves else math.nan

    def to_json(self) -> dict[str, list[list[int | float]]]:
        """The curves as plain lists, fit for JSON; `from_json` reads them."""
        return {name: [[epoch, value] for epoch, value in points] for name, points in self.curves.items()}

    @classmethod
    def from_json(cls, curves: Mapping[str, list[list[int | float]]]) -> "History":
        """The history that `to_json` came from."""
        return cls({name: [(int(epoch), float(value)) for epoch, value in points] for name, points in curves.items()})
