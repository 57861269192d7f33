"""Importers that other packages bring, by the entry point `spinlock.importers`.

A package states in its pyproject.toml

    [project.entry-points."spinlock.importers"]
    openfoam = "my_package.spinlock_openfoam:OpenFoam"

and the object that is named has the attributes of `Importer`. It is asked only about files that spinlock's own formats leave
open, and only what is installed on this machine is ever run.
"""

from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from spinlock.core.errors import UsageError, listed
from spinlock.importers.options import ReadOptions
from spinlock.importers.source import RolloutSource
from spinlock.store.remote import RemotePath

GROUP = "spinlock.importers"


@runtime_checkable
class Importer(Protocol):
    """What a package has to bring.

    Attributes:
        name: of the format, for `--format`.
        endings: of the files that it reads, such as (".foam",); with them a folder is searched, too.
    """

    name: str
    endings: tuple[str, ...]

    def matches(self, path: Path) -> bool:
        """Whether a file is of this format, by looking at it."""
        ...

    def open(self, path: Path, options: ReadOptions) -> RolloutSource:
        """The rollouts of a file; see `RolloutSource` and `rollout_of` of `spinlock.importers.source`."""
        ...


@lru_cache(maxsize=1)
def installed() -> tuple[Importer, ...]:
    """Every importer that is installed.

    Raises:
        UsageError: if one of them cannot be loaded, or lacks what an importer has.
    """
    found = []
    for entry in entry_points(group=GROUP):
        try:
            importer = entry.load()
        except Exception as error:  # noqa: BLE001  whatever a stranger's package raises while it is loaded
            raise UsageError(
                f"the importer '{entry.name}' of {entry.value} cannot be loaded ({error}); mend or remove its package."
            ) from error
        importer = importer() if isinstance(importer, type) else importer
        if not isinstance(importer, Importer):
            needed = listed(("name", "endings", "matches", "open"))
            raise UsageError(
                f"the importer '{entry.name}' of {entry.value} must have {needed}; mend or remove its package."
            )
        found.append(importer)
    return tuple(found)


def importer_named(name: str) -> Importer | None:
    """The installed importer of a format."""
    return next((importer for importer in installed() if importer.name == name), None)


def importer_for(path: Path) -> Importer | None:
    """The installed importer that knows a file of this machine."""
    if isinstance(path, RemotePath):
        return None
    return next((importer for importer in installed() if importer.matches(path)), None)
