"""How a stage says how far it is, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """Called with a stage in words, what is done and what there is to do."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note that `done` of `total` parts of `stage` are complete."""


def silent(stage: str, done: int, total: int) -> None:  # noqa: ARG001 (it listens to nothing)
    """Progress that nobody wants to hear of."""
