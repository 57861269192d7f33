"""How files of rollouts are to be read: stated once, on a command line or in Python, and handed whole."""

from dataclasses import dataclass, fields
from typing import Literal

from spinlock.core.errors import UsageError
from spinlock.importers.volume import Depth

Format = Literal["auto", "array", "well", "pdebench", "spinlock"]
GroupBy = Literal["sample", "file"]
OF_ARRAYS = ("axes", "dataset_key", "group_key")
"""Options that say something of arrays alone."""
OF_STATES = ("dt", "dx", "periodic", "depth", "fill_masked")
"""Options that correct or add to what a file says of its states; a data set of spinlock says all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """How files of rollouts are to be read; `open_rollouts` says what each option means.

    Raises:
        UsageError: if an option is out of its range or contradicts another.
    """

    format: Format = "auto"
    axes: str | None = None
    dataset_key: str | None = None
    dt: float | None = None
    dx: float | None = None
    group_key: str | None = None
    group_by: GroupBy = "sample"
    periodic: bool | None = None
    depth: Depth | None = None
    fill_masked: bool = False

    def __post_init__(self) -> None:
        for name, value in (("dt", self.dt), ("dx", self.dx)):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"`{name}` must be greater than 0; got {value}.")
        if self.group_by == "file" and self.group_key is not None:
            raise UsageError("`group_by` = 'file' contradicts `group_key`; give one of them.")

    def given(self, *names: str) -> list[str]:
        """Those of some options that say anything."""
        defaults = {entry.name: entry.default for entry in fields(self)}
        return [name for name in names if getattr(self, name) != defaults[name]]
