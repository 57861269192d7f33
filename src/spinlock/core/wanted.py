"""Whether anybody still waits for a task: what is left on a worker of a run that was stopped must write nothing.

Such a task would otherwise put a shard, and the folder around it, where a later run of other settings finds it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from spinlock.core.errors import ResourceError

_mark: ContextVar[Path | None] = ContextVar("mark", default=None)


@contextmanager
def wanted_while(mark: Path | None) -> Iterator[None]:
    """Inside, what is computed is wanted as long as a file is there; without one, always."""
    token = _mark.set(mark)
    try:
        yield
    finally:
        _mark.reset(token)


def check_wanted() -> None:
    """Ends a task that nobody waits for any more; called right before something is written.

    Raises:
        ResourceError: if the file is gone, and with it the run that asked for the task.
    """
    mark = _mark.get()
    if mark is None:
        return
    try:
        mark.open("rb").close()  # opened, not looked at: a network file system remembers for a while what was there
    except FileNotFoundError:
        raise ResourceError(
            f"the run that asked for this task has ended, so nothing is written to {mark.parent}."
        ) from None
