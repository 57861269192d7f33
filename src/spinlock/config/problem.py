"""One mistake in a configuration, and the error that reports all of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spinlock.core.errors import ConfigError
from spinlock.core.plain import printable

MOST = 20
"""Mistakes that are looked up and shown; a file with more of them is mended by and by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake: where it stands, which key, what the rule is, and what came.

    Attributes:
        place: `file:line:column`, or the option as it was typed.
        key: dotted; "" where the mistake is in the text itself.
        message: the rule, without a full stop.
        hint: a name that was probably meant; "" where there is none.
        got: the value that came, as text; "" where that says nothing.
    """

    place: str
    key: str
    message: str
    hint: str = ""
    got: str = ""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        hint = f" (did you mean '{self.hint}')" if self.hint else ""
        got = f" [got {self.got}]" if self.got else ""
        return printable(f"{self.place}: {key}{self.message}{hint}{got}")


def refuse(problems: Sequence[Problem]) -> ConfigError:
    """The error that reports problems, one a line, at most 20 of them: first those of files, by line and column."""
    shown = "\n".join(str(problem) for problem in sorted(problems, key=_order)[:MOST])
    return ConfigError(
        shown if len(problems) <= MOST else f"{shown}\nand {len(problems) - MOST} more mistakes; mend these first."
    )


def _order(problem: Problem) -> tuple[bool, int, int]:
    numbers = re.search(r":(\d+):(\d+)$", problem.place)
    return (False, int(numbers[1]), int(numbers[2])) if numbers else (True, 0, 0)
