"""How a stage says how far it is, without knowing who listens."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a stage in words, how many of its parts are complete, and how many there are."""


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody wants to hear of."""
