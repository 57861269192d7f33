"""How files of rollouts are to be read: stated once, on a command line or in Python, and handed whole."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from spinlock.core.errors import UsageError
from spinlock.importers.volume import Depth

Format = str
"""A layout: "auto" looks; the others are "array", "well", "pdebench", "spinlock" and the names of installed importers."""
GroupBy = Literal["sample", "file"]
Join = Literal["samples", "time"]
OF_ARRAYS = ("axes", "dataset_key", "group_key", "join")
"""Options that say something of arrays alone."""
OF_STATES = ("dt", "dx", "periodic", "depth", "fill_masked", "system")
"""Options that correct or add to what a file says of its states; a data set of spinlock says all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """How files of rollouts are to be read; `open_rollouts` says what each option means.

    Raises:
        UsageError: if an option is out of its range or contradicts another.
    """

    format: Format = "auto"
    axes: str | None = None
    dataset_key: str | Sequence[str] | None = None
    dt: float | None = None
    dx: float | None = None
    group_key: str | None = None
    group_by: GroupBy = "sample"
    periodic: bool | None = None
    depth: Depth | None = None
    fill_masked: bool = False
    join: Join = "samples"
    system: str | None = None
    parameters: Any = None

    def __post_init__(self) -> None:
        for name, value, remedy in (
            ("dt", self.dt, "interpolate a run to even times"),
            ("dx", self.dx, "interpolate a grid to square cells"),
        ):
            if value is None:
                continue
            if not isinstance(value, numbers.Real):
                raise UsageError(f"`{name}` must be one number greater than 0; got a {type(value).__name__}: {remedy}.")
            if not 0 < value < float("inf"):
                raise UsageError(f"`{name}` must be finite and greater than 0; got {value}.")
        if self.axes is not None and not isinstance(self.axes, str):
            raise UsageError(f"`axes` must be letters, such as 'ntchw'; got a {type(self.axes).__name__}.")
        if self.join not in ("samples", "time"):
            raise UsageError(f"`join` must be 'samples' or 'time'; got '{self.join}'.")
        if self.join == "time" and self.group_key is not None:
            raise UsageError(
                "`join` = 'time' makes one run of several arrays, which `group_key` cannot group; leave it away."
            )
        if self.group_by == "file" and self.group_key is not None:
            raise UsageError("`group_by` = 'file' contradicts `group_key`; give one of them.")

    def given(self, *names: str) -> list[str]:
        """Those of some options that say anything."""
        defaults = {entry.name: entry.default for entry in fields(self)}
        return [name for name in names if getattr(self, name) != defaults[name]]
