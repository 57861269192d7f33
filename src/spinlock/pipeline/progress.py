"""Progress of a stage, told without knowing who listens."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Called with a stage in words, how many of its parts are complete, and how many there are.

    Where parts differ in cost, `share` is the part of the work that is done, from which the time left follows.
    """

    def __call__(self, stage: str, done: int, total: int, share: float | None = None, /) -> None:
        """Take note of it."""


def silent(stage: str, done: int, total: int, share: float | None = None) -> None:
    """Progress that nobody wants to hear of."""
