"""What a worker of a cluster does with a task: one at a time on one thread, with the versions and the folder of whoever asked."""

import platform
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from spinlock.core.errors import InputError
from spinlock.core.software import software
from spinlock.core.threads import one_thread
from spinlock.core.wanted import wanted_while
from spinlock.core.workers import suit_memory

_one_at_a_time = threading.Lock()
"""Numbers of threads belong to the whole process, so a worker of several threads would change the bits of its own results."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A function as it is applied to tasks on another machine.

    Attributes:
        function: of a task.
        mark: a file that lies in the shared folder while the run lasts; None where nothing is written.
        versions: package → version, of what numbers come from.
    """

    function: Callable[[Any], Any]
    mark: Path | None
    versions: Mapping[str, str]

    @classmethod
    def here(cls, function: Callable[[Any], Any], *, mark: Path | None) -> "Done":
        """The function with the versions of this process."""
        return cls(function=function, mark=mark, versions=_versions())

    def __call__(self, task: Any) -> Any:
        """The function's result for a task.

        Raises:
            InputError: if this worker does not see the shared folder, or has other versions.
        """
        self._check_versions()
        if self.mark is not None and not self.mark.is_file():
            raise InputError(
                f"the worker on {platform.node()} does not see {self.mark.parent} as it is where the run was started; "
                "write to a folder that every machine mounts at the same path, or end workers of another machine."
            )
        with _one_at_a_time, one_thread(), threadpool_limits(1), wanted_while(self.mark):
            suit_memory()
            return self.function(task)

    def _check_versions(self) -> None:
        own = _versions()
        other = [f"{name} {own[name]} for {version}" for name, version in self.versions.items() if own[name] != version]
        if other:
            raise InputError(
                f"the worker on {platform.node()} has {', '.join(other)}, so its numbers may differ; "
                "install the same versions everywhere."
            )


def _versions() -> dict[str, str]:
    return {name: version for name, version in software().items() if name != "python"}
